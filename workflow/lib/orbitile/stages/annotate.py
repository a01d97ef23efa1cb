"""annotate: an image with the craters of any table drawn on it."""

import numpy as np
import pandas as pd

from orbitile.matching import match
from orbitile.rasters.picture import LARGEST_PX, ScenePicture
from orbitile.space.ground import Ground, ellipses
from orbitile.stages.evaluate import Yardstick
from orbitile.tables.craters import Craters, read_craters
from orbitile.tables.rasters import RasterRow, read_rasters

COLOURS = {"found": "#00e5ff", "right": "#39ff14", "false": "#ff3b30", "missed": "#ffd60a"}


def annotate(rasters: str, scene: str, craters: str, truth: str | None, yardstick: Yardstick, out: str) -> None:
    """Draw a scene's craters as a PNG; with a truth, found, false and missed ones in their colours."""
    rows = [row for row in read_rasters(rasters) if row.scene == scene]
    raster = next((row for row in rows if max(row.width, row.height) <= LARGEST_PX), rows[-1])
    kinds = _kinds(read_craters(craters), read_craters(truth) if truth else None, yardstick)
    picture = ScenePicture.of(raster)
    for kind, some in kinds.items():
        picture.outline(kind, _rings(some, raster, yardstick.radius_m), COLOURS[kind], 1.2)
    picture.save(out, legend_columns=4)


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


def _rings(craters: Craters, raster: RasterRow, radius_m: float) -> list[np.ndarray]:
    """Outlines in pixels of the craters whose centre lies in the scene."""
    grid, ground = raster.grid, Ground(raster.crs_wkt, radius_m)
    col, row = grid.to_pixel(*ground.xy(craters.lon, craters.lat, *grid.middle))
    inside = craters.where((col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height))
    if not len(inside):
        return []
    lon, lat = ellipses(inside.lon, inside.lat, inside.diameter_m, inside.diameter_m, radius_m)
    columns, rows = grid.to_pixel(*ground.xy(lon, lat, *grid.middle))
    rings = np.stack([columns, rows], axis=-1)
    return list(np.concatenate([rings, rings[:, :1]], axis=1))
