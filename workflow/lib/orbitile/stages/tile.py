"""tile: the windows a model will look at, with the share of their pixels that hold data."""

import logging
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.rasters.mosaic import opened_mosaic
from orbitile.space.grids import bounds
from orbitile.tables.parquet import read_pieces, write_table
from orbitile.tables.rasters import RasterRow, read_rasters
from orbitile.tables.tiles import CORE, SCHEMA
from orbitile.tiling import Tile, TileSize, spans_of_map, spans_of_scene, tiles

log = logging.getLogger(__name__)


def tile(scaled: str, sizes: dict[float, TileSize], folder: str, out: str, work: Work) -> None:
    """Write the tiles of a group's rasters, for each scale in m/px; tiles without data are dropped."""
    cuts = [Cut(row, sizes[row.scale_m]) for row in read_rasters(scaled)]
    wanted = {one.path(Path(folder)): one for one in cuts}
    pieces = [Piece(one.raster.scene, path, f"{one.raster.scale_m:g} m/px") for path, one in wanted.items()]

    def make(piece: Piece) -> None:
        table = wanted[piece.path].table()
        kept = table[table["valid_share"] > 0]
        log.info("%s: %d tiles, %d without data dropped", piece, len(kept), len(table) - len(kept))
        write_table(kept, SCHEMA, piece.path)

    whole = work.each(pieces, make, unit="rasters")
    write_table(read_pieces([piece.path for piece in whole], SCHEMA), SCHEMA, out, work.account)


@dataclass(frozen=True)
class Cut:
    """A raster to be cut into tiles of a size."""

    raster: RasterRow
    size: TileSize

    @cached_property
    def tiles(self) -> list[Tile]:
        """The tiles: of the map for a piece of a mosaic, else of the scene."""
        raster, size = self.raster, self.size
        if not raster.in_mosaic:
            return list(tiles(spans_of_scene(raster.width, size), spans_of_scene(raster.height, size)))
        col, row = raster.grid.index
        return list(tiles(spans_of_map(raster.width, size, col), spans_of_map(raster.height, size, row)))

    def path(self, folder: Path) -> Path:
        """Where their table belongs, under a name made of all that it depends on."""
        name = key(raster=self.raster.path, mosaic=self.raster.in_mosaic, size=vars(self.size), version=2)
        return folder / self.raster.scene / f"{self.raster.scale_m:g}m-{name}.parquet"

    def table(self) -> pd.DataFrame:
        """The table of tiles (see orbitile.tables.tiles.SCHEMA), those without data too."""
        place = dict(scene=self.raster.scene, scale_m=self.raster.scale_m)
        rows = [
            place
            | dict(tile=one.number, valid_share=share, **vars(one.window), **dict(zip(CORE, one.core, strict=True)))
            for one, share in zip(self.tiles, self._valid_shares(), strict=True)
        ]
        return pd.DataFrame(rows, columns=SCHEMA.names)

    def _valid_shares(self) -> list[float]:
        """The share of each window's pixels that hold data of the scene itself; each row of tiles is read once."""
        shares = []
        with opened_mosaic([self.raster.part]) as mosaic:
            for _, in_row in groupby(self.tiles, key=lambda one: one.window.row):
                windows = [one.window for one in in_row]
                band = bounds(windows)
                _, valid = mosaic.read(band)
                sums = np.concatenate([[0], valid.sum(axis=0).cumsum()])
                for window in windows:
                    first = window.col - band.col
                    share = (sums[first + window.width] - sums[first]) / (window.width * window.height)
                    shares.append(float(share))
        return shares
