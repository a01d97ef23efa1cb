"""A segmentation network with its loss, its optimiser and its figures, as Lightning trains it."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from orbitile.features.metrics import PixelCounts, class_mean, class_metrics
from orbitile.inference.models.architectures import logits_of
from orbitile.inference.models.segmentation import NetworkDescription
from orbitile.training.monitored import MONITORED, MonitoredModule
from orbitile.training.segmentation.dataset import Example
from orbitile.training.segmentation.pixel_counts import concat_counts, count_pixels, tile_mean_class_metrics
from orbitile.training.segmentation.tiles import NOT_VALID


class SegmentationModule(MonitoredModule):
    """A network in training: of one class against the rest, or of several classes and background.

    Its loss is the binary cross-entropy or the cross-entropy over pixels whose label is not NOT_VALID.
    """

    def __init__(self, network: torch.nn.Module, description: NetworkDescription, learning_rate: float) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.description, self._learning_rate = description, learning_rate
        self._is_binary = len(description.names) == 1
        scaling = torch.tensor([description.mean, description.std], dtype=torch.float32).view(2, 1, -1, 1, 1)
        self.register_buffer("_scaling", scaling, persistent=False)
        self._losses: list[torch.Tensor] = []
        self._validation_losses: list[torch.Tensor] = []
        self._validation_counts: list[PixelCounts] = []
        self.figures: dict[str, float] = {}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, side, side) of images (n, channels, side, side) of values 0..1."""
        mean, std = self.get_buffer("_scaling")
        return logits_of(self.network(((images - mean) / std).contiguous(memory_format=torch.channels_last)))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam (Kingma and Ba 2015)."""
        return torch.optim.Adam(self.network.parameters(), lr=self._learning_rate)

    def training_step(self, batch: Example, number: int) -> torch.Tensor:
        """The loss of a batch."""
        loss = self._loss(self(batch.image), batch.labels)
        self._losses.append(loss.detach())
        return loss

    def validation_step(self, batch: Example, number: int) -> None:
        """Record a batch's loss, and the counts of its pixels at a threshold of 0.5."""
        logits = self(batch.image)
        predicted = (logits[:, 0] >= 0).long() if self._is_binary else logits.argmax(dim=1)
        self._validation_losses.append(self._loss(logits, batch.labels))
        self._validation_counts.append(count_pixels(predicted, batch.labels, len(self.description.mapped)))

    def on_validation_epoch_end(self) -> None:
        """Put the epoch's figures together; `f1` decides which epoch is best."""
        counts = concat_counts(self._validation_counts)
        losses = dict(loss=_mean(self._losses), validation_loss=_mean(self._validation_losses))
        by_tile = {f"tile_{name}": value for name, value in class_mean(tile_mean_class_metrics(counts)).items()}
        self.figures = losses | class_mean(class_metrics(counts)) | by_tile
        self._losses, self._validation_losses, self._validation_counts = [], [], []
        self.log(MONITORED, torch.tensor(self.figures[MONITORED], dtype=torch.float64), batch_size=1)

    def describe(self, figures: Mapping[str, float]) -> str:
        """The losses and the measures at a threshold of 0.5."""
        return (
            "loss {loss:.4f}, validation {validation_loss:.4f}, precision {precision:.3f}, recall {recall:.3f}, "
            "F1 {f1:.3f}, IoU {iou:.3f}"
        ).format(**figures)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        valid = labels != NOT_VALID
        if not valid.any():
            return logits.sum() * 0
        if self._is_binary:
            return binary_cross_entropy_with_logits(logits[:, 0][valid].float(), (labels[valid] > 0).float())
        return cross_entropy(logits.float(), labels, ignore_index=NOT_VALID)


def _mean(losses: Sequence[torch.Tensor]) -> float:
    return float(torch.stack(list(losses)).float().mean()) if losses else float("nan")
