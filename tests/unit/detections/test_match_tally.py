import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.detections.match_tally import MatchTally, SizeClasses, score_thresholds
from orbitile.detections.matching import MatchCriteria, match_craters
from orbitile.detections.truth_on_ground import JudgedGround, TruthOnGround
from orbitile.tables.craters import Craters

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
CRITERIA = MatchCriteria(iou_threshold=0.3, min_diameter_m=1000, radius_m=MOON_M)
CLASSES = SizeClasses.of(1000, 100)


class Everywhere:
    """A coverage without any gap."""

    def holds(self, lon, lat):
        return np.ones(len(lon), bool)


def made_up(rows, agreement=None):
    """Craters in metres from the first meridian and from the equator, with diameters in metres."""
    x, y, diameter_m = np.array(rows, float).reshape(-1, 3).T
    extra = {} if agreement is None else dict(agreement=np.array(agreement))
    return Craters(x / DEGREE_M, y / DEGREE_M, diameter_m, **extra)


def tallied(detected, truth, scores=(), thresholds=(0.0,), part_of=None, agreement=None):
    """The totals of detected craters, in parts, against true ones."""
    true = TruthOnGround.of(made_up(truth, agreement), JudgedGround({"map": Everywhere()}), CRITERIA)
    tally = MatchTally(true, CLASSES, thresholds)
    scores, part_of = np.array(scores or [0.5] * len(detected), np.float32), part_of or [0] * len(detected)
    for number in range(max(part_of, default=-1) + 1):
        members = [index for index, part in enumerate(part_of) if part == number]
        tally.feed(made_up([detected[index] for index in members]), scores[members])
    return tally.totals()


@pytest.mark.parametrize(
    ("min_diameter_m", "gsd_m", "limits"),
    [
        (1000, 100, [10, 12, 16, 25, 50, np.inf]),
        (1055, 100, [10.55, 12, 16, 25, 50, np.inf]),
        (500, 100, [5, 6, 8, 10, 12, 16, 25, 50, np.inf]),
        (0, 6, [0, 4, 6, 8, 10, 12, 16, 25, 50, np.inf]),
        (10.55 * 474, 474, [10.55, 12, 16, 25, 50, np.inf]),
        (12 * 474.123, 474.123, [12, 16, 25, 50, np.inf]),
        (8000, 100, [80, np.inf]),
    ],
)
def test_classes_of_size(min_diameter_m, gsd_m, limits):
    assert SizeClasses.of(min_diameter_m, gsd_m).limits_px == limits


@pytest.mark.parametrize(
    ("diameter_m", "number"), [(1000, 0), (1199.9, 0), (1200, 1), (1600, 2), (2500, 3), (5000, 4), (1e6, 4)]
)
def test_class_of_a_diameter(diameter_m, number):
    assert CLASSES.numbers(np.array([diameter_m])).tolist() == [number]


@pytest.mark.parametrize(
    ("detected", "truth", "expected"),
    [
        ([(0, 0, 1100)], [(0, 0, 1100)], {0: (1, 1, 1)}),
        ([(0, 0, 1100)], [(0, 0, 1300)], {1: (1, 1, 1)}),  # the true crater's class
        ([(0, 0, 900)], [(0, 0, 1000)], {0: (1, 1, 1)}),
        ([(0, 0, 1000)], [(0, 0, 900)], {}),
        ([(0, 0, 1100), (9000, 0, 1300)], [(0, 0, 1100)], {0: (1, 1, 1), 1: (1, 0, 0)}),
        ([], [(0, 0, 6000), (9000, 0, 2000)], {4: (0, 0, 1), 2: (0, 0, 1)}),
        ([(0, 0, 6000), (10, 0, 6000)], [(0, 0, 6000)], {4: (2, 1, 1)}),
    ],
)
def test_counts_by_class(detected, truth, expected):
    counts = np.stack(tallied(detected, truth).by_block).sum(axis=1).T
    assert {number: tuple(row) for number, row in enumerate(counts.tolist()) if any(row)} == expected


@pytest.mark.parametrize(
    ("detected", "true", "ratio", "offset_m"),
    [
        ((0, 0, 1500), (0, 0, 1500), 1, 0),
        ((300, 400, 1800), (0, 0, 1500), 1.2, 500),
        ((0, -200, 1000), (0, 0, 1250), 0.8, 200),
    ],
)
def test_measures_of_matches(detected, true, ratio, offset_m):
    measures = tallied([detected], [true]).measures
    assert (measures.diameter_ratio[0], measures.offset_m[0]) == pytest.approx((ratio, offset_m), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("detected", "truth", "agreement", "expected"),
    [
        ([(0, 0, 1500)], [(0, 0, 1500)], [0.5], (1, 1, 1)),
        ([(0, 0, 1500)], [(0, 0, 1500)], [0.4], (0, 0, 0)),  # neither right nor wrong
        ([(0, 0, 1500)], [(0, 0, 1500)], [np.nan], (1, 1, 1)),  # of unknown agreement
        ([(9000, 0, 1500)], [(0, 0, 1500)], [0.4], (1, 0, 0)),
        ([(0, 0, 1500)], [(0, 0, 1500), (100, 0, 1500)], [0.2, 0.9], (1, 1, 1)),  # the doubtful one fits better
        ([(0, 0, 1500), (100, 0, 1500)], [(0, 0, 1500), (100, 0, 1500)], [0.2, 0.9], (1, 1, 1)),
        ([(0, 0, 1500), (10, 0, 1500)], [(0, 0, 1500)], [0.2], (1, 0, 0)),  # one crater excuses one detection
    ],
)
def test_doubtful_craters(detected, truth, agreement, expected):
    totals = tallied(detected, truth, agreement=agreement)
    assert tuple(int(count.sum()) for count in totals.by_block) == expected
    assert totals.doubtful == sum(value < 0.5 for value in agreement)
    counts = totals.by_diameter.sum(axis=1)
    assert (counts[0], counts[1], counts[2], counts[3]) == (*expected[:2], expected[2], expected[1])
    matches = match_craters(made_up(detected), made_up(truth, agreement), 0.3, 1000, MOON_M)
    by_hand = len(matches.detected), matches.detected["hit"].sum(), len(matches.truth)
    assert by_hand == expected


places = st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from([900.0, 1000.0, 1300.0, 5000.0]))
THRESHOLDS = [0.3, 0.325, 0.5, 0.7]


def spread_out(rows):
    return [(600 * x, 600 * y, size) for x, y, size in rows]


@given(
    st.lists(st.tuples(places, st.sampled_from([0.3, 0.31, 0.5, 0.69, 0.7, 0.9]), st.integers(0, 3)), max_size=25),
    st.lists(places, max_size=25),
)
def test_by_score_is_what_each_threshold_gives_alone(rows, truth):
    """By hand: all craters that reach the score, in one table."""
    detected, scores, part_of = ([row[k] for row in rows] for k in range(3))
    detected, truth = spread_out(detected), spread_out(truth)
    totals = tallied(detected, truth, scores, THRESHOLDS, part_of)
    order = sorted(range(len(rows)), key=lambda n: (detected[n][1], detected[n][0], detected[n][2], -scores[n]))
    for number, least in enumerate(THRESHOLDS):
        strong = [detected[index] for index in order if scores[index] >= least]
        matches = match_craters(made_up(strong), made_up(truth), 0.3, 1000, MOON_M)
        expected = len(matches.detected), int(matches.detected["hit"].sum()), len(matches.truth)
        assert tuple(int(count[number]) for count in totals.by_score) == expected
    assert [int(count.sum()) for count in totals.by_block] == [int(count[0]) for count in totals.by_score]


def test_a_low_score_frees_its_true_crater():
    """The pair of higher IoU goes, and the true crater matches another one: matches are not nested."""
    totals = tallied([(0, 0, 1500), (200, 0, 1500)], [(0, 0, 1500)], [0.3, 0.9], [0.3, 0.5])
    assert [count.tolist() for count in totals.by_score] == [[2, 1], [1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("least", "first", "count"),
    [(0.3, [0.3, 0.325, 0.35], 28), (0.05, [0.05, 0.075, 0.1], 38), (0.31, [0.31, 0.325, 0.35], 28),
     (0.0, [0, 0.025, 0.05], 40), (0.99, [0.99], 1)],
)  # fmt: skip
def test_thresholds(least, first, count):
    thresholds = score_thresholds(least)
    assert (thresholds[:3], thresholds[-1], len(thresholds)) == (first, max(0.975, least), count)
