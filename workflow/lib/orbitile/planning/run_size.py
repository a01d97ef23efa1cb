"""How large a run is: tiles with data, rasters on disk, pictures; by the rows of a plan and a look into images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.remote_files import is_remote
from orbitile.detections.tiling import TileSize, TileSpan, spans_of_map, spans_of_scene
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.pictures.picture_size import LARGEST_PX, enlargement
from orbitile.rasters.read import opened_raster
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.space.scales import whole_factor
from orbitile.tables.georef_methods import PROJECTED
from orbitile.tables.plan import PlanRow, RunSize

WITH_OVERVIEWS = 4 / 3
"""Bytes of a raster for each of its pixels' at full resolution."""
IMAGES_LOOKED_INTO, BLOCKS_LOOKED_AT = 64, 65_536
"""The most images, evenly taken, and the most blocks of them all, of which is asked whether they hold anything."""
EMPTY_RATIO = 200
"""A block that is compressed more than this holds a single value; images do not reach a tenth of it."""
GEOTIFF = (".tif", ".tiff")


@dataclass(frozen=True)
class DataBlocks:
    """Which blocks of an image hold data (lines, columns), of all or of every few; the sides that each stands for."""

    hold_data: np.ndarray
    height_px: int
    width_px: int

    def has_data(self, lines: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Whether windows (lines, columns) hold data: all pairs of spans (n, 2) of lines and of columns, in pixels."""
        counts = np.zeros(np.add(self.hold_data.shape, 1), np.int64)
        counts[1:, 1:] = self.hold_data.cumsum(0).cumsum(1)
        top, bottom = self._covered(lines, 0, self.height_px)
        left, right = self._covered(columns, 1, self.width_px)
        within = counts[bottom][:, right] - counts[bottom][:, left] - counts[top][:, right] + counts[top][:, left]
        return within > 0

    def _covered(self, spans: np.ndarray, axis: int, side_px: int) -> np.ndarray:
        """The first of the blocks that spans lie in, and the one after the last (2, n)."""
        return np.clip([spans[:, 0] // side_px, -(-spans[:, 1] // side_px)], 0, self.hold_data.shape[axis]).astype(int)


def measure_run(rows: Sequence[PlanRow], settings: Settings) -> RunSize:
    """The size of a run of the scenes of a plan."""
    looked_into = look_into(rows)
    share = data_share(looked_into)
    pixels = sum(row.width * row.height * (row.gsd_m / scale.gsd_m) ** 2 for row in rows for scale in settings.scales)
    return RunSize(
        tiles=round(count_tiles(rows, settings) * tile_share(looked_into, settings)),
        searched_px=pixels * share,
        raster_bytes=sum(raster_bytes(row, settings) for row in rows),
        pictured_px=sum(pictured_px(row, settings) for row in rows) * share,
        bands=max((len(row.bands) for row in rows), default=1),
    )


def raster_bytes(row: PlanRow, settings: Settings) -> float:
    """Of disk for a scene at all scales; at the finest none, if its image is probably used where it lies.

    Pixels are compressed as well as those of the image.
    """
    grid, finest_m = row.grid, settings.finest_m
    pixels = row.width * row.height * min(1.0, row.gsd_m / finest_m) ** 2
    values = pixels * len(row.bands) * np.dtype(row.dtype).itemsize
    scales = [1 / factor**2 for factor in settings.factors]
    target = TargetGrid(find_body(settings.body), settings.crs, finest_m)
    is_linked = (
        settings.georeferencing.in_place
        and row.georef_method == PROJECTED
        and Path(row.path).suffix.lower() in GEOTIFF
        and not (row.strips or is_remote(row.path))
        and target.fits(grid)
    )
    return values * _packing(row) * WITH_OVERVIEWS * sum(scales[1:] if is_linked else scales)


def pictured_px(row: PlanRow, settings: Settings) -> float:
    """Pixels of a scene's picture: those of the finest scale that is small enough, or of the coarsest shrunk.

    Where a pixel of a small scene is a square in its picture, as many count as a side of the square has.
    """
    longer_m = max(row.width, row.height) * row.gsd_m
    gsd_m = next((scale.gsd_m for scale in settings.scales if longer_m / scale.gsd_m <= LARGEST_PX), None)
    gsd_m = gsd_m or max(settings.scales[-1].gsd_m, longer_m / LARGEST_PX)
    width, height = (max(1, round(side * row.gsd_m / gsd_m)) for side in (row.width, row.height))
    return width * height * enlargement(width, height)


def _packing(row: PlanRow) -> float:
    """The share of its pixels' bytes that a map-projected image takes on disk; 1 where that is not known."""
    files = [Path(path) for path in row.inputs or [row.path]]
    if row.georef_method != PROJECTED or not all(path.is_file() for path in files):
        return 1.0
    size = row.width * row.height * len(row.bands) * np.dtype(row.dtype).itemsize
    return min(1.0, sum(path.stat().st_size for path in files) / size)


def count_tiles(rows: Sequence[PlanRow], settings: Settings) -> int:
    """Tiles of all scenes at all scales; those without data count."""
    sizes = _tile_sizes(settings)
    spans = (_tile_spans(row, gsd_m, size) for row in rows for gsd_m, size in sizes.items())
    return sum(len(lines) * len(columns) for lines, columns in spans)


def tile_share(looked_into: Sequence[tuple[PlanRow, DataBlocks | None]], settings: Settings) -> float:
    """The share of the tiles of scenes that hold data, as far as the blocks of their images tell."""
    total = with_data = 0
    sizes = _tile_sizes(settings)
    for row, blocks in looked_into:
        for gsd_m, size in sizes.items():
            lines, columns = _tile_spans(row, gsd_m, size)
            total += len(lines) * len(columns)
            with_data += _count_with_data(blocks, lines, columns, _factor(row, gsd_m))
    return with_data / total if total else 1.0


def _count_with_data(
    blocks: DataBlocks | None, lines: Sequence[TileSpan], columns: Sequence[TileSpan], factor: float
) -> int:
    """How many tiles hold data, whose pixels are `factor` times those of their image."""
    if blocks is None:
        return len(lines) * len(columns)
    spans = (np.array([(span.begin, span.end) for span in along]) * factor for along in (lines, columns))
    return int(blocks.has_data(*spans).sum())


def _tile_sizes(settings: Settings) -> dict[float, TileSize]:
    return {gsd_m: TileSize(**size) for gsd_m, size in settings.tile_sizes.items()}


def _factor(row: PlanRow, gsd_m: float) -> float:
    """How many pixels of an image make the side of a scale's; a whole number where `downsample` takes it as such."""
    return whole_factor(row.gsd_m, gsd_m) or gsd_m / row.gsd_m


def _tile_spans(row: PlanRow, gsd_m: float, size: TileSize) -> tuple[list[TileSpan], list[TileSpan]]:
    """Lines and columns of the tiles of a scene at a scale."""
    factor = _factor(row, gsd_m)
    height, width = (max(1, round(side / factor)) for side in (row.height, row.width))
    if not row.in_mosaic:
        return spans_of_scene(height, size), spans_of_scene(width, size)
    col, line = (round(index / factor) for index in row.grid.index)
    return spans_of_map(height, size, line), spans_of_map(width, size, col)


def look_into(rows: Sequence[PlanRow]) -> list[tuple[PlanRow, DataBlocks | None]]:
    """Some scenes, evenly taken, and which blocks of their images hold data; None where an image does not tell."""
    chosen = rows[:: max(1, -(-len(rows) // IMAGES_LOOKED_INTO))]
    return [(row, _data_blocks(row.path, BLOCKS_LOOKED_AT // len(chosen))) for row in chosen]


def data_share(looked_into: Sequence[tuple[PlanRow, DataBlocks | None]]) -> float:
    """The share of the ground of scenes that holds data, as far as the blocks of their images tell."""
    shares = [(row.width * row.height, blocks.hold_data.mean() if blocks else 1.0) for row, blocks in looked_into]
    total = sum(pixels for pixels, _ in shares)
    return float(sum(pixels * share for pixels, share in shares) / total) if total else 1.0


def _data_blocks(path: str, most: int) -> DataBlocks | None:
    """Of a GeoTIFF, at most about `most` blocks: those that are there, and hold more than a single value."""
    if Path(path).suffix.lower() not in GEOTIFF or is_remote(path):
        return None
    try:
        with opened_raster(path) as source:
            height, width = source.block_shapes[0]
            raw_bytes = height * width * np.dtype(source.dtypes[0]).itemsize
            lines, columns = -(-source.height // height), -(-source.width // width)
            step = math.ceil(math.sqrt(lines * columns / most))
            sizes = [
                [int(source.get_tag_item(f"BLOCK_SIZE_{column}_{line}", "TIFF", bidx=1) or 0)
                 for column in range(min(step // 2, columns - 1), columns, step)]
                for line in range(min(step // 2, lines - 1), lines, step)
            ]  # fmt: skip
    except OrbitileError:
        return None
    return DataBlocks(np.array(sizes) * EMPTY_RATIO > raw_bytes, height * step, width * step)
