"""Measures of maps and of networks against the truth: of pixels, and of lines with a tolerance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import shapely
from scipy.spatial import cKDTree

from orbitile.space.ground import unit_vectors

MEASURES = ("precision", "recall", "f1", "iou")


@dataclass(frozen=True)
class PixelCounts:
    """Pixels predicted and true (tp), predicted only (fp) and true only (fn): numbers, or arrays of one shape.

    The measures have that shape, too; they are NaN where nothing is to be divided by.
    """

    tp: int | np.ndarray = 0
    fp: int | np.ndarray = 0
    fn: int | np.ndarray = 0

    @classmethod
    def of(cls, predicted: np.ndarray, true: np.ndarray, valid: np.ndarray) -> Self:
        """Count the valid pixels of two masks; all three are bool of one shape."""
        pairs = (predicted & true, predicted & ~true, ~predicted & true)
        return cls(*(int(np.count_nonzero(pair & valid)) for pair in pairs))

    def __add__(self, counts: Self) -> Self:
        return type(self)(self.tp + counts.tp, self.fp + counts.fp, self.fn + counts.fn)

    def total(self) -> Self:
        """The sums over the first axis of arrays."""
        return type(self)(*(np.sum(count, axis=0) for count in (self.tp, self.fp, self.fn)))

    @property
    def has_truth(self) -> np.ndarray:
        """Whether any pixel is true (bool)."""
        return np.asarray(self.tp + self.fn) > 0

    @property
    def precision(self) -> np.ndarray:
        """TP / (TP + FP), the share of predicted pixels that are true."""
        return share_or_nan(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> np.ndarray:
        """TP / (TP + FN), the share of true pixels that are predicted."""
        return share_or_nan(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> np.ndarray:
        """2 TP / (2 TP + FP + FN)."""
        return share_or_nan(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> np.ndarray:
        """TP / (TP + FP + FN), the intersection over the union."""
        return share_or_nan(self.tp, self.tp + self.fp + self.fn)


def share_or_nan(part: int | np.ndarray, total: int | np.ndarray) -> np.ndarray:
    """The shares of parts in totals, numbers or arrays of one shape; NaN where both are 0."""
    with np.errstate(invalid="ignore"):
        return np.divide(part, total, dtype=np.float64)


def pooled_metrics(counts: PixelCounts) -> dict[str, float]:
    """Precision, recall, F1 and IoU over all pixels at once; 0 where one is not defined."""
    precision, recall, iou = (float(np.nan_to_num(value)) for value in (counts.precision, counts.recall, counts.iou))
    return harmonic_metrics(precision, recall) | dict(iou=iou)


def class_metrics(tiles: PixelCounts) -> dict[str, list[float]]:
    """Measures of each class over all pixels of all tiles, from counts (tiles, classes); 0 where one is not defined."""
    counts = tiles.total()
    return {name: np.nan_to_num(getattr(counts, name)).tolist() for name in MEASURES}


def class_mean(measures: Mapping[str, Sequence[float]], has_truth: np.ndarray) -> dict[str, float]:
    """The mean of each measure over the classes that have a true pixel (bool), or over all where none has.

    Whoever finds no pixel of a class that is nowhere makes no mistake, but every measure of it is 0.
    """
    counts = has_truth if has_truth.any() else np.ones_like(has_truth)
    return {name: float(np.mean(np.array(values)[counts])) for name, values in measures.items()}


def tile_mean_metrics(tiles: Sequence[PixelCounts]) -> dict[str, float]:
    """Precision, recall and F1 as means over tiles: each over those where it is defined (Le Corre et al. 2025, 3.2).

    F1 is the harmonic mean of the other two.
    """
    shares = ([tile.precision for tile in tiles], [tile.recall for tile in tiles])
    return harmonic_metrics(*(_defined_mean(np.array(values)) for values in shares))


def _defined_mean(values: np.ndarray) -> float:
    """The mean of the values that are not NaN; 0 where all are."""
    defined = values[~np.isnan(values)]
    return float(np.mean(defined)) if len(defined) else 0.0


def harmonic_metrics(precision: float, recall: float) -> dict[str, float]:
    """Precision, recall, and their harmonic mean as F1; 0 where both are 0."""
    total = precision + recall
    return dict(precision=precision, recall=recall, f1=2 * precision * recall / total if total else 0.0)


@dataclass(frozen=True)
class LinePoints:
    """Points along lines on the sphere: unit vectors (n, 3), and the length in metres that each stands for."""

    points: np.ndarray
    length_m: np.ndarray

    @classmethod
    def of(cls, lines: np.ndarray, step_m: float, radius_m: float) -> Self:
        """Points at most a step apart along lines in longitude and latitude (degrees)."""
        ends, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
        same = line[1:] == line[:-1]
        vectors = unit_vectors(*ends.T)
        begin, end = vectors[:-1][same], vectors[1:][same]
        length = np.linalg.norm(end - begin, axis=1) * radius_m
        count = np.maximum(np.ceil(length / step_m), 1).astype(int)
        piece = np.repeat(np.arange(len(count)), count)
        share = (np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count) + 0.5) / count[piece]
        points = begin[piece] + share[:, None] * (end - begin)[piece]
        return cls(points / np.linalg.norm(points, axis=1, keepdims=True), (length / count)[piece])

    def select(self, chosen: np.ndarray) -> Self:
        """The points that a boolean or index array chooses."""
        return type(self)(self.points[chosen], self.length_m[chosen])

    @cached_property
    def tree(self) -> cKDTree:
        """The points as a tree, by which near ones are found."""
        return cKDTree(self.points)

    def are_near(self, reference: Self, tolerance_m: float, radius_m: float) -> np.ndarray:
        """Which points (n, bool) lie within a tolerance of other lines."""
        if not len(self.points) or not len(reference.points):
            return np.zeros(len(self.points), bool)
        distance, _ = reference.tree.query(self.points, distance_upper_bound=_chord(tolerance_m, radius_m))
        return np.isfinite(distance)

    def indices_around(self, points: np.ndarray, tolerance_m: float, radius_m: float) -> np.ndarray:
        """Indices of those points that may lie within a tolerance of others (m, 3; at least one), and of some more."""
        middle = points.mean(axis=0)
        reach = np.linalg.norm(points - middle, axis=1).max() + _chord(tolerance_m, radius_m)
        return np.array(self.tree.query_ball_point(middle, reach), int)


def _chord(tolerance_m: float, radius_m: float) -> float:
    """The largest distance of unit vectors within a tolerance on the ground."""
    return 2 * np.sin(tolerance_m / radius_m / 2) * (1 + 1e-12)


def line_metrics(
    predicted: Iterable[LinePoints], true: LinePoints, tolerance_m: float, radius_m: float
) -> dict[str, float | None]:
    """Precision, recall and F1 of lines by their length, within a tolerance, and both lengths in kilometres.

    Precision is the share of the predicted length that lies near true lines, recall the share of the true length that
    lies near predicted ones; 0 where there are no predicted lines, None where there are no true ones. The predicted
    lines come in parts, of which only one is in memory at a time.
    """
    total_m, near_m, true_is_near = 0.0, 0.0, np.zeros(len(true.points), bool)
    for part in predicted:
        total_m += part.length_m.sum()
        near_m += part.length_m[part.are_near(true, tolerance_m, radius_m)].sum()
        if len(part.points) and len(true.points):
            around = true.indices_around(part.points, tolerance_m, radius_m)
            true_is_near[around] |= true.select(around).are_near(part, tolerance_m, radius_m)
    true_m = true.length_m.sum()
    lengths = dict(found_km=total_m / 1000, true_km=true_m / 1000, tolerance_m=tolerance_m)
    if not true_m:
        return dict(precision=None, recall=None, f1=None) | lengths
    precision = near_m / total_m if total_m else 0.0
    recall = true.length_m[true_is_near].sum() / true_m
    return harmonic_metrics(float(precision), float(recall)) | lengths
