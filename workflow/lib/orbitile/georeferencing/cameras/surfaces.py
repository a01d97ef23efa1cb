"""What an image is projected onto: a body's ellipsoid, or an elevation model of it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from orbitile.space.ground import unit_vectors


class Surface(Protocol):
    """A body's surface; points (n, 3) are body-fixed and in metres, latitudes planetocentric and in degrees."""

    def hit(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """The points (n, 3) where rays from origins (n, 3) along unit vectors (n, 3) first meet it; NaN where none."""

    def at(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """The points (n, 3) at longitudes (n, east) and latitudes (n)."""


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid of revolution by its equatorial and polar radius in metres."""

    equatorial_m: float
    polar_m: float

    def hit(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """See Surface. The nearer root of the quadratic equation of the unit sphere that the axes are scaled to."""
        axes = np.array([self.equatorial_m, self.equatorial_m, self.polar_m])
        start, direction = origins / axes, directions / axes
        square, half = (direction * direction).sum(axis=-1), (start * direction).sum(axis=-1)
        with np.errstate(invalid="ignore"):
            root = np.sqrt(half**2 - square * ((start * start).sum(axis=-1) - 1))
            distance = (-half - root) / square
        return origins + np.where(distance > 0, distance, np.nan)[..., None] * directions

    def at(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """See Surface."""
        vectors = unit_vectors(lon, lat)
        axes = np.array([self.equatorial_m, self.equatorial_m, self.polar_m])
        return vectors / np.linalg.norm(vectors / axes, axis=-1, keepdims=True)
