import numpy as np
import pytest
from judged_samples import made_up_sample, tiny_sample

from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.risk_control import ALPHAS, FALSE_DISCOVERY, MISSED_OBJECTS, RiskControl, block_p_values


def false_share(sample, score):
    counts = sample.counts(score)
    return counts.false.sum() / max(counts.detected.sum(), 1)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.3])
def test_the_threshold_keeps_to_its_bound_for_all_but_the_stated_chance(alpha):
    """Samples of blocks drawn from many: the true share is that of all."""
    every = made_up_sample(blocks=2000, seed=3)
    random, draws, exceeded = np.random.default_rng(0), 300, 0
    for _ in range(draws):
        part = every.of_blocks(random.integers(0, every.blocks, 40))
        score = RiskControl(part).threshold(FALSE_DISCOVERY, alpha, 0.1)
        exceeded += score is not None and false_share(every, score) > alpha
    assert exceeded / draws <= 0.1 + 3 * np.sqrt(0.09 / draws)


def test_more_blocks_allow_a_lower_threshold():
    scores = [
        RiskControl(made_up_sample(blocks=blocks, seed=1)).threshold(FALSE_DISCOVERY, 0.2, 0.1)
        for blocks in (30, 100, 2000)
    ]
    assert scores[0] > scores[1] >= scores[2]
    assert scores[2] == pytest.approx(0.6, abs=0.02)  # scores from t on are false in (1 - t) / 2


def test_missed_objects_bound_the_threshold_from_above():
    sample = made_up_sample(blocks=400, missed_share=0.0)
    score = RiskControl(sample).threshold(MISSED_OBJECTS, 0.2, 0.1)
    counts = sample.counts(score)
    assert 0.15 < counts.missed.sum() / counts.true.sum() <= 0.2


def test_what_cannot_be_promised_is_none_and_says_how_much_it_takes():
    few = RiskControl(made_up_sample(blocks=4, rows_per_block=6))
    assert few.threshold(FALSE_DISCOVERY, 0.02, 0.01) is None
    never = RiskControl(tiny_sample())
    assert never.blocks_needed(MISSED_OBJECTS, 0.01, 0.1) is None
    small = RiskControl(made_up_sample(blocks=6, power=0.2, seed=5))
    needed = small.blocks_needed(FALSE_DISCOVERY, 0.1, 0.001)
    assert small.threshold(FALSE_DISCOVERY, 0.1, 0.001) is None
    enough = RiskControl(made_up_sample(blocks=4 * needed, power=0.2, seed=6))
    assert enough.threshold(FALSE_DISCOVERY, 0.1, 0.001) is not None


def test_no_threshold_lies_below_what_the_sample_knows():
    sample = made_up_sample(power=0.05, least_score=0.3)
    assert RiskControl(sample).threshold(FALSE_DISCOVERY, 0.5, 0.1) == 0.3


def test_the_rank_of_a_row_is_the_least_bound_whose_catalogue_has_it():
    risk = RiskControl(made_up_sample(blocks=100))
    scores = np.array([0.06, 0.3, 0.5, 0.8, 0.95], np.float32)
    ranks = risk.ranks(scores, 0.1)
    for score, rank in zip(scores.tolist(), ranks.tolist(), strict=True):
        thresholds = [risk.threshold(FALSE_DISCOVERY, float(alpha), 0.1) for alpha in ALPHAS]
        reached = [a for a, t in zip(ALPHAS, thresholds, strict=True) if t is not None and score >= np.float32(t)]
        assert rank == reached[0] if reached else np.isnan(rank)
    assert (np.diff(ranks[np.isfinite(ranks)]) <= 0).all()


@pytest.mark.parametrize("alpha", [0.1, 0.2])
def test_a_row_at_the_chosen_threshold_has_at_most_the_bound_as_its_rank(alpha):
    risk = RiskControl(made_up_sample(blocks=200))
    score = risk.threshold(FALSE_DISCOVERY, alpha, 0.1)
    assert risk.ranks(np.array([score], np.float32), 0.1)[0] <= alpha


def test_nothing_detected_allows_nothing():
    sample = made_up_sample(blocks=10)
    nothing = JudgedSample(
        type(sample.detections)(*(column[:0] for column in sample.detections)), sample.truth, sample.blocks
    )
    assert RiskControl(nothing).threshold(FALSE_DISCOVERY, 0.1, 0.1) is None
    assert np.isnan(RiskControl(nothing).ranks(np.array([0.9]), 0.1)).all()


def counts_of(*rows):
    """Counts (1, blocks) at fault and of all."""
    return tuple(np.array([row]) for row in rows)


@pytest.mark.parametrize(
    ("at_fault", "of_all", "p_value"),
    [
        ([0] * 30, [1] * 30, 0.9**30),  # faultless rows are no more than so many independent ones
        ([1, 1, 0, 0], [5, 5, 5, 5], 0.7935),  # 0.5, 0.5, -0.5, -0.5, 2.5 more than 0.1 of them: t = 0.913, 4 degrees
        ([2, 2, 2], [20, 20, 20], 0.8045),  # 0, 0, 0 and 10: t = 1
        ([5], [100], 1),  # a single block says nothing
    ],
)
def test_p_values_by_counts(at_fault, of_all, p_value):
    assert block_p_values(*counts_of(at_fault, of_all), 0.1)[0] == pytest.approx(p_value, abs=1e-4)


def test_faults_that_come_together_are_weaker_evidence():
    even = block_p_values(*counts_of([2] * 40, [40] * 40), 0.1)
    together = block_p_values(*counts_of([0] * 38 + [40, 40], [40] * 40), 0.1)
    assert even[0] < 0.01 < 0.1 < together[0]


def test_a_block_with_a_seventh_of_all_faults_is_missed_by_a_third_of_the_samples_and_allowed_for():
    """Blocks as those of two images of CTX at a score of 0.15: one has 12 false rows of 18."""
    at_fault, of_all = (np.repeat(rows, [30, 18, 18, 5, 1]) for rows in ([0, 1, 2, 3, 12], [5, 6, 6, 8, 18]))
    drawn = np.random.default_rng(0).integers(0, 72, (4000, 72))
    p_values = block_p_values(at_fault[drawn], of_all[drawn], at_fault.sum() / of_all.sum())
    assert np.mean(p_values <= 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 4000)


def test_tests_begin_with_as_many_rows_as_they_take_whatever_is_true():
    """By the sample with all rows false: it begins, and stops, where that with all rows right begins."""
    sample = made_up_sample(blocks=100)
    right = JudgedSample(
        sample.detections._replace(is_right=np.ones(2000, bool)), sample.truth, sample.blocks, least_score=0.05
    )
    assert RiskControl(right).threshold(FALSE_DISCOVERY, 0.1, 0.1) == 0.05
    false = JudgedSample(sample.detections._replace(is_right=np.zeros(2000, bool)), sample.truth, sample.blocks)
    assert RiskControl(false).threshold(FALSE_DISCOVERY, 0.1, 0.1) is None
