"""Training tiles: drawn from scaled scenes, labelled from a crater table, split by place."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from orbitile.errors import OrbitileError
from orbitile.files import atomic, write_text
from orbitile.rasters.read import FILL, opened, read
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground
from orbitile.tables.craters import Craters, read_craters
from orbitile.tables.rasters import RasterRow, read_rasters
from orbitile.training.split import SPLITS, outline, split_of

log = logging.getLogger(__name__)

EMPTY_SHARE = 0.5
"""Tiles with a smaller share of valid pixels are not drawn."""
TRIES_PER_TILE = 20

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
class Drawing:
    """How tiles are drawn: how many and how large at each scale (m/px), labels, split, seed."""

    tiles_per_scale: dict[float, int]
    tile_px: dict[float, int]
    min_object_px: dict[float, float]
    min_visible: float
    block_deg: float
    validation_share: float
    seed: int


def draw_tiles(rasters: list[str], craters: str, drawing: Drawing, radius_m: float, folder: str, out: str) -> None:
    """Draw labelled tiles into `folder` (images/, labels/, dataset.yaml), their table into `out`."""
    rows = sorted((row for path in rasters for row in read_rasters(path)), key=lambda r: (r.scale_m, r.scene))
    truth = read_craters(craters)
    drawn = []
    for scale_m, count in drawing.tiles_per_scale.items():
        at_scale = [row for row in rows if row.scale_m == scale_m]
        shares = _deal(count, [row.width * row.height for row in at_scale])
        for row, share in zip(at_scale, shares, strict=True):
            drawn += _draw_from(row, share, truth, drawing, radius_m, Path(folder))
    for split in SPLITS:
        log.info("%s: %d tiles", split, sum(tile["split"] == split for tile in drawn))
        if not any(tile["split"] == split for tile in drawn):
            raise OrbitileError(f"training: no {split} tile could be drawn; try a smaller training.block_deg")
    write_text(Path(folder) / "dataset.yaml", _dataset_yaml(Path(folder)))
    with atomic(out) as temporary:
        pq.write_table(pa.Table.from_pylist(drawn, SCHEMA), temporary)


def labels(boxes: np.ndarray, tile_px: int, min_px: float, min_visible: float) -> np.ndarray:
    """YOLO labels (n, 4: centre x and y, width, height as shares of the tile) of pixel boxes.

    Boxes are cut at the tile's border; those smaller than `min_px` across, or visible to less
    than `min_visible` of their area, are left out.
    """
    cut = np.clip(boxes, 0, tile_px)
    size, cut_size = boxes[:, 2:] - boxes[:, :2], np.maximum(cut[:, 2:] - cut[:, :2], 0)
    visible = cut_size.prod(axis=1) >= min_visible * size.prod(axis=1)
    kept = cut[visible & (size.mean(axis=1) >= min_px) & (cut_size.min(axis=1) > 1)]
    return np.column_stack([(kept[:, :2] + kept[:, 2:]) / 2, kept[:, 2:] - kept[:, :2]]) / tile_px


def _deal(count: int, weights: list[int]) -> list[int]:
    """Split a count among scenes in proportion to their areas, without loss by rounding."""
    ends = np.round(np.cumsum([0, *weights]) / max(sum(weights), 1) * count).astype(int)
    return np.diff(ends).tolist()


def _draw_from(
    row: RasterRow, count: int, truth: Craters, drawing: Drawing, radius_m: float, folder: Path
) -> list[dict]:
    """Draw up to `count` tiles at random places of one scene at one scale, images and labels."""
    grid, side = row.grid, drawing.tile_px[row.scale_m]
    ground = Ground(grid.crs_wkt, radius_m)
    rng = np.random.default_rng([drawing.seed, round(row.scale_m), *row.scene.encode()])
    boxes = _crater_boxes(truth, grid, ground)
    tiles, drawn = [], set()
    with opened(row.path) as source:
        for _ in range(count * TRIES_PER_TILE):
            if len(tiles) == count:
                break
            window = _random_window(grid, side, rng)
            split = split_of(*outline(grid, ground, window), drawing)
            pixels, valid = read(source, window)
            if split is None or window in drawn or valid.mean() < EMPTY_SHARE:
                continue
            drawn.add(window)
            name = f"{row.scene}_{row.scale_m:g}m_{window.col}_{window.row}"
            inside = boxes - [window.col, window.row, window.col, window.row]
            found = labels(inside, side, drawing.min_object_px[row.scale_m], drawing.min_visible)
            _save(folder, split, name, _padded(row.stretch.apply(pixels, valid), side), found)
            tiles.append(
                dict(tile=name, split=split, scene=row.scene, scale_m=row.scale_m, col=window.col, row=window.row,
                     craters=len(found))
            )  # fmt: skip
    return tiles


def _crater_boxes(truth: Craters, grid: Grid, ground: Ground) -> np.ndarray:
    return grid.boxes_to_pixel(ground.circle_boxes(truth.lon, truth.lat, truth.diameter_m, *grid.middle))


def _random_window(grid: Grid, side: int, rng: np.random.Generator) -> Window:
    width, height = min(side, grid.width), min(side, grid.height)
    col, row = rng.integers(0, grid.width - width + 1), rng.integers(0, grid.height - height + 1)
    return Window(int(col), int(row), width, height)


def _padded(image: np.ndarray, side: int) -> np.ndarray:
    pad = [(0, side - image.shape[0]), (0, side - image.shape[1])]
    return np.pad(image, pad, constant_values=FILL)


def _save(folder: Path, split: str, name: str, image: np.ndarray, found: np.ndarray) -> None:
    with atomic(folder / "images" / split / f"{name}.png") as temporary:
        Image.fromarray(image).save(temporary)
    lines = ["0 " + " ".join(f"{value:.6f}" for value in label) + "\n" for label in found]
    write_text(folder / "labels" / split / f"{name}.txt", "".join(lines))


def _dataset_yaml(folder: Path) -> str:
    return f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nnames:\n  0: crater\n"
