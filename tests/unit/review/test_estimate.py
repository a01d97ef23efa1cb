"""Intervals of precision: exact where that is known, and wide enough in simulated reviews."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, hypergeom

from orbitile.review import estimate
from orbitile.review.estimate import TILTS, FalseShare, JudgedStrata, Precision
from orbitile.review.strata import allocate

TAIL = 0.025


@pytest.mark.parametrize(("judged", "false"), [(200, 16), (50, 0), (50, 50), (12, 1), (1, 0)])
def test_one_stratum_of_many_rows_has_the_limits_of_clopper_and_pearson(judged, false):
    precision = Precision.of(JudgedStrata([10**7], [judged], [false]))
    right = judged - false
    low = beta.ppf(TAIL, right, false + 1) if right else 0
    high = beta.ppf(1 - TAIL, right + 1, false) if false else 1
    assert precision == pytest.approx((right / judged, low, high), abs=1e-4)


def test_one_small_stratum_has_the_limits_of_the_hypergeometric_distribution():
    """20 rows, of 10 of which 2 are false: limits between the numbers of false rows that tests refuse and allow."""
    precision = Precision.of(JudgedStrata([20], [10], [2]))
    allowed = [k for k in range(2, 13) if min(hypergeom.cdf(2, 20, k, 10), hypergeom.sf(1, 20, k, 10)) > TAIL]
    assert 1 - precision.high <= allowed[0] / 20 < 1 - precision.high + 1 / 20
    assert 1 - precision.low >= allowed[-1] / 20 > 1 - precision.low - 1 / 20


def test_strata_that_were_seen_entirely_add_no_uncertainty():
    assert Precision.of(JudgedStrata([5, 7, 9], [5, 7, 9], [0, 2, 0])) == pytest.approx([19 / 21] * 3)
    precision = Precision.of(JudgedStrata([10, 1000], [10, 50], [5, 0]))
    alone = Precision.of(JudgedStrata([1000], [50], [0]))
    assert precision.high == pytest.approx(1 - 5 / 1010)
    assert (1 - precision.low) * 1010 == pytest.approx(5 + 1000 * (1 - alone.low), abs=0.02)


def test_what_was_judged_bounds_the_limits():
    """Of two rows one was judged, and is right: precision is 0.5 or 1."""
    assert Precision.of(JudgedStrata([2], [1], [0])) == pytest.approx((1, 0.5, 1))
    assert Precision.of(JudgedStrata([1], [1], [0])) == (1, 1, 1)


def test_without_a_false_row_strata_in_proportion_are_as_good_as_one():
    precision = Precision.of(JudgedStrata([10**6] * 12, [17] * 12, [0] * 12))
    assert precision == pytest.approx((1, TAIL ** (1 / 204), 1), abs=1e-4)


def test_without_a_false_row_the_limit_is_that_of_the_worst_stratum():
    """All that is unknown may lie where few rows were judged: weight 0.3 with 5 of them."""
    precision = Precision.of(JudgedStrata([7 * 10**6, 3 * 10**6], [1000, 5], [0, 0]))
    assert precision.low == pytest.approx(1 - 0.3 * (1 - TAIL ** (1 / 5)), abs=0.003)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=5))
def test_limits_are_around_the_estimate_and_within_what_is_possible(strata):
    rows, judged, false = np.array(strata).T
    judged = np.minimum(rows, judged)
    false = np.minimum(judged, false)
    precision = Precision.of(JudgedStrata(rows, judged, false))
    assert false.sum() / rows.sum() - 1e-9 <= 1 - precision.high
    assert precision.low >= (judged - false).sum() / rows.sum() - 1e-9
    assert precision.low <= precision.value + 1e-9 and precision.value <= precision.high + 1e-9
    order = np.arange(len(rows))[::-1]
    assert Precision.of(JudgedStrata(rows, judged, false).select(order)) == pytest.approx(precision, abs=1e-4)


def test_more_confidence_is_wider_and_more_rows_are_narrower():
    strata = JudgedStrata([5000, 2000], [40, 30], [4, 1])
    widths = [high - low for _, low, high in (Precision.of(strata, confidence) for confidence in (0.8, 0.95, 0.99))]
    assert widths == sorted(widths)
    more = Precision.of(JudgedStrata([5000, 2000], [400, 300], [40, 10]))
    assert more.high - more.low < widths[1] / 2


FALLING = np.array([0.35, 0.12, 0.05, 0.01] * 3)
"""Shares of false rows that fall with the score, in three classes of diameter."""
ROWS = np.array([1000, 800, 600, 400] * 3)
TINY = np.array([5, 3, 4000, 8, 2, 6000, 10, 900, 4, 50])
CATALOGUES = {
    "falls with score": (ROWS, FALLING, 1 - FALLING),
    "good": (ROWS, FALLING / 10, 1 - FALLING / 10),
    "very good": (ROWS, FALLING / 100, None),
    "false rows in one stratum of high scores": (ROWS, np.eye(12)[3] * 0.3, 1 - FALLING),
    "probabilities are wrong": (ROWS, FALLING[::-1], 1 - FALLING),
    "strata of few rows": (TINY, np.array([0.4, 0.7, 0.05, 0.3, 0.5, 0.02, 0.2, 0.1, 0.5, 0.1]), None),
}
"""Rows of the strata, shares of false ones, and probabilities that rows are drawn by."""


def holds(share: FalseShare, truth: float) -> bool:
    """Whether the limits hold a share of false rows: limits are where a tail becomes too small, and tails are monotone.

    A single test of the truth is quicker than the search for both limits.
    """
    sign = 1 if truth > share.estimate else -1
    near, far = TILTS
    for _ in range(60):
        middle = (near + far) / 2
        is_beyond = sign * (share.mean(share.likeliest(sign * np.exp(middle))) - truth) > 0
        near, far = (near, middle) if is_beyond else (middle, far)
    tail = share.not_exceeded if sign > 0 else share.reached
    return truth == share.estimate or tail(share.likeliest(sign * np.exp(far))) > TAIL


@pytest.mark.parametrize("name", CATALOGUES)
def test_intervals_hold_the_true_precision(name, monkeypatch):
    """Of 150 reviews of a catalogue, drawn with a fixed seed; coarser steps make it quick, and limits hardly wider."""
    monkeypatch.setattr(estimate, "CELLS", 1024)
    rows, shares, probability = CATALOGUES[name]
    false_rows = np.round(rows * shares).astype(int)
    drawn = allocate(rows, [None] * len(rows) if probability is None else probability, 200)
    random, truth = np.random.default_rng(0), false_rows.sum() / rows.sum()
    samples = [tuple(random.hypergeometric(false_rows, rows - false_rows, drawn).tolist()) for _ in range(150)]
    verdicts = {false: holds(FalseShare.of(JudgedStrata(rows, drawn, false)), truth) for false in set(samples)}
    assert np.mean([verdicts[false] for false in samples]) >= 0.92  # 1.7 standard deviations below 95 %
    precisions = {false: Precision.of(JudgedStrata(rows, drawn, false)) for false in samples[:4]}
    for false, precision in precisions.items():
        assert (precision.low <= 1 - truth <= precision.high) == verdicts[false]
    variance = ((rows / rows.sum()) ** 2 * shares * (1 - shares) / drawn).sum()
    widths = [precision.high - precision.low for precision in precisions.values()]
    assert np.mean(widths) <= 1.25 * 2 * 1.96 * variance**0.5 + 4 / drawn.sum()
