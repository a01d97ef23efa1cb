"""Our Learn Then Test beside MAPIE's, and what our own p-values are worth."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.risk_control import BinaryClassificationController, SemanticSegmentationController, control_fwer
from mapie.risk_control._base_controller import ltt_procedure
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

from orbitile.calibration.judged_sample import THRESHOLDS, JudgedDetections, JudgedSample, JudgedTruth
from orbitile.calibration.map_sample import level_counts
from orbitile.calibration.pixel_sample import LEVEL_THRESHOLDS, LEVELS, ClassPixels
from orbitile.calibration.risk_control import (
    FALSE_DISCOVERY,
    MISSED_OBJECTS,
    RiskControl,
    block_p_values,
)

SAMPLES = 2000
both_criteria = pytest.mark.parametrize("criterion", [FALSE_DISCOVERY, MISSED_OBJECTS], ids=lambda item: item.name)
three_seeds = pytest.mark.parametrize("seed", range(3))
may_rise_and_fall = pytest.mark.filterwarnings("ignore:Fixed sequence testing requires a monotonic risk")


def judged(score, is_right, block, blocks):
    """A sample whose right detections are the true objects."""
    score, is_right, block = np.array(score, np.float32), np.array(is_right, bool), np.array(block)
    truth = JudgedTruth(np.ones(is_right.sum()), score[is_right], block[is_right])
    return JudgedSample(JudgedDetections(score, np.ones(len(score)), is_right, block), truth, blocks)


def drawn(seed, count):
    """Scores (count) between thresholds, and whether they are right: the higher, the more often."""
    random = np.random.default_rng(seed)
    score = (random.integers(5, 99, count) + 0.5) / 100
    return score, random.random(count) < score**0.3


def sequence(sample, criterion, alpha, delta):
    """Thresholds in the order of their tests; the start is where only the first one is passed."""
    start = RiskControl(sample, lambda at_fault, *_: np.arange(len(at_fault)) > 0).threshold(criterion, alpha, delta)
    first = -1 if start is None else THRESHOLDS.tolist().index(start)
    return THRESHOLDS[: first + 1][::-1] if criterion.falls else THRESHOLDS[first:]


def counts(sample, criterion, thresholds):
    """Objects at fault, and all of a kind, by threshold and block (k, n)."""
    by_threshold = [sample.counts(score) for score in thresholds]
    return [np.stack([part(blocks) for blocks in by_threshold]) for part in (criterion.at_fault, criterion.of_all)]


def mean_share(at_fault, of_all, of_nothing=0):
    """The share at fault of a block, as a mean over blocks (k)."""
    return np.where(of_all, at_fault / np.maximum(of_all, 1), of_nothing).mean(axis=1)


def of_mean_share(at_fault, of_all, alpha, of_nothing=0):
    """MAPIE's p-values (k) of a mean of losses 0..1."""
    means = mean_share(at_fault, of_all, of_nothing)
    return compute_hoeffding_bentkus_p_value(means, at_fault.shape[1], alpha)[:, 0]


def of_decisions(at_fault, of_all, alpha):
    """MAPIE's p-values (k) of a share of independent decisions."""
    count = of_all.sum(axis=1)
    return compute_hoeffding_bentkus_p_value(1 - (count - at_fault.sum(axis=1)) / count, count, alpha, binary=True)[
        :, 0
    ]


rows = st.tuples(st.integers(5, 98).map(lambda number: (number + 0.5) / 100), st.booleans(), st.integers(0, 19))


@both_criteria
@given(st.lists(rows, min_size=1, max_size=60), st.sampled_from([0.2, 0.35, 0.5]), st.sampled_from([0.1, 0.2, 0.4]))
def test_threshold_is_the_last_of_mapies_fixed_sequence(criterion, table, alpha, delta):
    sample = judged(*zip(*table, strict=True), blocks=20)
    thresholds, valid = sequence(sample, criterion, alpha, delta), []
    if len(thresholds):
        p_values = of_mean_share(*counts(sample, criterion, thresholds), alpha)
        valid = control_fwer(p_values, delta, "fixed_sequence")
    expected = thresholds[valid[-1]] if len(valid) else None
    assert RiskControl(sample, of_mean_share).threshold(criterion, alpha, delta) == expected


@both_criteria
@three_seeds
@may_rise_and_fall
def test_threshold_is_that_of_mapies_learn_then_test(criterion, seed):
    sample, alpha, delta = judged(*drawn(seed, 6000), np.arange(6000) % 300, blocks=300), 0.25, 0.1
    thresholds = sequence(sample, criterion, alpha, delta)
    means = mean_share(*counts(sample, criterion, thresholds))[None]
    number = np.full(means.shape, sample.blocks)
    (valid,), _ = ltt_procedure(means, np.array([[alpha]]), delta, number, fwer_method="fixed_sequence")
    assert 1 < len(valid) < len(thresholds)
    assert RiskControl(sample, of_mean_share).threshold(criterion, alpha, delta) == thresholds[max(valid)]


@both_criteria
@three_seeds
@may_rise_and_fall
def test_threshold_of_single_decisions_is_that_of_mapies_controller(criterion, seed):
    score, is_right = drawn(seed, 2000)
    sample, alpha, delta = judged(score, is_right, np.arange(2000), blocks=2000), 1 - 0.85, 1 - 0.9
    thresholds = np.sort(sequence(sample, criterion, alpha, delta))
    controller = BinaryClassificationController(
        lambda scores: np.stack([1 - scores, scores], axis=1), "precision" if criterion.falls else "recall",
        target_level=0.85, confidence_level=0.9, list_predict_params=thresholds, fwer_method="fixed_sequence",
    ).calibrate(score, is_right)  # fmt: skip
    p_values, valid = of_decisions(*counts(sample, criterion, thresholds), alpha), controller.valid_predict_params
    assert p_values == pytest.approx(controller.p_values[:, 0], rel=1e-9)
    assert 1 < len(valid) < len(thresholds)
    threshold = RiskControl(sample, of_decisions).threshold(criterion, alpha, delta)
    assert threshold == (valid.min() if criterion.falls else valid.max())
    assert threshold == controller.best_predict_param or not criterion.falls  # MAPIE's best is that of best precision


@three_seeds
def test_p_values_of_masks_are_those_of_mapies_controller(seed):
    """MAPIE's controller of masks offers no fixed sequence, only Holm's improvement on Bonferroni's correction.

    So its p-values and valid thresholds are compared; the fixed sequence, which needs no correction, reaches lower.
    """
    masks, side, alpha, delta = 120, 16, 1 - 0.75, 1 - 0.9
    score, is_right = drawn(seed, masks * side**2)
    sample, shape = judged(score, is_right, np.repeat(np.arange(masks), side**2), masks), (masks, 1, side, side)
    controller = SemanticSegmentationController(
        lambda scores: scores, "precision", target_level=0.75, confidence_level=0.9, predict_params=THRESHOLDS
    ).calibrate(score.reshape(shape), is_right.reshape(shape).astype(int))
    of_masks = partial(of_mean_share, of_nothing=1)
    p_values = of_masks(*counts(sample, FALSE_DISCOVERY, THRESHOLDS), alpha)
    assert p_values == pytest.approx(compute_hoeffding_bentkus_p_value(controller.r_hat, masks, alpha)[:, 0], rel=1e-9)
    valid = THRESHOLDS[control_fwer(p_values, delta, "bonferroni_holm")]
    assert 1 < len(valid) < len(THRESHOLDS)
    assert valid.tolist() == controller.valid_predict_params[0].tolist()
    threshold = RiskControl(sample, of_masks).threshold(FALSE_DISCOVERY, alpha, delta)
    assert threshold <= controller.best_predict_param[0] == valid.min()


def few(random, blocks):
    return random.poisson(5, (SAMPLES, blocks))


def many(random, blocks):
    return random.poisson(50, (SAMPLES, blocks))


def uneven(random, blocks):
    return random.lognormal(3, 1.5, (SAMPLES, blocks)).astype(int)


def clumped(random, alpha, shape):
    """Shares at fault that differ from block to block; their mean is alpha."""
    return random.beta(2 * alpha, 2 * (1 - alpha), shape)


@pytest.mark.parametrize(
    ("objects", "blocks", "alpha", "varies"),
    [
        (few, 30, 0.1, False),
        (few, 30, 0.01, False),  # most samples have no object at fault
        (few, 300, 0.01, False),
        (many, 10, 0.05, False),
        (many, 100, 0.2, False),
        (uneven, 30, 0.01, False),
        (uneven, 100, 0.05, False),
        (many, 300, 0.2, True),
        (many, 30, 0.05, True),
        (many, 100, 0.01, True),
        (many, 300, 0.05, True),
    ],
)
def test_p_values_of_blocks_are_small_as_rarely_as_they_say(objects, blocks, alpha, varies):
    """Where just alpha of all objects are at fault. Not tried: clumped faults where few blocks hold most objects."""
    random = np.random.default_rng(0)
    of_all = objects(random, blocks)
    at_fault = random.binomial(of_all, clumped(random, alpha, of_all.shape) if varies else alpha)
    p_values = block_p_values(at_fault, of_all, alpha)
    assert np.mean(p_values <= 0.1) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / SAMPLES)


@pytest.mark.parametrize("blocks", [30, 100, 400])
def test_p_values_of_blocks_are_smaller_than_those_of_mean_shares_where_few_are_at_fault(blocks):
    at_fault = np.random.default_rng(0).binomial(20, 0.05, (200, blocks))
    of_all = np.full(at_fault.shape, 20)
    assert (block_p_values(at_fault, of_all, 0.1) < of_mean_share(at_fault, of_all, 0.1)).all()


@three_seeds
def test_levels_of_masks_are_judged_as_mapies_controller_judges_their_pixels(seed):
    masks, side, alpha, delta = 60, 16, 1 - 0.75, 1 - 0.9
    score, is_right = drawn(seed, masks * side**2)
    level = (score * LEVELS).astype(int)
    shape = (masks, 1, side, side)
    controller = SemanticSegmentationController(
        lambda scores: scores, "precision", target_level=0.75, confidence_level=0.9,
        predict_params=np.arange(1, LEVELS) / LEVELS,
    ).calibrate((level.reshape(shape) + 0.5) / LEVELS, is_right.reshape(shape).astype(int))  # fmt: skip
    counted = [level_counts(*pair) for pair in zip(level.reshape(masks, -1), is_right.reshape(masks, -1), strict=True)]
    pixels = ClassPixels(np.stack(counted))
    of_masks = partial(of_mean_share, of_nothing=1)
    p_values = of_masks(*counts(pixels, FALSE_DISCOVERY, LEVEL_THRESHOLDS.tolist()), alpha)
    assert p_values == pytest.approx(compute_hoeffding_bentkus_p_value(controller.r_hat, masks, alpha)[:, 0], rel=1e-9)
    valid = LEVEL_THRESHOLDS[control_fwer(p_values, delta, "bonferroni_holm")]
    assert 1 < len(valid) < len(LEVEL_THRESHOLDS)
    assert len(valid) == len(controller.valid_predict_params[0])
    assert RiskControl(pixels, of_masks).threshold(FALSE_DISCOVERY, alpha, delta) <= valid.min()
    assert pixels.risk.threshold(FALSE_DISCOVERY, alpha, delta) <= valid.min()
