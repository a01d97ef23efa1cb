"""A detector with its loss, its optimiser and its figures, as Lightning trains it."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.swa_utils import AveragedModel

from orbitile.inference.models.network import ModelChoice
from orbitile.inference.models.ultralytics_offline import DetectionModel
from orbitile.inference.models.yolo import Yolo
from orbitile.training.detection.dataset import CropBatch
from orbitile.training.detection.loss import agreement_loss, ultralytics_batch
from orbitile.training.detection.network import NAMES, as_colours
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.detection.search import ValidationSearch, ValidationSet
from orbitile.training.detection.sizes import figures_by_size
from orbitile.training.detection.validation import THRESHOLDS, ValidationTile, count_at_thresholds
from orbitile.training.monitored import MonitoredModule

WEIGHT_DECAY = 5e-3
WARM_UP_STEPS = 50
LAST_RATE = 0.02
"""Share of the learning rate that is left at the end of its cosine."""
AVERAGING_STEPS = 100
"""Steps in which the average of the weights comes to its full length."""
Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]
Output = torch.Tensor | dict[str, "Output"] | Sequence["Output"]
LOSSES = ("box_loss", "class_loss", "edge_loss")


class DetectorModule(MonitoredModule):
    """A detector in training; validation and export take the moving average of its weights."""

    def __init__(self, network: DetectionModel, recipe: DetectorRecipe, validation: ValidationSet, steps: int) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.average = AveragedModel(network, multi_avg_fn=_average(recipe.averaging), use_buffers=True)
        self.figures: dict[str, Any] = {}
        self._recipe, self._validation, self._steps = recipe, validation, steps
        self._loss: Any = None
        self._losses: list[torch.Tensor] = []
        self._search: ValidationSearch | None = None

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW (Loshchilov and Hutter 2019) with a short rise and a cosine fall of the learning rate."""
        parameters = list(self.network.parameters())
        groups = [
            dict(params=[parameter for parameter in parameters if parameter.ndim > 1], weight_decay=WEIGHT_DECAY),
            dict(params=[parameter for parameter in parameters if parameter.ndim <= 1], weight_decay=0.0),
        ]
        optimizer = torch.optim.AdamW(groups, lr=self._recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_fit_start(self) -> None:
        """Make the loss, which keeps the device."""
        self._loss = agreement_loss(self.network)

    def on_train_epoch_start(self) -> None:
        """Where a network has two heads, the weights of their losses change from epoch to epoch."""
        if hasattr(self._loss, "update") and self.current_epoch:
            self._loss.updates = self.current_epoch - 1
            self._loss.update()

    def training_step(self, batch: CropBatch, number: int) -> torch.Tensor:
        """The loss of a batch."""
        output = _in_float32(self.network(as_colours(batch.image)))
        with torch.autocast(self.device.type, enabled=False):
            losses, _ = self._loss(output, ultralytics_batch(batch))
        losses = losses / len(batch.image)
        self._losses.append(losses.detach())
        return losses.sum()

    def transfer_batch_to_device(self, batch: object, device: torch.device, dataloader_idx: int) -> object:
        """Move training tiles; those for validation are moved when they are searched."""
        if not isinstance(batch, CropBatch):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_train_batch_end(self, *_: object) -> None:
        """Take the step's weights into the average."""
        self.average.update_parameters(self.network)

    def on_validation_epoch_start(self) -> None:
        """Make the averaged network ready to search, as it does in a run."""
        averaged: Any = copy.deepcopy(self.average.module).float().eval()
        for parameter in averaged.parameters():
            parameter.requires_grad = False
        choice = ModelChoice(
            "", "", "yolo", str(self.device), "float32", compile=False, batch=None,
            score_threshold=float(THRESHOLDS[0]), bands=3,
        )  # fmt: skip
        network = Yolo(averaged.fuse(verbose=False), tuple(NAMES.values()), choice)
        self._search = ValidationSearch(network, self._validation)

    def validation_step(self, tiles: Sequence[ValidationTile], number: int) -> None:
        """Search tiles."""
        assert self._search is not None
        self._search.feed(tiles)

    def on_validation_epoch_end(self) -> None:
        """Put the epoch's figures together; `f1` decides which epoch is best."""
        assert self._search is not None
        judged, iou_threshold = self._search.judged_scenes(self._recipe.suppression_iou), self._recipe.iou_threshold
        counts = count_at_thresholds(judged, iou_threshold, self._validation.least_px)
        best = counts.best
        losses = torch.stack(self._losses).float().mean(dim=0).tolist() if self._losses else [math.nan] * 3
        self.figures = dict(zip(LOSSES, losses, strict=True)) | dict(
            f1=float(counts.f1[best]), precision=float(counts.precision[best]),
            recall=float(counts.recall[best]), score_threshold=float(THRESHOLDS[best]), n_truth=counts.true,
            by_size=figures_by_size(judged, float(THRESHOLDS[best]), iou_threshold),
        )  # fmt: skip
        self._losses, self._search = [], None
        self.log_criterion()

    def describe(self, figures: Mapping[str, float]) -> str:
        """The losses, and the figures at the best threshold."""
        return (
            "loss of boxes {box_loss:.3f}, of scores {class_loss:.3f}; on validation scenes F1 {f1:.3f}, precision "
            "{precision:.3f}, recall {recall:.3f} at a score of {score_threshold:.2f}"
        ).format(**figures)

    def _rate(self, step: int) -> float:
        rise = min(1.0, (step + 1) / WARM_UP_STEPS)
        fall = 0.5 * (1 + math.cos(math.pi * min(step / max(self._steps, 1), 1)))
        return rise * (LAST_RATE + (1 - LAST_RATE) * fall)


def _average(decay: float) -> Callable[[Tensors, Tensors, torch.Tensor | int], None]:
    """The moving average of weights: shorter at the beginning, as ultralytics has it."""

    @torch.no_grad()
    def update(averages: Tensors, weights: Tensors, count: torch.Tensor | int) -> None:
        share = decay * (1 - math.exp(-(float(count) + 1) / AVERAGING_STEPS))
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight.to(average.dtype), 1 - share)
            else:
                average.copy_(weight)

    return update


def _in_float32(output: "Output") -> "Output":
    """The network's output, in dictionaries and lists, in float32."""
    if isinstance(output, torch.Tensor):
        return output.float()
    if isinstance(output, dict):
        return {name: _in_float32(value) for name, value in output.items()}
    return [_in_float32(value) for value in output]
