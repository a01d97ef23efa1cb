"""Levels of made-up strips; the values they are matched to are noise with a known gain and offset."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strips import bands_of

from orbitile.mosaicking.levels import LEAST_PX, Level, Sample, fitted


def ground(number=0, pixels=5000):
    return np.random.default_rng(number).gamma(4, 25, pixels)


@given(st.floats(0.2, 5), st.floats(-500, 500), st.integers(0, 9))
def test_gain_and_offset_are_recovered(gain, offset, number):
    own = ground(number)
    level = fitted(np.column_stack([own, gain * own + offset]))
    assert (level.gain, level.offset) == pytest.approx((gain, offset), rel=1e-6, abs=1e-3)
    assert level.pixels == len(own)
    assert level.scatter == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_pixels_that_differ_take_no_part(share):
    """A part of the made-up overlap lies under a cloud in one strip."""
    own = ground()
    other = 1.5 * own + 10
    other[: int(share * len(own))] = 900
    level = fitted(np.column_stack([own, other]))
    assert (level.gain, level.offset) == pytest.approx((1.5, 10), rel=1e-3, abs=0.2)


def test_strips_with_noise_are_not_matched_too_flat():
    """Both made-up strips have noise of a fifth of the ground's spread: a regression would find 4 % too little."""
    noise = np.random.default_rng(5)
    own, other = ground(pixels=100_000), 2 * ground(pixels=100_000) + 7
    own, other = own + noise.normal(0, 10, own.size), other + noise.normal(0, 20, own.size)
    level = fitted(np.column_stack([own, other]))
    assert np.polyfit(own, other, 1)[0] < 1.94
    assert level.gain == pytest.approx(2, rel=0.01)
    assert level.scatter == pytest.approx(np.hypot(20, 20), rel=0.05)


def test_opposite_suns_do_not_turn_a_strip_into_its_negative():
    own = ground()
    assert fitted(np.column_stack([own, 300 - own])).gain == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("pairs", [(7, 9), (7, "ground"), ("ground", 9)])
def test_a_flat_strip_is_only_moved(pairs):
    values = [ground() if one == "ground" else np.full(5000, one, float) for one in pairs]
    level = fitted(np.column_stack(values))
    assert level.gain == 1
    assert level.offset == pytest.approx(np.mean(values[1]) - np.mean(values[0]), abs=15)


@pytest.mark.parametrize(("pixels", "is_matched"), [(0, False), (LEAST_PX - 1, False), (LEAST_PX, True)])
def test_few_pixels_tell_nothing(pixels, is_matched):
    own = ground(pixels=pixels)
    assert (fitted(np.column_stack([own, own])) is not None) == is_matched


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_a_level_of_nothing_changes_no_bit(dtype):
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    pixels = np.array([limits.min, 1, limits.max - 1, limits.max], dtype)
    assert Level().apply(pixels).astype(dtype).tolist() == pixels.tolist()
    assert Level(2, 3).apply(np.array([5], dtype)).tolist() == [13]


def sampled(own, other, both, rows, most):
    sample = Sample(most)
    for band in bands_of(own.shape[1], own.shape[0], rows):
        where = np.s_[band.row : band.row + band.height]
        sample.feed(own[where], other[where], both[where], (40, 50 + band.row))
    return sample.values


@pytest.mark.parametrize("most", [10, 1000, 5000])
def test_a_sample_knows_no_blocks(most):
    noise = np.random.default_rng(1)
    own, other, both = noise.random((60, 70)), noise.random((60, 70)), noise.random((60, 70)) < 0.8
    expected = sampled(own, other, both, 60, most)
    assert len(expected) == both.sum() if most == 5000 else most / 3 < len(expected) <= most
    for rows in (1, 7, 59):
        assert np.array_equal(sampled(own, other, both, rows, most), expected)
    known = set(zip(own[both].tolist(), other[both].tolist(), strict=True))
    assert set(map(tuple, expected.tolist())) <= known


def test_a_sample_is_spread_evenly():
    """Of the made-up columns' means, each within 5 standard deviations of what an even choice gives."""
    cols = np.tile(np.arange(300.0), (300, 1))
    values = sampled(cols, cols.T, np.ones((300, 300), bool), 300, 20_000)
    error = 300 / np.sqrt(12 * len(values))
    assert values.mean(axis=0) == pytest.approx([149.5, 149.5], abs=5 * error)
    assert abs(np.corrcoef(values.T)[0, 1]) < 5 / np.sqrt(len(values))
