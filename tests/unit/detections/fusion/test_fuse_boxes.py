"""Weighted boxes fusion: literal tables, and parity with the paper's algorithm written plainly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.detections.fusion.fuse_boxes import fuse_boxes


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area - width * height)


def fused_plainly(group, corners, score, views, threshold):
    """Solovyev et al. 2021, section 3: clusters of boxes, each with its weighted mean so far."""
    result = []
    for name in sorted(set(group)):
        clusters = []
        for number in sorted(np.flatnonzero(group == name), key=lambda n: -score[n]):
            overlaps = [iou(mean_of(cluster, corners, score), corners[number]) for cluster in clusters]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best >= 0 and overlaps[best] > threshold:
                clusters[best].append(number)
            else:
                clusters.append([number])
        for cluster in clusters:
            mean = np.mean(score[cluster]) * min(len(cluster), views) / views
            result.append((name, *mean_of(cluster, corners, score), mean))
    return np.array(result)


def mean_of(cluster, corners, score):
    return np.average(corners[cluster], axis=0, weights=score[cluster])


def test_boxes_of_all_views_agree():
    corners, score = np.array([[0, 0, 10, 10], [2, 0, 12, 10.0]]), np.array([0.9, 0.3])
    fused = fuse_boxes(np.zeros(2, int), corners, score, 2, 0.5)
    assert fused.corners.tolist() == [pytest.approx([0.5, 0, 10.5, 10])]
    assert fused.score.tolist() == pytest.approx([0.6])


def test_a_box_of_a_single_view_counts_less():
    fused = fuse_boxes(np.zeros(1, int), np.array([[0, 0, 10, 10.0]]), np.array([0.8]), 4, 0.5)
    assert fused.score.tolist() == pytest.approx([0.2])


def test_groups_do_not_meet():
    corners = np.array([[0, 0, 10, 10.0]] * 3)
    fused = fuse_boxes(np.array([4, 1, 4]), corners, np.array([0.8, 0.6, 0.4]), 2, 0.5)
    assert fused.group.tolist() == [1, 4]
    assert fused.score.tolist() == pytest.approx([0.3, 0.6])


def test_nothing_is_fused_of_nothing():
    fused = fuse_boxes(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0), 2, 0.5)
    assert [len(part) for part in fused] == [0, 0, 0] and fused.corners.shape == (0, 4)


def test_scores_of_zero_are_no_numbers_that_fail():
    fused = fuse_boxes(np.zeros(2, int), np.array([[0, 0, 4, 4.0]] * 2), np.zeros(2), 2, 0.5)
    assert fused.corners.tolist() == [[0, 0, 4, 4]] and fused.score.tolist() == [0]


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 8), st.sampled_from([0.3, 0.55, 0.8]))
def test_parity_with_the_definition(seed, count, views, threshold):
    rng = np.random.default_rng(seed)
    corner, group = rng.integers(0, 40, (count, 2)), rng.integers(0, 3, count)
    corners = np.hstack([corner, corner + rng.integers(5, 25, (count, 2))]).astype(float)
    score = rng.choice([0.1, 0.3, 0.5, 0.9], count) + rng.random(count) * 0.01
    fused = fuse_boxes(group, corners, score, views, threshold)
    expected = fused_plainly(group, corners, score, views, threshold).reshape(-1, 6)
    assert fused.group.tolist() == expected[:, 0].tolist()
    assert np.allclose(fused.corners, expected[:, 1:5]) and np.allclose(fused.score, expected[:, 5])
