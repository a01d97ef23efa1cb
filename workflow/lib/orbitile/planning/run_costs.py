"""What a run is going to cost: tiles, disk, and time on this machine, before it starts."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from subprocess import DEVNULL, run
from typing import NamedTuple

import numpy as np

from orbitile.base.cores import core_count
from orbitile.detections.tiling import TileSize, spans_of_scene
from orbitile.settings import Settings
from orbitile.tables.plan import PlanRow

GROUP_STAGES, RUN_STAGES = 6, 4
"""Jobs for each group, and for the whole run, each of which starts Python once."""
BYTES_PER_VALUE = 1.4
"""Of disk for each byte of the pixels at the finest scale: coarser scales add a third, tables and indexes the rest.

Compression is left out, so that the estimate is an upper one.
"""
BYTES_PER_TILE = 100_000
"""Of detections, in predictions, detections and the catalogue's files."""
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
    pixels = [row.width * row.height * min(1.0, row.gsd_m / settings.finest_m) ** 2 for row in rows]
    values = sum(count * len(row.bands) * np.dtype(row.dtype).itemsize for row, count in zip(rows, pixels, strict=True))
    return RunCosts(
        tiles, values * BYTES_PER_VALUE + tiles * BYTES_PER_TILE, speed and _seconds(tiles, groups, len(rows), speed)
    )


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
