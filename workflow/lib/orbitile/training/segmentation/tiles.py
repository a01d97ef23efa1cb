"""Training tiles of segmentation networks: windows of scenes and their label rasters, split by place."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, sha256
from orbitile.detections.tiling import TileSize, scene_tiles, spans_of_scene
from orbitile.features.labels.burn import POINT_BAND
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground
from orbitile.tables.parquet import write_table
from orbitile.tables.rasters import RasterRow
from orbitile.training.bands import band_channels, common_bands
from orbitile.training.split import SPLITS, split_of, window_outline

log = logging.getLogger(__name__)

NOT_VALID = 255
"""Label of pixels without a known class; 0 is background, 1 to K are the classes."""
LEAST_VALID = 0.05
"""Tiles with a smaller share of labelled pixels with data are left out."""
SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("split", pa.string(), metadata={"about": "train or val"}),
        pa.field("path", pa.string(), metadata={"about": "the scene's raster"}),
        pa.field("labels", pa.string(), metadata={"about": "its label raster, on the same grid"}),
        pa.field("low", pa.list_(pa.float64()), metadata={"about": "value stretched to 0, for each band"}),
        pa.field("high", pa.list_(pa.float64()), metadata={"about": "value stretched to 255, for each band"}),
        pa.field("col", pa.int64(), metadata={"unit": "px", "about": "first column of the window"}),
        pa.field("row", pa.int64(), metadata={"unit": "px", "about": "first row of the window"}),
        pa.field("width", pa.int64(), metadata={"unit": "px"}),
        pa.field("height", pa.int64(), metadata={"unit": "px"}),
        pa.field("valid_share", pa.float64(), metadata={"about": "share of labelled pixels with data, 0..1"}),
        pa.field("positive_px", pa.int64(), metadata={"unit": "px", "about": "labelled pixels of any class"}),
        pa.field("class_px", pa.list_(pa.int64()), metadata={"unit": "px", "about": "labelled pixels of each class"}),
    ]
)


@dataclass(frozen=True, kw_only=True)
class TrainingTileCut:
    """How scenes are cut into training tiles, and which are for validation.

    Sides in pixels, overlap as a share of the side; labels are 1 to `class_count`. Squares of `block_deg` degrees of
    longitude and latitude, drawn with the seed, are kept for validation, where scenes are not dealt out as a whole.
    """

    tile_px: int = 512
    overlap_share: float = 0.1
    block_deg: float
    validation_share: float = 0.2
    seed: int = 0
    class_count: int = 1

    @property
    def size(self) -> TileSize:
        """Side and overlap in pixels."""
        return TileSize(self.tile_px, round(self.tile_px * self.overlap_share))


def cut_tiles(
    rows: Sequence[RasterRow],
    labels: Sequence[str],
    cut: TrainingTileCut,
    out: str,
    split_by_scene: Mapping[str, str] | None = None,
    may_be_empty: bool = False,
) -> None:
    """Cut scenes, each with the label raster at the same index of `labels`, and write the table of tiles (SCHEMA).

    `split_by_scene` deals scenes out as a whole; else tiles that straddle squares of both splits are left out.
    OrbitileError where scenes differ in their number of bands, where a label raster is on another grid, holds other
    labels or, unless it `may_be_empty`, no feature, and where a split has no tile with features.
    """
    common_bands(rows)
    table = pd.DataFrame(
        [
            tile
            for row, path in zip(rows, labels, strict=True)
            for tile in _tiles_of(row, path, cut, split_by_scene[row.scene] if split_by_scene else None, may_be_empty)
        ],
        columns=SCHEMA.names,
    )
    for split in SPLITS:
        has_features = table.loc[table["split"] == split, "positive_px"] > 0
        log.info("%s: %d tiles, %d of them with features", split, len(has_features), has_features.sum())
        if not has_features.any():
            raise OrbitileError(_no_features(split, cut, split_by_scene is not None))
    # By content: a raster that was made again is the same, and a training goes on with it.
    hashes = [(sha256(row.path), sha256(path)) for row, path in zip(rows, labels, strict=True)]
    write_table(table, SCHEMA, out, dict(content=cache_key(hashes=hashes)))


def _no_features(split: str, cut: TrainingTileCut, are_scenes_dealt: bool) -> str:
    if are_scenes_dealt:
        return (f"segmentation_training: no {split} tile has features; keep other scenes for validation, or try "
                "another seed")  # fmt: skip
    return (
        f"block_deg {cut.block_deg:g}: no {split} tile has features; try a smaller one, smaller tiles, or another seed"
    )


def tile_channels(table: pd.DataFrame) -> int:
    """The number of channels of a table's tiles: that of the bands of their scenes."""
    return len(table["low"].iloc[0])


def class_pixels(table: pd.DataFrame) -> np.ndarray:
    """How many labelled pixels of each class (n, K) the tiles of a table have."""
    return np.array(table["class_px"].tolist(), np.int64).reshape(len(table), -1)


def _tiles_of(
    row: RasterRow, labels: str, cut: TrainingTileCut, scene_split: str | None, may_be_empty: bool
) -> list[dict]:
    """The tiles of one scene, all in its split if it has one."""
    tiles = []
    with ExitStack() as files:
        scene, labelled = (files.enter_context(opened_raster(path)) for path in (row.path, labels))
        _check_grid(labelled, row.grid, labels)
        _check_labels(labelled, row.grid, cut.class_count, may_be_empty)
        for window in _windows(row.grid, cut.size):
            split = scene_split or split_of(*window_outline(row.grid, _ground(row), window), cut)
            if split is not None:
                tiles.append(_tile(row, labels, window, scene, labelled, cut.class_count) | dict(split=split))
    return [tile for tile in tiles if tile["valid_share"] >= LEAST_VALID]


def _ground(row: RasterRow) -> Ground:
    ellipsoid = row.grid.crs.ellipsoid
    assert ellipsoid is not None  # all maps of this library have one
    return Ground(row.crs_wkt, ellipsoid.semi_major_metre)


def _windows(grid: Grid, size: TileSize) -> Iterator[Window]:
    spans = (spans_of_scene(length, size) for length in (grid.width, grid.height))
    return (tile.window for tile in scene_tiles(*spans))


def _tile(
    row: RasterRow, labels: str, window: Window, scene: rasterio.DatasetReader, labelled: rasterio.DatasetReader,
    class_count: int,
) -> dict:  # fmt: skip
    """A tile's row of the table, but for its split."""
    classes = read_label_window(labelled, window)
    valid = read_window(scene, window, band_channels(row.bands))[1] & (classes != NOT_VALID)
    class_px = np.bincount(classes[valid], minlength=class_count + 1)[1:]
    return dict(
        scene=row.scene, scale_m=row.scale_m, path=row.path, labels=labels, low=row.low, high=row.high, **vars(window),
        valid_share=float(valid.mean()), positive_px=int(class_px.sum()), class_px=class_px.tolist(),
    )  # fmt: skip


def read_label_window(source: rasterio.DatasetReader, window: Window) -> np.ndarray:
    """Labels (rows, columns; uint8) in a window; NOT_VALID where the raster has no data."""
    labels, valid = read_window(source, window)
    return np.where(valid, labels, NOT_VALID).astype(np.uint8)


def read_point_window(source: rasterio.DatasetReader, window: Window) -> np.ndarray:
    """Labels known at single pixels (rows, columns; uint8) of a label raster's second band; NOT_VALID elsewhere.

    There 0 is no point, 1 background, 2 to K + 1 are the classes. Without a second band there are no points.
    """
    if source.count < POINT_BAND:
        return np.full((window.height, window.width), NOT_VALID, np.uint8)
    numbers, valid = read_window(source, window, POINT_BAND)
    return np.where(valid & (numbers > 0), numbers - np.uint8(1), NOT_VALID).astype(np.uint8)


def _check_grid(labelled: rasterio.DatasetReader, grid: Grid, path: str) -> None:
    if labelled.dtypes[0] != "uint8":
        raise OrbitileError(f"{path}: labels must be uint8, not {labelled.dtypes[0]}")
    if (labelled.width, labelled.height) != (grid.width, grid.height) or not labelled.transform.almost_equals(
        grid.transform, abs(grid.transform.a) * 1e-3
    ):
        raise OrbitileError(
            f"{path}: not on the grid of its scene, {grid.width} x {grid.height} px; delete it to have it made again"
        )


def _check_labels(labelled: rasterio.DatasetReader, grid: Grid, classes: int, may_be_empty: bool) -> None:
    """OrbitileError for label rasters with numbers that are no class, or without features where that may not be."""
    numbers: set[int] = set()
    for row in range(0, grid.height, 512):
        window = Window(0, row, grid.width, min(512, grid.height - row))
        numbers |= set(np.unique(read_label_window(labelled, window)).tolist())
    numbers -= {0, NOT_VALID}
    if not numbers and not may_be_empty:
        raise OrbitileError(f"{labelled.name}: empty labels, no pixel has a class; do the features lie in this scene?")
    if max(numbers, default=0) > classes:
        raise OrbitileError(f"{labelled.name}: label {max(numbers)}; allowed are 1 to {classes} for the classes, "
                            f"0 for background and {NOT_VALID} for no data")  # fmt: skip
