"""How weights follow the gradient: optimisers, and the course of the learning rate."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch.optim.lr_scheduler import ChainedScheduler, CosineAnnealingLR, LinearLR, LRScheduler, ReduceLROnPlateau

from orbitile.base.errors import OrbitileError

OPTIMIZERS, SCHEDULES = ("adam", "adamw", "sgd"), ("constant", "cosine", "plateau")


@dataclass(frozen=True, kw_only=True)
class OptimiserPlan:
    """How weights are changed; fields as in the settings' section `segmentation_training`.

    `optimizer` is adam (Kingma and Ba 2015), adamw (Loshchilov and Hutter 2019) or sgd; `weight_decay` is a penalty on
    the squared weights in adam and sgd, and separate from the gradient in adamw; `momentum` is that of sgd. The
    learning rate rises over `warmup_epochs`, and stays, falls along a cosine over all epochs, or is multiplied by
    `plateau_factor` after more than `plateau_patience` epochs without a better one. OrbitileError for other names.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: str = "constant"
    warmup_epochs: int = 0
    plateau_factor: float = 0.5
    plateau_patience: int = 5
    epochs: int = 100
    steps_per_epoch: int = 1

    def __post_init__(self) -> None:
        for name, allowed in dict(optimizer=OPTIMIZERS, schedule=SCHEDULES).items():
            if getattr(self, name) not in allowed:
                raise OrbitileError(
                    f"segmentation_training.{name}: {getattr(self, name)}; allowed are {', '.join(allowed)}"
                )

    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser of a network's parameters."""
        if self.optimizer == "adam":
            return torch.optim.Adam(parameters, lr=self.learning_rate, weight_decay=self.weight_decay)
        if self.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=self.weight_decay)
        return torch.optim.SGD(
            parameters, lr=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def scheduler(self, optimizer: torch.optim.Optimizer) -> LRScheduler | None:
        """What changes the learning rate after each step, by factors for its rise and its fall; None for neither."""
        rise, steps = (epochs * self.steps_per_epoch for epochs in (self.warmup_epochs, self.epochs))
        schedulers: list[LRScheduler] = []
        if rise:
            schedulers.append(LinearLR(optimizer, 1 / (rise + 1), total_iters=rise))
        if self.schedule == "cosine":
            schedulers.append(CosineAnnealingLR(optimizer, steps))
        return ChainedScheduler(schedulers) if schedulers else None

    def plateau(self, optimizer: torch.optim.Optimizer, mode: Literal["min", "max"]) -> ReduceLROnPlateau | None:
        """What lowers the learning rate after each epoch where its figure does not get better; None where nothing does.

        Every improvement counts, however small.
        """
        if self.schedule != "plateau":
            return None
        return ReduceLROnPlateau(optimizer, mode, self.plateau_factor, self.plateau_patience, threshold=0)
