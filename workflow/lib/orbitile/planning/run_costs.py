"""What a run is going to cost: tiles, disk, memory, and time on this machine, before it starts."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import DEVNULL, run
from typing import NamedTuple

from orbitile.base.cores import core_count
from orbitile.base.messages import format_size
from orbitile.pipeline import DETECTION, INFER_THREADS, SEGMENTATION
from orbitile.settings import Settings
from orbitile.tables.plan import RunSize

GROUP_STAGES, RUN_STAGES = 6, 4
"""Jobs for each group, and for the whole run, each of which starts Python once."""
RUN_BYTES = 3e6
"""Of disk for what every run has: pictures of all, figures, records, a reserve."""
BYTES_PER_TILE = {DETECTION: 240_000, SEGMENTATION: 215_000}
"""Of disk for all that hangs on what is found: detections or probabilities, tables, and the files of the result.

As in the demos, which are rich in craters (23 in a tile, of 10 kB in all tables and three formats) and fractures: of
most scenes less.
"""
BYTES_PER_PICTURED_PX = 1.1
"""Of disk for the picture of a scene, with what was found in it."""
INFER_BASE_BYTES = {DETECTION: 1145e6, SEGMENTATION: 1390e6}
"""Of memory that `infer` takes beside its passes: Python, its libraries, a network of usual size."""
PASS_BYTES_PER_PX = {DETECTION: 75, SEGMENTATION: 290}
"""Of memory for a pixel of a tile in a pass: a YOLO11n, a U-Net with an encoder such as resnet34."""
TILES_IN_A_PASS = 8
READ_AHEAD_BYTES = 256 * 2**20
"""Kept free for pixels that wait for the network (orbitile.inference.engine.tile_reader.AHEAD_BYTES)."""
WAITING_BYTES_PER_PX = 2
"""Of those that are kept free: a grey value, and whether it is valid."""
READING_FACTOR = 1.5
"""Time per tile, over that of the network alone: reading, and work that waits for one core."""
TIMED_PASSES, TIMED_TILES = 3, 4


class Speed(NamedTuple):
    """What was measured on this machine: seconds of the network for a tile, and for a job to start."""

    tile_s: float
    start_s: float


@dataclass(frozen=True)
class RunCosts:
    """Tiles to search, the most bytes on disk, and of memory in `infer`; seconds where the speed was measured."""

    tiles: int
    disk_bytes: float
    memory_bytes: float
    seconds: float | None = None

    def peaks_text(self, free_bytes: float) -> str:
        """The tiles, and the most disk and memory that are expected, in a line."""
        return (
            f"{self.tiles:,} tiles; up to {format_size(self.disk_bytes)} of disk ({format_size(free_bytes)} are free), "
            f"and {format_size(self.memory_bytes)} of memory in a job of infer"
        )


def estimate_costs(
    size: RunSize, groups: int, settings: Settings, speed: Speed | None = None, cores: int | None = None
) -> RunCosts:
    """An estimate from the size of a run; of memory, where the network computes on so many cores (None: all here)."""
    seconds = speed and _seconds(size.tiles, groups, speed)
    memory = memory_bytes(size, settings, min(INFER_THREADS, cores or core_count()))
    return RunCosts(size.tiles, disk_bytes(size, settings), memory, seconds)


def disk_bytes(size: RunSize, settings: Settings) -> float:
    """What a run and the pictures of its scenes take at the end, when it is most: nothing is deleted on the way."""
    of_tiles, of_pictures = size.tiles * BYTES_PER_TILE[settings.chain], size.pictured_px * BYTES_PER_PICTURED_PX
    return RUN_BYTES + size.raster_bytes + of_tiles + of_pictures


def memory_bytes(size: RunSize, settings: Settings, cores: int) -> float:
    """The memory of a job of `infer`, with a pass of the network on each of so many cores."""
    chain, batch = settings.chain, settings.model.batch if settings.model else None
    tile_px = max(scale.tile_px for scale in settings.scales) ** 2
    passes = cores * (batch or TILES_IN_A_PASS) * tile_px * PASS_BYTES_PER_PX[chain]
    pixels_ahead = min(size.searched_px, READ_AHEAD_BYTES / (6 * size.bands + 1))
    return INFER_BASE_BYTES[chain] + passes + pixels_ahead * WAITING_BYTES_PER_PX


def _seconds(tiles: int, groups: int, speed: Speed) -> float:
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
