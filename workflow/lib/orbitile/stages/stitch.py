"""stitch: the probabilities of tiles put together to rasters of whole scenes."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orbitile.errors import OrbitileError
from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.rasters.read import opened, read
from orbitile.rasters.stitching import Patch, Stitcher
from orbitile.rasters.write import Block, PixelType, write_cog
from orbitile.tables.parquet import read_arrow, read_table
from orbitile.tables.rasters import RasterRow, read_rasters, write_rasters
from orbitile.tables.tiles import windows_of
from orbitile.tiling import TileSize

log = logging.getLogger(__name__)

FRAGMENTS_HELD = 2
"""A row of tiles may begin in one fragment and end in the next."""


class Inputs(NamedTuple):
    """A group's tables: where the probabilities of its tiles are kept, its tiles, its scenes."""

    raw: str
    tiles: str
    scaled: str


def stitch(inputs: Inputs, sizes: Mapping[float, TileSize], folder: str, out: str, work: Work) -> None:
    """Write the probabilities of each class in a group's scenes as rasters of 0..255 for 0..1.

    Each band is a class, by its name. Where tiles overlap, their mean counts, in which a tile's weight tapers towards
    its edges; pixels without data, or of no tile, are masked. Scenes without any tile are left out.
    """
    found = read_table(inputs.raw).merge(
        read_table(inputs.tiles), on=["scene", "scale_m", "tile"], validate="one_to_one"
    )
    where = {(row.scene, row.scale_m): row for row in read_rasters(inputs.scaled)}
    scenes = [
        Stitched(where[place], part.sort_values(["row", "col"]), sizes[place[1]])
        for place, part in found.groupby(["scene", "scale_m"], sort=True)
    ]
    wanted = {one.path(Path(folder)): one for one in scenes}
    pieces = [Piece(one.raster.scene, path, f"{one.raster.scale_m:g} m/px") for path, one in wanted.items()]
    whole = work.each(pieces, lambda piece: wanted[piece.path].write(piece.path), unit="rasters")
    rows = [replace(wanted[piece.path].raster, path=str(piece.path), low=0.0, high=255.0) for piece in whole]
    write_rasters(rows, out, work.account)


@dataclass(frozen=True)
class Stitched:
    """A scene at a scale, and its tiles with the fragments that hold them, row by row."""

    raster: RasterRow
    tiles: pd.DataFrame
    size: TileSize

    def path(self, folder: Path) -> Path:
        """Where its raster belongs, under a name made of all that it depends on."""
        fragments = sorted({Path(path).name for path in self.tiles["path"]})
        tiles = self.tiles[["tile", "col", "row", "width", "height"]].to_numpy().tolist()
        name = key(raster=self.raster.path, fragments=fragments, tiles=tiles, size=vars(self.size), version=1)
        return folder / self.raster.scene / f"{self.raster.scale_m:g}m-{name}.tif"

    def write(self, path: Path) -> None:
        """Write the raster; all in it that has no data in the scene is masked."""
        first = self.tiles.iloc[0]
        classes = tuple(_patches(first["path"], (first["tile"],))[first["tile"]])
        stitcher = Stitcher(len(classes), self.raster.width, self.raster.height, self.size.overlap_px)
        blocks = self._with_data(stitcher.bands(self._patches(classes)))
        write_cog(path, self.raster.grid, PixelType("uint8", None, bands=classes), blocks)
        log.info("scene %s: %d tiles at %g m/px", self.raster.scene, len(self.tiles), self.raster.scale_m)

    def _with_data(self, bands: Iterator[Block]) -> Iterator[Block]:
        with opened(self.raster.path) as source:
            for window, probability, known in bands:
                valid = known & read(source, window)[1]
                yield window, np.where(valid, probability, 0), valid

    def _patches(self, classes: Sequence[str]) -> Iterator[Patch]:
        """The tiles, from the first row to the last."""
        for _, row in self.tiles.groupby("row", sort=True):
            for path, some in row.groupby("path", sort=True):
                held = _patches(path, tuple(some["tile"]))
                for tile, window in zip(some["tile"], windows_of(some), strict=True):
                    pixels = np.stack([held[tile][name] for name in classes])
                    yield Patch(window, pixels.reshape(len(classes), self.size.tile_px, self.size.tile_px))


def _patches(path: str, tiles: tuple[int, ...]) -> dict[int, dict[str, np.ndarray]]:
    """The probabilities of some tiles of a fragment by class, as flat arrays."""
    table = _fragment(path)
    some = table.filter(pc.is_in(table["tile"], pa.array(tiles, pa.int64())))
    found: dict[int, dict[str, np.ndarray]] = {}
    columns = some["tile"].to_pylist(), some["class"].to_pylist(), some["probability"]
    for tile, name, pixels in zip(*columns, strict=True):
        found.setdefault(tile, {})[name] = np.frombuffer(pixels.as_buffer(), np.uint8)
    if len(found) < len(set(tiles)):
        raise OrbitileError(f"{path}: lacks tiles that it should hold; delete it and run again")
    return found


@lru_cache(maxsize=FRAGMENTS_HELD)
def _fragment(path: str) -> pa.Table:
    return read_arrow(path)
