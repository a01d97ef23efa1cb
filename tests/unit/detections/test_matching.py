import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.detections.matching import match_craters, pair_greedily
from orbitile.tables.craters import Craters

RADIUS_M = 1737400.0


def craters(*rows):
    """Made-up craters from rows of lon, lat, diameter in kilometres."""
    lon, lat, diameter_km = np.array(rows, float).reshape(-1, 3).T
    return Craters(lon, lat, diameter_km * 1000)


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


@pytest.mark.parametrize(
    ("low", "high", "n_detected", "n_truth"), [(0, 5, 1, 0), (5, 10, 0, 1), (10, 20, 1, 0), (0, 99, 2, 1)]
)
def test_between(low, high, n_detected, n_truth):
    result = match_craters(craters((0, 0, 4), (9, 0, 10)), craters((0, 50, 5)), 0.3, 0, RADIUS_M)
    part = result.between("diameter_km", low, high)
    assert (len(part.detected), len(part.truth)) == (n_detected, n_truth)


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
