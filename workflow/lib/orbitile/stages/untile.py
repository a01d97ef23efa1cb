"""untile: from boxes in tiles to detections on the body, each reported by the tile that is responsible for it."""

import logging
from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from orbitile.detections.box_correction import UNCHANGED, BoxCorrection
from orbitile.detections.tiling import SizeLimits, TilePlacement
from orbitile.space.ground import Ground
from orbitile.tables.detections import BOX, GEOLOCATED, MAP_BOX, ORDER
from orbitile.tables.enlarged_rasters import NOT_ENLARGED, searched_rasters
from orbitile.tables.parquet import concat_tables, read_table, write_table
from orbitile.tables.rasters import RasterRow, read_rasters
from orbitile.tables.tiles import CORE

log = logging.getLogger(__name__)


class UntileInputs(NamedTuple):
    """A group's tables of boxes in tiles, of the tiles, and of the rasters that were tiled."""

    predictions: str
    tiles: str
    rasters: str


def untile(
    tables: UntileInputs,
    size_limits: Mapping[float, SizeLimits],
    radius_m: float,
    out: str,
    enlarged: Mapping[float, int] = NOT_ENLARGED,
    correction: BoxCorrection = UNCHANGED,
) -> None:
    """Write a group's detections on the body, of radius `radius_m`; `size_limits` are those of each scale in m/px.

    `enlarged` holds the factors of scales that were searched in enlarged pixels; `correction` corrects sizes.
    """
    searched = searched_rasters(read_rasters(tables.rasters), size_limits, enlarged)
    rasters = {(raster.stored.scene, raster.scale_m): raster.row for raster in searched}
    boxes = read_table(tables.predictions).merge(
        read_table(tables.tiles), on=["scene", "scale_m", "tile"], validate="many_to_one"
    )
    parts = []
    for key, part in boxes.groupby(["scene", "scale_m"], sort=True):
        scene, scale_m = cast(tuple[str, float], key)
        parts.append(_geolocated(part, rasters[scene, scale_m], size_limits[scale_m], radius_m, correction))
    detections = concat_tables(parts, GEOLOCATED).sort_values(ORDER, ignore_index=True)
    log.info("%d of %d boxes in tiles kept", len(detections), len(boxes))
    if detections["out_of_reach"].any():
        log.warning("%d detections are larger than the largest size of all scales", detections["out_of_reach"].sum())
    write_table(detections, GEOLOCATED, out)


def _geolocated(
    boxes: pd.DataFrame, raster: RasterRow, limits: SizeLimits, radius_m: float, correction: BoxCorrection
) -> pd.DataFrame:
    """The boxes of one scene at one scale that its tiles report, on the map and on the body.

    What a tile's edge truncates shows in the boxes as the network found them; sizes are those of the corrected ones.
    """
    corner = boxes[["col", "row", "col", "row"]].to_numpy(float)
    in_scene = boxes[BOX].to_numpy(float) + corner
    window = np.column_stack([corner[:, :2], corner[:, :2] + boxes[["width", "height"]].to_numpy(float)])
    tile = TilePlacement(boxes[CORE].to_numpy(float), window, np.array([raster.width, raster.height]))
    truncated = boxes["truncated"].to_numpy(bool) | tile.touch_outer_edge(in_scene)
    corrected = correction.apply(in_scene)
    detections = boxes.assign(truncated=truncated, out_of_reach=limits.is_too_large(corrected))
    reported = limits.is_reported(corrected, tile) & ~tile.touch_inner_edge(in_scene)
    on_map = raster.grid.boxes_to_map(corrected[reported])
    lon, lat, width, height = Ground(raster.crs_wkt, radius_m).measure(on_map)
    ground = dict(lon=lon, lat=lat, width_m=width, height_m=height, diameter_km=(width + height) / 2000)
    return detections[reported].assign(**ground, **dict(zip(MAP_BOX, on_map.T, strict=True)))[GEOLOCATED.names]
