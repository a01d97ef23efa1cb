"""Shapes in longitude and latitude inside -180..180: cut in two where they cross 180 E, closed around poles."""

from collections.abc import Callable

import numpy as np
import shapely

from orbitile.space.ground import wrap_longitude


def polygons_on_body(polygons: np.ndarray) -> np.ndarray:
    """Polygons and multipolygons (n, degrees) whose vertices were wrapped into -180..180 one by one, repaired."""
    return _repaired(polygons, _polygon)


def lines_on_body(lines: np.ndarray) -> np.ndarray:
    """Lines (n, degrees) whose vertices were wrapped into -180..180 one by one, repaired."""
    return _repaired(lines, _line)


def ring_polygons(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """The polygons (n) of rings (n, vertices: longitudes and latitudes in degrees), as `ring_polygon` makes them."""
    west, east = lon.min(axis=1), lon.max(axis=1)
    # A ring around a pole, or one that jumps at 180 E, is wider than this.
    is_plain = (west >= -180) & (east <= 180) & (east - west < 180)
    polygons = np.empty(len(lon), dtype=object)
    polygons[is_plain] = shapely.polygons(shapely.linearrings(np.stack([lon[is_plain], lat[is_plain]], axis=-1)))
    for i in np.flatnonzero(~is_plain).tolist():
        polygons[i] = ring_polygon(lon[i], lat[i])
    return polygons


def ring_polygon(lon: np.ndarray, lat: np.ndarray) -> shapely.Geometry:
    """The polygon of a ring (n longitudes and latitudes in degrees), inside -180..180.

    It is cut in two where it crosses 180 E. A ring around a pole is closed along the pole.
    """
    turn = wrap_longitude(np.diff(lon, append=lon[:1])).sum()
    pole = np.copysign(90, lat.mean())
    if abs(turn) > 180:
        nearest = np.argmax(lat * pole)  # the ring does not pass between this vertex and the pole
        lon, lat = np.roll(lon, -nearest), np.roll(lat, -nearest)
    lon = _unwrapped(lon)
    if abs(turn) > 180:
        lon, lat = np.append(lon, [lon[0] + turn, lon[0] + turn, lon[0]]), np.append(lat, [lat[0], pole, pole])
    return _inside(valid_polygon(shapely.Polygon(np.column_stack([lon, lat]))), "Polygon")


def valid_polygon(polygon: shapely.Geometry) -> shapely.Geometry:
    """A polygon, repaired where its ring goes along a pole more than once or touches itself."""
    if shapely.is_valid(polygon):
        return polygon
    return shapely.make_valid(polygon, method="structure", keep_collapsed=False)


def drawing_points(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) of lines and of the rings of polygons, for drawing, and the index (m) of the first of each."""
    parts = shapely.get_parts(shapes)
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings = np.concatenate([parts[~is_polygon], shapely.get_rings(parts[is_polygon])])
    points, ring = shapely.get_coordinates(rings, return_index=True)
    return points, np.flatnonzero(np.diff(ring, prepend=-1))


def _repaired(shapes: np.ndarray, repair: Callable) -> np.ndarray:
    """Shapes, of which those wider than half of the body, because of a jump at 180 E, are repaired."""
    west, _, east, _ = shapely.bounds(shapes).reshape(-1, 4).T
    repaired = shapes.copy()
    for i in np.flatnonzero(east - west > 180).tolist():
        repaired[i] = repair(shapes[i])
    return repaired


def _polygon(polygon: shapely.Geometry) -> shapely.Geometry:
    parts = []
    for part in shapely.get_parts(polygon):
        shell = ring_polygon(*_without_end(part.exterior))
        holes = [ring_polygon(*_without_end(ring)) for ring in part.interiors]
        parts.append(shapely.difference(shell, shapely.union_all(holes)))
    return shapely.union_all(parts)


def _unwrapped(lon: np.ndarray) -> np.ndarray:
    """Longitudes (n) without jumps; steps of half a turn, as over a pole, are westward as in `wrap_longitude`."""
    step = np.diff(lon)
    return lon - 360 * np.append(0, np.cumsum(np.round((step - wrap_longitude(step)) / 360)))


def _line(line: shapely.LineString) -> shapely.Geometry:
    lon, lat = shapely.get_coordinates(line).T
    return _inside(shapely.LineString(np.column_stack([np.unwrap(lon, period=360), lat])), "LineString")


def _without_end(ring: shapely.LinearRing) -> tuple[np.ndarray, np.ndarray]:
    return tuple(shapely.get_coordinates(ring)[:-1].T)


def _inside(shape: shapely.Geometry, geometry_type: str) -> shapely.Geometry:
    """A shape with unwrapped longitudes, moved to -180..180 and cut at 180 E."""
    west, _, east, _ = shapely.bounds(shape)
    if west >= -180 and east <= 180:
        return shape
    wraps = range(int(np.floor((west + 180) / 360)), int(np.floor((east + 180) / 360)) + 1)
    parts = [part for wrap in wraps for part in _in_wrap(shape, wrap) if part.geom_type == geometry_type]
    return shapely.union_all(parts)


def _in_wrap(shape: shapely.Geometry, wrap: int) -> np.ndarray:
    """The parts of a shape that lie in one wrap of longitudes, moved to -180..180."""
    band = shapely.box(360 * wrap - 180, -90, 360 * wrap + 180, 90)
    return shapely.get_parts(shapely.transform(shapely.intersection(shape, band), lambda xy: xy - [360 * wrap, 0]))
