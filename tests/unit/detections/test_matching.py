import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.detections.matching import CraterMatcher, DetectedCraters, MatchCriteria, match_craters, pair_greedily
from orbitile.tables.craters import Craters

RADIUS_M = 1737400.0


def craters(*rows):
    """Made-up craters from rows of lon, lat, diameter in kilometres."""
    lon, lat, diameter_km = np.array(rows, float).reshape(-1, 3).T
    return Craters(lon, lat, diameter_km * 1000)


def scored(*rows, score=None):
    """Made-up detected craters, all of the score 0.5 unless said otherwise, in one block."""
    return DetectedCraters(
        craters(*rows), np.full(len(rows), 0.5) if score is None else np.array(score), np.zeros(len(rows), int)
    )


def hits(detected, truth, iou_threshold=0.3, min_diameter_km=0.0):
    result = match_craters(craters(*detected), craters(*truth), iou_threshold, min_diameter_km * 1000, RADIUS_M)
    return result.detected["hit"].tolist(), result.truth["hit"].tolist()


@pytest.mark.parametrize(
    ("detected", "truth", "expected"),
    [
        ([(0, 0, 10)], [(0, 0, 10)], ([True], [True])),
        ([(0, 0, 10)], [(5, 0, 10)], ([False], [False])),
        ([(0, 0, 10), (0.01, 0, 10)], [(0, 0, 10)], ([True, False], [True])),
        ([(0.01, 0, 10), (0, 0, 10)], [(0, 0, 10)], ([False, True], [True])),
        ([(0, 0, 10)], [(0, 0, 9), (0, 0, 10)], ([True], [False, True])),
        ([(180, 0, 10)], [(-179.99, 0, 10)], ([True], [True])),
        ([(0, 90, 10)], [(123, 90, 10)], ([True], [True])),
        ([(0, 0, 5)], [(0, 0, 10)], ([False], [False])),
        ([], [(0, 0, 10)], ([], [False])),
        ([(0, 0, 10)], [], ([False], [])),
        ([], [], ([], [])),
    ],
)
def test_match(detected, truth, expected):
    assert hits(detected, truth) == expected


@pytest.mark.parametrize(
    ("detected", "truth", "expected"),
    [
        ([(0, 0, 9.9)], [(0, 0, 10.1)], ([True], [True])),
        ([(0, 0, 10.1)], [(0, 0, 9.9)], ([], [])),
        ([(0, 0, 9.9)], [(0, 0, 9.9)], ([], [])),
        ([(0, 0, 9.9)], [(5, 0, 10.1)], ([], [False])),
        ([(0, 0, 10.1)], [(5, 0, 9.9)], ([False], [])),
        ([(0, 0, 10)], [(0, 0, 10)], ([True], [True])),
    ],
)
def test_the_smallest_diameter_judges_the_true_crater(detected, truth, expected):
    assert hits(detected, truth, min_diameter_km=10) == expected


def test_a_small_true_crater_takes_part_but_is_not_judged():
    """The best match of the detected crater is the small one; the large one stays missed."""
    assert hits([(0, 0, 9.8)], [(0, 0, 9.8), (0, 0, 10)], min_diameter_km=10) == ([], [False])


def test_tables_have_kilometres():
    result = match_craters(craters((1, 2, 3)), craters((1, 2, 3)), 0.3, 0, RADIUS_M)
    assert result.detected.iloc[0].to_dict() == dict(lon=1, lat=2, diameter_km=3, hit=True)


pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.4, 0.5, 0.9])), max_size=20)


@given(pairs)
def test_pairing_agrees_with_a_loop(rows):
    i, j, value = (np.array([row[k] for row in rows], dtype) for k, dtype in enumerate((int, int, float)))
    expected, used_i, used_j = [], set(), set()
    for a, b, _ in sorted(rows, key=lambda row: (-row[2], row[0], row[1])):
        if a not in used_i and b not in used_j:
            expected.append((a, b))
            used_i.add(a)
            used_j.add(b)
    assert list(zip(*(part.tolist() for part in pair_greedily(i, j, value)), strict=True)) == expected


@st.composite
def crowds(draw):
    """True craters close to each other, beside 180 E or a pole or elsewhere, detected ones on them, and parts of these.

    Positions and sizes are of a coarse raster, so that equal overlaps and equal craters are frequent.
    """
    lon, lat = draw(st.sampled_from([(0.0, 0.0), (180.0, 30.0), (20.0, 89.5), (-75.0, -90.0)]))
    steps = st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.sampled_from([8, 10, 12.5]))

    def crater(step):
        return (lon + step[0] * 0.1 + 180) % 360 - 180, float(np.clip(lat + step[1] * 0.1, -90, 90)), step[2]

    true, detected = (list(map(crater, draw(st.lists(steps, max_size=12)))) for _ in range(2))
    return true, detected, [draw(st.integers(0, 3)) for _ in detected]


@given(crowds())
def test_matches_are_the_same_however_craters_are_parted(crowd):
    """As of all craters at once, in the order of latitude, longitude and diameter."""
    true, detected, part_of = crowd
    criteria = MatchCriteria(0.3, 0, RADIUS_M)
    matcher = CraterMatcher(craters(*true), criteria)
    for part in sorted(set(part_of)):
        members = [crater for crater, number in zip(detected, part_of, strict=True) if number == part]
        matcher.feed(scored(*members), np.arange(len(true)))
    pairs = matcher.pairs()
    chosen = pairs.matches()
    matched, partners = pairs.craters(chosen), pairs.truth[chosen]
    ordered = sorted(detected, key=lambda crater: (crater[1], crater[0], crater[2]))
    expected = match_craters(craters(*ordered), craters(*true), 0.3, 0, RADIUS_M)
    hit = expected.detected[expected.detected["hit"]]
    places = np.column_stack([matched.lat, matched.lon, matched.diameter_m / 1000])
    assert sorted(map(tuple, places)) == sorted(map(tuple, hit[["lat", "lon", "diameter_km"]].to_numpy()))
    assert sorted(partners.tolist()) == np.flatnonzero(expected.truth["hit"]).tolist()


def test_only_candidates_are_matched():
    matcher = CraterMatcher(craters((0, 0, 10), (0, 0, 10)), MatchCriteria(0.3, 0, RADIUS_M))
    matcher.feed(scored((0, 0, 10), (0, 0, 10)), np.array([1]))
    pairs = matcher.pairs()
    assert pairs.truth[pairs.matches()].tolist() == [1]


def test_nothing_was_fed():
    pairs = CraterMatcher(craters((0, 0, 10)), MatchCriteria(0.3, 0, RADIUS_M)).pairs()
    assert len(pairs.matches()) == 0
    assert len(pairs.craters(pairs.matches())) == 0
