"""Training tiles: windows of scenes and their label rasters, split by place."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import rasterio

from orbitile.errors import OrbitileError
from orbitile.files import key, sha256, version_of
from orbitile.rasters.read import opened, read
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground
from orbitile.tables.parquet import write_table
from orbitile.tables.rasters import RasterRow
from orbitile.tiling import TileSize, spans_of_scene, tiles
from orbitile.training.split import SPLITS, outline, split_of

log = logging.getLogger(__name__)

NOT_VALID = 255
"""Label of pixels of which nothing is known; 0 is background, 1 to K are the classes."""
LEAST_VALID = 0.05
"""Tiles with a smaller share of labelled pixels with data are left out."""
SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("split", pa.string(), metadata={"about": "train or val"}),
        pa.field("path", pa.string(), metadata={"about": "the scene's raster"}),
        pa.field("labels", pa.string(), metadata={"about": "its label raster, on the same grid"}),
        pa.field("low", pa.float64(), metadata={"about": "value stretched to 0"}),
        pa.field("high", pa.float64(), metadata={"about": "value stretched to 255"}),
        pa.field("col", pa.int64(), metadata={"unit": "px", "about": "first column of the window"}),
        pa.field("row", pa.int64(), metadata={"unit": "px", "about": "first row of the window"}),
        pa.field("width", pa.int64(), metadata={"unit": "px"}),
        pa.field("height", pa.int64(), metadata={"unit": "px"}),
        pa.field("valid_share", pa.float64(), metadata={"about": "share of labelled pixels with data, 0..1"}),
        pa.field("positive_px", pa.int64(), metadata={"unit": "px", "about": "labelled pixels of any class"}),
    ]
)


@dataclass(frozen=True, kw_only=True)
class TileCut:
    """How scenes are cut into training tiles, and which are for validation.

    Sides in pixels, overlap as a share of the side; labels are 1 to `classes`. Squares of `block_deg` degrees of
    longitude and latitude, drawn with the seed, are kept for validation.
    """

    tile_px: int = 512
    overlap_share: float = 0.1
    block_deg: float
    validation_share: float = 0.2
    seed: int = 0
    classes: int = 1

    @property
    def size(self) -> TileSize:
        """Side and overlap in pixels."""
        return TileSize(self.tile_px, round(self.tile_px * self.overlap_share))


def cut_tiles(rows: Sequence[RasterRow], labels: Sequence[str], cut: TileCut, out: str) -> None:
    """Cut scenes, each with the label raster at its place in `labels`, and write the table of tiles (SCHEMA).

    Tiles that straddle squares of both splits are left out. OrbitileError where a label raster is empty, on another
    grid or holds other labels, and where a split has no tile with features.
    """
    found = [tile for row, path in zip(rows, labels, strict=True) for tile in _tiles_of(row, path, cut)]
    table = pd.DataFrame(found, columns=SCHEMA.names)
    for split in SPLITS:
        own = table[table["split"] == split]
        log.info("%s: %d tiles, %d of them with features", split, len(own), (own["positive_px"] > 0).sum())
        if not (own["positive_px"] > 0).any():
            raise OrbitileError(f"block_deg {cut.block_deg:g}: no {split} tile has features; try a smaller one, "
                                "smaller tiles, or another seed")  # fmt: skip
    versions = [(version_of(row.path), sha256(path)) for row, path in zip(rows, labels, strict=True)]
    write_table(table, SCHEMA, out, dict(content=key(versions=versions)))


def _tiles_of(row: RasterRow, labels: str, cut: TileCut) -> list[dict]:
    """The tiles of one scene."""
    ground, found = Ground(row.crs_wkt, row.grid.crs.ellipsoid.semi_major_metre), []
    with ExitStack() as files:
        scene, labelled = (files.enter_context(opened(path)) for path in (row.path, labels))
        _check_grid(labelled, row.grid, labels)
        _check_labels(labelled, row.grid, cut.classes)
        for window in _windows(row.grid, cut.size):
            split = split_of(*outline(row.grid, ground, window), cut)
            if split is not None:
                found.append(_measured(row, labels, window, scene, labelled) | dict(split=split))
    return [tile for tile in found if tile["valid_share"] >= LEAST_VALID]


def _windows(grid: Grid, size: TileSize) -> Iterator[Window]:
    spans = (spans_of_scene(length, size) for length in (grid.width, grid.height))
    return (tile.window for tile in tiles(*spans))


def _measured(
    row: RasterRow, labels: str, window: Window, scene: rasterio.DatasetReader, labelled: rasterio.DatasetReader
) -> dict:
    """A tile's row of the table, but for its split."""
    found, known = read_labels(labelled, window), read(scene, window)[1]
    known = known & (found != NOT_VALID)
    return dict(
        scene=row.scene, scale_m=row.scale_m, path=row.path, labels=labels, low=row.low, high=row.high, **vars(window),
        valid_share=float(known.mean()), positive_px=int((known & (found > 0)).sum()),
    )  # fmt: skip


def read_labels(source: rasterio.DatasetReader, window: Window) -> np.ndarray:
    """Labels in a window (rows, columns); NOT_VALID where the raster has no data."""
    found, known = read(source, window)
    return np.where(known, found, NOT_VALID).astype(np.uint8)


def _check_grid(labelled: rasterio.DatasetReader, grid: Grid, path: str) -> None:
    if labelled.dtypes[0] != "uint8":
        raise OrbitileError(f"{path}: labels are uint8, not {labelled.dtypes[0]}")
    if (labelled.width, labelled.height) != (grid.width, grid.height) or not labelled.transform.almost_equals(
        grid.transform, abs(grid.transform.a) * 1e-3
    ):
        raise OrbitileError(f"{path}: not on the grid of its scene, {grid.width} x {grid.height} px; make it anew")


def _check_labels(labelled: rasterio.DatasetReader, grid: Grid, classes: int) -> None:
    """Refuse label rasters without features, or with numbers that are no class."""
    numbers: set[int] = set()
    for row in range(0, grid.height, 512):
        window = Window(0, row, grid.width, min(512, grid.height - row))
        numbers |= set(np.unique(read_labels(labelled, window)).tolist())
    numbers -= {0, NOT_VALID}
    if not numbers:
        raise OrbitileError(f"{labelled.name}: empty labels, no pixel is of a class; are the features elsewhere?")
    if max(numbers) > classes:
        raise OrbitileError(f"{labelled.name}: label {max(numbers)}, but classes are 1 to {classes}, 0 is background "
                            f"and {NOT_VALID} not valid")  # fmt: skip
