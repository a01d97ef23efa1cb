import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between, paired_iou
from orbitile.detections.nms.greedy import plane_nms

THRESHOLD = 0.41370001
"""No two boxes drawn here have exactly this overlap, so that rounding decides nothing."""
UNIT_DEG = 1e-3
PLACES = [(0, 0), (180, 10), (-120, 60), (30, 89.995), (-60, -90)]


def ground_boxes(rows):
    """Boxes from rows of lon, lat, width, height in degrees."""
    lon, lat, width, height = np.array(rows, float).reshape(-1, 4).T
    return GroundBoxes(lon, lat, np.radians(width), np.radians(height))


def alive(boxes, rank, partition, threshold):
    """Survivors in order of rank, 0 first."""
    return plane_nms(boxes, -np.asarray(rank, float), threshold, partition=partition).alive


def pair(one, other):
    return paired_iou(ground_boxes([one]), np.array([0]), ground_boxes([other]), np.array([0]))[0]


@st.composite
def crowds(draw, places=PLACES):
    """Boxes on a coarse lattice around one place, so that ties of place and size abound."""
    lon, lat = draw(st.sampled_from(places))
    box = st.tuples(*(st.integers(0, 6),) * 2, *(st.sampled_from([2, 3, 4, 9, 30]),) * 2)
    rows = draw(st.lists(box, max_size=25))
    stretch = 1 / max(np.cos(np.radians(lat)), 0.01)
    boxes = [
        (
            (lon + x * UNIT_DEG * stretch + 180) % 360 - 180,
            np.clip(lat + y * UNIT_DEG, -90, 90),
            w * UNIT_DEG,
            h * UNIT_DEG,
        )
        for x, y, w, h in rows
    ]
    rank = np.array(draw(st.permutations(range(len(rows)))), int)
    partition = np.array(draw(st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows))), int)
    return ground_boxes(boxes), rank, partition


def all_pairs(one, other):
    """IoU of every box with every other (n, m)."""
    i, j = np.indices((len(one), len(other))).reshape(2, -1)
    return paired_iou(one, i, other, j).reshape(len(one), len(other))


def greedy(boxes, rank, partition, threshold):
    """Reference: non-max suppression box by box."""
    values, kept = all_pairs(boxes, boxes), np.zeros(len(boxes), bool)
    for k in np.argsort(rank):
        rivals = kept & (partition == partition[k]) & (values[:, k] > threshold)
        kept[k] = not rivals.any()
    return kept


def chosen(boxes, index):
    return GroundBoxes(boxes.lon[index], boxes.lat[index], boxes.width[index], boxes.height[index])


K = 1e-3
"""A thousandth of a degree: on that scale the sphere is flat."""


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 2 * K, 2 * K), (0, 0, 2 * K, 2 * K), 1),
        ((0, 0, 2 * K, 2 * K), (1 * K, 0, 2 * K, 2 * K), 1 / 3),
        ((0, 0, 2 * K, 2 * K), (0, 1 * K, 2 * K, 2 * K), 1 / 3),
        ((0, 0, 2 * K, 2 * K), (1 * K, 1 * K, 2 * K, 2 * K), 1 / 7),
        ((0, 0, 2 * K, 2 * K), (2 * K, 0, 2 * K, 2 * K), 0),
        ((0, 0, 2 * K, 2 * K), (9 * K, 0, 2 * K, 2 * K), 0),
        ((0, 0, 4 * K, 4 * K), (K / 2, K / 2, 2 * K, 2 * K), 1 / 4),
        ((0, 0, 4 * K, 1 * K), (0, 0, 1 * K, 4 * K), 1 / 7),
        ((180, 0, 2 * K, 2 * K), (-180 + K, 0, 2 * K, 2 * K), 1 / 3),
        ((0, 60, 2 * K, 2 * K), (2 * K, 60, 2 * K, 2 * K), 1 / 3),
        ((0, 0, 2 * K, 2 * K), (180, 0, 2 * K, 2 * K), 0),
        ((0, 90, 2 * K, 2 * K), (77, 90, 2 * K, 2 * K), 1),
        ((0, 90 - K / 2, 2 * K, 2 * K), (180, 90 - K / 2, 2 * K, 2 * K), 1 / 3),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
    ],
)
def test_iou(one, other, expected):
    assert pair(one, other) == pytest.approx(expected, abs=1e-4)


@given(crowds())
def test_iou_is_symmetric_and_a_share(crowd):
    values = all_pairs(crowd[0], crowd[0])
    assert np.array_equal(values, values.T)
    assert ((values >= 0) & (values <= 1 + 1e-9)).all()
    assert np.allclose(values.diagonal(), 1)


@given(crowds(), crowds(), st.sampled_from([0.01, 0.1, 0.3, THRESHOLD, 0.9]))
def test_the_search_finds_every_pair(one, other, threshold):
    one, other = one[0], other[0]
    i, j, value = find_overlaps_between(one, other, OverlapCriterion(threshold))
    expected = all_pairs(one, other)
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == set(zip(*np.nonzero(expected > threshold), strict=True))
    assert np.array_equal(value, expected[i, j])


def test_the_search_at_threshold_zero():
    """A made-up small crater inside one 5000 times as wide."""
    boxes = ground_boxes([(0, 0, 10, 10), (0, 0, 0.002, 0.002)])
    i, j, _ = find_overlaps_between(boxes, boxes, OverlapCriterion(0.0))
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]


@given(crowds())
def test_survivors_are_those_of_the_reference(crowd):
    assert np.array_equal(alive(*crowd, THRESHOLD), greedy(*crowd, THRESHOLD))


@given(crowds(), st.randoms(use_true_random=False))
def test_survivors_do_not_depend_on_the_order_of_rows(crowd, random):
    boxes, rank, partition = crowd
    order = np.array(random.sample(range(len(boxes)), len(boxes)), int)
    shuffled = alive(chosen(boxes, order), rank[order], partition[order], THRESHOLD)
    assert np.array_equal(shuffled, alive(*crowd, THRESHOLD)[order])


@given(crowds(), st.floats(-180, 180))
def test_survivors_do_not_depend_on_the_zero_meridian(crowd, turn):
    boxes, rank, partition = crowd
    turned = GroundBoxes((boxes.lon + turn + 180) % 360 - 180, boxes.lat, boxes.width, boxes.height)
    assert np.array_equal(alive(turned, rank, partition, THRESHOLD), alive(*crowd, THRESHOLD))


@given(crowds(places=[(0, 0)]))
def test_survivors_are_those_of_torchvision(crowd):
    """Small boxes near 0 E, 0 N lie on a plane."""
    torch, ops = pytest.importorskip("torch"), pytest.importorskip("torchvision.ops")
    boxes, rank, _ = crowd
    lon, lat, width, height = np.radians(boxes.lon), np.radians(boxes.lat), boxes.width, boxes.height
    corners = np.column_stack([lon - width / 2, lat - height / 2, lon + width / 2, lat + height / 2])
    kept = ops.nms(torch.from_numpy(corners / np.radians(UNIT_DEG)), torch.from_numpy(-rank.astype(float)), THRESHOLD)
    left = alive(boxes, rank, np.zeros(len(boxes), int), THRESHOLD)
    assert np.flatnonzero(left).tolist() == sorted(kept.tolist())


def test_a_chain_is_undone_link_by_link():
    """Each made-up box overlaps the next: every second one survives."""
    boxes = ground_boxes([(k * 0.001, 0, 0.004, 0.004) for k in range(9)])
    assert alive(boxes, np.arange(9), np.zeros(9, int), 0.5).tolist() == [True, False] * 4 + [True]


def test_an_overlap_of_just_the_threshold_is_allowed():
    boxes = ground_boxes([(0, 0, 1, 1), (0, 0, 1, 1)])
    assert alive(boxes, np.arange(2), np.zeros(2, int), 1.0).tolist() == [True, True]


def test_no_boxes():
    assert alive(ground_boxes([]), np.empty(0, int), np.empty(0, int), 0.5).tolist() == []


def test_boxes_of_a_table():
    table = pd.DataFrame(dict(lon=[1], lat=[2], width_m=[30], height_m=[40]))
    boxes = GroundBoxes.of(table, 10.0)
    assert (len(boxes), boxes.width.tolist(), boxes.height.tolist()) == (1, [3], [4])
