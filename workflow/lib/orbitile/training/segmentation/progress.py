"""Progress of a training: a line for each epoch, figures that survive interruptions, and the time limit."""

import logging
import math
import time

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from orbitile.base.errors import OrbitileError
from orbitile.training.segmentation.module import MONITORED, SegmentationModule

log = logging.getLogger(__name__)


class EpochProgress(Callback):
    """Reports and records epochs, and ends training after `max_hours`, those of earlier attempts included.

    It also seeds the random numbers of layers, so that an epoch is the same whether or not training was interrupted
    before it.
    """

    def __init__(self, epochs: int, seed: int, max_hours: float | None) -> None:
        self.history: list[dict[str, float]] = []
        self.is_cut_short = False
        self._epochs, self._seed, self._max_hours = epochs, seed, max_hours
        self._earlier_hours, self._start = 0.0, time.monotonic()

    @property
    def hours(self) -> float:
        """Hours spent so far, of finished epochs in earlier attempts and of all in this one."""
        return self._earlier_hours + (time.monotonic() - self._start) / 3600

    @property
    def figures(self) -> dict:
        """The best epoch, counted from 1, and the measures it had on the validation tiles at a threshold of 0.5."""
        best = max(self.history, key=lambda row: (row[MONITORED], -row["epoch"]))
        return dict(epoch=best["epoch"], epochs=len(self.history), hours=round(self.history[-1]["hours"], 4),
                    is_cut_short=self.is_cut_short, best_epoch=best)  # fmt: skip

    def state_dict(self) -> dict:
        """The epochs and hours, for a checkpoint."""
        return dict(history=self.history, hours=self.hours)

    def load_state_dict(self, state_dict: dict) -> None:
        """Take epochs and hours from a checkpoint."""
        self.history, self._earlier_hours = list(state_dict["history"]), state_dict["hours"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seed the random numbers of layers for this epoch."""
        torch.manual_seed(self._seed * 100_003 + trainer.current_epoch)

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        """End training when its time is up."""
        if self._max_hours is not None and self.hours >= self._max_hours:
            self.is_cut_short = trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the epoch's figures and report them; OrbitileError where the loss is NaN or infinite."""
        assert isinstance(pl_module, SegmentationModule)
        if not math.isfinite(pl_module.figures["loss"] + pl_module.figures["validation_loss"]):
            raise OrbitileError(
                "segmentation_training.learning_rate: the loss became NaN or infinite; try a smaller rate"
            )
        row = dict(epoch=trainer.current_epoch + 1, hours=self.hours, **pl_module.figures)
        self.history.append(row)
        log.info(
            "epoch %d of %d: loss %.4f, validation %.4f, precision %.3f, recall %.3f, F1 %.3f, IoU %.3f, %s left",
            row["epoch"], self._epochs, row["loss"], row["validation_loss"], row["precision"], row["recall"], row["f1"],
            row["iou"], self._remaining(),
        )  # fmt: skip

    def _remaining(self) -> str:
        """Time that the remaining epochs will take, or the rest of the time limit."""
        hours = self.hours / len(self.history) * (self._epochs - len(self.history))
        if self._max_hours is not None:
            hours = min(hours, max(self._max_hours - self.hours, 0))
        return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
