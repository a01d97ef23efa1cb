"""Overlap of boxes on a body, and non-max suppression by it.

One routine serves inside a group, across groups and for a whole catalogue. Boxes are given by
their centres on the sphere and their width and height in metres on the ground; two of them are
compared in the tangent plane at the middle between their centres, so that neither antimeridian
nor map projection matters.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from orbitile.space.ground import unit_vectors


@dataclass(frozen=True)
class GroundBoxes:
    """Boxes on a sphere: centres in degrees, sizes in units of the sphere's radius."""

    lon: np.ndarray
    lat: np.ndarray
    width: np.ndarray
    height: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, radius_m: float) -> "GroundBoxes":
        """The boxes of a table with lon, lat (degrees), width_m, height_m on a sphere."""
        values = (table[name].to_numpy(float) for name in ("lon", "lat", "width_m", "height_m"))
        lon, lat, width, height = values
        return cls(lon, lat, width / radius_m, height / radius_m)

    def __len__(self) -> int:
        return len(self.lon)


def iou(one: GroundBoxes, i: np.ndarray, other: GroundBoxes, j: np.ndarray) -> np.ndarray:
    """Intersection over union of the boxes one[i] and other[j], pair by pair; symmetric."""
    east, north = _offsets(unit_vectors(one.lon[i], one.lat[i]), unit_vectors(other.lon[j], other.lat[j]))
    wide = _shared(one.width[i], other.width[j], east)
    high = _shared(one.height[i], other.height[j], north)
    shared = wide * high
    areas = one.width[i] * one.height[i] + other.width[j] * other.height[j]
    return shared / np.maximum(areas - shared, np.finfo(float).tiny)


def overlapping(one: GroundBoxes, other: GroundBoxes, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs (i, j, IoU) of boxes one[i] and other[j] with an IoU above the threshold.

    IoU is at most the ratio of two boxes' larger sides, so only boxes of similar size are
    compared: they are sorted into classes by powers of two, with a search tree for each.
    """
    classes_apart = int(np.floor(-np.log2(max(threshold, np.finfo(float).tiny)))) + 1
    trees, others = _by_size(one), _by_size(other)
    pairs = [
        _near(trees[a], others[b])
        for a in trees
        for b in range(a - classes_apart, a + classes_apart + 1)
        if b in others
    ]
    i, j = (np.concatenate(part) for part in zip(*pairs, strict=True)) if pairs else (_NONE, _NONE)
    value = iou(one, i, other, j)
    above = value > threshold
    return i[above], j[above], value[above]


def survivors(boxes: GroundBoxes, rank: np.ndarray, apart: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy non-max suppression: which boxes (n, bool) survive.

    In order of `rank` (0 first, all different), a box survives unless it overlaps a survivor by
    an IoU above the threshold. Boxes with different numbers in `apart` never suppress each other.

    Solved in rounds without a loop over boxes: whoever has no better undecided rival survives and
    suppresses its rivals. The rounds end after the longest chain of overlaps.
    """
    i, j, _ = overlapping(boxes, boxes, threshold)
    better = (rank[i] < rank[j]) & (apart[i] == apart[j])
    strong, weak = i[better], j[better]
    alive = np.ones(len(boxes), bool)
    while strong.size:
        beaten = np.zeros(len(boxes), bool)
        beaten[weak] = True
        decided = ~beaten[strong]
        alive[weak[decided]] = False
        open_ = ~decided & alive[strong] & alive[weak]
        strong, weak = strong[open_], weak[open_]
    return alive


_NONE = np.empty(0, np.int64)


def _offsets(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """East and north components of the great-circle way from a to b (n, 3), seen from its middle."""
    difference, middle = b - a, a + b
    chord = np.linalg.norm(difference, axis=1)
    stretch = 2 * np.arcsin(np.clip(chord / 2, 0, 1)) / np.maximum(chord, 1e-300)
    east = np.column_stack([-middle[:, 1], middle[:, 0], np.zeros(len(middle))])
    east /= np.maximum(np.linalg.norm(east, axis=1, keepdims=True), 1e-300)
    north = np.cross(middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-300), east)
    return (difference * east).sum(axis=1) * stretch, (difference * north).sum(axis=1) * stretch


def _shared(a: np.ndarray, b: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Length that two intervals of lengths a and b share when their centres are `offset` apart."""
    return np.clip((a + b) / 2 - np.abs(offset), 0, np.minimum(a, b))


@dataclass(frozen=True)
class _SizeClass:
    """Boxes whose larger side lies within a factor of two, and their search tree."""

    index: np.ndarray
    tree: cKDTree
    reach: float


def _by_size(boxes: GroundBoxes) -> dict[int, _SizeClass]:
    larger = np.maximum(boxes.width, boxes.height)
    size_class = np.floor(np.log2(np.maximum(larger, 1e-12))).astype(int)
    points = unit_vectors(boxes.lon, boxes.lat)
    classes = {}
    for number in np.unique(size_class).tolist():
        index = np.flatnonzero(size_class == number)
        reach = np.hypot(boxes.width[index], boxes.height[index]).max() / 2
        classes[number] = _SizeClass(index, cKDTree(points[index]), reach)
    return classes


def _near(a: _SizeClass, b: _SizeClass) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of boxes close enough to touch."""
    near = a.tree.sparse_distance_matrix(b.tree, a.reach + b.reach, output_type="ndarray")
    return a.index[near["i"]], b.index[near["j"]]
