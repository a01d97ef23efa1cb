"""Polygons in degrees of longitude and latitude on a sphere: from any map, and their areas."""

import numpy as np
import shapely
from affine import Affine

from orbitile.features.shapes.on_body import polygons_on_body, valid_polygon
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, wrap_longitude, wrap_width

STEP_DEG, LEAST_EDGES = 0.1, 200
"""Longest edge, and least number of edges of a shape: what is straight in degrees is then straight on the sphere."""
POLAR_LAT, NEAR_POLE_LAT = 70.0, 85.0
"""Beyond the first, edges on maps are divided FINE times as often; beyond the second, those that turn by more than 90
degrees of longitude go over the pole."""
FINE = 8
TURN_DEG, MOST_HALVINGS = 2.0, 8
"""Edges that turn by more degrees of longitude are halved, so many times at most: they are not straight in degrees."""


def polygons_in_degrees(shapes: np.ndarray, ground: Ground) -> np.ndarray:
    """Polygons and multipolygons (n) of a map in planetocentric degrees, inside -180..180, closed around poles."""
    parts, owner = shapely.get_parts(_dense_on_map(shapes, ground), return_index=True)
    on_body = polygons_of_map(parts, ground)
    return np.array([united(on_body[owner == number]) for number in range(len(shapes))], object)


def lines_in_degrees(lines: np.ndarray, ground: Ground) -> np.ndarray:
    """Lines (n) of a map in planetocentric degrees, divided so that what is straight on the map stays so.

    Vertices are wrapped into -180..180 one by one.
    """
    return shapely.transform(_dense_on_map(lines, ground), lambda points: np.column_stack(ground.lonlat(*points.T)))


def polygons_of_map(polygons: np.ndarray, ground: Ground) -> np.ndarray:
    """Polygons (n) of a map, whose edges are short, in planetocentric degrees, inside -180..180, closed around poles.

    Only edges near a pole that is a point of the map are divided further; polygons that share one stay neighbours.
    """
    in_degrees = shapely.transform(polygons, lambda points: np.column_stack(ground.lonlat(*points.T)))
    return closed_over_poles(in_degrees, polygons, ground)


def closed_over_poles(in_degrees: np.ndarray, polygons: np.ndarray, ground: Ground) -> np.ndarray:
    """As `polygons_of_map`, of polygons (n) whose vertices are there in degrees, too, wrapped one by one."""
    if wrap_width(ground.crs_wkt):  # on a cylindrical map a pole is a line
        return polygons_on_body(in_degrees)
    polar, closed = np.flatnonzero(_turns(in_degrees)).tolist(), in_degrees.copy()
    for number in polar:
        closed[number] = _polygon_over_poles(polygons[number], ground)
    on_body = polygons_on_body(closed)
    for number in polar:
        on_body[number] = valid_polygon(on_body[number])
    return on_body


def may_reach_pole(shapes: np.ndarray) -> np.ndarray:
    """Which shapes (n, degrees), whose vertices were wrapped into -180..180 one by one, may enclose or touch a pole."""
    west, _, east, _ = shapely.bounds(shapes).reshape(-1, 4).T
    return _turns(shapes) | (east - west > 180)


def _turns(shapes: np.ndarray) -> np.ndarray:
    """Which shapes (n, degrees) have an edge that turns far."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    is_far = (np.abs(wrap_longitude(np.diff(points[:, 0]))) > TURN_DEG) & (owner[1:] == owner[:-1])
    return np.bincount(owner[1:][is_far], minlength=len(shapes)) > 0


def united(shapes: np.ndarray) -> shapely.Geometry:
    """The union of polygons as one valid shape."""
    return only_polygons(shapely.union_all(shapely.make_valid(shapes, method="structure", keep_collapsed=False)))


def only_polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a shape, without lines and points, as one polygon or multipolygon, perhaps empty."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    polygons = parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons.tolist())


def contains_places(shape: shapely.Geometry, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Which places (n) lie in a shape in degrees, or on its border: areas that abut at 180 degrees leave no gap."""
    west, south, east, north = shapely.bounds(shape)
    is_inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    shapely.prepare(shape)
    is_inside[is_inside] = shapely.intersects_xy(shape, lon[is_inside], lat[is_inside])
    return is_inside


def area_on_sphere_km2(shape: shapely.Geometry, radius_m: float) -> float:
    """The area of a polygon or multipolygon in degrees inside -180..180, however large it is."""
    dense = shapely.segmentize(shape, min(STEP_DEG, shapely.length(shape) / LEAST_EDGES or STEP_DEG))
    return solid_angle(dense) * (radius_m / 1000) ** 2


def solid_angle(shape: shapely.Geometry) -> float:
    """The area of a shape in degrees with short edges, in units of the sphere's radius squared.

    Lambert's cylindrical equal-area projection (Snyder 1987, p. 76) has x = lon and y = sin lat.
    """
    return float(shapely.area(shapely.transform(shape, _on_cylinder)))


def _on_cylinder(points: np.ndarray) -> np.ndarray:
    return np.column_stack([np.radians(points[:, 0]), np.sin(np.radians(points[:, 1]))])


def _dense_on_map(shapes: np.ndarray, ground: Ground) -> np.ndarray:
    """Shapes of a map with short edges."""
    _, lat = ground.lonlat(*shapely.get_coordinates(shapes).T)
    unit_m = Grid(ground.crs_wkt, Affine.identity(), 1, 1).metres_per_unit
    step = np.radians(STEP_DEG) * ground.radius_m / unit_m / (FINE if np.abs(lat).max(initial=0) > POLAR_LAT else 1)
    length = shapely.length(shapes)
    return shapely.segmentize(shapes, np.where(length > 0, np.minimum(step, length / LEAST_EDGES), step))


def _polygon_over_poles(polygon: shapely.Geometry, ground: Ground) -> shapely.Geometry:
    parts = []
    for part in shapely.get_parts(polygon):
        shell, *holes = (
            _over_poles(shapely.get_coordinates(ring), ground) for ring in (part.exterior, *part.interiors)
        )
        parts.append(shapely.Polygon(shell, holes))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _over_poles(points: np.ndarray, ground: Ground) -> np.ndarray:
    """A ring of a map (n, 2) in degrees (m, 2); where it goes over a pole, along the meridians up to it."""
    lon, lat = ground.lonlat(*_halved_turns(points, ground)[:-1].T)
    is_off = np.abs(lat) < 90 - 1e-9
    place, lon, lat = np.flatnonzero(is_off), lon[is_off], lat[is_off]
    after = np.roll(lon, -1)
    skips_pole = np.diff(place, append=place[:1] + len(is_off)) > 1
    turns = (np.abs(wrap_longitude(after - lon)) > 90) & (np.abs(lat) > NEAR_POLE_LAT)
    is_over, pole = skips_pole | turns, np.copysign(90.0, lat)
    corners = np.stack([np.stack([lon, lat]), np.stack([lon, pole]), np.stack([after, pole])], axis=-1)  # 2, n, 3
    chosen = np.column_stack([np.ones(len(lon), bool), is_over, is_over])
    return np.column_stack([corners[0][chosen], corners[1][chosen]])


def _halved_turns(points: np.ndarray, ground: Ground) -> np.ndarray:
    """A ring of a map (n, 2) with more points (m, 2) on edges that turn far; the same for either direction."""
    for _ in range(MOST_HALVINGS):
        lon, _ = ground.lonlat(*points.T)
        edges = np.flatnonzero(np.abs(wrap_longitude(np.diff(lon))) > TURN_DEG)
        points = np.insert(points, edges + 1, (points[edges] + points[edges + 1]) / 2, axis=0)
    return points
