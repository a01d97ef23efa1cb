"""Points evenly on a cap of the sphere, by which areas are measured that no polygon is made of."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
from scipy.spatial import cKDTree

from orbitile.features.shapes.lonlat_shapes import contains_places
from orbitile.space.ground import angles_between, angles_of_chords, lonlat_of_points, unit_vectors

POINTS = 200_000
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
OUTLINE_POINTS = 5_000
"""Along the outline of a shape, at least, to which distances are measured."""


@dataclass(frozen=True, eq=False)
class CapLattice:
    """Points (n, 3: unit vectors) on a cap, from its middle outwards, each of which stands for an area of `km2`."""

    points: np.ndarray
    km2: float

    @classmethod
    def around(cls, shape: shapely.Geometry, beyond: float, radius_m: float, count: int = POINTS) -> Self:
        """On the smallest cap around the mean of a shape (degrees) that holds it and an angle (radians) beyond it.

        Fibonacci's spiral: each point has the same area (Swinbank and Purser 2006).
        """
        places = _outline_points(shape)
        centre = places.mean(axis=0)
        centre = centre / np.linalg.norm(centre) if np.linalg.norm(centre) > 1e-9 else np.array([0.0, 0.0, 1.0])
        cap = min(angles_of_chords(np.linalg.norm(places - centre, axis=1)).max() * 1.01 + beyond, np.pi)
        cap = np.pi if shapely.intersects_xy(shape, *lonlat_of_points(-centre)) else cap
        height = 1 - (1 - np.cos(cap)) * (np.arange(count) + 0.5) / count
        turn = GOLDEN_ANGLE * np.arange(count)
        width = np.sqrt(1 - height**2)
        east, north = _tangents(centre)
        flat = (width * np.cos(turn))[:, None] * east + (width * np.sin(turn))[:, None] * north
        cap_km2 = 2 * np.pi * (radius_m / 1000) ** 2 * (1 - np.cos(cap))
        return cls(flat + height[:, None] * centre, cap_km2 / count)

    def lies_in(self, shape: shapely.Geometry) -> np.ndarray:
        """Which points (n) lie in a shape in degrees."""
        return contains_places(shape, *lonlat_of_points(self.points))

    def may_reach(self, centres: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """Which discs (m) with centres (m, 3: unit vectors) and a reach (m, radians) may touch the entire cap."""
        middle, border = self.points[0], self.points[-1]
        extent = angles_between(middle, border) * 1.01 + angles_between(middle, self.points[1])
        return angles_between(centres, middle) <= extent + reach

    def taking(self, is_chosen: np.ndarray) -> "CapLattice":
        """Only some of the points (n; bool)."""
        return CapLattice(self.points[is_chosen], self.km2)


def angles_to_shape(shape: shapely.Geometry, points: np.ndarray) -> np.ndarray:
    """Angles (n, radians) from points (n, 3: unit vectors) to a shape in degrees; 0 inside it."""
    chord, _ = cKDTree(_outline_points(shape)).query(points)
    return np.where(contains_places(shape, *lonlat_of_points(points)), 0, angles_of_chords(chord))


def largest_covering(points: np.ndarray, centres: np.ndarray, reach: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The largest size (n) among discs (m) that cover each point (n, 3); 0 for none.

    Discs have centres (m, 3: unit vectors), a reach (m, radians) and a size (m).
    """
    tree, largest = cKDTree(points), np.zeros(len(points))
    for number in np.argsort(size, kind="stable").tolist():  # larger ones overwrite
        largest[tree.query_ball_point(centres[number], 2 * np.sin(min(reach[number], np.pi) / 2))] = size[number]
    return largest


def _outline_points(shape: shapely.Geometry) -> np.ndarray:
    """Unit vectors (n, 3) closely along the outline of a shape in degrees."""
    dense = shapely.segmentize(shape, max(shapely.length(shape), 1e-9) / OUTLINE_POINTS)
    return unit_vectors(*shapely.get_coordinates(dense).T)


def _tangents(centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axis = np.eye(3)[np.argmin(np.abs(centre))]
    east = np.cross(axis, centre)
    east /= np.linalg.norm(east)
    return east, np.cross(centre, east)
