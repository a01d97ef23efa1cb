"""Thresholds of pixels: the p-values of uneven blocks, and whether bounds hold for blocks drawn from many."""

import numpy as np
import pytest
from pixel_samples import made_up_pixels

from orbitile.calibration.risk_control import (
    ALPHAS,
    FALSE_DISCOVERY,
    MISSED_OBJECTS,
    block_p_values,
    effective_blocks,
    uneven_block_p_values,
)

SAMPLES = 2000
SIZES = {
    "equal": lambda random, shape: np.full(shape, 1000),
    "uneven": lambda random, shape: random.lognormal(6, 1, shape).astype(int),
    "very uneven": lambda random, shape: random.lognormal(6, 1.5, shape).astype(int),
    "mostly empty": lambda random, shape: (random.random(shape) < 0.3) * random.lognormal(6, 0.7, shape).astype(int),
}
SHARES = {
    "clumped": lambda random, alpha, shape: random.beta(2 * alpha, 2 * (1 - alpha), shape),
    "half a block": lambda random, alpha, shape: 0.5 * (random.random(shape) < 2 * alpha),
    "a block or nothing": lambda random, alpha, shape: 1.0 * (random.random(shape) < alpha),
}


@pytest.mark.parametrize(("blocks", "alpha"), [(30, 0.1), (100, 0.05), (300, 0.2)])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("size", SIZES)
def test_p_values_are_small_as_rarely_as_they_say(size, share, blocks, alpha):
    """Where just alpha of all pixels are false, at whatever pixels of a block have in common."""
    random = np.random.default_rng(0)
    of_all = SIZES[size](random, (SAMPLES, blocks))
    at_fault = of_all * SHARES[share](random, alpha, of_all.shape)
    p_values = uneven_block_p_values(at_fault, of_all, alpha)
    assert np.mean(p_values <= 0.1) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / SAMPLES)


def test_p_values_of_rows_would_be_too_small_for_pixels():
    random = np.random.default_rng(0)
    of_all = SIZES["very uneven"](random, (SAMPLES, 100))
    at_fault = of_all * SHARES["clumped"](random, 0.05, of_all.shape)
    assert np.mean(block_p_values(at_fault, of_all, 0.05) <= 0.1) > 0.15


@pytest.mark.parametrize(
    ("objects", "expected"), [([5, 5, 5], 3), ([9, 0, 0], 1), ([0, 0, 0], 0), ([3, 1], 1.6), ([2**40, 2**40], 2)]
)
def test_effective_blocks(objects, expected):
    assert effective_blocks(np.array([objects]))[0] == pytest.approx(expected)


def test_nothing_is_promised_by_nothing():
    p_values = uneven_block_p_values(np.zeros((1, 5)), np.zeros((1, 5), int), 0.1)
    assert p_values[0] >= 0.5
    assert uneven_block_p_values(np.zeros((1, 0)), np.zeros((1, 0), int), 0.1).shape == (1,)


@pytest.mark.parametrize(
    ("criterion", "alpha"), [(FALSE_DISCOVERY, 0.1), (FALSE_DISCOVERY, 0.2), (MISSED_OBJECTS, 0.3)]
)
def test_the_threshold_keeps_to_its_bound_for_all_but_the_stated_chance(criterion, alpha):
    every = made_up_pixels(blocks=2000, seed=3, spread=0.6).of_class("fracture")
    random, draws, exceeded, chosen = np.random.default_rng(0), 200, 0, 0
    for _ in range(draws):
        part = every.of_blocks(random.integers(0, every.blocks, 60))
        threshold = part.risk.threshold(criterion, alpha, 0.1)
        if threshold is not None:
            counts, chosen = every.counts(threshold), chosen + 1
            exceeded += criterion.at_fault(counts).sum() > alpha * criterion.of_all(counts).sum()
    assert chosen > 0.9 * draws
    assert exceeded / draws <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / draws)


def test_the_start_needs_as_many_blocks_as_rows_would_be_needed():
    """Of one block all pixels may be right by chance, however many."""
    sample = made_up_pixels(blocks=60).of_class("fracture")
    sample.pixels[1:, :, 240:] = 0
    threshold = sample.risk.threshold(FALSE_DISCOVERY, 0.1, 0.1)
    assert threshold is None or effective_blocks(sample.counts(threshold).detected[None])[0] >= 22


def test_few_blocks_say_how_many_more_it_takes():
    few, many = (made_up_pixels(blocks=blocks, spread=0.5).of_class("fracture").risk for blocks in (10, 400))
    assert few.threshold(FALSE_DISCOVERY, 0.1, 0.1) is None
    assert 10 < few.blocks_needed(FALSE_DISCOVERY, 0.1, 0.1) < 400
    assert many.threshold(FALSE_DISCOVERY, 0.1, 0.1) is not None
    assert many.least_bound(FALSE_DISCOVERY, 0.1) in ALPHAS
