"""Greedy non-max suppression, exact, without an order of computation.

The definition: in the order of priority (ties by place and size, see
orbitile.overlap.kernels.precedes), a box survives unless it overlaps a survivor. Here every box is decided
from its better rivals alone, which gives the same answer whatever the order of input, the number of
threads, or how many boxes elsewhere are in view.
"""

from dataclasses import dataclass

import numpy as np

from orbitile.overlap import kernels
from orbitile.overlap.boxes import Boxes
from orbitile.overlap.search import Overlaps, Question, Shape, find_overlaps


@dataclass(frozen=True)
class Survival:
    """What suppression made of boxes: which survive, and which cannot be decided (both bool, (n,)).

    `longest_chain` is the largest number of boxes of which each overlaps the next, a better one.
    """

    alive: np.ndarray
    open: np.ndarray
    longest_chain: int


def survivors(
    boxes: Boxes, priority: np.ndarray, threshold: float, shape: Shape = "box", apart: np.ndarray | None = None
) -> Survival:
    """Suppress every box that overlaps a surviving one of higher priority by an IoU above the threshold.

    `priority` (n) is the score. Boxes with different numbers in `apart` (n) never suppress each other. Boxes
    that are equal in all go by their order of input.
    """
    return decide(find_overlaps(boxes, priority, Question(threshold, shape), apart), None)


def decide(overlaps: Overlaps, complete: np.ndarray | None) -> Survival:
    """Decide every box from the overlaps of all.

    `complete` (n, bool) tells of which boxes all rivals are known (None: of all). A box is open when its
    fate hangs on a rival that may be missing.
    """
    order, pairs = overlaps
    known = np.empty(0, bool) if complete is None else complete[order]
    ends, rivals = _rivals(len(order), pairs)
    state = np.full(len(order), kernels.UNDECIDED, np.uint8)
    longest = kernels.decide(ends, rivals, known, state) if len(order) else 0
    fate = np.empty_like(state)
    fate[order] = state
    return Survival(fate == kernels.ALIVE, fate == kernels.OPEN, int(longest))


def _rivals(count: int, pairs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The better rivals of each box, box by box, and where each box's end."""
    free = np.zeros(count + 1, np.uint32 if sum(map(len, pairs)) < 2**32 else np.int64)
    for some in pairs:
        kernels.count_rivals(some, free)
    np.cumsum(free, out=free)
    rivals = np.empty(free[-1], np.uint32)
    for some in pairs:
        kernels.list_rivals(some, free, rivals)
    return free[:-1], rivals
