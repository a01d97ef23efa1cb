"""A map against the truth: pixel by pixel, and line by line with a tolerance."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import shapely
from scipy.spatial import cKDTree

from orbitile.space.ground import unit_vectors


@dataclass(frozen=True)
class Counts:
    """Pixels that are found and true, found only, true only."""

    both: int = 0
    found_only: int = 0
    true_only: int = 0

    @classmethod
    def of(cls, found: np.ndarray, true: np.ndarray, valid: np.ndarray) -> Self:
        """Count the valid pixels of two masks."""
        pairs = (found & true, found & ~true, ~found & true)
        return cls(*(int(np.count_nonzero(pair & valid)) for pair in pairs))

    def __add__(self, other: Self) -> Self:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def precision(self) -> float | None:
        """Share of what was found that is true; None where nothing was found."""
        found = self.both + self.found_only
        return self.both / found if found else None

    @property
    def recall(self) -> float | None:
        """Share of what is true that was found; None where nothing is true."""
        true = self.both + self.true_only
        return self.both / true if true else None


def pooled(counts: Counts) -> dict[str, float]:
    """Precision, recall, F1 and IoU over all pixels at once."""
    union = counts.both + counts.found_only + counts.true_only
    return _scores(counts.precision or 0.0, counts.recall or 0.0) | dict(iou=counts.both / union if union else 0.0)


def averaged(tiles: Sequence[Counts]) -> dict[str, float]:
    """Precision, recall and F1 as means over tiles: each over those where it is defined (Le Corre et al. 2025, 3.2)."""
    means = []
    for measure in ("precision", "recall"):
        known = [value for one in tiles if (value := getattr(one, measure)) is not None]
        means.append(float(np.mean(known)) if known else 0.0)
    return _scores(*means)


def _scores(precision: float, recall: float) -> dict[str, float]:
    both = precision + recall
    return dict(precision=precision, recall=recall, f1=2 * precision * recall / both if both else 0.0)


@dataclass(frozen=True)
class Path:
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

    def where(self, chosen: np.ndarray) -> Self:
        """Some of the points."""
        return Path(self.points[chosen], self.length_m[chosen])

    def share_near(self, other: Self, tolerance_m: float, radius_m: float) -> float:
        """Share of the length that lies within a tolerance of another path; 0 without any length."""
        if not len(self.points) or not len(other.points):
            return 0.0
        chord = 2 * np.sin(tolerance_m / radius_m / 2)
        distance, _ = cKDTree(other.points).query(self.points, distance_upper_bound=chord * (1 + 1e-12))
        return float(self.length_m[np.isfinite(distance)].sum() / self.length_m.sum())


def along_lines(found: Path, true: Path, tolerance_m: float, radius_m: float) -> dict[str, float]:
    """Share of the length found that is true, of the true length that is found, both in one, and lengths in km."""
    precision = found.share_near(true, tolerance_m, radius_m)
    recall = true.share_near(found, tolerance_m, radius_m)
    return _scores(precision, recall) | dict(
        found_km=found.length_m.sum() / 1000, true_km=true.length_m.sum() / 1000, tolerance_m=tolerance_m
    )
