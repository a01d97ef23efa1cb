"""stitch: the probabilities of tiles combined into rasters of whole scenes."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key
from orbitile.detections.tiling import TileSize
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pipeline import code_version
from orbitile.rasters.read import channel_numbers, opened_raster, read_window
from orbitile.rasters.stitching import ProbabilityPatch, Stitcher
from orbitile.rasters.write import Block, PixelType, write_cog
from orbitile.tables.parquet import read_arrow, read_table
from orbitile.tables.piece_checks import check_pieces
from orbitile.tables.rasters import RasterRow, read_sealed_rasters, write_rasters
from orbitile.tables.tiles import windows_of

log = logging.getLogger(__name__)

FRAGMENTS_IN_MEMORY = 2
"""A row of tiles may begin in one fragment and end in the next."""

MasksByClass = dict[str, np.ndarray]
"""The probabilities of a tile, flat arrays of uint8, by the name of the class."""


class StitchInputs(NamedTuple):
    """A group's tables: the index of the masks of its tiles, its tiles, its scenes."""

    predictions: str
    tiles: str
    scaled: str


def stitch_masks(inputs: StitchInputs, sizes: Mapping[float, TileSize], folder: str, out: str, work: JobWork) -> None:
    """Write the probabilities of each class in a group's scenes as rasters of 0..255 for 0..1.

    Each band is a class, by its name. Where tiles overlap, a pixel is their mean, in which a tile's weight tapers
    towards its edges; pixels without data, or of no tile, are masked. Scenes without any tile are left out.
    """
    index = read_table(inputs.predictions).merge(
        read_table(inputs.tiles), on=["scene", "scale_m", "tile"], validate="one_to_one"
    )
    check_pieces(inputs.predictions, index["path"].unique())
    rasters = {(raster.scene, raster.scale_m): raster for raster in read_sealed_rasters(inputs.scaled)}
    scenes = []
    for group, tiles in index.groupby(["scene", "scale_m"], sort=True):
        place = cast("tuple[str, float]", group)
        scenes.append(StitchedScene(rasters[place], tiles.sort_values(["row", "col"]), sizes[place[1]]))
    by_path = {scene.path(Path(folder)): scene for scene in scenes}
    pieces = [Piece(scene.raster.scene, path, f"{scene.raster.scale_m:g} m/px") for path, scene in by_path.items()]
    complete_pieces = work.make_pieces(pieces, lambda piece: by_path[piece.path].write(piece.path), unit="rasters")
    write_rasters([by_path[piece.path].stitched_row(piece.path) for piece in complete_pieces], out, work.table_metadata)


@dataclass(frozen=True)
class StitchedScene:
    """A scene at a scale, and its tiles with the fragments that hold them, row by row."""

    raster: RasterRow
    tiles: pd.DataFrame
    size: TileSize

    def path(self, folder: Path) -> Path:
        """The path of its raster, under a name made of all that it depends on."""
        fragments = sorted({Path(path).name for path in self.tiles["path"]})
        tiles = self.tiles[["tile", "col", "row", "width", "height"]].to_numpy().tolist()
        name = cache_key(
            raster=self.raster.path,
            fragments=fragments,
            tiles=tiles,
            size=vars(self.size),
            version=code_version("stitch"),
        )
        return folder / self.raster.scene / f"{self.raster.scale_m:g}m-{name}.tif"

    def write(self, path: Path) -> None:
        """Write the raster; pixels without data in the scene are masked."""
        first = self.tiles.iloc[0]
        classes = tuple(_read_masks(first["path"], (first["tile"],))[first["tile"]])
        stitcher = Stitcher(len(classes), self.raster.width, self.raster.height, self.size.overlap_px)
        blocks = self._mask_nodata(stitcher.finished_rows(self._patches(classes)))
        write_cog(path, self.raster.grid, PixelType("uint8", None, bands=classes), blocks)
        log.info("scene %s: %d tiles at %g m/px", self.raster.scene, len(self.tiles), self.raster.scale_m)

    def stitched_row(self, path: Path) -> RasterRow:
        """The row of the written raster in the stage's table: a band for each class, of 0..255."""
        with opened_raster(str(path)) as source:
            classes = source.count
        return replace(self.raster, path=str(path), low=[0.0] * classes, high=[255.0] * classes)

    def _mask_nodata(self, blocks: Iterator[Block]) -> Iterator[Block]:
        channels = channel_numbers(self.raster.bands)
        with opened_raster(self.raster.path) as source:
            for window, probability, covered in blocks:
                valid = covered & read_window(source, window, channels)[1]
                yield window, np.where(valid, probability, 0), valid

    def _patches(self, classes: Sequence[str]) -> Iterator[ProbabilityPatch]:
        """The probabilities of the tiles, from the first row to the last."""
        shape = (len(classes), self.size.tile_px, self.size.tile_px)
        for _, row in self.tiles.groupby("row", sort=True):
            for path, tiles in row.groupby("path", sort=True):
                masks = _read_masks(str(path), tuple(tiles["tile"]))
                for tile, window in zip(tiles["tile"], windows_of(tiles), strict=True):
                    probability = np.stack([masks[tile][name] for name in classes])
                    yield ProbabilityPatch(window, probability.reshape(shape))


def _read_masks(path: str, tiles: tuple[int, ...]) -> dict[int, MasksByClass]:
    """The probabilities of some tiles of a fragment, by the number of the tile."""
    table = _read_fragment(path)
    rows = table.filter(pc.is_in(table["tile"], pa.array(tiles, pa.int64())))
    masks: dict[int, MasksByClass] = {}
    columns = rows["tile"].to_pylist(), rows["class"].to_pylist(), rows["probability"]
    for tile, name, pixels in zip(*columns, strict=True):
        masks.setdefault(tile, {})[name] = np.frombuffer(pixels.as_buffer(), np.uint8)
    if len(masks) < len(set(tiles)):
        missing = sorted(set(tiles) - set(masks))
        raise OrbitileError(f"{path}: tile {missing[0]} is missing from this file; delete the file and run again")
    return masks


@lru_cache(maxsize=FRAGMENTS_IN_MEMORY)
def _read_fragment(path: str) -> pa.Table:
    return read_arrow(path)
