"""vectorise: survivors as shapes on the body."""

import logging

import geopandas
import pandas as pd

from orbitile.shapes.on_body import ring_polygon
from orbitile.space.bodies import Body
from orbitile.space.ground import boxes, ellipses
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
    geometry = [ring_polygon(*one) for one in zip(ring_lon, ring_lat, strict=True)]
    return geopandas.GeoDataFrame(table, geometry=geometry, crs=body.crs)
