"""Shapes that reach around the body, in pieces: those alone keep their form on every map."""

import numpy as np
import shapely
from affine import Affine

from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, angles_of_chords, unit_vectors

WIDE, PIECE = np.radians(25), np.radians(6)
"""Shapes whose vertices lie farther than the first from their middle are cut into pieces that reach as far as the
second."""
WIDE_LON = 100.0
"""Degrees of longitude that a piece spans at most: near the poles small pieces reach around them."""
MAX_CUTS = 16
STEPS = 64


def bounding_circles(geometry: np.ndarray, ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """Centres of shapes as unit vectors (n, 3), and the angles (n, radians) to their farthest vertices."""
    places, owner = shapely.get_coordinates(geometry, return_index=True)
    points = unit_vectors(*ground.lonlat(*places.T))
    first = np.searchsorted(owner, np.arange(len(geometry)))
    centre = np.add.reduceat(points, first, axis=0)
    centre /= np.maximum(np.linalg.norm(centre, axis=1, keepdims=True), np.finfo(float).tiny)
    chord = np.linalg.norm(points - centre[owner], axis=1)
    return centre, angles_of_chords(np.maximum.reduceat(chord, first))


def cut_wide_shapes(shapes: np.ndarray, ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (n) of a map with the wide ones in pieces, and the index in `shapes` of each; others stay as they are."""
    poles = _poles(ground)
    is_wide = _may_be_wide(shapes, ground, poles)
    is_wide[is_wide] = [_is_wide(shape, ground, poles, WIDE) for shape in shapes[is_wide]]
    pieces = [
        _pieces_of(shape, ground, poles) if wide else [shape] for shape, wide in zip(shapes, is_wide, strict=True)
    ]
    owner = np.repeat(np.arange(len(shapes)), [len(parts) for parts in pieces])
    return np.array([part for parts in pieces for part in parts], object), owner


def _poles(ground: Ground) -> np.ndarray:
    """The places (n, 2) of the poles that are points on a map, inside it."""
    lat = np.array([90.0, -90.0])
    x, y = ground.xy(np.zeros(2), lat, np.zeros(2), np.zeros(2))
    x_90, y_90 = ground.xy(np.full(2, 90.0), lat, np.zeros(2), np.zeros(2))
    with np.errstate(invalid="ignore"):
        is_point = np.isfinite(x + y) & (np.hypot(x - x_90, y - y_90) < 1e-6 * ground.radius_m)
    return np.column_stack([x, y])[is_point]


def _may_be_wide(shapes: np.ndarray, ground: Ground, poles: np.ndarray) -> np.ndarray:
    """Which shapes (bool, n) have a wide box on the map, or a pole in it."""
    left, bottom, right, top = shapely.bounds(shapes).reshape(-1, 4).T
    unit_m = Grid(ground.crs_wkt, Affine.identity(), 1, 1).gsd_m
    is_wide = np.maximum(right - left, top - bottom) > WIDE * ground.radius_m / unit_m
    for x, y in poles:
        is_wide |= (left < x) & (x < right) & (bottom < y) & (y < top)
    return is_wide


def _is_wide(shape: shapely.Geometry, ground: Ground, poles: np.ndarray, reach: float) -> bool:
    """Tell whether a shape reaches farther than an angle, around a pole, or over many longitudes."""
    if any(shapely.contains_xy(shape, *pole) for pole in poles):
        return True
    dense = shapely.segmentize(shape, max(shapely.length(shape) / STEPS, 1e-12))
    lon, lat = ground.lonlat(*shapely.get_coordinates(dense).T)
    lon = np.unique(np.round(lon[np.abs(lat) < 89.9], 6))
    gaps = np.diff(lon, append=lon[:1] + 360)
    return bool(
        bounding_circles(np.array([dense]), ground)[1][0] > reach or (gaps.size and 360 - gaps.max() > WIDE_LON)
    )


def _pieces_of(shape: shapely.Geometry, ground: Ground, poles: np.ndarray) -> list[shapely.Geometry]:
    """The pieces of a shape, cut in halves on the map again and again, first through poles."""
    pieces, remaining = [], [(shape, 0)]
    while remaining:
        piece, cuts = remaining.pop()
        if cuts >= MAX_CUTS or not _is_wide(piece, ground, poles, PIECE):
            pieces.append(piece)
        else:
            remaining += [(part, cuts + 1) for half in _halves(piece, poles) for part in _parts(piece, half)]
    return pieces


def _halves(piece: shapely.Geometry, poles: np.ndarray) -> list[shapely.Geometry]:
    """Two boxes that hold a piece: its bounds, cut through a pole inside it, or else across the longer side."""
    left, bottom, right, top = shapely.bounds(piece)
    x, y = next((pole for pole in poles if shapely.contains_xy(piece, *pole)), ((left + right) / 2, (bottom + top) / 2))
    if right - left >= top - bottom:
        return [shapely.box(left, bottom, x, top), shapely.box(x, bottom, right, top)]
    return [shapely.box(left, bottom, right, y), shapely.box(left, y, right, top)]


def _parts(piece: shapely.Geometry, box: shapely.Geometry) -> list[shapely.Geometry]:
    """The parts of a piece in a box, of the same dimension."""
    parts = shapely.get_parts(shapely.intersection(piece, box))
    return parts[shapely.get_dimensions(parts) == shapely.get_dimensions(piece)].tolist()
