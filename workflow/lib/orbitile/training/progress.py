"""Progress of a training: lines of the log, figures that survive interruptions, and the time limit."""

import logging
import math
import time
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from orbitile.base.errors import OrbitileError
from orbitile.training.monitored import BY_F1, EpochCriterion, MonitoredModule

log = logging.getLogger(__name__)

LINE_SECONDS = 60
"""Time after which a line says how far an epoch is."""


class EpochProgress(Callback):
    """Reports and records epochs, and ends training after `max_hours`, those of earlier attempts included.

    It also seeds the random numbers of layers, so that an epoch is the same whether or not training was interrupted
    before it, and ends a training at once that had ended when its attempt was interrupted. `section` is that of the
    settings, for messages; `hardware` says on what this attempt runs; `criterion` tells which epoch is best.
    """

    def __init__(
        self, epochs: int, seed: int, max_hours: float | None, section: str, hardware: str,
        criterion: EpochCriterion = BY_F1,
    ) -> None:  # fmt: skip
        self.history: list[dict[str, Any]] = []
        self.is_cut_short = False
        self._criterion = criterion
        self._epochs, self._seed, self._max_hours, self._section = epochs, seed, max_hours, section
        self._hours_on: dict[str, float] = {}
        self._hardware, self._earlier_hours, self._start = hardware, 0.0, time.monotonic()
        self._last_line = self._epoch_start = self._start

    @property
    def hours(self) -> float:
        """Hours spent so far, of finished epochs in earlier attempts and of all in this one."""
        return self._earlier_hours + self._hours_here

    @property
    def hours_on(self) -> dict[str, float]:
        """Hours by the hardware on which they were spent, in earlier attempts and in this one."""
        earlier = self._hours_on.get(self._hardware, 0.0)
        return self._hours_on | {self._hardware: earlier + self._hours_here}

    @property
    def figures(self) -> dict:
        """The best epoch, counted from 1, and the measures it had."""
        best = max(self.history, key=lambda row: (self._criterion.merit(row), -row["epoch"]))
        return dict(epoch=best["epoch"], epochs=len(self.history), hours=round(self.history[-1]["hours"], 4),
                    hours_on={name: round(hours, 4) for name, hours in self.hours_on.items()},
                    is_cut_short=self.is_cut_short, best_epoch=best)  # fmt: skip

    @property
    def _is_time_up(self) -> bool:
        return self._max_hours is not None and self.hours >= self._max_hours

    @property
    def _hours_here(self) -> float:
        return (time.monotonic() - self._start) / 3600

    def state_dict(self) -> dict:
        """The epochs and hours, for a checkpoint."""
        return dict(history=self.history, hours=self.hours, hours_on=self.hours_on, is_cut_short=self.is_cut_short)

    def load_state_dict(self, state_dict: dict) -> None:
        """Take epochs and hours from a checkpoint; a training is no longer cut short by a limit that was raised."""
        self.history, self._earlier_hours = list(state_dict["history"]), state_dict["hours"]
        self._hours_on = dict(state_dict["hours_on"])
        self.is_cut_short = state_dict.get("is_cut_short", False) and self._is_time_up

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End a training that an earlier attempt has brought to its end, by its patience or its time."""
        stopping = trainer.early_stopping_callback
        is_stopped = stopping is not None and stopping.stopping_reason != EarlyStoppingReason.NOT_STOPPED
        trainer.should_stop = is_stopped or self.is_cut_short

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Seed the random numbers of layers for this epoch."""
        self._last_line = self._epoch_start = time.monotonic()
        torch.manual_seed(self._seed * 100_003 + trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:  # fmt: skip
        """Say now and then how far the epoch is, and end training when its time is up."""
        now, done = time.monotonic(), batch_idx + 1
        if now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            steps = int(trainer.num_training_batches)
            left = _duration_text((now - self._epoch_start) / done * (steps - done) / 3600)
            log.info("epoch %d of %d: step %d of %d, %s left in it", trainer.current_epoch + 1, self._epochs, done,
                     steps, left)  # fmt: skip
        if self._is_time_up:
            self.is_cut_short = trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the epoch's figures and report them; OrbitileError where the loss is NaN or infinite."""
        assert isinstance(pl_module, MonitoredModule)
        if not math.isfinite(sum(value for name, value in pl_module.figures.items() if "loss" in name)):
            raise OrbitileError(f"{self._section}.learning_rate: the loss became NaN or infinite; try a smaller rate")
        row = dict(epoch=trainer.current_epoch + 1, hours=self.hours, **pl_module.figures)
        self.history.append(row)
        log.info("epoch %d of %d: %s, %s left", row["epoch"], self._epochs, pl_module.describe(row), self._remaining())

    def _remaining(self) -> str:
        """Time that the remaining epochs will take, or the rest of the time limit."""
        hours = self.hours / len(self.history) * (self._epochs - len(self.history))
        if self._max_hours is not None:
            hours = min(hours, max(self._max_hours - self.hours, 0))
        return _duration_text(hours)


def _duration_text(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
