"""Shapes in longitude and latitude inside -180..180: cut in two where they cross 180 E, closed around poles."""

from collections.abc import Callable

import numpy as np
import shapely

from orbitile.space.ground import wrap


def polygons_on_body(polygons: np.ndarray) -> np.ndarray:
    """Polygons and multipolygons whose vertices were each wrapped into -180..180, made whole again."""
    return _mended(polygons, _polygon)


def lines_on_body(lines: np.ndarray) -> np.ndarray:
    """Lines whose vertices were each wrapped into -180..180, made whole again."""
    return _mended(lines, _line)


def ring_polygon(lon: np.ndarray, lat: np.ndarray) -> shapely.Geometry:
    """The polygon of a ring on the sphere, inside -180..180: cut in two where it crosses 180 E.

    A ring around a pole is closed along the pole.
    """
    lon = np.unwrap(lon, period=360)
    turn = wrap(lon[0] - lon[-1]) + lon[-1] - lon[0]
    if abs(turn) > 180:
        pole = np.copysign(90, lat.mean())
        lon, lat = np.append(lon, [lon[0] + turn, lon[0] + turn, lon[0]]), np.append(lat, [lat[0], pole, pole])
    return _inside(shapely.Polygon(np.column_stack([lon, lat])), "Polygon")


def outlines(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) of lines and of the rings of polygons, and where each of these begins, to be drawn."""
    parts = shapely.get_parts(shapes)
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings = np.concatenate([parts[~is_polygon], shapely.get_rings(parts[is_polygon])])
    points, ring = shapely.get_coordinates(rings, return_index=True)
    return points, np.flatnonzero(np.diff(ring, prepend=-1))


def _mended(shapes: np.ndarray, mend: Callable) -> np.ndarray:
    """Shapes of which those are mended that a jump over more than half of the body tears."""
    west, _, east, _ = shapely.bounds(shapes).reshape(-1, 4).T
    mended = shapes.copy()
    for i in np.flatnonzero(east - west > 180).tolist():
        mended[i] = mend(shapes[i])
    return mended


def _polygon(torn: shapely.Geometry) -> shapely.Geometry:
    parts = []
    for part in shapely.get_parts(torn):
        shell = ring_polygon(*_open(part.exterior))
        holes = [ring_polygon(*_open(ring)) for ring in part.interiors]
        parts.append(shapely.difference(shell, shapely.union_all(holes)))
    return shapely.union_all(parts)


def _line(torn: shapely.LineString) -> shapely.Geometry:
    lon, lat = shapely.get_coordinates(torn).T
    return _inside(shapely.LineString(np.column_stack([np.unwrap(lon, period=360), lat])), "LineString")


def _open(ring: shapely.LinearRing) -> tuple[np.ndarray, np.ndarray]:
    return tuple(shapely.get_coordinates(ring)[:-1].T)


def _inside(whole: shapely.Geometry, kind: str) -> shapely.Geometry:
    """A shape with longitudes of any turn, moved to -180..180, cut where turns meet."""
    west, _, east, _ = whole.bounds
    if west >= -180 and east <= 180:
        return whole
    turns = range(int(np.floor((west + 180) / 360)), int(np.floor((east + 180) / 360)) + 1)
    parts = [part for turn in turns for part in _part(whole, turn) if part.geom_type == kind]
    return shapely.union_all(parts)


def _part(whole: shapely.Geometry, turn: int) -> np.ndarray:
    """What of a shape lies in one turn of longitudes, moved to -180..180."""
    strip = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
    return shapely.get_parts(shapely.transform(shapely.intersection(whole, strip), lambda xy: xy - [360 * turn, 0]))
