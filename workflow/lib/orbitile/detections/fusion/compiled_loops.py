"""Weighted boxes fusion, box by box."""

import numpy as np

from orbitile.base.compiled import compiled


@compiled
def _iou(first, second):
    """Intersection over union of two boxes (4)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = (first[2] - first[0]) * (first[3] - first[1]) + (second[2] - second[0]) * (second[3] - second[1])
    return shared / (areas - shared)


@compiled
def fuse_sorted(group, corners, score, iou_threshold):
    """Corners, sum of scores, members and group of the fused boxes, of boxes sorted by group and falling score."""
    count = len(score)
    fused, total = np.empty((count, 4)), np.zeros(count)
    members, fused_group = np.zeros(count, np.int64), np.empty(count, np.int64)
    end = start = 0
    for box in range(count):
        if box > 0 and group[box] != group[box - 1]:
            start = end
        best, best_iou = -1, iou_threshold
        for candidate in range(start, end):
            overlap = _iou(fused[candidate], corners[box])
            if overlap > best_iou:
                best, best_iou = candidate, overlap
        if best < 0:
            best = end
            fused[best] = 0
            fused_group[best] = group[box]
            end += 1
        weight = total[best] + score[box]
        for side in range(4):
            if weight > 0:
                fused[best, side] += (corners[box, side] - fused[best, side]) * (score[box] / weight)
            else:
                fused[best, side] = corners[box, side]
        total[best] = weight
        members[best] += 1
    return fused[:end], total[:end], members[:end], fused_group[:end]
