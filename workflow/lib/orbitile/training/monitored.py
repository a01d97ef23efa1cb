"""What every network in training looks like to the loop that trains it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule


@dataclass(frozen=True)
class EpochCriterion:
    """The figure of what is kept for validation by which epochs are compared: the best has the largest.

    Of losses, which have "loss" in their names, it has the smallest.
    """

    figure: str = "f1"

    @property
    def mode(self) -> Literal["min", "max"]:
        """Whether the best epoch has the largest or the smallest figure."""
        return "min" if "loss" in self.figure else "max"

    def merit(self, figures: Mapping[str, Any]) -> float:
        """A number that is the larger the better an epoch with these figures is."""
        value = float(figures[self.figure])
        return value if self.mode == "max" else -value


BY_F1 = EpochCriterion()


class MonitoredModule(LightningModule):
    """A network in training.

    `figures` are those of the last epoch, which stay in the history: that of the `criterion`, losses (with "loss" in
    their names), which must be finite, and others.
    """

    figures: dict[str, Any]
    criterion = BY_F1

    def describe(self, figures: Mapping[str, Any]) -> str:
        """An epoch's figures in a line of the log."""
        raise NotImplementedError

    def log_criterion(self) -> None:
        """Hand the figure that decides to the loop; to be called once the epoch's figures are there."""
        name = self.criterion.figure
        self.log(name, torch.tensor(self.figures[name], dtype=torch.float64), batch_size=1)
