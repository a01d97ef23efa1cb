"""Greedy non-max suppression: exact, and independent of the order of computation.

The definition: in the order of priority (ties by position and size, see `precedes` in
orbitile.detections.nms.compiled_loops), a box survives unless it overlaps a survivor. Here every box is decided from
its better rivals alone, which gives the same result whatever the order of input, the number of threads, or the boxes
elsewhere.
"""

from dataclasses import dataclass

import numpy as np

from orbitile.detections.nms import compiled_loops
from orbitile.detections.nms.boxes import Boxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, Overlaps, Shape, find_overlaps


@dataclass(frozen=True)
class NmsResult:
    """What suppression made of boxes: which survive, and which cannot be decided (both bool, (n,)).

    `longest_chain` is the largest number of boxes of which each overlaps the next, a better one.
    """

    alive: np.ndarray
    undecided: np.ndarray
    longest_chain: int


def plane_nms(
    boxes: Boxes, priority: np.ndarray, iou_threshold: float, shape: Shape = "box",
    partition: np.ndarray | None = None,
) -> NmsResult:  # fmt: skip
    """Suppress every box that overlaps a surviving one of higher priority by an IoU above the threshold.

    `priority` (n) is the score. Boxes with different numbers in `partition` (n) never suppress each other. Ties go by
    position and size; boxes that are equal in these, too, go by their order of input.
    """
    return greedy_nms(find_overlaps(boxes, priority, OverlapCriterion(iou_threshold, shape), partition), None)


def greedy_nms(overlaps: Overlaps, complete: np.ndarray | None) -> NmsResult:
    """Decide every box from the overlaps of all.

    `complete` (n, bool) marks the boxes all of whose rivals are among the overlaps (None: all boxes). A box is
    undecided when its state depends on a rival that may be missing.
    """
    order, pairs = overlaps
    complete_in_order = np.empty(0, bool) if complete is None else complete[order]
    ends, rivals = _rivals(len(order), pairs)
    state_in_order = np.full(len(order), compiled_loops.PENDING, np.uint8)
    longest = compiled_loops.decide_boxes(ends, rivals, complete_in_order, state_in_order) if len(order) else 0
    state = np.empty_like(state_in_order)
    state[order] = state_in_order
    return NmsResult(state == compiled_loops.ALIVE, state == compiled_loops.UNDECIDED, int(longest))


def overlapped_by(overlaps: Overlaps, alive: np.ndarray) -> np.ndarray:
    """Which boxes (n, bool) overlap a better one among those that are alive (n, bool), in the order of input."""
    order, pairs = overlaps
    alive_in_order, overlapping_in_order = alive[order], np.zeros(len(order), bool)
    for batch in pairs:
        later, earlier = batch[::2], batch[1::2]
        overlapping_in_order[later[alive_in_order[earlier]]] = True
    overlapping = np.empty_like(overlapping_in_order)
    overlapping[order] = overlapping_in_order
    return overlapping


def _rivals(count: int, pairs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Where the rivals of each box end, and the better rivals of all boxes, box by box."""
    next_free = np.zeros(count + 1, np.uint32 if sum(map(len, pairs)) < 2**32 else np.int64)
    for batch in pairs:
        compiled_loops.count_rivals(batch, next_free)
    np.cumsum(next_free, out=next_free)
    rivals = np.empty(next_free[-1], np.uint32)
    for batch in pairs:
        compiled_loops.list_rivals(batch, next_free, rivals)
    return next_free[:-1], rivals
