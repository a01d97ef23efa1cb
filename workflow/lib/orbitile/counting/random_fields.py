"""Random fields of craters on the searched ground, evenly or with a density that varies slowly; its share in caps."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from orbitile.counting.density_kernel import SphereKernel
from orbitile.counting.ground_plane import GroundPlane
from orbitile.space.ground import lonlat_of_points

LATTICE_POINTS = 128
"""Points in a cap by which its ground is measured, where it may meet a border."""
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
CAPS_AT_ONCE = 20_000
POOL, ENOUGH = 50_000, 2_000
"""Random points that large caps are measured by, and how many of them must lie in a cap: 2 % of error."""


@dataclass(frozen=True, eq=False)
class Intensity:
    """What craters would be expected by: the same everywhere, or in proportion to densities (n) in a kernel's cells."""

    ground: GroundPlane
    kernel: SphereKernel | None = None
    density: np.ndarray = field(default_factory=lambda: np.ones(0))

    @classmethod
    def smooth(cls, kernel: SphereKernel, lon: np.ndarray, lat: np.ndarray) -> "Intensity":
        """In proportion to the kernel's density of craters at longitudes and latitudes (n, degrees)."""
        counts = kernel.counts(*kernel.cells.ground.place(lon, lat))
        searched = kernel.cells.searched_km2 > 0
        density = np.zeros(len(kernel.cells))
        density[searched] = np.nan_to_num(kernel.densities(counts[None], kernel.cells.centres[searched]).density[0])
        return cls(kernel.cells.ground, kernel, density)

    @cached_property
    def total(self) -> float:
        """The integral over the ground, in km2 where the intensity is 1 everywhere."""
        if self.kernel is None:
            return self.ground.area_km2
        return float(self.density @ self.kernel.cells.searched_km2)

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The intensity (n) at places in the plane that lie on the ground."""
        return np.ones(len(x)) if self.kernel is None else self.density[self.kernel.cells.numbers(x, y)]

    def random_field(self, count: int, random: np.random.Generator) -> np.ndarray:
        """So many places (n, 3: unit vectors) drawn at random by the intensity."""
        if self.kernel is None:
            return self.ground.vectors(*self.ground.random_points(count, random))
        highest, places = self.density.max(), np.zeros((0, 2))
        while len(places) < count:
            x, y = self.ground.random_points(2 * (count - len(places)) + 16, random)
            kept = random.random(len(x)) * highest < self.at(x, y)
            places = np.concatenate([places, np.column_stack([x, y])[kept]])
        return self.ground.vectors(*places[:count].T)

    def mean_at(self, points: np.ndarray) -> np.ndarray:
        """Mean intensities (n) over points (n, m, 3: unit vectors), 0 where these lie beside the ground."""
        x, y = self.ground.place(*lonlat_of_points(points.reshape(-1, 3)))
        inside = self.ground.contains(x, y)
        values = np.zeros(len(x))
        values[inside] = self.at(x[inside], y[inside])
        return values.reshape(points.shape[:2]).mean(axis=1)

    def shares_of_caps(self, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """The shares (n) of the total in caps around centres (n, 3: unit vectors) of radii (n, radians).

        By a Fibonacci lattice in each cap, or at once where the intensity is constant and no border is near; caps that
        hold a good part of the ground by random points on it, always the same.
        """
        chords = 2 * np.sin(np.minimum(radii, np.pi) / 2)
        in_pool = self._pool.query_ball_point(centres, chords, return_length=True)
        return np.where(in_pool >= ENOUGH, in_pool / POOL, self._shares_by_lattice(centres, radii))

    def _shares_by_lattice(self, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
        cap_km2 = 4 * np.pi * (self.ground.radius_km * np.sin(radii / 2)) ** 2
        means = self.ground.contains(*self.ground.place(*lonlat_of_points(centres))).astype(float)
        uncertain = np.flatnonzero(self._may_meet_border(centres, radii) if self.kernel is None else radii > 0)
        for start in range(0, len(uncertain), CAPS_AT_ONCE):
            caps = uncertain[start : start + CAPS_AT_ONCE]
            means[caps] = self.mean_at(cap_lattice(centres[caps], radii[caps]))
        return np.minimum(cap_km2 * means / self.total, 1)

    def _may_meet_border(self, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
        chord, _ = self._border.query(centres)
        return 2 * np.arcsin(np.clip(chord / 2, 0, 1)) <= radii + self._border_gap

    @cached_property
    def _pool(self) -> cKDTree:
        return cKDTree(self.random_field(POOL, np.random.default_rng(0)))

    @cached_property
    def _border(self) -> cKDTree:
        return cKDTree(self.ground.vectors(*self.ground.border.T))

    @cached_property
    def _border_gap(self) -> float:
        """The largest angle between neighbouring vertices of the border, which are near in the plane."""
        points = self._border.data
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        near = np.abs(np.diff(self.ground.border, axis=0)).max(axis=1) <= self.ground.border_step * (1 + 1e-9)
        return float(2 * np.arcsin(np.clip(steps[near].max(initial=0) / 2, 0, 1)))


def cap_lattice(centres: np.ndarray, radii: np.ndarray, points: int = LATTICE_POINTS) -> np.ndarray:
    """Points (n, points, 3: unit vectors) of equal areas, on Fibonacci lattices in caps (n) of radii in radians."""
    number = np.arange(points)
    height = 1 - np.outer(2 * np.sin(radii / 2) ** 2, (number + 0.5) / points)
    right, up = tangent_axes(centres)
    across = np.sqrt(np.maximum(1 - height**2, 0))[..., None]
    angle = (number * GOLDEN_ANGLE)[None, :, None]
    directions = np.cos(angle) * right[:, None] + np.sin(angle) * up[:, None]
    return height[..., None] * centres[:, None] + across * directions


def tangent_axes(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 3) to the east and to the north at unit vectors; at a pole, any two at right angles."""
    east = np.column_stack([-vectors[:, 1], vectors[:, 0], np.zeros(len(vectors))])
    length = np.linalg.norm(east, axis=1, keepdims=True)
    east = np.where(length > 1e-12, east / np.maximum(length, 1e-12), [0.0, 1.0, 0.0])
    return east, np.cross(vectors, east)
