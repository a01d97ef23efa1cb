"""Which boxes overlap: exact, for any mixture of sizes.

Boxes are sorted into levels by powers of two of their size, each level into bins of latitude (or y) that are a little
higher than overlapping boxes of that level can lie apart, each bin by longitude (or x). The sizes of two boxes with an
IoU above t have a ratio of at least t (circles: the square root of t), and their centres are not farther apart than
(1 - t) of the larger side (circles: 1 - pi t / 4 of the diameter). So a bin is merged, as sorted lists are, with
itself, the next one, and those in reach on the few next larger levels. At the poles and the antimeridian, windows of
longitude are handled as everywhere else. Cost grows with the number of boxes and pairs.
"""

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, Self, TypeVar

import numpy as np

from orbitile.base.cores import core_count
from orbitile.detections.nms import compiled_loops
from orbitile.detections.nms.boxes import Boxes, GroundBoxes, PlaneBoxes

T = TypeVar("T")
Columns = tuple[np.ndarray, ...]

Shape = Literal["box", "circle"]
MARGIN = 1e-5
"""Relative margin of all bounds, for the rounding of float32."""
SHAPES = dict(box=compiled_loops.BOX, circle=compiled_loops.CIRCLE)
BIN_HEIGHT = 2
"""Height of a bin in units of how far apart overlapping boxes may be; lower ones hold fewer boxes to compare,
higher ones are fewer to visit."""
RANGES_PER_THREAD = 16
"""Into how many ranges for each thread the search is cut, so that all threads end together."""


@dataclass(frozen=True)
class OverlapCriterion:
    """Which boxes count as overlapping: those with an IoU above `iou_threshold`, taken as boxes or as circles.

    `threads` is the number of threads of the search; None leaves it to ThreadTeam.
    """

    iou_threshold: float
    shape: Shape = "box"
    threads: int | None = None

    @property
    def ratio(self) -> float:
        """Of two overlapping boxes' sizes, the smaller over the larger is at least this."""
        least = math.sqrt(self.iou_threshold) if self.shape == "circle" else self.iou_threshold
        return least * (1 - MARGIN)

    @property
    def offset(self) -> float:
        """The centres of overlapping boxes are at most this apart, as a share of the larger size."""
        share = math.pi / 4 if self.shape == "circle" else 1
        return (1 - share * self.iou_threshold) * (1 + MARGIN) + MARGIN

    def reach(self, size: np.ndarray) -> np.ndarray:
        """How far away (n) the centre of a box that overlaps one of these sizes (n) may be, in the unit of sizes."""
        return math.sqrt(2) * self.offset * size / max(self.ratio, np.finfo(float).tiny)


class Overlaps(NamedTuple):
    """All pairs of boxes that overlap.

    Boxes are numbered by their positions in the search's own order; `order` (n) gives their indices in the input.
    `pairs` holds arrays of (later, earlier, later, earlier ...) in the order of priority.
    """

    order: np.ndarray
    pairs: list[np.ndarray]


def find_overlaps(
    boxes: Boxes, priority: np.ndarray, criterion: OverlapCriterion, partition: np.ndarray | None = None
) -> Overlaps:
    """Find all overlapping pairs of boxes with priorities (n).

    Boxes with different numbers in `partition` (n, whole numbers) never count as overlapping.
    """
    if len(boxes) == 0:
        return Overlaps(np.empty(0, np.int64), [])
    surface, columns = _surface(boxes), _interleaved(boxes.columns)
    search = (surface, SHAPES[criterion.shape], criterion.iou_threshold, criterion.ratio, criterion.offset)
    with ThreadTeam(criterion.threads) as team:
        bins, keys = _sort_into_bins(surface, columns, criterion, team)
        rows, xs, sorted_priority = _gather_rows(surface, columns, priority, keys, team)
        order = (keys & compiled_loops.INDEX).astype(np.uint32)
        numbers = np.empty(0, np.int64) if partition is None else np.asarray(partition, np.int64)[order]
        sorted_boxes = (rows, xs, sorted_priority, keys, numbers)
        ranges = _balanced_ranges(bins.starts, team)
        pairs = team.map_ranges(ranges, compiled_loops.find_pairs, search, tuple(bins), sorted_boxes)
    return Overlaps(order, pairs)


def find_overlaps_between(
    boxes: Boxes, other_boxes: Boxes, criterion: OverlapCriterion
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs (i, j, IoU), each (n), of boxes[i] and other_boxes[j] that overlap."""
    joined = _concatenated(boxes, other_boxes)
    order, pairs = find_overlaps(joined, np.zeros(len(joined), np.float32), criterion)
    ends = order[np.concatenate([*pairs, np.empty(0, np.uint32)])].astype(np.int64).reshape(-1, 2)
    i, j = ends.min(axis=1), ends.max(axis=1) - len(boxes)
    across = (i < len(boxes)) & (j >= 0)
    i, j = i[across], j[across]
    return i, j, paired_iou(boxes, i, other_boxes, j, criterion.shape)


def paired_iou(boxes: Boxes, i: np.ndarray, other_boxes: Boxes, j: np.ndarray, shape: Shape = "box") -> np.ndarray:
    """Intersection over union (n) of the boxes boxes[i] and other_boxes[j], pair by pair."""
    return compiled_loops.pairwise_iou(_surface(boxes), SHAPES[shape], boxes.columns, i, other_boxes.columns, j)


class ThreadTeam:
    """Threads that share the work on arrays; a context manager.

    Without a number there are as many as OMP_NUM_THREADS says, which workflow engines and schedulers set, or as many
    as there are cores.
    """

    def __init__(self, threads: int | None) -> None:
        in_environment = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
        self.size = threads or int(in_environment or core_count())
        self._pool = ThreadPoolExecutor(self.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def map_ranges(self, ranges: Iterable[tuple[int, int]], loop: Callable[..., T], *arguments: object) -> list[T]:
        """Call a compiled loop for each range: with the same arguments, then the range's begin and end."""
        if self.size == 1:
            return [loop(*arguments, *bounds) for bounds in ranges]
        tasks = [self._pool.submit(loop, *arguments, *bounds) for bounds in ranges]
        return [task.result() for task in tasks]

    def equal_ranges(self, length: int) -> list[tuple[int, int]]:
        """Equal parts of 0..length, one for each thread."""
        edges = np.linspace(0, length, self.size + 1).astype(int).tolist()
        return list(pairwise(edges))


class SweepBins(NamedTuple):
    """Levels and their bins: the `layout` of orbitile.detections.nms.compiled_loops.find_pairs."""

    level_of_bin: np.ndarray
    first: np.ndarray
    per_unit: np.ndarray
    low: float
    tolerance: float
    starts: np.ndarray


def _surface(boxes: Boxes) -> int:
    return compiled_loops.PLANE if isinstance(boxes, PlaneBoxes) else compiled_loops.GROUND


def _interleaved(columns: Columns) -> Columns:
    """The numbers of each box next to each other in memory, because they are looked up together."""
    return columns if columns[0].strides[0] > columns[0].itemsize else tuple(np.column_stack(columns).T)


def _concatenated(boxes: Boxes, other_boxes: Boxes) -> Boxes:
    """The boxes of two sets on one surface, one set after the other."""
    columns = [np.concatenate(pair) for pair in zip(boxes.columns, other_boxes.columns, strict=True)]
    return PlaneBoxes(np.column_stack(columns)) if isinstance(boxes, PlaneBoxes) else GroundBoxes(*columns)


def _sort_into_bins(
    surface: int, columns: Columns, criterion: OverlapCriterion, team: ThreadTeam
) -> tuple[SweepBins, np.ndarray]:
    """Sort boxes by bin and x: the bins, and the sorted keys, which hold the boxes' indices in the input."""
    count = len(columns[0])
    level = np.empty(count, np.uint8)
    shape = SHAPES[criterion.shape]
    surveys = team.map_ranges(team.equal_ranges(count), compiled_loops.survey_boxes, surface, shape, columns, level)
    counts = np.sum([counts for counts, _ in surveys], axis=0)
    bounds = np.array([bounds for _, bounds in surveys])
    (low_x, low_y), (high_x, high_y) = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    first, per_unit = _bin_layout(counts, high_y - low_y, criterion)
    bin_of_box = np.empty(count, np.uint32)
    team.map_ranges(
        team.equal_ranges(count), compiled_loops.assign_bins, surface, columns, level, low_y, first, per_unit,
        bin_of_box,
    )  # fmt: skip
    parts = [(part, team.size) for part in range(team.size)]
    starts = np.zeros(first[-1] + 1, np.int64)
    team.map_ranges(parts, compiled_loops.count_bins, bin_of_box, starts[1:])
    np.cumsum(starts, out=starts)
    keys, next_free = np.empty(count, np.uint64), starts[:-1].copy()
    per_step = compiled_loops.X_STEPS / max(high_x - low_x, 1e-200)
    team.map_ranges(parts, compiled_loops.fill_bins, surface, columns, bin_of_box, low_x, per_step, next_free, keys)
    team.map_ranges(_balanced_ranges(starts, team), compiled_loops.sort_bins, keys, starts)
    precision = np.finfo(columns[0].dtype).eps
    tolerance = 4 * precision * np.abs(bounds).max() + 2 / per_step
    level_of_bin = np.repeat(np.arange(compiled_loops.LEVELS, dtype=np.uint8), np.diff(first))
    return SweepBins(level_of_bin, first, per_unit, low_y, tolerance, starts), keys


def _bin_layout(counts: np.ndarray, extent: float, criterion: OverlapCriterion) -> tuple[np.ndarray, np.ndarray]:
    """First bin of each level (and one past the last), and bins per unit of y, from the levels' counts.

    A bin is as high as overlapping boxes may lie apart, but there are not more bins than boxes.
    """
    largest = 2.0 ** (np.arange(compiled_loops.LEVELS) - 64)
    heights = np.maximum(BIN_HEIGHT * criterion.offset * largest, extent / np.maximum(counts, 1))
    per_unit = 1 / heights
    bins = np.where(counts > 0, (extent * per_unit).astype(np.int64) + 1, 0)
    return np.concatenate([[0], np.cumsum(bins)]), per_unit


def _gather_rows(
    surface: int, columns: Columns, priority: np.ndarray, keys: np.ndarray, team: ThreadTeam
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, x and priority of the boxes in the order of `keys`."""
    count = len(keys)
    dtype = columns[0].dtype
    rows = np.empty((count, 4 if surface == compiled_loops.PLANE else 5), dtype)
    xs, sorted_priority = np.empty(count, dtype), np.empty(count, priority.dtype)
    team.map_ranges(
        team.equal_ranges(count), compiled_loops.gather_rows, surface, columns, priority, keys, rows, xs,
        sorted_priority,
    )  # fmt: skip
    return rows, xs, sorted_priority


def _balanced_ranges(starts: np.ndarray, team: ThreadTeam) -> list[tuple[int, int]]:
    """Ranges of bins with about equally many boxes, several for each thread so that all end together."""
    edges = np.searchsorted(starts, np.linspace(0, starts[-1], RANGES_PER_THREAD * team.size + 1))
    edges[-1] = len(starts) - 1
    return list(pairwise(np.unique(edges).tolist()))
