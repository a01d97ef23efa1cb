"""Caps of a sphere that hold points: what lies in two of them is not nearer than their borders."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, angles_between, unit_vectors

ROUNDING = 1e-7
"""Radians added to every cap, for the rounding of products of unit vectors: the root of that of numbers near 1."""
LATTICE = 9
"""Points along each side of a grid, and inside of it, that its cap is put around."""


@dataclass(frozen=True)
class Caps:
    """Caps: unit vectors of their centres (n, 3) and their radii (n, radians)."""

    centres: np.ndarray
    radii: np.ndarray

    @classmethod
    def around(cls, points: np.ndarray) -> Self:
        """The single cap around points (m, 3: unit vectors; at least one)."""
        return cls.around_each(points, np.zeros(len(points), int))[1]

    @classmethod
    def around_each(cls, points: np.ndarray, key: np.ndarray) -> tuple[np.ndarray, Self]:
        """The cap around all points (m, 3: unit vectors) of each key (m), and these keys (n), sorted."""
        order = np.argsort(key, kind="stable")
        sorted_points, sorted_key = points[order], key[order]
        starts = np.flatnonzero(np.diff(sorted_key, prepend=sorted_key[:1] - 1))
        if not len(starts):
            return sorted_key, cls(np.zeros((0, 3)), np.zeros(0))
        totals = np.add.reduceat(sorted_points, starts)
        length = np.linalg.norm(totals, axis=1, keepdims=True)
        is_around_body = length[:, 0] < ROUNDING
        centres = np.where(is_around_body[:, None], [0.0, 0.0, 1.0], totals / np.maximum(length, ROUNDING))
        counts = np.diff(starts, append=len(sorted_key))
        cosines = np.einsum("ij,ij->i", sorted_points, np.repeat(centres, counts, axis=0))
        widest = np.arccos(np.clip(np.minimum.reduceat(cosines, starts), -1, 1))
        radii = np.where(is_around_body, np.pi, widest + ROUNDING)
        return sorted_key[starts], cls(centres, radii)

    @classmethod
    def joined(cls, parts: list["Caps"]) -> Self:
        """All caps of several sets."""
        return cls(
            np.concatenate([np.zeros((0, 3)), *(part.centres for part in parts)]),
            np.concatenate([np.zeros(0), *(part.radii for part in parts)]),
        )

    def __len__(self) -> int:
        return len(self.radii)

    def enclosing(self) -> "Caps":
        """A single cap that holds all of these, at least one."""
        cap = Caps.around(self.centres)
        reach = np.arccos(np.clip(self.centres @ cap.centres[0], -1, 1)) + self.radii + ROUNDING
        return Caps(cap.centres, np.minimum(reach.max(keepdims=True), np.pi))

    def gaps(self, other: "Caps") -> np.ndarray:
        """How far (n, m; radians) points in each of these caps and in each of others are apart at least."""
        apart = angles_between(self.centres[:, None], other.centres[None])
        return np.maximum(apart - self.radii[:, None] - other.radii[None], 0)

    def gaps_to(self, points: np.ndarray) -> np.ndarray:
        """How far (m, radians) points (m, 3) lie outside of the first of the caps."""
        angles = np.arccos(np.clip(points @ self.centres[0], -1, 1))
        return np.maximum(angles - self.radii[0] - ROUNDING, 0)


def grid_cap(grid: Grid, radius_m: float) -> Caps:
    """The cap that holds all of a grid: the places of a lattice on it, and what lies between them."""
    across, down = np.meshgrid(np.linspace(0, grid.width, LATTICE), np.linspace(0, grid.height, LATTICE))
    points = unit_vectors(*Ground(grid.crs_wkt, radius_m).lonlat(*grid.to_map(across, down)))
    if not np.isfinite(points).all():  # a corner beyond the body's limb
        return Caps(np.array([[0.0, 0.0, 1.0]]), np.array([np.pi]))
    cap = Caps.around(points.reshape(-1, 3))
    return Caps(cap.centres, cap.radii + _longest_diagonal(points))


def _longest_diagonal(points: np.ndarray) -> float:
    """Of the meshes of a lattice (rows, columns, 3), in radians."""
    diagonals = angles_between(points[1:, 1:], points[:-1, :-1]), angles_between(points[1:, :-1], points[:-1, 1:])
    return float(np.max(diagonals))
