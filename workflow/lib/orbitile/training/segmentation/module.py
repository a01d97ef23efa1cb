"""A segmentation network with its loss, its optimiser and its figures, as Lightning trains it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import ReduceLROnPlateau

from orbitile.base.errors import OrbitileError
from orbitile.features.confusion import ConfusionMatrix
from orbitile.features.metrics import PixelCounts, class_mean, class_metrics
from orbitile.inference.models.architectures import logits_of
from orbitile.inference.models.segmentation import NetworkDescription
from orbitile.training.monitored import EpochCriterion, MonitoredModule
from orbitile.training.segmentation.dataset import Example
from orbitile.training.segmentation.losses import SegmentationLoss, mean_loss
from orbitile.training.segmentation.optimiser import OptimiserPlan
from orbitile.training.segmentation.pixel_counts import (
    concat_counts,
    count_confusion,
    count_pixels,
    tile_mean_class_metrics,
)

WITH_BACKGROUND = ("balanced_accuracy", "mean_iou", "mean_iou_without_background")
"""Figures by the confusion of the classes and the background."""
FIGURES = ("f1", "iou", "precision", "recall", *WITH_BACKGROUND, "validation_loss")
"""Figures of the validation tiles that may decide which epoch is best."""
_PLATEAU = "plateau"


@dataclass(frozen=True)
class Learning:
    """By which loss and optimiser a network learns, and which of FIGURES decides; OrbitileError for another.

    `points_weight` is that of the cross-entropy at pixels of points, beside the loss of all labels.
    """

    loss: SegmentationLoss
    plan: OptimiserPlan
    points_weight: float | None = None
    best_by: str = "f1"

    def __post_init__(self) -> None:
        if self.best_by not in FIGURES:
            raise OrbitileError(f"segmentation_training.best_by: {self.best_by}; allowed are {', '.join(FIGURES)}")


class SegmentationModule(MonitoredModule):
    """A network in training: of one class against the rest, or of several classes and background.

    Pixels whose label is NOT_VALID count in no loss and no figure.
    """

    def __init__(self, network: torch.nn.Module, description: NetworkDescription, learning: Learning) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.description, self._learning = description, learning
        self.criterion = EpochCriterion(learning.best_by)
        self._is_binary = len(description.names) == 1
        self._point_loss = SegmentationLoss(dict(cross_entropy={}), len(description.names))
        scaling = torch.tensor([description.mean, description.std], dtype=torch.float32).view(2, 1, -1, 1, 1)
        self.register_buffer("_scaling", scaling, persistent=False)
        self._losses: list[torch.Tensor] = []
        self._validation_terms: list[torch.Tensor] = []
        self._validation_counts: list[PixelCounts] = []
        self._confusion = ConfusionMatrix.empty(len(description.mapped) + 1)
        self._plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None
        self.figures: dict[str, float] = {}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, side, side) of images (n, channels, side, side) of values 0..1."""
        mean, std = self.get_buffer("_scaling")
        return logits_of(self.network(((images - mean) / std).contiguous(memory_format=torch.channels_last)))

    def configure_optimizers(self) -> torch.optim.Optimizer | OptimizerLRSchedulerConfig:
        """The optimiser, and what changes its learning rate after each step."""
        plan = self._learning.plan
        optimizer = plan.build(self.network.parameters())
        self._plateau = plan.plateau(optimizer, self.criterion.mode)
        if self._plateau and self._plateau_state:
            self._plateau.load_state_dict(self._plateau_state)
        scheduler = plan.scheduler(optimizer)
        if scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state of the plateau: Lightning would change it only after an epoch's checkpoint is written."""
        if self._plateau:
            checkpoint[_PLATEAU] = self._plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the state of the plateau from a checkpoint; the optimiser is made afterwards."""
        self._plateau_state = checkpoint.get(_PLATEAU)

    def training_step(self, batch: Example, number: int) -> torch.Tensor:
        """The loss of a batch."""
        loss = self._loss(self(batch.image), batch)
        self._losses.append(loss.detach())
        return loss

    def validation_step(self, batch: Example, number: int) -> None:
        """Record the terms of a batch's loss, and the counts of its pixels at a threshold of 0.5."""
        logits, classes = self(batch.image), len(self.description.mapped)
        predicted = (logits[:, 0] >= 0).long() if self._is_binary else logits.argmax(dim=1)
        self._validation_terms.append(self._terms(logits, batch))
        self._validation_counts.append(count_pixels(predicted, batch.labels, classes))
        self._confusion += count_confusion(predicted, batch.labels, classes)

    def on_validation_epoch_end(self) -> None:
        """Put the epoch's figures together; the criterion's decides which epoch is best."""
        counts = concat_counts(self._validation_counts)
        losses = dict(loss=_mean(self._losses), validation_loss=mean_loss(self._validation_terms))
        has_truth = counts.total().has_truth
        pooled = class_mean(class_metrics(counts), has_truth)
        by_tile = class_mean(tile_mean_class_metrics(counts), has_truth)
        with_background = dict(
            balanced_accuracy=self._confusion.balanced_accuracy, mean_iou=self._confusion.mean_iou(),
            mean_iou_without_background=self._confusion.mean_iou([0]),
        )  # fmt: skip
        self.figures = losses | pooled | {f"tile_{name}": value for name, value in by_tile.items()} | with_background
        self._losses, self._validation_terms, self._validation_counts = [], [], []
        self._confusion = ConfusionMatrix.empty(len(self._confusion.counts))
        self.log_criterion()
        if self._plateau:
            self._plateau.step(self.figures[self.criterion.figure])

    def describe(self, figures: Mapping[str, float]) -> str:
        """The losses and the measures at a threshold of 0.5, with that which decides."""
        text = (
            "loss {loss:.4f}, validation {validation_loss:.4f}, precision {precision:.3f}, recall {recall:.3f}, "
            "F1 {f1:.3f}, IoU {iou:.3f}"
        ).format(**figures)
        name = self.criterion.figure
        return f"{text}, {name.replace('_', ' ')} {figures[name]:.3f}" if name in WITH_BACKGROUND else text

    def _loss(self, logits: torch.Tensor, batch: Example) -> torch.Tensor:
        """The loss of all labels and, weighted, the cross-entropy at points (Lomashvili et al. 2026, equation 1)."""
        loss = self._learning.loss(logits, batch.labels)
        if self._learning.points_weight is None:
            return loss
        return loss + self._learning.points_weight * self._point_loss(logits, batch.points.long())

    def _terms(self, logits: torch.Tensor, batch: Example) -> torch.Tensor:
        """The terms of that sum, and what each counts (terms, 2; as SegmentationLoss.terms)."""
        terms = self._learning.loss.terms(logits, batch.labels)
        if self._learning.points_weight is None:
            return terms
        at_points = self._point_loss.terms(logits, batch.points.long())
        return torch.cat([terms, at_points * at_points.new_tensor([self._learning.points_weight, 1])])


def _mean(losses: Sequence[torch.Tensor]) -> float:
    return float(torch.stack(list(losses)).float().mean()) if losses else float("nan")
