"""How many tiles go through the network at once."""

import logging
import math

import torch

from orbitile.models.adapter import Network

log = logging.getLogger(__name__)

CPU_TILES = 8
"""On the CPU more are not faster, and all machines shall use the same: sums depend on it in the last digits."""
MOST_TILES = 128
"""On a GPU, more are not faster."""
FEW_TILES = 8
"""In the larger of the two passes that are tried out on a GPU."""
MEMORY_SHARE = 0.6
"""Of the free memory, what the passes of all streams may take together."""


@torch.inference_mode()
@torch.compiler.set_stance("force_eager")
def fitting_size(network: Network, side: int, workers: int) -> int:
    """Tiles of a side in pixels that fit the device's free memory in a pass, `workers` passes at once: a power of 2."""
    if network.device.type != "cuda":
        return CPU_TILES
    torch.cuda.synchronize(network.device)
    free = torch.cuda.mem_get_info(network.device)[0]
    try:
        few, many = (_peak(network, side, tiles) for tiles in (1, FEW_TILES))
    except torch.OutOfMemoryError:
        log.info("memory does not suffice for %d tiles in a pass", FEW_TILES)
        return FEW_TILES // 2  # from which passes lower it further
    for_each = max((many - few) / (FEW_TILES - 1), 1.0)
    fitting = max(MEMORY_SHARE * free / workers / for_each, 1.0)
    size = min(2 ** int(math.log2(fitting)), MOST_TILES)
    log.info("%d tiles in a pass: each takes %.0f MB of %.1f GB that are free", size, for_each / 1e6, free / 1e9)
    return size


def _peak(network: Network, side: int, tiles: int) -> int:
    """Bytes that a pass takes at its peak."""
    images = torch.zeros((tiles, network.channels, side, side), dtype=torch.uint8, device=network.device)
    network.predict_batch(images)
    torch.cuda.reset_peak_memory_stats(network.device)
    before = torch.cuda.memory_allocated(network.device)
    network.predict_batch(images)
    return torch.cuda.max_memory_allocated(network.device) - before
