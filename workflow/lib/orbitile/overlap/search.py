"""Which boxes overlap: exact, for any mixture of sizes.

Boxes are sorted into levels by powers of two of their size, each level into strips of latitude (or y) that are a
little higher than overlapping boxes of that level can lie apart, each strip by longitude (or x). Two boxes with
an IoU above t are alike in size (ratio t at least, the square root of t for circles) and their centres are
not farther apart than (1 - t) of the larger side (circles: 1 - pi t / 4 of the diameter). So a strip is merged, as
sorted lists are, with itself, the next one, and those in reach on the few next larger levels. Poles and the
antimeridian are windows of longitude like others. Cost grows with the number of boxes and pairs.
"""

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, Self, TypeVar

import numpy as np

from orbitile.cores import cores
from orbitile.overlap import kernels
from orbitile.overlap.boxes import Boxes, GroundBoxes, PlaneBoxes

T = TypeVar("T")
Columns = tuple[np.ndarray, ...]

Shape = Literal["box", "circle"]
MARGIN = 1e-5
"""Relative margin of all bounds, for what float32 rounds."""
SHAPES = dict(box=kernels.BOX, circle=kernels.CIRCLE)
STRIP_HEIGHT = 2
"""Height of a strip in units of how far apart overlapping boxes may be; lower ones hold fewer boxes to compare,
higher ones are fewer to visit."""
SHARES = 16
"""Into how many parts for each thread the search is cut."""


@dataclass(frozen=True)
class Question:
    """Which boxes count as overlapping: those with an IoU above `threshold`, taken as boxes or as circles."""

    threshold: float
    shape: Shape = "box"
    threads: int | None = None

    @property
    def ratio(self) -> float:
        """Of two overlapping boxes' sizes, the smaller over the larger is at least this."""
        least = math.sqrt(self.threshold) if self.shape == "circle" else self.threshold
        return least * (1 - MARGIN)

    @property
    def offset(self) -> float:
        """The centres of overlapping boxes are at most this apart, as a share of the larger size."""
        share = math.pi / 4 if self.shape == "circle" else 1
        return (1 - share * self.threshold) * (1 + MARGIN) + MARGIN

    def reach(self, size: np.ndarray) -> np.ndarray:
        """How far the centre of a box that overlaps one of these sizes may be from its centre, in the sizes' unit."""
        return math.sqrt(2) * self.offset * size / max(self.ratio, np.finfo(float).tiny)


class Overlaps(NamedTuple):
    """All pairs of boxes that overlap.

    Boxes are numbered by their positions in the search's own order; `order` (n) gives their places in the
    input. `pairs` holds arrays of (later, earlier, later, earlier ...) in the order of priority.
    """

    order: np.ndarray
    pairs: list[np.ndarray]


def find_overlaps(boxes: Boxes, priority: np.ndarray, question: Question, apart: np.ndarray | None = None) -> Overlaps:
    """Find all overlapping pairs; boxes with different numbers in `apart` do not count as such."""
    if len(boxes) == 0:
        return Overlaps(np.empty(0, np.int64), [])
    surface, columns = _surface(boxes), _side_by_side(boxes.columns)
    search = (surface, SHAPES[question.shape], question.threshold, question.ratio, question.offset)
    with Crew(question.threads) as crew:
        strips, keys = _into_strips(surface, columns, question, crew)
        table = _table(surface, columns, priority, keys, crew)
        order = (keys & kernels.INDEX).astype(np.uint32)
        sorted_apart = np.empty(0, np.int64) if apart is None else np.asarray(apart, np.int64)[order]
        everything = (*table, keys, sorted_apart)
        pairs = crew.each(_shares(strips.starts, crew), kernels.find_pairs, search, tuple(strips), everything)
    return Overlaps(order, pairs)


def overlapping(one: Boxes, other: Boxes, question: Question) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs (i, j, IoU) of boxes one[i] and other[j] that overlap."""
    both = _united(one, other)
    order, pairs = find_overlaps(both, np.zeros(len(both), np.float32), question)
    ends = order[np.concatenate([*pairs, np.empty(0, np.uint32)])].astype(np.int64).reshape(-1, 2)
    i, j = ends.min(axis=1), ends.max(axis=1) - len(one)
    across = (i < len(one)) & (j >= 0)
    i, j = i[across], j[across]
    return i, j, iou(one, i, other, j, question.shape)


def iou(one: Boxes, i: np.ndarray, other: Boxes, j: np.ndarray, shape: Shape = "box") -> np.ndarray:
    """Intersection over union of the boxes one[i] and other[j], pair by pair."""
    return kernels.pairwise_iou(_surface(one), SHAPES[shape], one.columns, i, other.columns, j)


class Crew:
    """Threads that share the work on arrays; a context manager.

    Without a number they are as many as OMP_NUM_THREADS says, which workflow engines and schedulers set, or as
    there are cores.
    """

    def __init__(self, threads: int | None) -> None:
        told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
        self.size = threads or int(told or cores())
        self._pool = ThreadPoolExecutor(self.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def each(self, ranges: Iterable[tuple[int, int]], kernel: Callable[..., T], *others: object) -> list[T]:
        """Call a kernel with the same arguments for each range (begin, end), which come last."""
        if self.size == 1:
            return [kernel(*others, *one) for one in ranges]
        tasks = [self._pool.submit(kernel, *others, *one) for one in ranges]
        return [task.result() for task in tasks]

    def ranges(self, length: int) -> list[tuple[int, int]]:
        """Equal parts of 0..length, one for each thread."""
        edges = np.linspace(0, length, self.size + 1).astype(int).tolist()
        return list(pairwise(edges))


class Strips(NamedTuple):
    """Levels and their strips; see orbitile.overlap.kernels.find_pairs."""

    level: np.ndarray
    first: np.ndarray
    per_unit: np.ndarray
    low: float
    blur: float
    starts: np.ndarray


def _surface(boxes: Boxes) -> int:
    return kernels.PLANE if isinstance(boxes, PlaneBoxes) else kernels.GROUND


def _side_by_side(columns: Columns) -> Columns:
    """The numbers of each box next to each other in memory, where they are looked up together."""
    return columns if columns[0].strides[0] > columns[0].itemsize else tuple(np.column_stack(columns).T)


def _united(one: Boxes, other: Boxes) -> Boxes:
    """The boxes of two sets on one surface, one after the other."""
    columns = [np.concatenate(both) for both in zip(one.columns, other.columns, strict=True)]
    return PlaneBoxes(np.column_stack(columns)) if isinstance(one, PlaneBoxes) else GroundBoxes(*columns)


def _into_strips(surface: int, columns: Columns, question: Question, crew: Crew) -> tuple[Strips, np.ndarray]:
    """Sort boxes by strip and x: the strips, and the sorted keys, which hold the boxes' places in the input."""
    count = len(columns[0])
    level = np.empty(count, np.uint8)
    shape = SHAPES[question.shape]
    surveys = crew.each(crew.ranges(count), kernels.survey, surface, shape, columns, level)
    counts = sum(counts for counts, _ in surveys)
    bounds = np.array([bounds for _, bounds in surveys])
    (low_x, low_y), (high_x, high_y) = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    first, per_unit = _heights(counts, high_y - low_y, question)
    strip = np.empty(count, np.uint32)
    crew.each(crew.ranges(count), kernels.assign_strips, surface, columns, level, low_y, first, per_unit, strip)
    parts = [(part, crew.size) for part in range(crew.size)]
    starts = np.zeros(first[-1] + 1, np.int64)
    crew.each(parts, kernels.count_strips, strip, starts[1:])
    np.cumsum(starts, out=starts)
    keys, free = np.empty(count, np.uint64), starts[:-1].copy()
    per_step = kernels.X_STEPS / max(high_x - low_x, 1e-200)
    crew.each(parts, kernels.deal_out, surface, columns, strip, low_x, per_step, free, keys)
    crew.each(_shares(starts, crew), kernels.sort_strips, keys, starts)
    precision = np.finfo(columns[0].dtype).eps
    blur = 4 * precision * np.abs(bounds).max() + 2 / per_step
    strip_level = np.repeat(np.arange(kernels.LEVELS, dtype=np.uint8), np.diff(first))
    return Strips(strip_level, first, per_unit, low_y, blur, starts), keys


def _heights(counts: np.ndarray, extent: float, question: Question) -> tuple[np.ndarray, np.ndarray]:
    """First strip of each level (and one past the last), and strips per unit of y, from the levels' counts.

    A strip is as high as overlapping boxes may lie apart, but there are not more strips than boxes.
    """
    largest = 2.0 ** (np.arange(kernels.LEVELS) - 64)
    heights = np.maximum(STRIP_HEIGHT * question.offset * largest, extent / np.maximum(counts, 1))
    per_unit = 1 / heights
    strips = np.where(counts > 0, (extent * per_unit).astype(np.int64) + 1, 0)
    return np.concatenate([[0], np.cumsum(strips)]), per_unit


def _table(
    surface: int, columns: Columns, priority: np.ndarray, keys: np.ndarray, crew: Crew
) -> tuple[np.ndarray, ...]:
    """Rows, x and priority of the boxes in the order of `keys`."""
    count = len(keys)
    kind = columns[0].dtype
    rows = np.empty((count, 4 if surface == kernels.PLANE else 5), kind)
    xs, sorted_priority = np.empty(count, kind), np.empty(count, priority.dtype)
    crew.each(crew.ranges(count), kernels.gather, surface, columns, priority, keys, rows, xs, sorted_priority)
    return rows, xs, sorted_priority


def _shares(starts: np.ndarray, crew: Crew) -> list[tuple[int, int]]:
    """Runs of strips with about equally many boxes, several for each thread so that all end together."""
    edges = np.searchsorted(starts, np.linspace(0, starts[-1], SHARES * crew.size + 1))
    edges[-1] = len(starts) - 1
    return list(pairwise(np.unique(edges).tolist()))
