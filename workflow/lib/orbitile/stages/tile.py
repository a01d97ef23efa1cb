"""tile: the windows a model will look at, with the share of their pixels that hold data."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.rasters.read import opened, read
from orbitile.space.grids import Window
from orbitile.tables.parquet import read_pieces, write_table
from orbitile.tables.rasters import RasterRow, read_rasters
from orbitile.tables.tiles import CORE, SCHEMA
from orbitile.tiling import Tile, tiles

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TileSize:
    """Side and overlap of tiles in pixels."""

    tile_px: int
    overlap_px: int


def tile(scaled: str, sizes: dict[float, TileSize], folder: str, out: str, work: Work) -> None:
    """Write the tiles of a group's rasters, for each scale in m/px; tiles without data are dropped."""
    rasters = {_path(row, sizes[row.scale_m], Path(folder)): row for row in read_rasters(scaled)}
    pieces = [Piece(row.scene, path, f"{row.scale_m:g} m/px") for path, row in rasters.items()]

    def make(piece: Piece) -> None:
        raster = rasters[piece.path]
        table = pd.DataFrame(_tiles(raster, sizes[raster.scale_m]), columns=SCHEMA.names)
        kept = table[table["valid_share"] > 0]
        log.info("%s: %d tiles, %d without data dropped", piece, len(kept), len(table) - len(kept))
        write_table(kept, SCHEMA, piece.path)

    whole = work.each(pieces, make, unit="rasters")
    write_table(read_pieces([piece.path for piece in whole], SCHEMA), SCHEMA, out, work.account)


def _path(raster: RasterRow, size: TileSize, folder: Path) -> Path:
    name = key(raster=raster.path, size=vars(size), version=1)
    return folder / raster.scene / f"{raster.scale_m:g}m-{name}.parquet"


def _tiles(raster: RasterRow, size: TileSize) -> list[dict]:
    cut = list(tiles(raster.width, raster.height, size.tile_px, size.overlap_px))
    shares = _valid_shares(raster, cut)
    return [
        dict(scene=raster.scene, scale_m=raster.scale_m, tile=one.number, valid_share=share)
        | vars(one.window)
        | dict(zip(CORE, one.core, strict=True))
        for one, share in zip(cut, shares, strict=True)
    ]


def _valid_shares(raster: RasterRow, cut: list[Tile]) -> list[float]:
    """The share of valid pixels of each window; each row of tiles is read once."""
    shares = []
    with opened(raster.path) as source:
        band, sums = None, np.empty(0)
        for one in cut:
            window = one.window
            if band != window.row:
                band = window.row
                _, valid = read(source, Window(0, window.row, raster.width, window.height))
                sums = np.concatenate([[0], valid.sum(axis=0).cumsum()])
            share = (sums[window.col + window.width] - sums[window.col]) / (window.width * window.height)
            shares.append(float(share))
    return shares
