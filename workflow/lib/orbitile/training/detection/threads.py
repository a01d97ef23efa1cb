"""How many threads train fastest on a CPU."""

import logging
import time
from collections.abc import Iterable, Mapping

import torch

from orbitile.base.cores import core_count
from orbitile.inference.models.ultralytics_offline import DetectionModel
from orbitile.training.detection.batches import DetectorBatches
from orbitile.training.detection.network import as_colours

log = logging.getLogger(__name__)

TRIAL_STEPS = 2
"""Steps by which numbers of threads are compared, after another one."""


def fastest_threads(network: DetectionModel, data: DetectorBatches) -> int:
    """The number of threads, all or half of the cores or a single one, with which steps take the least time.

    On a machine that others use, threads wait for each other, and fewer may be faster by far.
    """
    cores = core_count()
    candidates = sorted({cores, max(cores // 2, 1), 1}, reverse=True)
    if len(candidates) == 1:
        return cores
    batch, in_bfloat16 = next(iter(data.loader(0))), data.options.is_bfloat16
    seconds = {count: _step_seconds(network, batch.image, count, in_bfloat16) for count in candidates}
    fastest = min(candidates, key=lambda count: (seconds[count], -count))
    log.info("%d threads: a step takes %s", fastest,
             ", ".join(f"{seconds[count]:.2f} s with {count}" for count in candidates))  # fmt: skip
    return fastest


def _step_seconds(network: DetectionModel, images: torch.Tensor, threads: int, in_bfloat16: bool) -> float:
    """The shortest time of forward and backward passes with a number of threads; leaves the network as it was."""
    torch.set_num_threads(threads)
    network.train()
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    times = []
    for _ in range(TRIAL_STEPS + 1):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
            output = network(as_colours(images))
        torch.stack([part.float().sum() for part in _tensors_in(output)]).sum().backward()
        times.append(time.perf_counter() - start)
    network.zero_grad(set_to_none=True)
    for name, buffer in network.named_buffers():
        buffer.copy_(buffers[name])
    return min(times[1:])


def _tensors_in(output: torch.Tensor | Mapping | Iterable) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output]
    members = output.values() if isinstance(output, Mapping) else output
    return [tensor for member in members for tensor in _tensors_in(member)]
