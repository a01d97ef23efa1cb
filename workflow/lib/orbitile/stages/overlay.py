"""overlay: a scene with what the network sees in it, and the polygons and lines that were made of that."""

from typing import NamedTuple

import geopandas
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from orbitile.errors import OrbitileError
from orbitile.rasters.picture import ScenePicture
from orbitile.rasters.read import opened, read
from orbitile.shapes.on_body import outlines
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground
from orbitile.tables.rasters import RasterRow, read_rasters

GLOW = LinearSegmentedColormap.from_list("glow", [(1, 0.85, 0, 0), (1, 0.25, 0, 0.55)])
"""Probability as a layer that is clear where it is 0."""
COLOURS = dict(polygons="#00e5ff", lines="#39ff14")


class Drawn(NamedTuple):
    """A group's tables of scenes and of their probabilities, the map's polygons and its lines."""

    scaled: str
    stitched: str
    polygons: str
    lines: str


def overlay(drawn: Drawn, scene: str, radius_m: float, out: str) -> None:
    """Draw a scene at its finest scale as a PNG, the largest probability of all classes as a translucent layer."""
    rasters = [row for row in read_rasters(drawn.scaled) if row.scene == scene]
    if not rasters:
        raise OrbitileError(f"scene {scene} was left out of the run because it failed; `make failures` tells why")
    raster = rasters[0]
    glow = [row for row in read_rasters(drawn.stitched) if (row.scene, row.scale_m) == (scene, raster.scale_m)]
    picture = ScenePicture.of(raster)
    for row in glow:
        picture.lay_over(_probability(row, picture.shape), GLOW)
    for kind, colour in COLOURS.items():
        picture.outline(kind, rings_in(getattr(drawn, kind), raster, radius_m), colour, 0.8)
    picture.save(out, legend_columns=2)


def rings_in(path: str, raster: RasterRow, radius_m: float) -> list[np.ndarray]:
    """Lines and outlines of a map's shapes at a raster's scale, in its pixels, as far as they come near it."""
    frame = geopandas.read_parquet(path)
    frame = frame[frame["scale_m"] == raster.scale_m]
    return on_picture(frame.geometry.to_numpy(), raster.grid, radius_m)


def on_picture(shapes: np.ndarray, grid: Grid, radius_m: float) -> list[np.ndarray]:
    """Outlines (n, 2: column, row) of shapes in longitude and latitude that come near a grid."""
    points, starts = outlines(shapes)
    if not len(points):
        return []
    x, y = Ground(grid.crs_wkt, radius_m).xy(*points.T, *grid.middle)
    pixels = np.column_stack(grid.to_pixel(x, y))
    near = ((pixels >= 0) & (pixels <= [grid.width, grid.height])).all(axis=1)
    seen = np.logical_or.reduceat(near, starts)
    return [ring for ring, is_seen in zip(np.split(pixels, starts[1:]), seen, strict=True) if is_seen]


def _probability(row: RasterRow, shape: tuple[int, int]) -> np.ndarray:
    with opened(row.path) as source:
        channels = range(1, source.count + 1)
        probability, valid = read(source, Window(0, 0, row.width, row.height), channels, shape)
    return np.where(valid, probability.max(axis=0), 0)
