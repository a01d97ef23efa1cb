"""vectorise: survivors as shapes on the body."""

import logging

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.space.bodies import Body
from orbitile.space.ground import boxes, ellipses, wrap
from orbitile.tables.parquet import read_table
from orbitile.tables.vectors import write_vectors

log = logging.getLogger(__name__)


def vectorise(survivors: str, shape: str, vertices: int, body: Body, stem: str) -> None:
    """Write a group's survivors as shapes to stem.parquet, .gpkg and .shp."""
    table = read_table(survivors)
    write_vectors(shapes(table, shape, vertices, body), stem)
    log.info("%d shapes written", len(table))


def shapes(table: pd.DataFrame, shape: str, vertices: int, body: Body) -> geopandas.GeoDataFrame:
    """Detections with an ellipse, circle or box on the ground as geometry, in degrees on the body."""
    lon, lat = table["lon"].to_numpy(float), table["lat"].to_numpy(float)
    width, height = table["width_m"].to_numpy(float), table["height_m"].to_numpy(float)
    if shape == "circle":
        width = height = (width + height) / 2
    ring = boxes if shape == "box" else ellipses
    ring_lon, ring_lat = ring(lon, lat, width, height, body.radius_m, vertices)
    geometry = [polygon(*one) for one in zip(ring_lon, ring_lat, strict=True)]
    return geopandas.GeoDataFrame(table, geometry=geometry, crs=body.crs)


def polygon(lon: np.ndarray, lat: np.ndarray) -> shapely.Geometry:
    """The polygon of a ring on the sphere, inside -180..180: cut in two where it crosses 180 E.

    A ring around a pole is closed along the pole.
    """
    lon = np.unwrap(lon, period=360)
    turn = wrap(lon[0] - lon[-1]) + lon[-1] - lon[0]
    if abs(turn) > 180:
        pole = np.copysign(90, lat.mean())
        lon, lat = np.append(lon, [lon[0] + turn, lon[0] + turn, lon[0]]), np.append(lat, [lat[0], pole, pole])
    whole = shapely.Polygon(np.column_stack([lon, lat]))
    if lon.min() >= -180 and lon.max() <= 180:
        return whole
    turns = range(int(np.floor((lon.min() + 180) / 360)), int(np.floor((lon.max() + 180) / 360)) + 1)
    parts = [_part(whole, turn) for turn in turns]
    return shapely.union_all([part for part in parts if not part.is_empty])


def _part(whole: shapely.Polygon, turn: int) -> shapely.Geometry:
    """What of a polygon lies in one turn of longitudes, moved to -180..180."""
    strip = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
    moved = shapely.transform(shapely.intersection(whole, strip), lambda xy: xy - [360 * turn, 0])
    return shapely.MultiPolygon([part for part in shapely.get_parts(moved) if part.geom_type == "Polygon"])
