"""Circles of outlines that somebody drew: the centre of the area, and the diameter of a circle of the same area."""

from pathlib import Path

import numpy as np
import shapely
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground, lonlat_of_points, unit_vectors
from orbitile.tables.column_names import table_place
from orbitile.tables.user_tables import EAST_LIMIT, WEST_LIMIT


def circles_of_outlines(
    shapes: np.ndarray, rows: np.ndarray, path: Path, body: Body
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitudes and latitudes (n, degrees) and diameters (n, km) of polygons; the diameters of points are NaN.

    Polygons may have several parts, as those have that are cut at 180 degrees. OrbitileError with the file and the row,
    by the indices (n) of rows, for shapes of other kinds, and for those without an area.
    """
    circles = np.full((3, len(shapes)), np.nan)
    for index, (shape, row) in enumerate(zip(shapes, rows.tolist(), strict=True)):
        place = table_place(path, "row", row + 1)
        west, south, east, north = shape.bounds
        if not shape.is_empty and not (WEST_LIMIT <= west <= east <= EAST_LIMIT and -90 <= south <= north <= 90):
            raise OrbitileError(f"{place}: its shape reaches beyond the body; is its map that of {body.name}?")
        if shape.geom_type == "Point" and not shape.is_empty:
            circles[:2, index] = shape.x, shape.y
            continue
        if shape.geom_type not in ("Polygon", "MultiPolygon") or not shape.area > 0:
            raise OrbitileError(f"{place}: its shape is no polygon with an area; draw the crater's outline")
        circles[:, index] = circle_of_polygon(shape, body)
    return circles[0], circles[1], circles[2]


def circle_of_polygon(polygon: shapely.Geometry, body: Body) -> tuple[float, float, float]:
    """Longitude and latitude (degrees) of the centre of a polygon's area, and the diameter (km) of a circle as large.

    Measured on Lambert's azimuthal equal-area map around the polygon, where all parts of it meet.
    """
    middle = unit_vectors(*shapely.get_coordinates(polygon).T).mean(axis=0, keepdims=True)
    (lon,), (lat,) = (angles.tolist() for angles in lonlat_of_points(middle))
    ground = Ground(CRS(f"+proj=laea +lon_0={lon!r} +lat_0={lat!r} +R={body.radius_m!r}").to_wkt(), body.radius_m)
    on_map = shapely.transform(polygon, lambda points: np.column_stack(ground.xy(points[:, 0], points[:, 1], 0.0, 0.0)))
    parts = shapely.get_parts(on_map)
    area, centres = shapely.area(parts), shapely.get_coordinates(shapely.centroid(parts))
    x, y = (area[:, None] * centres).sum(axis=0) / area.sum()
    (east,), (north,) = ground.lonlat(np.array([x]), np.array([y]))
    return float(east), float(north), float(2 * np.sqrt(area.sum() / np.pi) / 1000)
