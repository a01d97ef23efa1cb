"""What Lightning trains: a network with its loss, its optimiser and its figures."""

import torch
from lightning.pytorch import LightningModule
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from orbitile.models.architectures import logits_of
from orbitile.models.segmentation import Description
from orbitile.training.segmentation.dataset import Example
from orbitile.training.segmentation.metrics import averaged, counts_of, macro, pooled
from orbitile.training.segmentation.tiles import NOT_VALID

MONITORED = "f1"
"""What the best epoch has most of: pooled F1 of the validation tiles, the classes' mean."""


class SegmentationModule(LightningModule):
    """A network that learns to tell one class from the rest, or several and the background from each other.

    Its loss is the binary cross-entropy or the cross-entropy over pixels whose label is known.
    """

    def __init__(self, network: torch.nn.Module, description: Description, learning_rate: float) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.description, self._learning_rate = description, learning_rate
        self._is_binary = len(description.names) == 1
        scaling = torch.tensor([description.mean, description.std], dtype=torch.float32).view(2, 1, -1, 1, 1)
        self.register_buffer("_scaling", scaling, persistent=False)
        self._losses: list[torch.Tensor] = []
        self._validated: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.figures: dict[str, float] = {}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, side, side) of images (n, channels, side, side) of grey values 0..1."""
        mean, std = self._scaling
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
        """Remember a batch's loss, and what was found in it at a threshold of 0.5."""
        logits = self(batch.image)
        found = (logits[:, 0] >= 0).long() if self._is_binary else logits.argmax(dim=1)
        counts = counts_of(found, batch.labels, len(self.description.mapped))
        self._validated.append((self._loss(logits, batch.labels), counts))

    def on_validation_epoch_end(self) -> None:
        """Put the epoch's figures together; `f1` decides which epoch is best."""
        losses, counts = zip(*self._validated, strict=True)
        counts = torch.cat(counts)
        by_tile = {f"tile_{name}": value for name, value in macro(averaged(counts)).items()}
        self.figures = dict(
            loss=_mean(self._losses), validation_loss=_mean(losses), **macro(pooled(counts)), **by_tile
        )  # fmt: skip
        self._losses, self._validated = [], []
        self.log(MONITORED, torch.tensor(self.figures[MONITORED], dtype=torch.float64), batch_size=1)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        known = labels != NOT_VALID
        if not known.any():
            return logits.sum() * 0
        if self._is_binary:
            return binary_cross_entropy_with_logits(logits[:, 0][known].float(), (labels[known] > 0).float())
        return cross_entropy(logits.float(), labels, ignore_index=NOT_VALID)


def _mean(losses: list[torch.Tensor]) -> float:
    return float(torch.stack(list(losses)).float().mean()) if losses else float("nan")
