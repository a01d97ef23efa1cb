"""Figures of maps against the truth, by hand and against plain loops."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from orbitile.features.metrics import (
    LinePoints,
    PixelCounts,
    class_mean,
    class_metrics,
    line_metrics,
    pooled_metrics,
    tile_mean_metrics,
)
from orbitile.space.ground import unit_vectors

R = 1_737_400.0
DEGREE_M = R * np.pi / 180


def test_counts_of_masks():
    """By hand; the last column has no data."""
    predicted = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 1, 1]], bool)
    true = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 1, 0]], bool)
    valid = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 0]], bool)
    counts = PixelCounts.of(predicted, true, valid)
    assert counts == PixelCounts(tp=3, fp=1, fn=2)
    assert (counts.precision, counts.recall) == (3 / 4, 3 / 5)
    assert pooled_metrics(counts) == pytest.approx(dict(precision=0.75, recall=0.6, f1=2 / 3, iou=0.5))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (PixelCounts(), dict(precision=0, recall=0, f1=0, iou=0)),
        (PixelCounts(0, 5, 0), dict(precision=0, recall=0, f1=0, iou=0)),
        (PixelCounts(0, 0, 5), dict(precision=0, recall=0, f1=0, iou=0)),
        (PixelCounts(5, 0, 0), dict(precision=1, recall=1, f1=1, iou=1)),
    ],
)  # fmt: skip
def test_nothing_found_or_nothing_true(counts, expected):
    assert pooled_metrics(counts) == expected


def test_what_is_undefined_is_nan():
    assert np.isnan([PixelCounts(0, 0, 3).precision, PixelCounts(0, 3, 0).recall, PixelCounts().f1]).all()
    assert (PixelCounts(0, 3, 0).precision, PixelCounts(0, 0, 3).recall) == (0, 0)


def test_arrays_of_counts_have_measures_of_their_shape():
    """By hand: two tiles and two classes."""
    tiles = PixelCounts(tp=np.array([[3, 0], [1, 0]]), fp=np.array([[1, 0], [1, 0]]), fn=np.array([[2, 4], [0, 0]]))
    assert tiles.precision.tolist() == [
        [0.75, pytest.approx(np.nan, nan_ok=True)],
        [0.5, pytest.approx(np.nan, nan_ok=True)],
    ]
    assert tiles.iou.tolist() == [[0.5, 0], [0.5, pytest.approx(np.nan, nan_ok=True)]]
    assert class_metrics(tiles) == dict(precision=[4 / 6, 0], recall=[4 / 6, 0], f1=[8 / 12, 0], iou=[0.5, 0])
    expected = dict(precision=2 / 6, recall=2 / 6, f1=4 / 12, iou=0.25)
    assert class_mean(class_metrics(tiles), tiles.total().has_truth) == pytest.approx(expected)


@pytest.mark.parametrize(("absent", "f1"), [((0, 0, 0), 2 / 3), ((0, 7, 0), 2 / 3), ((0, 0, 1), 1 / 3)])
def test_a_class_that_is_nowhere_true_counts_in_no_mean(absent, f1):
    """Not even where it is predicted: an epoch would be the best for a single pixel less of it."""
    tiles = PixelCounts(*np.array([[1, 1, 0], absent]).T[:, None])
    assert class_mean(class_metrics(tiles), tiles.total().has_truth)["f1"] == pytest.approx(f1)
    nothing = PixelCounts(*np.zeros((3, 1, 2), int))
    assert class_mean(class_metrics(nothing), nothing.total().has_truth)["f1"] == 0


def test_means_over_tiles_pass_over_tiles_where_a_measure_is_undefined():
    """Le Corre et al. 2025: precision over tiles with something found, recall over tiles with something true.

    Precisions are 1/2 and 1, recalls 1, 1/4 and 0: the means 3/4 and 5/12, whose harmonic mean is 15/28.
    """
    tiles = [PixelCounts(2, 2, 0), PixelCounts(1, 0, 3), PixelCounts(0, 0, 7), PixelCounts(0, 0, 0)]
    assert tile_mean_metrics(tiles) == pytest.approx(dict(precision=3 / 4, recall=5 / 12, f1=15 / 28))


@pytest.mark.parametrize("tiles", [[], [PixelCounts()], [PixelCounts(0, 0, 1)], [PixelCounts(0, 1, 0)]])
def test_means_over_nothing(tiles):
    assert tile_mean_metrics(tiles) == dict(precision=0, recall=0, f1=0)


masks = hnp.arrays(bool, (3, 6, 7))


@given(masks, st.integers(0, 7))
def test_counts_of_parts_add_up(three, column):
    predicted, true, valid = three
    halves = [PixelCounts.of(*(mask[:, part] for mask in three)) for part in (slice(None, column), slice(column, None))]
    assert sum(halves, PixelCounts()) == PixelCounts.of(predicted, true, valid)


@given(masks)
def test_f1_and_iou_belong_together(three):
    """F1 = 2 IoU / (1 + IoU)."""
    figures = pooled_metrics(PixelCounts.of(*three))
    assert figures["f1"] == pytest.approx(2 * figures["iou"] / (1 + figures["iou"]))


def path(*lines, step_m=DEGREE_M):
    return LinePoints.of(np.array([shapely.LineString(line) for line in lines], object), step_m, R)


def test_points_stand_for_the_length_of_lines():
    """10 degrees along the equator, and 20 from there over the pole's meridian, 3 degrees a step."""
    points = path([(0, 0), (10, 0)], [(50, 0), (50, 10), (50, 20)], step_m=3 * DEGREE_M)
    assert len(points.points) == 4 + 4 + 4
    assert np.linalg.norm(points.points, axis=1) == pytest.approx(1)
    assert points.length_m.sum() == pytest.approx(30 * DEGREE_M, rel=2e-3)
    assert points.points[0] == pytest.approx(unit_vectors(1.25, 0.0), abs=1e-3)


def test_parts_of_lines_are_not_linked():
    points = LinePoints.of(
        np.array([shapely.MultiLineString([[(179, 0), (180, 0)], [(-180, 0), (-179, 0)]])]), DEGREE_M, R
    )
    assert points.length_m.sum() == pytest.approx(2 * DEGREE_M, rel=1e-3)


def at(*degrees):
    """A path of points on the equator, each of which stands for a kilometre."""
    return LinePoints(unit_vectors(np.array(degrees, float), np.zeros(len(degrees))), np.full(len(degrees), 1000.0))


@pytest.mark.parametrize(("tolerance_deg", "expected"), [(1, 1), (0.99999, 0), (1.00001, 1), (2, 1)])
def test_the_tolerance_itself_is_near(tolerance_deg, expected):
    assert at(10).are_near(at(11), tolerance_deg * DEGREE_M, R).tolist() == [bool(expected)]


def test_lines_by_hand():
    """Of 4 km found 3 are within a degree of the truth; of 5 km of truth 2 are within a degree of what was found."""
    predicted, true = at(0, 0.5, 1, 50), at(0.2, 1.9, 20, 21, 22)
    figures = line_metrics([predicted], true, DEGREE_M, R)
    assert figures == pytest.approx(
        dict(precision=0.75, recall=0.4, f1=0.6 / 1.15, found_km=4, true_km=5, tolerance_m=DEGREE_M)
    )


@pytest.mark.parametrize(("predicted", "true"), [((), ()), ((1,), ()), ((), (1,))])
def test_nothing_found_or_no_true_line(predicted, true):
    figures = line_metrics([at(*predicted)], at(*true), DEGREE_M, R)
    share = 0 if true else None
    assert [figures[name] for name in ("precision", "recall", "f1", "found_km", "true_km")] == [
        share, share, share, len(predicted), len(true)
    ]  # fmt: skip


def test_lines_in_tables_may_be_none():
    none = LinePoints.of(np.zeros(0, object), 10.0, R)
    assert (none.points.shape, none.length_m.sum()) == ((0, 3), 0)


PLACES = st.lists(st.floats(-3, 3), max_size=8)


@given(PLACES, PLACES, st.floats(0.01, 3), st.integers(0, 8))
def test_shares_are_those_of_a_plain_loop(predicted, true, tolerance_deg, cut):
    """Whether the predicted lines come at once or in two parts, of which either may be empty."""
    apart = np.abs(np.subtract.outer(predicted, true))
    if (np.abs(apart - tolerance_deg) < 1e-6).any():
        return
    near = apart <= tolerance_deg
    shares = tuple(np.mean(near.any(axis=axis)) if near.size else 0 for axis in (1, 0)) if true else (None, None)
    for parts in ([predicted], [predicted[:cut], predicted[cut:]]):
        figures = line_metrics((at(*part) for part in parts), at(*true), tolerance_deg * DEGREE_M, R)
        assert (figures["precision"], figures["recall"]) == (pytest.approx(shares) if true else shares)
        assert figures["found_km"] == len(predicted)
