"""annotate: an image of a scene with the craters of any table drawn on it."""

import numpy as np
import pandas as pd

from orbitile.detections.matching import MatchCriteria, match_craters
from orbitile.pictures.scene_picture import LARGEST_PX, ScenePicture, rows_of_scene
from orbitile.space.ground import Ground, ground_ellipses
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, read_craters_of_run
from orbitile.tables.rasters import RasterRow

COLOURS = {"found": "#00e5ff", "right": "#39ff14", "false": "#ff3b30", "missed": "#ffd60a"}


def annotate_craters(
    rasters: str,
    scene: str,
    tables: tuple[CraterTable, CraterTable | None],
    criteria: MatchCriteria,
    out: str,
    unmapped_scenes: int = 0,
) -> None:
    """Draw a scene's craters as a PNG; with a truth, right, false and missed ones in their colours.

    `rasters` is the group's table of scenes, `tables` are those of craters and of true ones. Of a run in pixel
    coordinates with so many `unmapped_scenes` only the scene's craters are drawn. OrbitileError where the scene failed,
    or a table lacks a column.
    """
    rows = rows_of_scene(rasters, scene)
    raster = next((row for row in rows if max(row.width, row.height) <= LARGEST_PX), rows[-1])
    detected, true = tables
    craters = _craters_on(scene, detected, rows, criteria, unmapped_scenes)
    truth = _craters_on(scene, true, rows, criteria, unmapped_scenes) if true else None
    kinds = _kinds(craters, truth, criteria)
    picture = ScenePicture.of(raster)
    for kind, members in kinds.items():
        picture.outline(kind, _rings(members, raster, criteria.radius_m), COLOURS[kind], 1.2)
    picture.save(out, legend_columns=4)


def _craters_on(
    scene: str, table: CraterTable, rows: list[RasterRow], criteria: MatchCriteria, unmapped_scenes: int
) -> Craters:
    pixels = PixelPlaces.of(rows, criteria.radius_m)
    return read_craters_of_run(table, pixels, unmapped_scenes).of_scene(scene)


def _kinds(craters: Craters, truth: Craters | None, criteria: MatchCriteria) -> dict[str, Craters]:
    """Craters by the kinds that are drawn in colours of their own (COLOURS)."""
    if truth is None:
        return {"found": craters}
    matches = match_craters(craters, truth, criteria.iou_threshold, criteria.min_diameter_m, criteria.radius_m)
    right, wrong = matches.detected[matches.detected["hit"]], matches.detected[~matches.detected["hit"]]
    missed = matches.truth[~matches.truth["hit"]]
    return {name: _craters(table) for name, table in (("right", right), ("false", wrong), ("missed", missed))}


def _craters(table: pd.DataFrame) -> Craters:
    lon, lat, diameter_km = (table[name].to_numpy(float) for name in ("lon", "lat", "diameter_km"))
    return Craters(lon, lat, diameter_km * 1000)


def _rings(craters: Craters, raster: RasterRow, radius_m: float) -> list[np.ndarray]:
    """Outlines in pixels of the craters whose centre lies in the scene."""
    grid, ground = raster.grid, Ground(raster.crs_wkt, radius_m)
    col, row = grid.to_pixel(*ground.xy(craters.lon, craters.lat, *grid.middle))
    inside = craters.select((col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height))
    if not len(inside):
        return []
    lon, lat = ground_ellipses(inside.lon, inside.lat, inside.diameter_m, inside.diameter_m, radius_m)
    columns, rows = grid.to_pixel(*ground.xy(lon, lat, *grid.middle))
    rings = np.stack([columns, rows], axis=-1)
    return list(np.concatenate([rings, rings[:, :1]], axis=1))
