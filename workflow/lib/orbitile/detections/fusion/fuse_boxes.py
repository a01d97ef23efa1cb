"""Weighted boxes fusion: what several views of a tile show becomes one set of boxes.

Solovyev, Wang and Gabruseva 2021, Image and Vision Computing 107, 104117, doi:10.1016/j.imavis.2021.104117.
"""

from typing import NamedTuple

import numpy as np

from orbitile.detections.fusion.compiled_loops import fuse_sorted


class FusedBoxes(NamedTuple):
    """Fused boxes: `group` (m) that each belongs to, ascending, its `corners` (m, 4) and `score` (m)."""

    group: np.ndarray
    corners: np.ndarray
    score: np.ndarray


def fuse_boxes(
    group: np.ndarray, corners: np.ndarray, score: np.ndarray, views: int, iou_threshold: float
) -> FusedBoxes:
    """Fuse the boxes of a number of views of the same tiles; only those of one group (n: tile and class) meet.

    From the highest score down, each box joins the fused box of its group that it overlaps most, if by more than
    `iou_threshold`; else it begins another. Corners are the mean of the members', weighted by score. The score is the
    mean of theirs times min(members, views) / views: what a single view shows counts that much less. Boxes of one score
    come in the order given.
    """
    order = np.lexsort([np.arange(len(score)), -score, group])
    sorted_corners, sorted_score = corners[order].astype(float), score[order].astype(float)
    sorted_group = group[order].astype(np.int64)
    fused, total, members, fused_group = fuse_sorted(sorted_group, sorted_corners, sorted_score, iou_threshold)
    mean = total / np.maximum(members, 1)
    return FusedBoxes(fused_group, fused, mean * np.minimum(members, views) / views)
