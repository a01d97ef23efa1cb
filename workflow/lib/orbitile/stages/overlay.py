"""overlay: a scene with what the network sees in it, and the polygons and lines that were made of that."""

from typing import NamedTuple

import geopandas
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from orbitile.errors import OrbitileError
from orbitile.files import atomic
from orbitile.rasters.read import opened, read
from orbitile.shapes.on_body import outlines
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground
from orbitile.tables.rasters import RasterRow, read_rasters

LARGEST_PX = 4096
"""Longer sides of a picture are shrunk to this."""
HEADING_PX = 40
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
    shrink = min(1, LARGEST_PX / max(raster.width, raster.height))
    shape = max(1, round(raster.height * shrink)), max(1, round(raster.width * shrink))
    figure = plt.figure(figsize=(shape[1] / 100, (shape[0] + HEADING_PX) / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, shape[0] / (shape[0] + HEADING_PX)))
    extent = (0, raster.width, raster.height, 0)
    axes.imshow(_grey(raster, shape), cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="none")
    for row in glow:
        axes.imshow(_probability(row, shape), cmap=GLOW, vmin=0, vmax=255, extent=extent, interpolation="none")
    for kind in COLOURS:
        _add(axes, kind, rings_in(getattr(drawn, kind), raster, radius_m))
    axes.set(xlim=(0, raster.width), ylim=(raster.height, 0))
    axes.axis("off")
    figure.legend(*axes.get_legend_handles_labels(), loc="upper right", ncols=2, frameon=False, fontsize=14)
    figure.text(0.01, 0.995, f"{scene}, {raster.scale_m:g} m/px", va="top", fontsize=14)
    with atomic(out) as temporary:
        figure.savefig(temporary)
    plt.close(figure)


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
    middle = grid.to_map(grid.width / 2, grid.height / 2)
    x, y = Ground(grid.crs_wkt, radius_m).xy(*points.T, *middle)
    pixels = np.column_stack(grid.to_pixel(x, y))
    near = ((pixels >= 0) & (pixels <= [grid.width, grid.height])).all(axis=1)
    seen = np.logical_or.reduceat(near, starts)
    return [ring for ring, is_seen in zip(np.split(pixels, starts[1:]), seen, strict=True) if is_seen]


def _add(axes: Axes, kind: str, rings: list[np.ndarray]) -> None:
    axes.add_collection(LineCollection(rings, colors=COLOURS[kind], linewidths=0.8, label=f"{kind} ({len(rings)})"))


def _grey(raster: RasterRow, shape: tuple[int, int]) -> np.ndarray:
    with opened(raster.path) as source:
        return raster.stretch.apply(*read(source, Window(0, 0, raster.width, raster.height), shape=shape))


def _probability(row: RasterRow, shape: tuple[int, int]) -> np.ndarray:
    with opened(row.path) as source:
        channels = range(1, source.count + 1)
        probability, valid = read(source, Window(0, 0, row.width, row.height), channels, shape)
    return np.where(valid, probability.max(axis=0), 0)
