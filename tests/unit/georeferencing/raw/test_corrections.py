"""Corrections on made-up lines: what is put in must come out."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy.ndimage import gaussian_filter

from orbitile.georeferencing.raw.corrections import measure_odd_even, measure_stripes


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def everywhere(pixels):
    return np.ones(pixels.shape, bool)


def terrain(rng, shape, rms=60.0):
    """A level of 600 with hills of some pixels."""
    hills = gaussian_filter(rng.standard_normal(shape), 3)
    return 600 + rms * hills / hills.std()


@given(st.floats(-50, 50), st.floats(-0.1, 0.1))
def test_channels_are_made_equal_on_a_slope(half, slope):
    truth = 1000 + slope * np.arange(400, dtype=np.float32) + np.zeros((3, 1), np.float32)
    sign = np.where(np.arange(400) % 2, -1, 1)
    pixels = (truth + half * sign).astype(np.float32)
    found = measure_odd_even(pixels, everywhere(pixels))
    assert found.half == pytest.approx(half, abs=1e-3)
    assert np.abs(found.apply(pixels, everywhere(pixels)) - truth).max() < 2e-3


def test_an_image_without_stripes_is_hardly_changed(rng):
    scene = terrain(rng, (1024, 500)).astype(np.float32)
    found = measure_stripes(scene, everywhere(scene))
    assert found.offset.std() < 0.04 * scene.std()
    assert np.abs(found.gain - 1).max() < 0.02


def test_a_bright_column_is_corrected_and_bends_no_curve():
    pixels = np.full((64, 200), 500, np.float32)
    pixels[:, 90] += 100
    found = measure_stripes(pixels, everywhere(pixels))
    assert found.offset[90] == pytest.approx(100, abs=1e-3)
    assert np.abs(np.delete(found.offset, 90)).max() < 1e-3
    assert found.apply(pixels, everywhere(pixels)) == pytest.approx(500, abs=1e-3)


@pytest.mark.parametrize("height", [1, 31])
def test_too_few_lines_change_nothing(rng, height):
    pixels = rng.uniform(0, 100, (height, 50)).astype(np.float32)
    assert np.array_equal(measure_stripes(pixels, everywhere(pixels)).apply(pixels, everywhere(pixels)), pixels)


def test_columns_and_pixels_without_data_are_left_alone(rng):
    pixels = np.rint(rng.normal(500, 3, (200, 100))).astype(np.float32)
    valid = everywhere(pixels)
    valid[:, 40], valid[30:60] = False, False
    pixels[~valid] = 0
    found = measure_stripes(pixels, valid)
    after = found.apply(pixels, valid)
    assert (found.gain[40], found.offset[40]) == (1, 0)
    assert np.array_equal(after[~valid], pixels[~valid])
    assert np.isfinite(after).all()
    nothing = measure_stripes(pixels, np.zeros_like(valid))
    assert np.array_equal(nothing.apply(pixels, valid), pixels)
    assert measure_odd_even(pixels, np.zeros_like(valid)).half == 0
