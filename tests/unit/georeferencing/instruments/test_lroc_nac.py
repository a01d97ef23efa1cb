"""LROC NAC: columns, decompanding, echo; images are made up."""

import numpy as np
import pytest
from raw_archive import NAC_LABEL, random_pixels, read_all, zeros

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments.lroc_nac import ECHO, Echo, nac_decompanding_table, product_echo
from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.instruments.spice_camera import detector_column
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import Columns

TABLE_LABEL = PvlLabel.read(NAC_LABEL)


@pytest.mark.parametrize(
    "side, summing, version, expected",
    [
        ("LEFT", 1, "v1.8", Columns(42, 23, 42, 1)),
        ("LEFT", 2, "v1.2", Columns(21, 12, 42, 2)),
        ("RIGHT", 1, "v1.3", Columns(24, 40, 24, 1)),
        ("RIGHT", 2, "1.8", Columns(12, 20, 24, 2)),
        ("RIGHT", 1, "v1.2", Columns(40, 24, 5024, 1, mirrored=True)),
        ("RIGHT", 2, "v1.2", Columns(20, 12, 5024, 2, mirrored=True)),
    ],
)
def test_columns_of_the_nacs(archive, side, summing, version, expected):
    product = read_product(archive.nac(zeros(2, 5064 // summing), FRAME_ID=side, PRODUCT_VERSION_ID=f'"{version}"'))
    assert product.instrument == f"LROC_NAC{side[0]}"
    assert product.columns == expected


def test_a_mirrored_image_sees_the_samples_of_the_same_image_turned_round(archive):
    """lronac2isis turns images of the right camera round that are older than version 1.3."""
    turned, mirrored = (
        read_product(archive.nac(zeros(2, 5064), name=name, FRAME_ID="RIGHT", PRODUCT_VERSION_ID=version))
        for name, version in (("A", "v1.3"), ("B", "v1.2"))
    )
    col = np.array([0.0, 10.5, 5000.0])
    assert turned.width == mirrored.width == 5000
    assert np.array_equal(detector_column(turned).sample(col), detector_column(mirrored).sample(mirrored.width - col))


@pytest.mark.parametrize(
    "stored, count",
    [(0, 0.5), (1, 2.5), (15, 30.5), (16, 33.5), (17, 37.5), (41, 133.5), (42, 139.5), (58, 267.5), (59, 275.5),
     (92, 539.5), (93, 551.5), (127, 1095.5), (196, 2199.5), (197, 2223.5), (255, 4079.5)],
)  # fmt: skip
def test_middles_of_nac_bins(stored, count):
    assert nac_decompanding_table(TABLE_LABEL)[stored] == count


def companded(counts):
    """What the camera makes of counts of 12 bits, by the terms of the label."""
    starts, slopes, shifts = (TABLE_LABEL.numbers(f"LRO:{term}TERM").astype(float) for term in "XMB")
    segment = np.searchsorted(starts, counts, side="right") - 1
    return np.floor(shifts[segment] + slopes[segment] * counts).astype(int)


def test_decompanding_a_nac_s_counts_returns_to_their_bins():
    """Each bin's middle is the mean of the least and the greatest count in it, and the camera compands it as before."""
    counts = np.arange(4096)
    stored = companded(counts)
    table = nac_decompanding_table(TABLE_LABEL)
    for value in np.unique(stored):
        inside = counts[stored == value]
        assert table[value] == (inside[0] + inside[-1]) / 2


@pytest.mark.parametrize("term, value", [("LRO:XTERM", "(0,1)"), ("LRO:MTERM", "(0,0,0,0,0)"), ("LRO:BTERM", "fake")])
def test_wrong_decompanding_terms_are_refused(archive, term, value):
    with pytest.raises(OrbitileError, match=term):
        read_all(archive.nac(random_pixels(2, 5064), **{term: value}))


def everywhere(pixels):
    return np.ones(pixels.shape, bool)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def isis_echo(line, is_left, step, ramp):
    """The lines of lronacecho, on one line that begins (left) or ends (right) with the first pixel that sees ground."""
    line = line if is_left else line[::-1]
    out = line.astype(float)
    for i in range(step, len(line)):
        out[i] = line[i] - ECHO / 2 * (1 - np.cos(np.pi * min(i, ramp) / ramp)) * out[i - step]
    for i in range(step, len(line)):
        out[i] *= 1 + ECHO / 2 * (1 - np.cos(np.pi * min(i, ramp) / ramp))
    return out if is_left else out[::-1]


@pytest.mark.parametrize("is_left, step, ramp", [(True, 2, 20), (False, 2, 20), (True, 1, 10), (False, 1, 10)])
def test_echo_is_taken_out_as_lronacecho_does(rng, is_left, step, ramp):
    lines = rng.integers(0, 4000, (6, 200)).astype(np.float32)
    found = Echo(step, not is_left, ramp=ramp).apply(lines, everywhere(lines))
    expected = [isis_echo(line, is_left, step, ramp) for line in lines.astype(float)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-2)


def test_pixels_next_to_gaps_keep_their_echo():
    line = np.full((1, 60), 100, np.float32)
    valid = everywhere(line)
    valid[0, 40] = False
    found = Echo(2).apply(line, valid)[0]
    assert found[[40, 42]].tolist() == [100, 100]
    assert found[41] == pytest.approx(100, abs=0.1)
    assert found[44] == pytest.approx((100 - ECHO * 100) * (1 + ECHO), rel=1e-5)


@pytest.mark.parametrize(
    "side, version, width, echo",
    [
        ("LEFT", "v1.8", 5064, Echo(2, False, ramp=20)),
        ("RIGHT", "v1.8", 5064, Echo(2, True, ramp=20)),
        ("RIGHT", "v1.2", 5064, Echo(2, False, ramp=20)),
        ("RIGHT", "v1.8", 2532, Echo(1, True, ramp=10)),
    ],
)
def test_echoes_follow_the_readout(archive, side, version, width, echo):
    path = archive.nac(np.zeros((2, width), np.uint8), FRAME_ID=side, PRODUCT_VERSION_ID=version)
    assert product_echo(read_product(path)) == echo
