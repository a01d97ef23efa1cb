"""What a run is going to cost: tiles, disk, and time on this machine, before it starts."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, run
from typing import NamedTuple

import numpy as np

from orbitile.base.cores import core_count
from orbitile.base.remote_files import is_remote
from orbitile.detections.tiling import TileSize, spans_of_scene
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.pipeline import DETECTION, SEGMENTATION
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.tables.georef_methods import PROJECTED
from orbitile.tables.plan import PlanRow

GROUP_STAGES, RUN_STAGES = 6, 4
"""Jobs for each group, and for the whole run, each of which starts Python once."""
WITH_OVERVIEWS = 4 / 3
"""Bytes of a raster for each of its pixels' at full resolution."""
BYTES_PER_TILE = {DETECTION: 240_000, SEGMENTATION: 340_000}
"""Of all that is not georeferenced pixels: detections or probabilities, tables, and the files of the result.

As in the demos, which are rich in craters (23 in a tile, of 9 kB in three formats) and fractures: of most scenes less.
"""
READING_FACTOR = 1.5
"""Time per tile, over that of the network alone: reading, and work that waits for one core."""
TIMED_PASSES, TIMED_TILES = 3, 4


class Speed(NamedTuple):
    """What was measured on this machine: seconds of the network for a tile, and for a job to start."""

    tile_s: float
    start_s: float


@dataclass(frozen=True)
class RunCosts:
    """Tiles to search, the most bytes on disk, and seconds where the machine's speed was measured."""

    tiles: int
    disk_bytes: float
    seconds: float | None


def estimate_costs(rows: Sequence[PlanRow], groups: int, settings: Settings, speed: Speed | None) -> RunCosts:
    """An estimate from the rows of a plan; nodata, which is not searched, counts as data."""
    tiles = count_tiles(rows, settings)
    disk = sum(raster_bytes(row, settings) for row in rows) + tiles * BYTES_PER_TILE[settings.chain]
    return RunCosts(tiles, disk, speed and _seconds(tiles, groups, len(rows), speed))


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
        and Path(row.path).suffix.lower() in (".tif", ".tiff")
        and not (row.strips or is_remote(row.path))
        and target.fits(grid)
    )
    return values * _packing(row) * WITH_OVERVIEWS * sum(scales[1:] if is_linked else scales)


def _packing(row: PlanRow) -> float:
    """The share of its pixels' bytes that a map-projected image takes on disk; 1 where that is not known."""
    size = row.width * row.height * len(row.bands) * np.dtype(row.dtype).itemsize
    path = Path(row.path)
    return min(1.0, path.stat().st_size / size) if row.georef_method == PROJECTED and path.is_file() else 1.0


def count_tiles(rows: Sequence[PlanRow], settings: Settings) -> int:
    """Tiles of all scenes at all scales, as of scenes that stand alone."""
    count = 0
    for row in rows:
        for scale in settings.scales:
            size, factor = TileSize(scale.tile_px, scale.overlap_px), row.gsd_m / scale.gsd_m
            sides = (max(1, round(side * factor)) for side in (row.width, row.height))
            columns, lines = (len(spans_of_scene(side, size)) for side in sides)
            count += columns * lines
    return count


def _seconds(tiles: int, groups: int, scenes: int, speed: Speed) -> float:
    jobs = GROUP_STAGES * groups + RUN_STAGES
    parallel = min(core_count(), max(groups, 1))
    return jobs * speed.start_s / parallel + tiles * speed.tile_s * READING_FACTOR


def measure_speed(settings: Settings) -> Speed:
    """Time the settings' network on tiles of noise, and the start of a process that loads what jobs load."""
    import torch  # these take seconds, and are wanted only here

    from orbitile.inference.models.load import load_network
    from orbitile.inference.models.network import ModelChoice

    began = time.monotonic()
    run([sys.executable, "-c", "import geopandas, pyarrow, rasterio, scipy"], stdout=DEVNULL, stderr=DEVNULL)
    start_s = time.monotonic() - began
    network = load_network(ModelChoice(**settings.model_choice))
    side = max(scale.tile_px for scale in settings.scales)
    shape = (TIMED_TILES, network.channels, side, side)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, device=network.device)
    passes = [_timed(lambda: network.predict_batch(images)) for _ in range(TIMED_PASSES)]
    return Speed(min(passes) / TIMED_TILES, start_s)


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
