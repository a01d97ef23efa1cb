"""How many tiles go through the network at once."""

import logging
import math

import torch

from orbitile.inference.models.network import Network

log = logging.getLogger(__name__)

CPU_TILES = 8
"""Tiles in a pass on the CPU: more are not faster. One number for all machines, as last digits depend on it."""
MAX_TILES = 128
"""Most tiles in a pass on a GPU: more are not faster."""
TRIAL_TILES = 8
"""Tiles in the larger of the two passes that measure memory on a GPU."""
MEMORY_SHARE = 0.6
"""Share of the free memory that the passes of all streams may take together."""


def fitting_batch_size(network: Network, side: int, workers: int) -> int:
    """Tiles of a side in pixels that fit the device's free memory in a pass, `workers` passes at once: a power of 2."""
    if network.device.type != "cuda":
        return CPU_TILES
    with torch.inference_mode(), torch.compiler.set_stance("force_eager"):  # here: it imports torch's compiler
        return _measured_batch_size(network, side, workers)


def _measured_batch_size(network: Network, side: int, workers: int) -> int:
    torch.cuda.synchronize(network.device)
    free = torch.cuda.mem_get_info(network.device)[0]
    try:
        single, trial = (_peak_bytes(network, side, tiles) for tiles in (1, TRIAL_TILES))
    except torch.OutOfMemoryError:
        log.info("the GPU's memory does not suffice for %d tiles in a pass", TRIAL_TILES)
        return TRIAL_TILES // 2  # from which passes lower it further
    tile_bytes = max((trial - single) / (TRIAL_TILES - 1), 1.0)
    fitting = max(MEMORY_SHARE * free / workers / tile_bytes, 1.0)
    size = min(2 ** int(math.log2(fitting)), MAX_TILES)
    log.info("%d tiles in a pass: each takes %.0f MB, and %.1f GB are free", size, tile_bytes / 1e6, free / 1e9)
    return size


def _peak_bytes(network: Network, side: int, tiles: int) -> int:
    """Memory that a pass takes at its peak, in bytes."""
    images = torch.zeros((tiles, network.channels, side, side), dtype=torch.uint8, device=network.device)
    network.predict_batch(images)
    torch.cuda.reset_peak_memory_stats(network.device)
    before = torch.cuda.memory_allocated(network.device)
    network.predict_batch(images)
    return torch.cuda.max_memory_allocated(network.device) - before
