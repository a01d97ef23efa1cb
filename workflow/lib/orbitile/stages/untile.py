"""untile: from boxes in tiles to detections on the body, each reported by the tile that answers for it."""

import logging

import numpy as np
import pandas as pd

from orbitile.space.ground import Ground
from orbitile.tables.detections import BOX, MAP_BOX, ORDER, PLACED
from orbitile.tables.parquet import read_table, united, write_table
from orbitile.tables.rasters import RasterRow, read_rasters
from orbitile.tables.tiles import CORE
from orbitile.tiling import Responsibility, TilePlace

log = logging.getLogger(__name__)


def untile(raw: str, tiles: str, rasters: str, duties: dict[float, Responsibility], radius_m: float, out: str) -> None:
    """Place a group's raw detections on the body; `duties` says what each scale answers for."""
    where = {(row.scene, row.scale_m): row for row in read_rasters(rasters)}
    found = read_table(raw).merge(read_table(tiles), on=["scene", "scale_m", "tile"], validate="many_to_one")
    parts = [
        _place(part, where[key], duties[key[1]], radius_m)
        for key, part in found.groupby(["scene", "scale_m"], sort=True)
    ]
    placed = united(parts, PLACED).sort_values(ORDER, ignore_index=True)
    log.info("%d of %d raw detections kept", len(placed), len(found))
    if placed["out_of_reach"].any():
        log.warning("%d detections are larger than any scale answers for", placed["out_of_reach"].sum())
    write_table(placed, PLACED, out)


def _place(found: pd.DataFrame, raster: RasterRow, duty: Responsibility, radius_m: float) -> pd.DataFrame:
    """Detections of one scene at one scale on the map and the body."""
    corner = found[["col", "row", "col", "row"]].to_numpy(float)
    boxes = found[BOX].to_numpy(float) + corner
    window = np.column_stack([corner[:, :2], corner[:, :2] + found[["width", "height"]].to_numpy(float)])
    tile = TilePlace(found[CORE].to_numpy(float), window, np.array([raster.width, raster.height]))
    kept = duty.keeps(boxes, tile)
    cut = found["cut"].to_numpy(bool) | tile.at_outer_edge(boxes)
    too_large = duty.is_too_large(boxes)
    found, on_map = (
        found[kept].assign(cut=cut[kept], out_of_reach=too_large[kept]),
        raster.grid.boxes_to_map(boxes[kept]),
    )
    lon, lat, width, height = Ground(raster.crs_wkt, radius_m).measure(on_map)
    ground = dict(lon=lon, lat=lat, width_m=width, height_m=height, diameter_km=(width + height) / 2000)
    return found.assign(**ground, **dict(zip(MAP_BOX, on_map.T, strict=True)))[PLACED.names]
