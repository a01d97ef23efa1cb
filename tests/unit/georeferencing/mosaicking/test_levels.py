"""Levels of made-up strips; the values they are matched to are noise with a known gain and offset."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strips import row_windows_of

from orbitile.georeferencing.mosaicking.levels import MIN_OVERLAP_PX, LevelMatch, OverlapSample, fit_level


def ground(number=0, pixels=5000):
    return np.random.default_rng(number).gamma(4, 25, pixels)


@given(st.floats(0.2, 5), st.floats(-500, 500), st.integers(0, 9))
def test_gain_and_offset_are_recovered(gain, offset, number):
    strip = ground(number)
    level = fit_level(np.column_stack([strip, gain * strip + offset]))
    assert (level.gain, level.offset) == pytest.approx((gain, offset), rel=1e-6, abs=1e-3)
    assert level.pixels == len(strip)
    assert level.scatter == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_pixels_that_differ_take_no_part(share):
    """A part of the made-up overlap lies under a cloud in one strip."""
    strip = ground()
    reference = 1.5 * strip + 10
    reference[: int(share * len(strip))] = 900
    level = fit_level(np.column_stack([strip, reference]))
    assert (level.gain, level.offset) == pytest.approx((1.5, 10), rel=1e-3, abs=0.2)


def test_strips_with_noise_are_not_matched_too_flat():
    """Both made-up strips have noise of a fifth of the ground's spread: a regression would find 4 % too little."""
    noise = np.random.default_rng(5)
    strip, reference = ground(pixels=100_000), 2 * ground(pixels=100_000) + 7
    strip, reference = strip + noise.normal(0, 10, strip.size), reference + noise.normal(0, 20, strip.size)
    level = fit_level(np.column_stack([strip, reference]))
    assert np.polyfit(strip, reference, 1)[0] < 1.94
    assert level.gain == pytest.approx(2, rel=0.01)
    assert level.scatter == pytest.approx(np.hypot(20, 20), rel=0.05)


def test_opposite_suns_do_not_turn_a_strip_into_its_negative():
    strip = ground()
    assert fit_level(np.column_stack([strip, 300 - strip])).gain == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("pairs", [(7, 9), (7, "ground"), ("ground", 9)])
def test_a_flat_strip_is_only_moved(pairs):
    values = [ground() if one == "ground" else np.full(5000, one, float) for one in pairs]
    level = fit_level(np.column_stack(values))
    assert level.gain == 1
    assert level.offset == pytest.approx(np.mean(values[1]) - np.mean(values[0]), abs=15)


@pytest.mark.parametrize(("pixels", "is_matched"), [(0, False), (MIN_OVERLAP_PX - 1, False), (MIN_OVERLAP_PX, True)])
def test_few_pixels_tell_nothing(pixels, is_matched):
    strip = ground(pixels=pixels)
    assert (fit_level(np.column_stack([strip, strip])) is not None) == is_matched


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_a_level_of_nothing_changes_no_bit(dtype):
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    pixels = np.array([limits.min, 1, limits.max - 1, limits.max], dtype)
    assert LevelMatch().apply(pixels).astype(dtype).tolist() == pixels.tolist()
    assert LevelMatch(2, 3).apply(np.array([5], dtype)).tolist() == [13]


def sampled(strip, reference, valid, rows, max_pixels):
    sample = OverlapSample(max_pixels)
    for band in row_windows_of(strip.shape[1], strip.shape[0], rows):
        rows_of_window = np.s_[band.row : band.row + band.height]
        sample.feed(strip[rows_of_window], reference[rows_of_window], valid[rows_of_window], (40, 50 + band.row))
    return sample.values


@pytest.mark.parametrize("max_pixels", [10, 1000, 5000])
def test_a_sample_knows_no_blocks(max_pixels):
    noise = np.random.default_rng(1)
    strip, reference, valid = noise.random((60, 70)), noise.random((60, 70)), noise.random((60, 70)) < 0.8
    expected = sampled(strip, reference, valid, 60, max_pixels)
    assert len(expected) == valid.sum() if max_pixels == 5000 else max_pixels / 3 < len(expected) <= max_pixels
    for rows in (1, 7, 59):
        assert np.array_equal(sampled(strip, reference, valid, rows, max_pixels), expected)
    known = set(zip(strip[valid].tolist(), reference[valid].tolist(), strict=True))
    assert set(map(tuple, expected.tolist())) <= known


def test_a_sample_is_spread_evenly():
    """Of the made-up columns' means, each within 5 standard deviations of what an even choice gives."""
    cols = np.tile(np.arange(300.0), (300, 1))
    values = sampled(cols, cols.T, np.ones((300, 300), bool), 300, 20_000)
    error = 300 / np.sqrt(12 * len(values))
    assert values.mean(axis=0) == pytest.approx([149.5, 149.5], abs=5 * error)
    assert abs(np.corrcoef(values.T)[0, 1]) < 5 / np.sqrt(len(values))
