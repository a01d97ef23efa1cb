"""Footprints of scenes on the body, and which of them are close to each other."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import shapely

from orbitile.space.caps import Caps
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, angles_between, angles_of_chords, unit_vectors

POINTS_PER_SIDE = 8
LARGE_CAP = np.radians(25)
"""Radius of a scene's cap above which its outline on a map between two scenes is too distorted to decide;
such a scene counts as close to every other."""

FootprintOutline = tuple[np.ndarray, np.ndarray]
"""Longitudes and latitudes in degrees of points along a scene's border."""


def grid_outline(grid: Grid, ground: Ground) -> FootprintOutline:
    """Points along the border of a grid, in order, as longitudes and planetocentric latitudes."""
    return ground.lonlat(*grid.to_map(*image_border(grid.width, grid.height)))


def image_border(width: float, height: float, per_side: int = POINTS_PER_SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Points (columns, rows) along the border of an image, clockwise from its upper left corner."""
    columns, rows = _border_shares(per_side)
    return columns * width, rows * height


@lru_cache(maxsize=8)
def _border_shares(per_side: int) -> tuple[np.ndarray, np.ndarray]:
    """The border of an image of the width and height 1; computed once for thousands of images."""
    along = np.linspace(0, 1, per_side, endpoint=False)
    zeros, ones = np.zeros(per_side), np.ones(per_side)
    return np.concatenate([along, ones, 1 - along, zeros]), np.concatenate([zeros, along, ones, 1 - along])


def outline_centre(lon: Sequence[float] | np.ndarray, lat: Sequence[float] | np.ndarray) -> np.ndarray:
    """The middle of an outline in degrees, as a unit vector (3,)."""
    return _centre(unit_vectors(np.asarray(lon), np.asarray(lat)))


def close_pairs(outlines: Sequence[FootprintOutline], reach: float, groups: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (i < j) of outlines of different groups closer than `reach` (radians on the sphere), sorted.

    Bounding caps on the sphere find candidates; polygons in an azimuthal map between the two
    decide, so that antimeridian and poles need no special case.
    """
    if len(set(groups)) < 2:
        return []
    from scipy.spatial import cKDTree  # slow to import, and not needed to read a footprint

    points = [unit_vectors(lon, lat) for lon, lat in outlines]
    centres = np.array([_centre(p) for p in points])
    caps = _caps(points, centres)
    caps = np.where(caps > LARGE_CAP, np.pi, caps)
    reach += max(_sagitta(p) for p in points)
    largest_chord = 2 * np.sin(min(2 * caps.max() + reach, np.pi) / 2) + 1e-9
    candidates = cKDTree(centres).query_pairs(largest_chord)
    apart = [(i, j) for i, j in candidates if groups[i] != groups[j]]
    near = [(i, j) for i, j in apart if angles_between(centres[i], centres[j]) <= caps[i] + caps[j] + reach]
    are_large = caps > LARGE_CAP
    return sorted((i, j) for i, j in near if are_large[i] or are_large[j] or _are_close(points[i], points[j], reach))


def _centre(points: np.ndarray) -> np.ndarray:
    """The middle of an outline's points (n, 3), as a unit vector."""
    return _normalised(points.sum(axis=0))


def least_distance(points: np.ndarray, outlines: Sequence[FootprintOutline]) -> np.ndarray:
    """A lower bound of the distances (n, radians) of unit vectors (n, 3) to the nearest of the footprints."""
    from scipy.spatial import cKDTree

    lengths = np.array([len(lon) for lon, _ in outlines])
    begin = np.cumsum(lengths) - lengths
    borders = unit_vectors(*map(np.concatenate, zip(*outlines, strict=True)))
    _, caps = Caps.around_each(borders, np.repeat(np.arange(len(outlines)), lengths))
    before = np.arange(len(borders)) - 1
    before[begin] = begin + lengths - 1  # an outline closes
    sagittas = np.maximum.reduceat(angles_between(borders, borders[before]), begin) ** 2
    cap = (caps.radii + sagittas).max()
    chord, _ = cKDTree(caps.centres).query(points)
    return angles_of_chords(chord) - (cap if cap <= LARGE_CAP else np.pi)


def _caps(borders: list[np.ndarray], centres: np.ndarray) -> np.ndarray:
    """The radii in radians of the caps around centres (n, 3) that hold all points of their borders."""
    return np.array([angles_between(border, centre).max() for border, centre in zip(borders, centres, strict=True)])


def _sagitta(points: np.ndarray) -> float:
    """The largest distance (radians) by which a scene's border may bulge out between points (n, 3) of its outline."""
    return float(angles_between(points, np.roll(points, 1, axis=0)).max() ** 2)


def _are_close(first: np.ndarray, second: np.ndarray, reach: float) -> bool:
    """Tell whether two outlines (n, 3) are closer than `reach`, on a map between them."""
    middle = _normalised(_centre(first) + _centre(second))
    polygons = [shapely.make_valid(shapely.Polygon(azimuthal(points, middle))) for points in (first, second)]
    return bool(shapely.distance(*polygons) <= reach)


def azimuthal(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Azimuthal equidistant coordinates (n, 2) in radians of unit vectors (n, 3) around a centre (3,)."""
    plane = points @ _axes(centre).T
    length = np.linalg.norm(plane, axis=1, keepdims=True)
    return plane / np.maximum(length, 1e-15) * angles_between(points, centre)[:, None]


def from_azimuthal(plane: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The unit vectors (n, 3) of azimuthal equidistant coordinates (n, 2) in radians around a centre (3,)."""
    angle = np.linalg.norm(plane, axis=1, keepdims=True)
    return np.cos(angle) * centre + np.sinc(angle / np.pi) * (plane @ _axes(centre))


def _axes(centre: np.ndarray) -> np.ndarray:
    """Two unit vectors (2, 3) square to a centre and to each other."""
    helper = np.eye(3)[np.argmin(np.abs(centre))]
    first = _normalised(np.cross(helper, centre))
    return np.stack([first, np.cross(centre, first)])


def _normalised(vector: np.ndarray) -> np.ndarray:
    return vector / max(np.linalg.norm(vector), 1e-15)
