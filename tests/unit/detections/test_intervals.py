import numpy as np
import pytest
from scipy.stats import binomtest

from orbitile.detections.intervals import MatchCounts, wilson_interval

TRUE_RECALL, TRUE_PRECISION = 0.7, 0.8


def simulated(seed, blocks=32, spread=0.0):
    """Made-up counts of blocks (detected, right, true) with known precision and recall; `spread` varies the recall."""
    random = np.random.default_rng(seed)
    true = random.poisson(20, blocks)
    recall = np.clip(TRUE_RECALL + random.uniform(-spread, spread, blocks), 0, 1)
    right = random.binomial(true, recall)
    false = random.poisson(20 * TRUE_RECALL * (1 / TRUE_PRECISION - 1), blocks)
    return MatchCounts(right + false, right, true)


@pytest.mark.parametrize("spread", [0, 0.3])
def test_intervals_cover_the_truth(spread):
    """In about 95 of 100 simulated catalogues, also where blocks are unlike."""
    f1 = 2 * TRUE_RECALL * TRUE_PRECISION / (TRUE_RECALL + TRUE_PRECISION)
    truth = dict(recall=TRUE_RECALL, precision=TRUE_PRECISION, f1=f1)
    covered = dict.fromkeys(truth, 0)
    for seed in range(200):
        for name, (low, high) in simulated(seed, spread=spread).intervals().items():
            covered[name] += low <= truth[name] <= high
    assert all(0.9 <= count / 200 <= 0.995 for count in covered.values()), covered


def test_unlike_blocks_have_wider_intervals():
    """Than craters that do not depend on each other; here half of the blocks hold no match at all."""
    counts = MatchCounts(np.full(32, 20), np.array([20, 0] * 16), np.full(32, 20))
    (low, high), alone = counts.intervals()["recall"], wilson_interval(320, 640)
    assert high - low > 3 * (alone[1] - alone[0])


def test_intervals_are_the_same_from_run_to_run():
    first, second, other = (simulated(3, spread=0.3).intervals(seed) for seed in (0, 0, 1))
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_empty_blocks_change_nothing():
    counts = simulated(5)
    wider = MatchCounts(*(np.concatenate([count, np.zeros(9, int)]) for count in counts))
    for name, limits in counts.intervals().items():
        assert (wider.intervals()[name] == limits).all()


@pytest.mark.parametrize(("right", "total"), [(3, 3), (0, 4), (5, 10), (50, 60)])
def test_wilson(right, total):
    expected = binomtest(right, total).proportion_ci(method="wilson")
    assert wilson_interval(right, total) == pytest.approx([expected.low, expected.high])


def test_few_craters_say_little():
    """Three craters, all right: resamples are all perfect, but the interval is not."""
    intervals = MatchCounts(np.array([1, 1, 1]), np.array([1, 1, 1]), np.array([1, 1, 1])).intervals()
    assert intervals["recall"] == pytest.approx([0.4385, 1], abs=1e-4)
    assert intervals["f1"] == pytest.approx([2 * 0.4385 / 1.4385, 1], abs=1e-4)


@pytest.mark.parametrize(
    ("counts", "undefined"),
    [(([0], [0], [0]), {"precision", "recall", "f1"}), (([0], [0], [5]), {"precision"}), (([5], [0], [0]), {"recall"})],
)
def test_what_is_not_defined_has_no_interval(counts, undefined):
    intervals = MatchCounts(*map(np.array, counts)).intervals()
    assert {name for name, limits in intervals.items() if np.isnan(limits).any()} == undefined


def test_each_class_has_its_interval():
    """The same as if it were alone, but for the draws, which all classes share."""
    counts = [simulated(seed) for seed in (1, 2)]
    both = MatchCounts(*(np.stack(columns, axis=1) for columns in zip(*counts, strict=True))).intervals()
    for number, alone in enumerate(counts):
        assert both["recall"][:, number] == pytest.approx(alone.intervals()["recall"], abs=1e-12)


def test_measures():
    counts = MatchCounts(np.array([4, 0]), np.array([2, 0]), np.array([8, 0]))
    assert (counts.precision[0], counts.recall[0]) == (0.5, 0.25)
    assert counts.f1[0] == pytest.approx(1 / 3)
    assert np.isnan([counts.precision[1], counts.recall[1], counts.f1[1]]).all()
