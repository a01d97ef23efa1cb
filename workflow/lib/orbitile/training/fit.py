"""The loop that trains a network, of any kind: epochs, checkpoints to go on from, the best epoch."""

import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.plugins.io import TorchCheckpointIO

from orbitile.base.cores import core_count
from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.training.monitored import EpochCriterion, MonitoredModule
from orbitile.training.progress import EpochProgress

log = logging.getLogger(__name__)

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
PRECISIONS: dict[str, Precision] = dict(float32="32-true", bfloat16="bf16-mixed", float16="16-mixed")
"""Lightning's names of number formats."""


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How long and on what a network is trained; fields as in the settings' `section`.

    Training ends after `patience` epochs without a better one, or after `max_hours`. `threads` are those of the CPU,
    None for all; `clip_norm` is the largest norm of the gradients, None for any.
    """

    section: str
    epochs: int
    patience: int
    seed: int
    device: str = "auto"
    precision: str = "auto"
    max_hours: float | None = None
    threads: int | None = None
    clip_norm: float | None = None

    @property
    def is_cuda(self) -> bool:
        """Whether a GPU trains; OrbitileError where it shall, but there is none."""
        if self.device not in ("auto", "cpu") and not torch.cuda.is_available():
            raise OrbitileError(f"{self.section}.device: {self.device}, but this machine has no CUDA device; "
                                "use auto or cpu")  # fmt: skip
        return self.device != "cpu" and torch.cuda.is_available()

    @property
    def lightning_precision(self) -> Precision:
        """Lightning's name of the number format; auto is half precision where there is a GPU.

        OrbitileError for float16 without one: Lightning would take bfloat16.
        """
        if self.precision == "float16" and not self.is_cuda:
            raise OrbitileError(f"{self.section}.precision: float16 needs a GPU; use bfloat16, float32 or auto")
        precision = self.precision if self.precision != "auto" else "bfloat16" if self.is_cuda else "float32"
        return PRECISIONS[precision]

    @property
    def is_bfloat16(self) -> bool:
        """Whether passes compute in bfloat16."""
        return self.lightning_precision == PRECISIONS["bfloat16"]

    @property
    def hardware(self) -> str:
        """On what it runs, in words."""
        if self.is_cuda:
            return torch.cuda.get_device_name()
        threads = self.threads or core_count()
        return f"{threads} of {core_count()} CPU cores" if threads < core_count() else f"{core_count()} CPU cores"


def has_fast_bfloat16() -> bool:
    """Whether the CPU multiplies matrices of bfloat16 in hardware (AMX): others convert them, and are slower by it."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def fit(module: MonitoredModule, data: LightningDataModule, options: FitOptions, work: Path) -> EpochProgress:
    """Train, after the last finished epoch of an earlier attempt in `work` where there is one.

    Leaves `best.ckpt` there, with the weights of the best epoch; an attempt that has ended is not trained further.
    """
    progress = EpochProgress(
        options.epochs, options.seed, options.max_hours, options.section, options.hardware, module.criterion
    )  # fmt: skip
    last = work / "last.ckpt"
    is_resumed = last.is_file() and (work / "best.ckpt").is_file()  # else it was being cleared away
    if is_resumed:
        log.info("resuming from %s", last)
    if not options.is_cuda:
        torch.set_num_threads(options.threads or core_count())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # advice for other uses
        _trainer(options, work, progress, module.criterion).fit(
            module, data, ckpt_path=str(last) if is_resumed else None, weights_only=True
        )
    return progress


def best_tensors(work: Path, prefix: str) -> dict[str, torch.Tensor]:
    """The tensors of the best epoch whose names begin with a prefix, without it, in half precision."""
    state = torch.load(work / "best.ckpt", map_location="cpu", weights_only=True)["state_dict"]
    return {name.removeprefix(prefix): _halved(tensor) for name, tensor in state.items() if name.startswith(prefix)}


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in half precision, if it is of real numbers and all are finite in it."""
    half = tensor.half() if tensor.is_floating_point() else tensor
    return half.contiguous() if half.isfinite().all() else tensor.contiguous()


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes checkpoints completely or not at all, through a power cut too: the next attempt resumes from them.

    Lightning forgets which epoch was best where a folder has another path than before; those that are read name theirs.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write a checkpoint."""
        with atomic(path) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)

    def load_checkpoint(
        self, path: str | Path, map_location: Callable | None = lambda storage, _: storage,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Read a checkpoint."""
        checkpoint = super().load_checkpoint(path, map_location, weights_only)
        for state in checkpoint.get("callbacks", {}).values():
            if "dirpath" in state:
                state["dirpath"] = os.path.realpath(Path(path).parent)
        return checkpoint


def _trainer(options: FitOptions, work: Path, progress: EpochProgress, criterion: EpochCriterion) -> Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    callbacks: list[Callback] = [
        progress,
        EarlyStopping(criterion.figure, patience=options.patience, mode=criterion.mode, check_on_train_epoch_end=True),
        _checkpoints(work, "best", criterion, weights_only=True),
        _checkpoints(work, "last", None, weights_only=False),
    ]
    return Trainer(
        accelerator="gpu" if options.is_cuda else "cpu", devices=_devices(options.device),
        precision=options.lightning_precision, max_epochs=options.epochs, callbacks=callbacks, default_root_dir=work,
        plugins=[LightningEnvironment(), AtomicCheckpoints()],  # not Slurm's environment: a job is one process
        gradient_clip_val=options.clip_norm, reload_dataloaders_every_n_epochs=1,
        logger=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip


def _checkpoints(work: Path, name: str, criterion: EpochCriterion | None, weights_only: bool) -> ModelCheckpoint:
    return ModelCheckpoint(
        dirpath=work, filename=name, monitor=criterion.figure if criterion else None,
        mode=criterion.mode if criterion else "min", save_weights_only=weights_only,
        enable_version_counter=False, save_on_train_epoch_end=True,
    )  # fmt: skip


def _devices(device: str) -> int | list[int]:
    return [int(device.split(":")[1])] if ":" in device else 1
