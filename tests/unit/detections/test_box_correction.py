"""Corrections of sizes: literal tables, what is refused, and that order of size stays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.detections.box_correction import UNCHANGED, BoxCorrection


def square(size):
    return [50 - size / 2, 50 - size / 2, 50 + size / 2, 50 + size / 2]


@pytest.mark.parametrize(
    ("size", "factor"), [(1, 0.9), (10, 0.9), (20, 1.0), (40, 1.1), (80, 1.1), (10 * 2**0.5, 0.95)]
)
def test_factors_are_linear_in_the_logarithm(size, factor):
    corrected = BoxCorrection.of([[10, 0.9], [40, 1.1]]).apply(np.array([square(size)]))
    assert corrected[0].tolist() == pytest.approx(square(size * factor))


def test_width_and_height_keep_their_ratio():
    corrected = BoxCorrection.of([[8, 0.5]]).apply(np.array([[10, 20, 30, 60.0]]))
    assert corrected.tolist() == [[15, 30, 25, 50]]


def test_circles_have_the_mean_of_width_and_height():
    assert BoxCorrection.of(None, True).apply(np.array([[10, 20, 30, 60.0]])).tolist() == [[5, 25, 35, 55]]
    assert BoxCorrection.of([[8, 0.5]], True).apply(np.array([[10, 20, 30, 60.0]])).tolist() == [
        [12.5, 32.5, 27.5, 47.5]
    ]


def test_without_a_statement_boxes_are_the_same_numbers():
    boxes = np.array([[0.1, 0.2, 7.3, 9.9]])
    assert UNCHANGED.apply(boxes) is boxes and BoxCorrection.of(None) == UNCHANGED
    assert BoxCorrection.of([[8, 0.5]]).apply(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize(
    ("points", "circles"),
    [
        ([], None), ("10", None), ([10, 1.0], None), ([[10]], None), ([[10, 0.2]], None), ([[0, 1.0]], None),
        ([[10, 1.0], [10, 1.0]], None), ([[20, 1.0], [10, 1.0]], None), ([[10, 1.9], [11, 0.6]], None),
        ([[10, True]], None), ([[float("nan"), 1]], None), ([[10, float("nan")]], None), (None, "yes"), ({}, None),
    ],
)  # fmt: skip
def test_what_is_no_correction_is_refused(points, circles):
    with pytest.raises(OrbitileError, match="allowed"):
        BoxCorrection.of(points, circles)


@given(
    st.lists(st.tuples(st.floats(1, 500), st.floats(0.5, 2)), min_size=1, max_size=6),
    st.lists(st.floats(0.1, 1000), min_size=2, max_size=20),
)
def test_larger_boxes_stay_larger(points, sizes):
    try:
        calibration = BoxCorrection.of(sorted(points))
    except OrbitileError:
        return
    boxes = calibration.apply(np.array([square(size) for size in sorted(sizes)]))
    assert (np.diff(boxes[:, 2] - boxes[:, 0]) >= -1e-9).all()
