"""Batches through the network: its predictions, and the tiles it fails on."""

import logging
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.inference.engine.batches import Batch
from orbitile.inference.engine.meter import Meter
from orbitile.inference.engine.predictions import PredictedBoxes, PredictedMasks
from orbitile.inference.engine.views import PLAIN_VIEW, SINGLE_VIEW, TileView, ViewFusion
from orbitile.inference.models.network import BoxOutput, MaskOutput, Network
from orbitile.rasters.stretch import FILL

log = logging.getLogger(__name__)

OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
"""Texts in the errors of torch and CUDA's libraries when memory does not suffice, on the GPU and elsewhere."""
NON_FINITE = "the network's output is not finite"


class NetworkError(OrbitileError):
    """The network fails on every tile: there is no use in going on."""


@dataclass(frozen=True)
class Prediction:
    """Predictions for the tiles of a batch, in parts, and the errors of tiles that failed, by number in the batch."""

    batch: Batch
    outputs: list[PredictedBoxes | PredictedMasks] = field(default_factory=list)
    errors: dict[int, Exception] = field(default_factory=dict)


class ForwardPasses:
    """Sends batches through a network, `size` tiles in each pass; several threads may call it at once.

    A batch that fails is halved until the tile at fault stands alone. Where memory does not suffice, `size` is halved
    for good. Short batches are filled up: some kernels depend on the batch's size in the last digits, and a tile's
    prediction must not depend on the tiles beside it.
    """

    def __init__(self, network: Network, size: int, meter: Meter, fusion: ViewFusion = SINGLE_VIEW) -> None:
        self.size = meter.size = size
        self._network, self._meter, self._fusion = network, meter, fusion
        self._lock, self._thread_memory = threading.Lock(), threading.local()

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Prediction:
        """Send a batch through; NetworkError where the network fails even on an empty tile."""
        prediction = Prediction(batch)
        waiting = [range(len(batch))] if len(batch) else []
        while waiting:
            span, size = waiting.pop(), self.size
            if len(span) > size:
                waiting += _split(span, size)
                continue
            try:
                self._predict_span(span, size, prediction)
            except Exception as error:
                traceback.clear_frames(error.__traceback__)  # they hold the pass's memory
                if _is_out_of_memory(error) and self._halve_size(size):
                    waiting.append(span)
                elif len(span) > 1:
                    waiting += _split(span, (len(span) + 1) // 2)
                else:
                    if not prediction.errors:
                        self._check_network(batch, error)
                    prediction.errors[span.start] = error
        if len(batch) and len(prediction.errors) == len(batch):
            self._check_network(batch, next(iter(prediction.errors.values())))
        return prediction

    def _predict_span(self, span: range, size: int, prediction: Prediction) -> None:
        """Send some tiles of a batch through, and add their output to its prediction."""
        images = _filled_up(prediction.batch, span, size)
        outputs = [self._run_network(images, view) for view in self._fusion.views]
        non_finite = torch.stack([output.non_finite for output in outputs]).any(dim=0)
        outputs = [output._replace(non_finite=non_finite) for output in outputs]
        boxes_or_masks, capped = self._arrays_of(outputs, len(span))
        for tile in torch.nonzero(non_finite[: len(span)])[:, 0].tolist():
            prediction.errors[span.start + tile] = OrbitileError(NON_FINITE)
        prediction.outputs.append(replace(boxes_or_masks, tile=boxes_or_masks.tile + span.start))
        self._meter.count_pass(len(span), len(boxes_or_masks), capped)

    def _arrays_of(
        self, outputs: Sequence[BoxOutput | MaskOutput], tiles: int
    ) -> tuple[PredictedBoxes | PredictedMasks, int]:
        """Boxes or masks of the first `tiles` of a pass, and the number of tiles with as many boxes as can be.

        `outputs` are those of all views; masks have a single one.
        """
        if isinstance(outputs[0], MaskOutput):
            return PredictedMasks.from_output(MaskOutput(*(tensor[:tiles] for tensor in outputs[0]))), 0
        views = [PredictedBoxes.from_output(output) for output in outputs if isinstance(output, BoxOutput)]
        views = [boxes.select(boxes.tile < tiles) for boxes in views]
        capped = views[0].count_capped_tiles(self._network.max_objects)
        survivors = [boxes.suppressed() for boxes in views]
        return survivors[0] if len(views) == 1 else PredictedBoxes.fused(survivors, self._fusion), capped

    def _run_network(self, images: torch.Tensor, view: TileView = PLAIN_VIEW) -> BoxOutput | MaskOutput:
        """The network's output for a view of images, in the host's memory; boxes in pixels of the images."""
        start = time.monotonic()
        with self._stream():
            output = self._network.predict_batch(view.of_images(images.to(self._network.device, non_blocking=True)))
            output = type(output)(*(tensor.cpu() for tensor in output))
        if view != PLAIN_VIEW and isinstance(output, BoxOutput):
            output = output._replace(corners=view.to_tile(output.corners, images.shape[-1]))
        self._meter.count_busy(time.monotonic() - start)
        return output

    @contextmanager
    def _stream(self) -> Iterator[None]:
        """A stream for each thread on a GPU: one copies while another computes."""
        if self._network.device.type != "cuda":
            yield
            return
        if not hasattr(self._thread_memory, "stream"):
            self._thread_memory.stream = torch.cuda.Stream(self._network.device)
        with torch.cuda.stream(self._thread_memory.stream):
            yield

    def _halve_size(self, failed_size: int) -> bool:
        """Halve the size of passes that did not fit, unless another thread has; False where it is 1 already."""
        with self._lock:
            if self._network.device.type == "cuda":
                torch.cuda.empty_cache()
            if self.size == failed_size == 1:
                return False
            if self.size == failed_size:
                self.size = self._meter.size = self.size // 2
                log.warning("out of memory: from here on %d tiles in a pass", self.size)
            return True

    def _check_network(self, batch: Batch, error: Exception) -> None:
        """NetworkError where the network fails on an empty tile, too, and not only with `error` on those of a batch."""
        size = self.size
        empty = torch.full((size, *batch.images.shape[1:]), FILL, dtype=torch.uint8)
        try:
            if not self._run_network(empty).non_finite.all():
                return
        except Exception as network_error:
            traceback.clear_frames(network_error.__traceback__)
            if _is_out_of_memory(network_error) and self._halve_size(size):
                return self._check_network(batch, error)
            error = network_error
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


def _split(span: range, size: int) -> list[range]:
    """Parts of a span, the last one first."""
    return [range(start, min(start + size, span.stop)) for start in range(span.start, span.stop, size)][::-1]


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in OUT_OF_MEMORY)
