"""Corrections on made-up scenes: what is put in must come out."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from raw_archive import HIRISE, NACL
from scipy.ndimage import gaussian_filter

from orbitile.georeferencing.instruments.lroc_nac import ECHO, Echo
from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.raw.corrections import OddEven, Stripes, measure_odd_even, measure_stripes
from orbitile.georeferencing.raw.counts import CountSteps
from orbitile.georeferencing.raw.pixels import RawPixels
from orbitile.georeferencing.raw.radiometry import CorrectedPixels, measure_corrections, sample_lines
from orbitile.space.grids import Window


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def everywhere(pixels):
    return np.ones(pixels.shape, bool)


def echoing(truth, step=2):
    """Lines whose pixels repeat a share of the one `step` before, scaled so that an even scene keeps its level."""
    heard = truth.copy()
    heard[:, step:] = (truth[:, step:] + ECHO * truth[:, :-step]) / (1 + ECHO)
    return heard


def disturbed(scene, rng, noise=0.5):
    """A scene with stripes of 2 counts and 1 %, channels 3 counts apart, an echo, noise, and rounded."""
    width = scene.shape[1]
    gain, offset = 1 + 0.01 * rng.standard_normal(width), 2 * rng.standard_normal(width)
    sign = np.where(np.arange(width) % 2, -1, 1)
    seen = echoing(scene * gain + offset + 1.5 * sign) + noise * rng.standard_normal(scene.shape)
    return np.rint(seen).astype(np.float32)


def restored(pixels):
    """Echo, channels and stripes taken out, measured on the pixels themselves."""
    valid = everywhere(pixels)
    for measure in (lambda *_: Echo(2), measure_odd_even, measure_stripes):
        pixels = measure(pixels, valid).apply(pixels, valid)
    return pixels


def test_a_flat_scene_comes_back_flat(rng):
    """Columns of 6 counts rms (echo resolved) come back within 0.1 of their neighbours and 0.8 of the truth.

    What is left of the latter is as broad as the widest curve, where stripes cannot be told from terrain.
    """
    scene = np.full((1024, 1200), 600.0)
    pixels = disturbed(scene, rng)
    before = Echo(2).apply(pixels, everywhere(pixels)).mean(axis=0)[20:]
    after = restored(pixels).mean(axis=0)[20:]
    assert before.std() > 5
    assert np.diff(after).std() / np.sqrt(2) < 0.1
    assert after.std() < 0.8


def terrain(rng, shape, rms=60.0):
    """A level of 600 with hills of some pixels."""
    hills = gaussian_filter(rng.standard_normal(shape), 3)
    return 600 + rms * hills / hills.std()


def test_terrain_is_kept_while_stripes_go(rng):
    scene = terrain(rng, (2048, 600))
    pixels = disturbed(scene, rng)
    rest = (restored(pixels) - scene)[:, 20:]
    before = (Echo(2).apply(pixels, everywhere(pixels)) - scene)[:, 20:]
    assert np.diff(before.mean(axis=0)).std() > 6
    assert np.diff(rest.mean(axis=0)).std() < 1.5
    assert rest.std() < 0.6 * before.std()


@pytest.mark.parametrize(
    "highest, steps", [(255, 16), (4079.5, 16), (4095.8, 16), (4096, 8), (12623.5, 4), (16383, 4), (65535, 1)]
)
def test_steps_are_as_fine_as_16_bits_allow(highest, steps):
    assert CountSteps.up_to(highest) == CountSteps(steps)


@given(st.sampled_from([1, 2, 4, 8, 16]), st.floats(0, 4000))
def test_counts_are_stored_to_half_a_step(steps, count):
    how = CountSteps(steps)
    stored = how.store(np.array([count, count]), np.array([True, False]))
    assert stored.dtype == np.uint16
    assert stored[1] == 0
    assert abs(stored[0] * how.scale + how.offset - count) <= 0.5 / steps + 1e-9


def test_counts_outside_of_16_bits_are_clipped():
    assert CountSteps(16).store(np.array([-5.0, 1e6]), np.array([True, True])).tolist() == [1, 65535]


@pytest.fixture
def nac(archive, rng):
    """A made-up NAC image of a flat scene, companded as stored, with dark columns and a line of zeros."""
    counts = np.zeros((300, 5064), np.uint8)
    counts[:, 42:-23] = np.clip(disturbed(np.full((300, 4999), 100.0), rng), 1, 255)
    counts[200] = 0
    return RawPixels(read_product(archive.nac(counts)))


def test_a_window_does_not_change_its_pixels(nac):
    corrected = CorrectedPixels(nac, measure_corrections(nac))
    assert [type(one) for one in corrected.corrections] == [Echo, OddEven, Stripes]
    whole, valid = corrected.read(Window(0, 0, nac.width, nac.height))
    assert whole.dtype == corrected.dtype == np.uint16
    assert not valid[200].any()
    assert not whole[200].any()
    window = Window(1234, 150, 77, 100)
    part, part_valid = corrected.read(window)
    area = window.slices_within(Window(0, 0, nac.width, nac.height))
    assert np.array_equal(part, whole[area])
    assert np.array_equal(part_valid, valid[area])
    assert (corrected.steps.scale, corrected.steps.offset) == (1 / 16, -1 / 16)


def test_an_image_is_flatter_afterwards(nac):
    """Decompanding spreads counts; columns differ by some 30 counts before, and by less than a tenth of it after."""
    corrected = CorrectedPixels(nac, measure_corrections(nac))
    stored, valid = corrected.read(Window(0, 0, nac.width, 200))
    after = (stored * corrected.steps.scale + corrected.steps.offset).mean(axis=0)[20:]
    before = nac.read(Window(0, 0, nac.width, 200))[0].mean(axis=0)[20:]
    assert valid.all()
    assert np.diff(after).std() < 0.1 * np.diff(before).std()


@pytest.mark.parametrize(
    "write, kinds",
    [
        (lambda a: a.ctx(np.full((40, 5056), 90, np.uint8)), [OddEven, Stripes]),
        (lambda a: a.ctx(np.full((40, 2528), 90, np.uint8), SAMPLING_FACTOR=2), [Stripes]),
        (lambda a: a.nac(np.full((40, 2532), 90, np.uint8)), [Echo, Stripes]),
        (lambda a: a.hirise(np.full((40, 256), 90, np.uint8)), [Stripes]),
        (lambda a: a.mdis(np.full((64, 512), 90, np.uint8)), []),
    ],
)
def test_instruments_have_their_corrections(archive, write, kinds):
    """An even image stays as it is; one without the echo that is taken out changes by 0.1 % where that sets in."""
    pixels = RawPixels(read_product(write(archive)))
    made = measure_corrections(pixels)
    assert [type(one) for one in made] == kinds
    stored, valid = CorrectedPixels(pixels, made).read(Window(0, 0, pixels.width, 10))
    expected = 1 + float(pixels.read(Window(0, 0, 1, 1))[0][0, 0]) * CorrectedPixels(pixels, made).steps.steps
    assert valid.all()
    assert np.abs(stored.astype(float) - expected).max() <= (1e-3 * expected if Echo in kinds else 0)


def test_lines_are_taken_evenly():
    pixels = RawPixels(read_product(HIRISE))
    counts, valid = sample_lines(pixels, max_lines=5)
    rows = [0, 1250, 2500, 3749, 4999]
    assert np.array_equal(counts, np.concatenate([pixels.read(Window(0, row, 256, 1))[0] for row in rows]))
    assert valid.all()


def test_the_real_hirise_image_has_fewer_stripes_and_the_same_level():
    pixels = RawPixels(read_product(HIRISE))
    corrected = CorrectedPixels(pixels, measure_corrections(pixels))
    window = Window(0, 0, pixels.width, pixels.height)
    stored, valid = corrected.read(window)
    raw = pixels.read(window)[0].mean(axis=0)
    after = (stored * corrected.steps.scale + corrected.steps.offset).mean(axis=0)
    assert corrected.steps == CountSteps(4)
    assert valid.all()
    assert after.mean() == pytest.approx(raw.mean(), rel=2e-3)
    assert np.diff(after, 2).std() < 0.2 * np.diff(raw, 2).std()


def test_the_real_nac_lines_are_too_few_for_stripes_but_lose_their_echo():
    pixels = RawPixels(read_product(NACL))
    made = measure_corrections(pixels)
    lines, valid = pixels.read(Window(0, 0, pixels.width, pixels.height))
    assert np.array_equal(made[2].apply(lines, valid), lines)
    sharp = made[0].apply(lines, valid)[:, 100:-100]
    assert sharp.mean() == pytest.approx(lines[:, 100:-100].mean(), rel=1e-3)
    assert np.diff(sharp[:, ::2]).std() > 1.2 * np.diff(lines[:, 100:-100:2]).std()
