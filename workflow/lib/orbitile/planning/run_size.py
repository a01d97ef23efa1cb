"""How large a run is: tiles with data, rasters on disk, pictures; by the rows of a plan and a look into images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.remote_files import is_remote
from orbitile.detections.tiling import TileSize, spans_of_scene
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.pictures.picture_size import LARGEST_PX
from orbitile.rasters.read import opened_raster
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.tables.georef_methods import PROJECTED
from orbitile.tables.plan import PlanRow, RunSize

WITH_OVERVIEWS = 4 / 3
"""Bytes of a raster for each of its pixels' at full resolution."""
IMAGES_LOOKED_INTO, BLOCKS_LOOKED_AT = 64, 4096
"""The most images, evenly taken, and the most blocks of each, of which is asked whether they hold anything."""
EMPTY_RATIO = 200
"""A block that is compressed more than this holds a single value; images do not reach a tenth of it."""
GEOTIFF = (".tif", ".tiff")


def measure_run(rows: Sequence[PlanRow], settings: Settings) -> RunSize:
    """The size of a run of the scenes of a plan."""
    share = data_share(rows)
    pixels = sum(row.width * row.height * (row.gsd_m / scale.gsd_m) ** 2 for row in rows for scale in settings.scales)
    return RunSize(
        tiles=round(count_tiles(rows, settings) * share),
        searched_px=pixels * share,
        raster_bytes=sum(raster_bytes(row, settings) for row in rows),
        pictured_px=sum(pictured_px(row, settings) for row in rows),
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
    """Pixels of a scene's picture: those of the finest scale that is small enough, or of the coarsest shrunk."""
    longer, shorter = (side * row.gsd_m for side in sorted((row.width, row.height), reverse=True))
    gsd_m = next((scale.gsd_m for scale in settings.scales if longer / scale.gsd_m <= LARGEST_PX), None)
    gsd_m = gsd_m or max(settings.scales[-1].gsd_m, longer / LARGEST_PX)
    return longer * shorter / gsd_m**2


def _packing(row: PlanRow) -> float:
    """The share of its pixels' bytes that a map-projected image takes on disk; 1 where that is not known."""
    files = [Path(path) for path in row.inputs or [row.path]]
    if row.georef_method != PROJECTED or not all(path.is_file() for path in files):
        return 1.0
    size = row.width * row.height * len(row.bands) * np.dtype(row.dtype).itemsize
    return min(1.0, sum(path.stat().st_size for path in files) / size)


def count_tiles(rows: Sequence[PlanRow], settings: Settings) -> int:
    """Tiles of all scenes at all scales, as of scenes that stand alone; those without data count."""
    count = 0
    for row in rows:
        for scale in settings.scales:
            size, factor = TileSize(scale.tile_px, scale.overlap_px), row.gsd_m / scale.gsd_m
            sides = (max(1, round(side * factor)) for side in (row.width, row.height))
            columns, lines = (len(spans_of_scene(side, size)) for side in sides)
            count += columns * lines
    return count


def data_share(rows: Sequence[PlanRow]) -> float:
    """The share of the scenes' ground that holds data, as the blocks of some of their GeoTIFFs tell; 1 for others."""
    step = max(1, len(rows) // IMAGES_LOOKED_INTO)
    shares = [(row.width * row.height, _block_share(row.path)) for row in rows[::step]]
    total = sum(pixels for pixels, _ in shares)
    return sum(pixels * share for pixels, share in shares) / total if total else 1.0


def _block_share(path: str) -> float:
    """The share of a GeoTIFF's blocks that are there, and hold more than a single value."""
    if Path(path).suffix.lower() not in GEOTIFF or is_remote(path):
        return 1.0
    try:
        with opened_raster(path) as source:
            height, width = source.block_shapes[0]
            raw_bytes = height * width * np.dtype(source.dtypes[0]).itemsize
            lines, columns = -(-source.height // height), -(-source.width // width)
            step = max(1, round((lines * columns / BLOCKS_LOOKED_AT) ** 0.5))
            sizes = [
                int(source.get_tag_item(f"BLOCK_SIZE_{column}_{line}", "TIFF", bidx=1) or 0)
                for line in range(step // 2, lines, step)
                for column in range(step // 2, columns, step)
            ]
    except OrbitileError:
        return 1.0
    return sum(size * EMPTY_RATIO > raw_bytes for size in sizes) / len(sizes)
