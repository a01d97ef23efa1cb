"""Batches through the network: what it finds, and which tiles it fails on."""

import logging
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from orbitile.engine.answers import FoundBoxes, FoundMasks
from orbitile.engine.batches import Batch
from orbitile.engine.meter import Meter
from orbitile.errors import OrbitileError, reason_of
from orbitile.models.adapter import Boxes, Masks, Network
from orbitile.rasters.read import FILL

log = logging.getLogger(__name__)

OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
"""What torch and CUDA's libraries say when memory does not suffice, on the GPU and elsewhere."""


class NetworkError(OrbitileError):
    """The network answers to nothing any more: there is no use in going on."""


@dataclass(frozen=True)
class Answer:
    """What came of a batch: what was found, part by part, and the tiles that failed, by number in the batch."""

    batch: Batch
    found: list[FoundBoxes | FoundMasks] = field(default_factory=list)
    failed: dict[int, Exception] = field(default_factory=dict)


class Passes:
    """Sends batches through a network, `size` tiles in each pass; several threads may call it at once.

    A batch that fails is halved until the tile that is to blame stands alone. Where memory does not suffice, `size`
    is halved for good. Short batches are filled up: some kernels depend on the batch's size in the last digits, and
    a tile's answer must not depend on its company.
    """

    def __init__(self, network: Network, size: int, meter: Meter) -> None:
        self.size = meter.size = size
        self._network, self._meter = network, meter
        self._lock, self._own = threading.Lock(), threading.local()

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Answer:
        """Send a batch through; NetworkError where not even an empty tile gets an answer."""
        answer = Answer(batch)
        waiting = [range(len(batch))] if len(batch) else []
        while waiting:
            span, size = waiting.pop(), self.size
            if len(span) > size:
                waiting += _cut(span, size)
                continue
            try:
                self._answer(span, size, answer)
            except Exception as error:
                traceback.clear_frames(error.__traceback__)  # they hold the pass's memory
                if _is_out_of_memory(error) and self._lower(size):
                    waiting.append(span)
                elif len(span) > 1:
                    waiting += _cut(span, (len(span) + 1) // 2)
                else:
                    if not answer.failed:
                        self._probe(batch, error)
                    answer.failed[span.start] = error
        if len(batch) and len(answer.failed) == len(batch):
            self._probe(batch, next(iter(answer.failed.values())))
        return answer

    def _answer(self, span: range, size: int, answer: Answer) -> None:
        """Send some tiles of a batch through, and add what comes of them to its answer."""
        given = self._predict(_filled_up(answer.batch, span, size))
        broken = torch.nonzero(given.broken[: len(span)])[:, 0].tolist()
        if isinstance(given, Masks):
            found, crowded = FoundMasks.of(Masks(*(one[: len(span)] for one in given))), 0
        else:
            found = FoundBoxes.of(given)
            found = found.at(found.tile < len(span))
            crowded = found.crowded(self._network.most)
            found = found.thinned()
        answer.failed.update(
            {span.start + tile: OrbitileError("the network's answer is not a number") for tile in broken}
        )
        answer.found.append(replace(found, tile=found.tile + span.start))
        self._meter.passed(len(span), len(found), crowded)

    def _predict(self, images: torch.Tensor) -> Boxes | Masks:
        """What the network says of images, on the host."""
        start = time.monotonic()
        with self._stream():
            given = self._network.predict_batch(images.to(self._network.device, non_blocking=True))
            given = type(given)(*(one.cpu() for one in given))
        self._meter.busy(time.monotonic() - start)
        return given

    @contextmanager
    def _stream(self) -> Iterator[None]:
        """On a GPU, each thread has a stream of its own: one copies while another computes."""
        if self._network.device.type != "cuda":
            yield
            return
        if not hasattr(self._own, "stream"):
            self._own.stream = torch.cuda.Stream(self._network.device)
        with torch.cuda.stream(self._own.stream):
            yield

    def _lower(self, used: int) -> bool:
        """Halve the size of passes that did not fit, unless another thread has; False where it is one already."""
        with self._lock:
            if self._network.device.type == "cuda":
                torch.cuda.empty_cache()
            if self.size == used == 1:
                return False
            if self.size == used:
                self.size = self._meter.size = self.size // 2
                log.warning("out of memory: from here on %d tiles in a pass", self.size)
            return True

    def _probe(self, batch: Batch, error: Exception) -> None:
        """Where a tile failed that stands alone, or all of a batch did, see whether it is the network that fails."""
        size = self.size
        try:
            if not self._predict(torch.full((size, *batch.images.shape[1:]), FILL, dtype=torch.uint8)).broken.all():
                return
        except Exception as another:
            traceback.clear_frames(another.__traceback__)
            if _is_out_of_memory(another) and self._lower(size):
                return self._probe(batch, error)
            error = another
        if _is_out_of_memory(error):
            raise NetworkError(
                f"memory does not suffice for a single tile of {batch.images.shape[-1]} px "
                f"({reason_of(error)}); make tiles smaller, or use a device with more memory"
            )
        raise NetworkError(
            f"the network fails on every tile, even an empty one ({reason_of(error)}); are its weights damaged?"
        )


def _filled_up(batch: Batch, span: range, size: int) -> torch.Tensor:
    """The images of some tiles, and empty ones up to a size."""
    if len(span) == len(batch) and len(batch.images) == size:
        batch.images[len(span) :] = 0
        return batch.images
    images = torch.zeros((size, *batch.images.shape[1:]), dtype=torch.uint8)
    images[: len(span)] = batch.images[span.start : span.stop]
    return images


def _cut(span: range, size: int) -> list[range]:
    """Parts of a span, the last one first."""
    return [range(start, min(start + size, span.stop)) for start in range(span.start, span.stop, size)][::-1]


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in OUT_OF_MEMORY)
