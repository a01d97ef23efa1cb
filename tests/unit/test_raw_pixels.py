import logging
import os
import tracemalloc
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pdr
import pytest
from hypothesis import given
from raw_archive import HIRISE, NAC_LABEL, NACL, Archive

from orbitile.errors import OrbitileError
from orbitile.rasters.read import opened
from orbitile.raw.checks import check_sum
from orbitile.raw.decompanding import decompanding
from orbitile.raw.pixels import RawPixels
from orbitile.raw.products import Columns, read_product
from orbitile.space.grids import Window


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


def whole(pixels):
    return pixels.read(Window(0, 0, pixels.width, pixels.height))


def every_column(path):
    """A product with its dark columns, as ISIS counts them."""
    product = read_product(path)
    left, right = product.dropped
    layout = replace(product.layout, before=product.layout.before - left)
    return replace(product, width=left + product.width + right, layout=layout, columns=Columns(0, 0, 0.0, 1))


def test_raw_hirise_equals_isis():
    """hi2isis with unlut=false: mean 171.30529, sum 219270783 of 1280000 pixels: all of them, with no saturated one."""
    stored, valid = whole(RawPixels(read_product(HIRISE), decompanded=False))
    assert valid.sum() == 1280000
    assert stored.sum(dtype=int) == 219270783
    assert stored.mean() == pytest.approx(171.30529, abs=1e-5)
    assert stored.std(ddof=1) == pytest.approx(4.623223, abs=5e-6)


def test_decompanded_hirise_is_the_middle_of_each_range():
    product = read_product(HIRISE)
    stored, _ = whole(RawPixels(product, decompanded=False))
    counts, valid = whole(RawPixels(product))
    middle = product.label.numbers("MRO:LOOKUP_CONVERSION_TABLE").mean(axis=1)
    assert counts.tolist() == middle[stored].tolist()
    assert valid.all()


def test_decompanded_nac_equals_isis(caplog):
    """lronac2isis: mean 156.48748025, sum 7924526, standard deviation 36.50010 of 50640 pixels.

    These count 13 bytes of the label as pixels, to which this label's pointer leads, and all dark columns.
    """
    counts, valid = whole(RawPixels(every_column(NACL)))
    counts = counts.astype(float)
    assert valid.sum() == 50640
    assert counts.sum() == 7924526
    assert counts.mean() == pytest.approx(156.48748025276461, rel=1e-12)
    assert counts.std(ddof=1) == pytest.approx(36.500101257155755, rel=1e-12)
    assert "the label ends at byte 3649 but says that pixels begin at byte 3637" in caplog.text


def test_the_real_hirise_image_is_read_as_pdr_reads_it():
    stored, _ = whole(RawPixels(read_product(HIRISE), decompanded=False))
    assert np.array_equal(stored, pdr.read(str(HIRISE))["IMAGE"])


def test_the_real_nac_image_is_read_as_gdal_reads_it():
    """pdr finds no image in this file, whose label was edited."""
    stored, _ = whole(RawPixels(every_column(NACL), decompanded=False))
    with opened(str(NACL)) as source:
        assert np.array_equal(stored, source.read(1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", [Archive.ctx, Archive.nac, Archive.mdis])
@pytest.mark.parametrize("height", [1, 7])
def test_made_up_images_are_read_as_pdr_reads_them(archive, write, height):
    width = {Archive.ctx: 5056, Archive.nac: 5064, Archive.mdis: 1024}[write]
    path = write(archive, made_up(height, width))
    stored, _ = whole(RawPixels(read_product(path), decompanded=False))
    left, right = read_product(path).dropped
    assert np.array_equal(stored, np.asarray(pdr.read(str(path))["IMAGE"])[:, left : width - right])


@pytest.mark.parametrize(
    "stored, count",
    [(0, 0.5), (1, 2.5), (15, 30.5), (16, 33.5), (17, 37.5), (41, 133.5), (42, 139.5), (58, 267.5), (59, 275.5),
     (92, 539.5), (93, 551.5), (127, 1095.5), (196, 2199.5), (197, 2223.5), (255, 4079.5)],
)  # fmt: skip
def test_middles_of_nac_bins(stored, count):
    assert decompanding(read_product(NAC_LABEL))[stored] == count


def companded(counts):
    """What the camera makes of counts of 12 bits, by the terms of the label."""
    starts, slopes, shifts = (read_product(NAC_LABEL).label.numbers(f"LRO:{term}TERM").astype(float) for term in "XMB")
    segment = np.searchsorted(starts, counts, side="right") - 1
    return np.floor(shifts[segment] + slopes[segment] * counts).astype(int)


def test_decompanding_a_nac_s_counts_returns_to_their_bins():
    """Each bin's middle is the mean of the least and the greatest count in it, and the camera compands it as before."""
    counts = np.arange(4096)
    stored = companded(counts)
    table = decompanding(read_product(NAC_LABEL))
    for value in np.unique(stored):
        inside = counts[stored == value]
        assert table[value] == (inside[0] + inside[-1]) / 2


@pytest.fixture(scope="module")
def hirise():
    """The real image's pixels, and all of them."""
    pixels = RawPixels(read_product(HIRISE))
    return pixels, whole(pixels)


@given(st.integers(0, 255), st.integers(0, 4999), st.integers(1, 300), st.integers(1, 300))
def test_windows_are_cut_from_the_whole_image(hirise, col, row, width, height):
    pixels, (whole_pixels, whole_valid) = hirise
    window = Window(col, row, min(width, 256 - col), min(height, 5000 - row))
    counts, valid = pixels.read(window)
    area = window.inside(Window(0, 0, 256, 5000))
    assert np.array_equal(counts, whole_pixels[area])
    assert np.array_equal(valid, whole_valid[area])


def made_up(height, width, low=1, high=250):
    return np.random.default_rng(0).integers(low, high, (height, width)).astype(np.uint8)


def test_ctx_without_its_dark_columns(archive):
    raw = made_up(5, 5056)
    raw[2, 100:110] = 0
    stored, valid = whole(RawPixels(read_product(archive.ctx(raw))))
    assert stored.dtype == np.uint8
    assert np.array_equal(stored, raw[:, 38:-18])
    assert np.argwhere(~valid).tolist() == [[2, col] for col in range(62, 72)]


@pytest.mark.parametrize("detached", [False, True])
def test_nac_attached_and_detached(archive, detached):
    raw = made_up(5, 5064)
    product = read_product(archive.nac(raw, detached))
    stored, valid = whole(RawPixels(product, decompanded=False))
    assert np.array_equal(stored, raw[:, 42:-23])
    assert valid.all()


def test_mdis_of_16_bits(archive):
    raw = np.arange(1024 * 1024).reshape(1024, 1024).astype(np.uint16) % 4096
    stored, valid = whole(RawPixels(read_product(archive.mdis(raw, **{"MESS:COMP12_8": 0}))))
    assert stored.dtype == np.uint16
    assert stored.dtype.isnative
    assert np.array_equal(stored, raw[:, 4:])
    assert np.array_equal(valid, (stored > 0) & (stored <= 3400))


def test_mdis_outside_of_subframes_is_not_valid(archive):
    raw = np.zeros((512, 512), np.uint8)
    raw[100:200, 50:70] = 30
    _, valid = whole(RawPixels(read_product(archive.mdis(raw, **{"MESS:SUBFRAME": 1}))))
    assert valid[100:200, 48:68].all()
    assert valid.sum() == 100 * 20


def test_gaps_of_hirise_are_not_valid(archive):
    raw = made_up(4, 256, high=254)
    raw[1, 5], raw[2, 6], raw[3, 7] = 255, 254, 0
    stored, valid = whole(RawPixels(read_product(archive.hirise(raw))))
    assert np.array_equal(stored, raw)
    assert np.argwhere(~valid).tolist() == [[1, 5], [2, 6], [3, 7]]


def test_hirise_of_16_bits(archive):
    raw = np.arange(4 * 1024).reshape(4, 1024).astype(np.uint16) * 5
    raw[1, 5], raw[2, 6], raw[3, 7] = 65535, 16383, 16382
    stored, valid = whole(RawPixels(read_product(archive.hirise(raw))))
    assert stored.dtype == np.uint16
    assert np.array_equal(stored, raw)
    assert np.array_equal(valid, (raw > 0) & (raw < 16383))


@pytest.mark.parametrize("sync, arrived", [(b"\xff\x00\xe8", True), (b"\xff\xff\xff", False), (b"\x00\x00\x00", False)])
def test_lines_of_hirise_that_did_not_arrive_are_not_valid(archive, sync, arrived):
    _, valid = whole(RawPixels(read_product(archive.hirise(made_up(3, 256), sync))))
    assert valid.all() if arrived else not valid.any()


def test_values_that_hirise_s_table_leaves_out_are_not_valid(archive):
    table = {"MRO:LOOKUP_CONVERSION_TABLE": "((0, 9), (10, 20), (-9998, -9998))"}
    raw = np.array([1, 2, 3, 1] * 64, np.uint8).reshape(1, 256)
    counts, valid = whole(RawPixels(read_product(archive.hirise(raw, **table))))
    assert counts[0, 0] == 15
    assert valid.sum() == 128


@pytest.mark.parametrize("col, row", [(-1, 0), (255, 0), (0, 4999), (0, -1)])
def test_windows_outside_are_an_error(hirise, col, row):
    with pytest.raises(IndexError, match="not inside 256 x 5000"):
        hirise[0].read(Window(col, row, 2, 2))


def test_a_full_strip_is_read_in_bounded_memory(archive):
    """A made-up strip of 52224 lines, empty on disk: a window of 1 million pixels takes 5 bytes of each, and a copy."""
    path = archive.nac(made_up(1, 5064), IMAGE=dict(LINES=52224))
    os.truncate(path, 5064 * 52225)
    pixels = RawPixels(read_product(path))
    tracemalloc.start()
    stored, valid = pixels.read(Window(1000, 51000, 1000, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stored.shape == (1000, 1000)
    assert not valid.any()
    assert peak < 16e6


def test_a_truncated_image_is_refused_with_both_sizes(archive):
    path = archive.ctx(made_up(5, 5056))
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size - 1)
    with pytest.raises(OrbitileError, match=f"truncated: .* byte {size}, but the file has {size - 1} bytes"):
        RawPixels(read_product(path))


def test_a_label_without_its_image_is_refused():
    with pytest.raises(OrbitileError, match=r"M103595705LE_pds3.IMG: cannot be read .* put the image beside its label"):
        RawPixels(read_product(NAC_LABEL))


def test_the_label_of_another_image_is_refused(archive):
    """A label lies beside an image that says itself, or whose name says, that it is another product."""
    image = archive.nac(made_up(3, 5064), detached=True)
    other = image.with_name("M111111111LE.IMG")
    label = image.with_suffix(".lbl").read_text()
    other.with_suffix(".lbl").write_text(label.replace(image.name, other.name))
    image.rename(other)
    with pytest.raises(OrbitileError, match=r"label of M000000000LE, but the image .*M111111111LE.IMG is called other"):
        RawPixels(read_product(other))


def test_an_image_that_says_itself_that_it_is_another_product_is_refused(archive, tmp_path):
    label = archive.nac(made_up(3, 5064), detached=True).with_suffix(".lbl")
    attached = archive.nac(made_up(9, 5064), name="M222222222LE")
    attached.rename(tmp_path / "M000000000LE.IMG")
    with pytest.raises(OrbitileError, match=r"is the label of M000000000LE, but the image .* is M222222222LE"):
        RawPixels(read_product(label))


@pytest.mark.parametrize("term, value", [("LRO:XTERM", "(0,1)"), ("LRO:MTERM", "(0,0,0,0,0)"), ("LRO:BTERM", "fake")])
def test_wrong_decompanding_terms_are_refused(archive, term, value):
    with pytest.raises(OrbitileError, match=term):
        whole(RawPixels(read_product(archive.nac(made_up(2, 5064), **{term: value}))))


def test_checksums_are_compared_on_request(archive):
    path = archive.ctx(made_up(2000, 5056))
    check_sum(read_product(path))
    with open(path, "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xfe")
    with pytest.raises(OrbitileError, match=r"its checksum is .*, but its label says"):
        check_sum(read_product(path))
    with pytest.raises(OrbitileError, match="has no MD5_CHECKSUM"):
        check_sum(read_product(HIRISE))


def test_md5_of_a_cut_image_differs_from_its_label(caplog):
    caplog.set_level(logging.ERROR)
    with pytest.raises(OrbitileError, match="but its label says 4eecc98d2932a8e9d38d76446a704a49"):
        check_sum(read_product(NACL))
