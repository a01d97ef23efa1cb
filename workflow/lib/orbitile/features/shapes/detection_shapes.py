"""Detections as shapes on the body, for vector files."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas
import pandas as pd

from orbitile.features.shapes.on_body import ring_polygon
from orbitile.space.bodies import Body
from orbitile.space.ground import ground_boxes, ground_ellipses
from orbitile.tables.vectors import add_georef_methods


@dataclass(frozen=True)
class VectorStyle:
    """How detections are drawn in vector files: as ellipse, circle or box on the ground, with so many vertices.

    `georef_methods` gives georef_method and error_m of each scene (see orbitile.tables.plan.read_georef_methods);
    without it, the files have no such columns.
    """

    shape: str
    vertices: int
    georef_methods: Mapping[str, Mapping] = field(default_factory=dict)


def detection_shapes(detections: pd.DataFrame, style: VectorStyle, body: Body) -> geopandas.GeoDataFrame:
    """Detections (lon, lat in degrees; width_m, height_m) with their outlines as geometry, in degrees on the body."""
    lon, lat = detections["lon"].to_numpy(float), detections["lat"].to_numpy(float)
    width, height = detections["width_m"].to_numpy(float), detections["height_m"].to_numpy(float)
    if style.shape == "circle":
        width = height = (width + height) / 2
    ring = ground_boxes if style.shape == "box" else ground_ellipses
    ring_lon, ring_lat = ring(lon, lat, width, height, body.radius_m, style.vertices)
    geometry = [ring_polygon(*points) for points in zip(ring_lon, ring_lat, strict=True)]
    frame = geopandas.GeoDataFrame(detections, geometry=geometry, crs=body.crs)
    return add_georef_methods(frame, style.georef_methods) if style.georef_methods else frame
