"""tile: the windows that the network will search, the share of their pixels that hold data, and how they look."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from orbitile.base.files import cache_key
from orbitile.detections.tiling import Tile, TileSize, scene_tiles, spans_of_map, spans_of_scene
from orbitile.inference.engine.tile_reader import RasterView, ViewReader
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pipeline import code_version
from orbitile.rasters.appearance import tile_appearances
from orbitile.rasters.enlarge import source_window
from orbitile.rasters.mosaic import Mosaic, opened_mosaic
from orbitile.rasters.read import channel_numbers
from orbitile.space.grids import Window, bounding_window
from orbitile.tables.enlarged_rasters import NOT_ENLARGED, SearchedRaster, searched_rasters
from orbitile.tables.parquet import read_arrow, write_arrow
from orbitile.tables.rasters import read_sealed_rasters
from orbitile.tables.tiles import CORE, SCHEMA

log = logging.getLogger(__name__)


def tile_scenes(
    scaled: str,
    sizes: dict[float, TileSize],
    folder: str,
    out: str,
    work: JobWork,
    enlarged: Mapping[float, int] = NOT_ENLARGED,
) -> None:
    """Write the tiles of a group's rasters, for each scale in m/px; tiles without data are dropped.

    `enlarged` holds the factors of scales that are searched in enlarged pixels.
    """
    rasters = searched_rasters(read_sealed_rasters(scaled), sizes, enlarged)
    tiled = [TiledScene(raster, sizes[raster.scale_m]) for raster in rasters]
    by_path = {scene.path(Path(folder)): scene for scene in tiled}
    pieces = [
        Piece(scene.raster.stored.scene, path, f"{scene.raster.scale_m:g} m/px") for path, scene in by_path.items()
    ]

    def make(piece: Piece) -> None:
        rows = by_path[piece.path].rows()
        with_data = [row for row in rows if row["valid_share"] > 0]
        log.info("%s: %d tiles, %d without data dropped", piece, len(with_data), len(rows) - len(with_data))
        write_arrow(pa.Table.from_pylist(with_data, SCHEMA), piece.path)

    tables = [read_arrow(piece.path) for piece in work.make_pieces(pieces, make, unit="rasters")]
    write_arrow(pa.concat_tables([SCHEMA.empty_table(), *tables]), out, work.table_metadata)


@dataclass(frozen=True)
class TiledScene:
    """A raster to be cut into tiles of a size."""

    raster: SearchedRaster
    size: TileSize

    @cached_property
    def tiles(self) -> list[Tile]:
        """The tiles: of the map for a piece of a mosaic, else of the scene."""
        raster, size = self.raster.row, self.size
        if not raster.in_mosaic:
            return list(scene_tiles(spans_of_scene(raster.width, size), spans_of_scene(raster.height, size)))
        col, row = self.raster.first_pixel
        return list(scene_tiles(spans_of_map(raster.width, size, col), spans_of_map(raster.height, size, row)))

    def path(self, folder: Path) -> Path:
        """The path of the table of tiles, with a name made of all that it depends on."""
        stored, factor = self.raster.stored, self.raster.factor
        key = cache_key(
            raster=stored.path, mosaic=stored.in_mosaic, size=vars(self.size), version=code_version("tile"),
            **({} if factor == 1 else dict(factor=factor)),
        )  # fmt: skip
        return folder / stored.scene / f"{self.raster.scale_m:g}m-{key}.parquet"

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table of tiles (see orbitile.tables.tiles.SCHEMA), with those without data."""
        scene_columns = dict(scene=self.raster.stored.scene, scale_m=self.raster.scale_m)
        with opened_mosaic([self.raster.stored.raster_part]) as mosaic:
            shares = self._valid_shares(mosaic)
        appearances = self._appearances(shares)
        return [
            scene_columns
            | dict(tile=tile.number, valid_share=share, appearance=appearances.get(tile.number))
            | dict(**vars(tile.window), **dict(zip(CORE, tile.core, strict=True)))
            for tile, share in zip(self.tiles, shares, strict=True)
        ]

    def _valid_shares(self, mosaic: Mosaic) -> list[float]:
        """The share of each window's pixels that hold data of the scene itself, in all bands.

        Each row of tiles is read once.
        """
        shares = []
        for _, tiles in groupby(self.tiles, key=lambda tile: tile.window.row):
            windows = [tile.window for tile in tiles]
            covered = bounding_window(windows)
            valid = self._valid(mosaic, covered)
            sums = np.concatenate([[0], valid.sum(axis=0).cumsum()])
            for window in windows:
                first = window.col - covered.col
                share = (sums[first + window.width] - sums[first]) / (window.width * window.height)
                shares.append(float(share))
        return shares

    def _appearances(self, shares: Sequence[float]) -> dict[int, np.ndarray]:
        """How some of the tiles look to the network that hold data everywhere, by their numbers."""
        whole = [tile for tile, share in zip(self.tiles, shares, strict=True) if share == 1]
        stored = self.raster.stored
        view = RasterView((stored.raster_part,), stored.stretch, self.size.tile_px, self.raster.factor)
        with closing(ViewReader(view, stored.bands, threads=1)) as reader:
            appearances = tile_appearances(reader.read, [tile.window for tile in whole])
        return {tile.number: values for tile, values in zip(whole, appearances, strict=True) if values is not None}

    def _valid(self, mosaic: Mosaic, window: Window) -> np.ndarray:
        """Which pixels (rows, columns) of a window of the searched raster hold data of the scene itself."""
        factor, channels = self.raster.factor, channel_numbers(self.raster.stored.bands)
        if factor == 1:
            return mosaic.read_validity(window, channels)
        source = source_window(window, factor)
        stored = mosaic.read_validity(source, channels).repeat(factor, axis=0).repeat(factor, axis=1)
        corner = Window(source.col * factor, source.row * factor, *stored.shape[::-1])
        return stored[window.slices_within(corner)]
