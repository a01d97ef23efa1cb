"""Polygons in degrees of longitude and latitude on a sphere: from any map, and their areas."""

import numpy as np
import shapely
from affine import Affine

from orbitile.features.shapes.ground import areas_m2
from orbitile.features.shapes.on_body import polygons_on_body
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, wrap_longitude, wrap_width

STEP_DEG, LEAST_EDGES = 0.1, 200
"""Longest edge, and least number of edges of a shape: what is straight in degrees is then straight on the sphere."""
CELL_DEG = 30
"""Side of the cells that areas are added up in: the areas of shapes beyond a hemisphere are not computed at once."""
POLAR_LAT, NEAR_POLE_LAT = 70.0, 85.0
"""Beyond the first, edges on maps are divided FINE times as often; beyond the second, those that turn by more than 90
degrees of longitude go over the pole."""
FINE = 8


def polygons_in_degrees(shapes: np.ndarray, ground: Ground) -> np.ndarray:
    """Polygons and multipolygons (n) of a map in planetocentric degrees, inside -180..180, closed around poles."""
    parts, owner = shapely.get_parts(_dense_on_map(shapes, ground), return_index=True)
    if wrap_width(ground.crs_wkt):  # cylindrical: a pole is a line
        in_degrees = shapely.transform(parts, lambda points: np.column_stack(ground.lonlat(*points.T)))
    else:
        in_degrees = np.array([_polygon_over_poles(part, ground) for part in parts], object)
    on_body = polygons_on_body(in_degrees) if len(parts) else in_degrees
    return np.array([united(on_body[owner == number]) for number in range(len(shapes))], object)


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
    if shapely.is_empty(shape):
        return 0.0
    pieces = np.array([only_polygons(shapely.intersection(shape, cell)) for cell in _cells(shape)], object)
    pieces = pieces[~shapely.is_empty(pieces)]
    dense = shapely.segmentize(pieces, np.minimum(STEP_DEG, shapely.length(pieces) / LEAST_EDGES))
    return float(areas_m2(dense, radius_m).sum() / 1e6)


def _cells(shape: shapely.Geometry) -> list[shapely.Geometry]:
    west, south, east, north = shapely.bounds(shape)
    columns = np.arange(np.floor(west / CELL_DEG), np.ceil(east / CELL_DEG)) * CELL_DEG
    rows = np.arange(np.floor(south / CELL_DEG), np.ceil(north / CELL_DEG)) * CELL_DEG
    return [shapely.box(x, y, x + CELL_DEG, y + CELL_DEG) for y in rows for x in columns]


def _dense_on_map(shapes: np.ndarray, ground: Ground) -> np.ndarray:
    """Shapes of a map with short edges."""
    _, lat = ground.lonlat(*shapely.get_coordinates(shapes).T)
    unit_m = Grid(ground.crs_wkt, Affine.identity(), 1, 1).metres_per_unit
    step = np.radians(STEP_DEG) * ground.radius_m / unit_m / (FINE if np.abs(lat).max(initial=0) > POLAR_LAT else 1)
    return shapely.segmentize(shapes, np.minimum(step, shapely.length(shapes) / LEAST_EDGES))


def _polygon_over_poles(polygon: shapely.Polygon, ground: Ground) -> shapely.Polygon:
    rings = [_over_poles(shapely.get_coordinates(ring), ground) for ring in (polygon.exterior, *polygon.interiors)]
    return shapely.Polygon(rings[0], rings[1:])


def _over_poles(points: np.ndarray, ground: Ground) -> np.ndarray:
    """A ring of a map (n, 2) in degrees (m, 2); where it goes over a pole, along the meridians up to it."""
    lon, lat = ground.lonlat(*points[:-1].T)
    is_off = np.abs(lat) < 90 - 1e-9
    place, lon, lat = np.flatnonzero(is_off), lon[is_off], lat[is_off]
    after = np.roll(lon, -1)
    skips_pole = np.diff(place, append=place[:1] + len(is_off)) > 1
    turns = (np.abs(wrap_longitude(after - lon)) > 90) & (np.abs(lat) > NEAR_POLE_LAT)
    is_over, pole = skips_pole | turns, np.copysign(90.0, lat)
    corners = np.stack([np.stack([lon, lat]), np.stack([lon, pole]), np.stack([after, pole])], axis=-1)  # 2, n, 3
    chosen = np.column_stack([np.ones(len(lon), bool), is_over, is_over])
    return np.column_stack([corners[0][chosen], corners[1][chosen]])
