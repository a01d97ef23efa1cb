"""vectorise: survivors as shapes on the body."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas
import pandas as pd

from orbitile.shapes.on_body import ring_polygon
from orbitile.space.bodies import Body
from orbitile.space.ground import boxes, ellipses
from orbitile.tables.parquet import read_table
from orbitile.tables.vectors import with_ways, write_vectors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What detections look like in vector files: ellipse, circle or box on the ground, with so many vertices.

    `ways` tells how each scene came onto the map (see orbitile.tables.plan.read_ways); without them, files do not.
    """

    shape: str
    vertices: int
    ways: Mapping[str, Mapping] = field(default_factory=dict)


def vectorise(survivors: str, look: Look, body: Body, stem: str) -> None:
    """Write a group's survivors as shapes to stem.parquet, .gpkg and .shp."""
    table = read_table(survivors)
    write_vectors(shapes(table, look, body), stem)
    log.info("%d shapes written", len(table))


def shapes(table: pd.DataFrame, look: Look, body: Body) -> geopandas.GeoDataFrame:
    """Detections with an ellipse, circle or box on the ground as geometry, in degrees on the body."""
    lon, lat = table["lon"].to_numpy(float), table["lat"].to_numpy(float)
    width, height = table["width_m"].to_numpy(float), table["height_m"].to_numpy(float)
    if look.shape == "circle":
        width = height = (width + height) / 2
    ring = boxes if look.shape == "box" else ellipses
    ring_lon, ring_lat = ring(lon, lat, width, height, body.radius_m, look.vertices)
    geometry = [ring_polygon(*one) for one in zip(ring_lon, ring_lat, strict=True)]
    frame = geopandas.GeoDataFrame(table, geometry=geometry, crs=body.crs)
    return with_ways(frame, look.ways) if look.ways else frame
