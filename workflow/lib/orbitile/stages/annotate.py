"""annotate: an image with the craters of any table drawn on it."""

import logging

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection

from orbitile.files import atomic
from orbitile.matching import match
from orbitile.rasters.read import opened, read
from orbitile.space.grids import Window
from orbitile.space.ground import Ground, ellipses
from orbitile.stages.evaluate import Yardstick
from orbitile.tables.craters import Craters, read_craters
from orbitile.tables.rasters import RasterRow, read_rasters

log = logging.getLogger(__name__)

COLOURS = {"found": "#00e5ff", "right": "#39ff14", "false": "#ff3b30", "missed": "#ffd60a"}
HEADING_PX = 40
LARGEST_PX = 4096
"""Longer sides of a picture are shrunk to this."""


def annotate(rasters: str, scene: str, craters: str, truth: str | None, yardstick: Yardstick, out: str) -> None:
    """Draw a scene's craters as a PNG; with a truth, found, false and missed ones in their colours."""
    rows = [row for row in read_rasters(rasters) if row.scene == scene]
    raster = next((row for row in rows if max(row.width, row.height) <= LARGEST_PX), rows[-1])
    kinds = _kinds(read_craters(craters), read_craters(truth) if truth else None, yardstick)
    _draw(raster, kinds, yardstick.radius_m, out)


def _kinds(found: Craters, truth: Craters | None, yardstick: Yardstick) -> dict[str, Craters]:
    """Craters by what is known of them."""
    if truth is None:
        return {"found": found}
    result = match(found, truth, yardstick.iou_threshold, yardstick.min_diameter_m, yardstick.radius_m)
    right, wrong = result.found[result.found["hit"]], result.found[~result.found["hit"]]
    missed = result.truth[~result.truth["hit"]]
    return {name: _craters(table) for name, table in (("right", right), ("false", wrong), ("missed", missed))}


def _craters(table: pd.DataFrame) -> Craters:
    return Craters(
        *(table[name].to_numpy(float) for name in ("lon", "lat")), table["diameter_km"].to_numpy(float) * 1000
    )


def _draw(raster: RasterRow, kinds: dict[str, Craters], radius_m: float, out: str) -> None:
    shrink = min(1, LARGEST_PX / max(raster.width, raster.height))
    width, height = round(raster.width * shrink), round(raster.height * shrink)
    with opened(raster.path) as source:
        image = raster.stretch.apply(*read(source, Window(0, 0, raster.width, raster.height), shape=(height, width)))
    figure = plt.figure(figsize=(width / 100, (height + HEADING_PX) / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, height / (height + HEADING_PX)))
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(0, raster.width, raster.height, 0), interpolation="none")
    for kind, craters in kinds.items():
        rings = _rings(craters, raster, radius_m)
        axes.add_collection(LineCollection(rings, colors=COLOURS[kind], linewidths=1.2, label=f"{kind} ({len(rings)})"))
    axes.set(xlim=(0, raster.width), ylim=(raster.height, 0))
    axes.axis("off")
    figure.legend(*axes.get_legend_handles_labels(), loc="upper right", ncols=4, frameon=False, fontsize=14)
    figure.text(0.01, 0.995, f"{raster.scene}, {raster.scale_m:g} m/px", va="top", fontsize=14)
    with atomic(out) as temporary:
        figure.savefig(temporary)
    plt.close(figure)


def _rings(craters: Craters, raster: RasterRow, radius_m: float) -> list[np.ndarray]:
    """Outlines in pixels of the craters whose centre lies in the scene."""
    grid, ground = raster.grid, Ground(raster.crs_wkt, radius_m)
    middle = grid.to_map(grid.width / 2, grid.height / 2)
    col, row = grid.to_pixel(*ground.xy(craters.lon, craters.lat, *middle))
    inside = craters.where((col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height))
    if not len(inside):
        return []
    lon, lat = ellipses(inside.lon, inside.lat, inside.diameter_m, inside.diameter_m, radius_m)
    columns, rows = grid.to_pixel(*ground.xy(lon, lat, *middle))
    rings = np.stack([columns, rows], axis=-1)
    return list(np.concatenate([rings, rings[:, :1]], axis=1))
