"""The whole state of a detector's training after each epoch: a training that was killed goes on as if it never was.

Ultralytics' own checkpoints hold halves of the averaged weights alone, no random numbers, and may be torn.
"""

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.data.build import InfiniteDataLoader
from ultralytics.models.yolo.detect import DetectionTrainer

from orbitile.base.files import atomic
from orbitile.inference.models.ultralytics_offline import DetectionModel


class EpochState:
    """Keeps the state of a training in a file after each epoch, and gives it to the next attempt.

    An epoch's random numbers come from the seed and its number alone.
    """

    def __init__(self, path: Path, seed: int) -> None:
        self._path, self._seed = path, seed
        self._state: dict[str, Any] = {}
        if path.is_file():
            self._state = torch.load(path, map_location="cpu", weights_only=True)

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return self._state.get("epoch", -1) + 1

    def attach(self, trainer: DetectionTrainer) -> None:
        """Let a trainer begin after the last finished epoch, and keep its state after each."""
        trainer.add_callback("on_train_start", self._restore)
        trainer.add_callback("on_train_epoch_start", self._seed_epoch)
        trainer.add_callback("on_fit_epoch_end", self._keep)

    def write_outcome(self, best: Path, history: Path) -> None:
        """Write ultralytics' checkpoint of the best epoch, and its table of all epochs."""
        best.parent.mkdir(parents=True, exist_ok=True)
        best.write_bytes(self._state["best"])
        history.write_text(self._state["history"])

    def _keep(self, trainer: DetectionTrainer) -> None:
        if trainer.epoch < self.epochs:
            return  # the final validation of the best epoch
        parts: Any = trainer  # which it builds before training starts
        self._state = dict(
            epoch=parts.epoch, model=parts.model.state_dict(), average=parts.ema.ema.state_dict(),
            updates=parts.ema.updates, optimizer=parts.optimizer.state_dict(), scaler=parts.scaler.state_dict(),
            best_fitness=float(parts.best_fitness), best_epoch=int(parts.stopper.best_epoch),
            seconds=time.time() - parts.train_time_start, history=parts.csv.read_text(), best=parts.best.read_bytes(),
        )  # fmt: skip
        with atomic(self._path) as temporary:
            torch.save(self._state, temporary)

    def _restore(self, trainer: DetectionTrainer) -> None:
        if not self._state:
            return
        parts: Any = trainer
        state = self._state
        parts.model.load_state_dict(state["model"])
        parts.ema.ema.load_state_dict(state["average"])
        parts.ema.updates = state["updates"]
        parts.optimizer.load_state_dict(state["optimizer"])
        parts.scaler.load_state_dict(state["scaler"])
        parts.best_fitness = parts.stopper.best_fitness = state["best_fitness"]
        parts.stopper.best_epoch = state["best_epoch"]
        parts.train_time_start -= state["seconds"]
        self.write_outcome(parts.best, parts.csv)
        parts.start_epoch, parts.scheduler.last_epoch = self.epochs, self.epochs - 1
        _restore_criterion(parts.model, self.epochs)

    def _seed_epoch(self, trainer: DetectionTrainer) -> None:
        seed = self._seed * 100_003 + trainer.epoch
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        loader = trainer.train_loader
        assert isinstance(loader, InfiniteDataLoader)
        loader.generator.manual_seed(seed)
        loader.reset()  # its processes draw ahead, from the random numbers of the epoch before


def _restore_criterion(model: DetectionModel, epochs: int) -> None:
    """Where a network has two heads, the weights of their losses change from epoch to epoch."""
    layers: Any = model.model
    if getattr(layers[-1], "one2one_cv2", None) is not None:
        criterion = model.init_criterion()
        criterion.updates = epochs - 1
        criterion.update()
        model.criterion = criterion
