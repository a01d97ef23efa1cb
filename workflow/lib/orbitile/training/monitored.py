"""What every network in training looks like to the loop that trains it."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule

MONITORED = "f1"
"""The figure that is largest in the best epoch: F1 on what is kept for validation."""


class MonitoredModule(LightningModule):
    """A network in training.

    `figures` are those of the last epoch, which stay in the history: MONITORED, losses (with "loss" in their names),
    which must be finite, and others.
    """

    figures: dict[str, Any]

    def describe(self, figures: Mapping[str, Any]) -> str:
        """An epoch's figures in a line of the log."""
        raise NotImplementedError
