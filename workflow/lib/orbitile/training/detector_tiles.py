"""Training tiles of detectors: drawn at random from scaled scenes, labelled from a crater table, split by place."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml
from PIL import Image

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sync_file_system, write_text
from orbitile.rasters.read import opened_raster, read_window
from orbitile.rasters.stretch import FILL
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, check_scene_names, read_craters_of_run
from orbitile.tables.parquet import write_arrow
from orbitile.tables.rasters import RasterRow, read_sealed_rasters
from orbitile.training.bands import PICTURE_BANDS, band_channels, common_bands, read_band_labels
from orbitile.training.split import SPLITS, split_of, window_outline

log = logging.getLogger(__name__)

EMPTY_SHARE = 0.5
"""Tiles with a smaller share of valid pixels are not drawn."""
TRIES_PER_TILE = 20
"""Random windows that are tried for each tile."""

SCHEMA = pa.schema(
    [
        pa.field("tile", pa.string(), metadata={"about": "name of the image and of its labels"}),
        pa.field("split", pa.string(), metadata={"about": "train or val"}),
        pa.field("scene", pa.string()),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("col", pa.int64(), metadata={"unit": "px"}),
        pa.field("row", pa.int64(), metadata={"unit": "px"}),
        pa.field("craters", pa.int64(), metadata={"about": "labelled in the tile"}),
    ]
)


@dataclass(frozen=True)
class TileDrawing:
    """How tiles are drawn: how many and how large at each scale (m/px), labels, split, seed."""

    tiles_per_scale: dict[float, int]
    tile_px: dict[float, int]
    min_object_px: dict[float, float]
    min_visible: float
    block_deg: float
    validation_share: float
    seed: int


@dataclass(frozen=True)
class DrawnTile:
    """A tile's place and split, its pixels ([bands,] side, side; uint8) and its labels (n, 4; as of yolo_labels)."""

    row: RasterRow
    window: Window
    split: str
    image: np.ndarray
    labels: np.ndarray

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.row.scene}_{self.row.scale_m:g}m_{self.window.col}_{self.window.row}"

    @property
    def table_row(self) -> dict:
        """Its row of the table of tiles (SCHEMA)."""
        place = dict(scene=self.row.scene, scale_m=self.row.scale_m, col=self.window.col, row=self.window.row)
        return dict(tile=self.name, split=self.split, craters=len(self.labels)) | place


def draw_tiles(
    rasters: list[str],
    craters: CraterTable,
    drawing: TileDrawing,
    radius_m: float,
    folder: str,
    out: str,
    unmapped_scenes: int = 0,
) -> None:
    """Draw labelled tiles into `folder` (images/, labels/, dataset.yaml), their table (SCHEMA) into `out`.

    Tiles have the bands of the scenes: PNG of one band or three, else TIFF with a page for each band. In a run in pixel
    coordinates, with so many `unmapped_scenes`, each is labelled with the craters of its scene. OrbitileError where
    scenes differ in their number of bands, a table cannot be read, or a split gets no tile.
    """
    rows = sorted(
        (row for path in rasters for row in read_sealed_rasters(path)), key=lambda row: (row.scale_m, row.scene)
    )
    bands = common_bands(rows)
    truth = read_craters_of_run(craters, PixelPlaces.of(rows, radius_m), unmapped_scenes)
    check_scene_names(truth, {row.scene for row in rows}, craters.path)
    for name in ("images", "labels"):  # of an earlier drawing: its tiles would be learnt from, too
        shutil.rmtree(Path(folder) / name, ignore_errors=True)
    tiles = []
    for scale_m, count in drawing.tiles_per_scale.items():
        at_scale = [row for row in rows if row.scale_m == scale_m]
        shares = _deal(count, [row.width * row.height for row in at_scale])
        for row, share in zip(at_scale, shares, strict=True):
            tiles += _draw_from(row, share, truth.of_scene(row.scene), drawing, radius_m, Path(folder))
    for split in SPLITS:
        log.info("%s: %d tiles", split, sum(tile["split"] == split for tile in tiles))
        if not any(tile["split"] == split for tile in tiles):
            raise OrbitileError(f"training: no {split} tile could be drawn; try a smaller training.block_deg")
    write_text(
        Path(folder) / "dataset.yaml", _dataset_yaml(Path(folder), read_band_labels(rows[0].path) if bands > 1 else ())
    )
    sync_file_system(Path(folder))  # all tiles at once, before the table says that they are there
    write_arrow(pa.Table.from_pylist(tiles, SCHEMA), out)


def yolo_labels(boxes: np.ndarray, tile_px: int, min_px: float, min_visible: float) -> np.ndarray:
    """YOLO labels (n, 4: centre x and y, width, height as shares of the tile) of pixel boxes.

    Boxes (n, 4: left, top, right, bottom) are cut at the tile's border; those smaller than `min_px` across, or visible
    to less than `min_visible` (0..1) of their area, are left out.
    """
    cut = np.clip(boxes, 0, tile_px)
    size, cut_size = boxes[:, 2:] - boxes[:, :2], np.maximum(cut[:, 2:] - cut[:, :2], 0)
    visible = cut_size.prod(axis=1) >= min_visible * size.prod(axis=1)
    labelled = cut[visible & (size.mean(axis=1) >= min_px) & (cut_size.min(axis=1) > 1)]
    return np.column_stack([(labelled[:, :2] + labelled[:, 2:]) / 2, labelled[:, 2:] - labelled[:, :2]]) / tile_px


def _deal(count: int, weights: list[int]) -> list[int]:
    """Split a count among scenes in proportion to their areas, without loss by rounding."""
    ends = np.round(np.cumsum([0, *weights]) / max(sum(weights), 1) * count).astype(int)
    return np.diff(ends).tolist()


def _draw_from(
    row: RasterRow, count: int, truth: Craters, drawing: TileDrawing, radius_m: float, folder: Path
) -> list[dict]:
    """Draw up to `count` tiles at random places of one scene at one scale; write them, return their table rows."""
    grid, side = row.grid, drawing.tile_px[row.scale_m]
    ground = Ground(grid.crs_wkt, radius_m)
    rng = np.random.default_rng([drawing.seed, round(row.scale_m), *row.scene.encode()])
    boxes = _crater_boxes(truth, grid, ground)
    tiles: dict[Window, dict] = {}
    with opened_raster(row.path) as source:
        for _ in range(count * TRIES_PER_TILE):
            if len(tiles) == count:
                break
            window = _random_window(grid, side, rng)
            split = split_of(*window_outline(grid, ground, window), drawing)
            pixels, valid = read_window(source, window, band_channels(row.bands))
            if split is None or window in tiles or valid.mean() < EMPTY_SHARE:
                continue
            in_tile = boxes - [window.col, window.row, window.col, window.row]
            labels = yolo_labels(in_tile, side, drawing.min_object_px[row.scale_m], drawing.min_visible)
            tile = DrawnTile(row, window, split, _padded(row.stretch.apply(pixels, valid), side), labels)
            _write_tile(tile, folder)
            tiles[window] = tile.table_row
    return list(tiles.values())


def _crater_boxes(truth: Craters, grid: Grid, ground: Ground) -> np.ndarray:
    """Boxes (n, 4: left, top, right, bottom) of craters in a grid's pixels."""
    return grid.boxes_to_pixel(ground.circle_boxes(truth.lon, truth.lat, truth.diameter_m, *grid.middle))


def _random_window(grid: Grid, side: int, rng: np.random.Generator) -> Window:
    width, height = min(side, grid.width), min(side, grid.height)
    col, row = rng.integers(0, grid.width - width + 1), rng.integers(0, grid.height - height + 1)
    return Window(int(col), int(row), width, height)


def _padded(image: np.ndarray, side: int) -> np.ndarray:
    """An image ([bands,] rows, columns) filled up to a square, to the right and below."""
    *_, height, width = image.shape
    return np.pad(image, [(0, 0)] * (image.ndim - 2) + [(0, side - height), (0, side - width)], constant_values=FILL)


def _write_tile(tile: DrawnTile, folder: Path) -> None:
    bands = tile.image[None] if tile.image.ndim == 2 else tile.image
    images = folder / "images" / tile.split
    labels = folder / "labels" / tile.split
    for part in (images, labels):
        part.mkdir(parents=True, exist_ok=True)
    if len(bands) in PICTURE_BANDS:
        Image.fromarray(np.moveaxis(bands, 0, -1).squeeze()).save(images / f"{tile.name}.png")
    else:
        first, *pages = map(Image.fromarray, bands)
        path = images / f"{tile.name}.tiff"
        first.save(path, save_all=True, append_images=pages, compression="tiff_deflate")
    lines = ["0 " + " ".join(f"{value:.6f}" for value in label) + "\n" for label in tile.labels]
    (labels / f"{tile.name}.txt").write_text("".join(lines))


def _dataset_yaml(folder: Path, bands: Sequence[str]) -> str:
    """Ultralytics' description of the tiles; with the names of bands where there are several."""
    text = f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nnames:\n  0: crater\n"
    return text + (yaml.safe_dump(dict(channels=len(bands), bands=list(bands)), sort_keys=False) if bands else "")
