"""Detections as shapes on the body, for vector files."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import pandas as pd

from orbitile.features.shapes.on_body import ring_polygons
from orbitile.space.bodies import Body
from orbitile.space.ground import ground_boxes, ground_ellipses
from orbitile.tables.vectors import VECTOR_FORMATS

POINTS_PER_BLOCK = 65_536
"""Points of rings that are computed at once: arrays that stay in a processor's cache."""


@dataclass(frozen=True)
class VectorStyle:
    """How detections are drawn in vector files: as ellipse, circle or box on the ground, with so many vertices.

    `formats` and `rows_per_file` say which files are written (see orbitile.tables.vector_parts).
    """

    shape: str
    vertices: int
    rows_per_file: int = 500_000
    formats: Sequence[str] = VECTOR_FORMATS


def detection_shapes(detections: pd.DataFrame, style: VectorStyle, body: Body) -> geopandas.GeoDataFrame:
    """Detections (lon, lat in degrees; width_m, height_m) with their outlines as geometry, in degrees on the body."""
    geometry = np.empty(len(detections), dtype=object)
    rows_per_block = max(POINTS_PER_BLOCK // style.vertices, 1)
    for first in range(0, len(detections), rows_per_block):
        block = slice(first, first + rows_per_block)
        geometry[block] = ring_polygons(*_rings(detections[block], style, body))
    return geopandas.GeoDataFrame(detections, geometry=geometry, crs=body.crs)


def _rings(detections: pd.DataFrame, style: VectorStyle, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (n, vertices) of the outlines."""
    lon, lat, width, height = (detections[name].to_numpy(float) for name in ("lon", "lat", "width_m", "height_m"))
    if style.shape == "circle":
        width = height = (width + height) / 2
    rings = ground_boxes if style.shape == "box" else ground_ellipses
    return rings(lon, lat, width, height, body.radius_m, style.vertices)
