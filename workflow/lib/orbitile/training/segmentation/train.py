"""train: from tiles to weights of a segmentation network, with the curves and the figures that tell their worth."""

import logging
import shutil
import warnings
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader

from orbitile.cores import cores
from orbitile.errors import OrbitileError
from orbitile.files import key, scratch, sha256, write_json, write_text
from orbitile.models.architectures import inputs_of, stride_of
from orbitile.models.segmentation import BACKGROUND, Description
from orbitile.models.weights import load_tensors, save_tensors
from orbitile.tables.parquet import read_metadata, read_table
from orbitile.training.segmentation.augmentation import Augmentation
from orbitile.training.segmentation.dataset import Changing, Side, Still, Tiles
from orbitile.training.segmentation.judge import Running, judge
from orbitile.training.segmentation.module import MONITORED, SegmentationModule
from orbitile.training.segmentation.progress import Progress
from orbitile.training.segmentation.telling import card_of, plot
from orbitile.training.split import SPLITS

log = logging.getLogger(__name__)

WORKERS = 8
"""Processes that read tiles for a GPU, at most."""


@dataclass(frozen=True, kw_only=True)
class SegmentationRecipe:
    """How weights are made; fields as in the settings' section `training`.

    `network` as in models.architectures.build; `classes` without background, which is added where there are several;
    `patience` is after how many epochs without a better one training ends; `start_from` names .safetensors to go on
    from, whose tensors are taken as far as they fit; after `max_hours` the best so far is what comes of it;
    `augmentation` holds fields of augmentation.Augmentation.
    """

    network: str
    classes: tuple[str, ...]
    channels: int = 1
    tile_px: int = 512
    epochs: int = 100
    batch: int = 16
    learning_rate: float = 1e-4
    patience: int = 20
    precision: str = "auto"
    device: str = "auto"
    seed: int = 0
    start_from: str | None = None
    max_hours: float | None = None
    augmentation: dict = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that the network tells apart."""
        return tuple(self.classes) if len(self.classes) == 1 else (BACKGROUND, *self.classes)


def train(tiles: str, recipe: SegmentationRecipe, weights: str, metrics: str, curves: str, card: str) -> None:
    """Train on a table of tiles (tiles.SCHEMA) and write weights, metrics (JSON), curves (PNG), model card.

    An interrupted training with the same recipe and tiles goes on from its last epoch.
    """
    table = read_table(tiles)
    _check(recipe, table)
    work = _work_folder(tiles, recipe)
    data = Batches(table, recipe)
    module = _module(recipe, data)
    progress = _fit(module, data, recipe, work)
    figures = _export(work / "best.ckpt", module, Path(weights), tiles, recipe)
    figures |= progress.figures | dict(parameters=sum(one.numel() for one in module.network.parameters()))
    write_json(metrics, figures)
    plot(progress.history, curves)
    write_text(card, card_of(recipe, figures, table, Path(weights)))
    shutil.rmtree(work)


class Batches(LightningDataModule):
    """Batches of the two splits; those to learn from are another epoch by epoch, in an order of their own."""

    def __init__(self, table: pd.DataFrame, recipe: SegmentationRecipe) -> None:
        super().__init__()
        side = Side(recipe.tile_px, recipe.channels)
        self._tiles = {split: Tiles(table[table["split"] == split], side) for split in SPLITS}
        self._recipe = recipe
        self._augmentation = _augmentation(recipe)

    @property
    def scaling(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of the channels of the tiles to learn from."""
        return self._tiles["train"].scaling

    def train_dataloader(self) -> DataLoader:
        """Batches of this epoch. The last one is left out where it is short: normalisation needs company."""
        epoch = self.trainer.current_epoch
        examples = Changing(self._tiles["train"], self._augmentation, self._recipe.seed, epoch)
        order = np.random.default_rng([self._recipe.seed, epoch]).permutation(len(examples)).tolist()
        return self._loader(examples, sampler=order, drop_last=len(examples) > self._recipe.batch)

    def val_dataloader(self) -> DataLoader:
        """All batches to be judged by."""
        return self._loader(Still(self._tiles["val"]))

    def _loader(self, examples: Changing | Still, **how: object) -> DataLoader:
        on_gpu = _is_cuda(self._recipe.device)
        workers = min(WORKERS, cores() - 1) if on_gpu else 0
        own = torch.Generator()  # else the loader draws from what layers draw from, too
        return DataLoader(examples, self._recipe.batch, num_workers=workers, pin_memory=on_gpu, generator=own, **how)


def _augmentation(recipe: SegmentationRecipe) -> Augmentation:
    unknown = sorted(set(recipe.augmentation) - {one.name for one in fields(Augmentation)})
    if unknown:
        raise OrbitileError(f"training.augmentation: {unknown[0]} is unknown; known are "
                            f"{', '.join(one.name for one in fields(Augmentation))}")  # fmt: skip
    return Augmentation(**recipe.augmentation)


def _check(recipe: SegmentationRecipe, table: pd.DataFrame) -> None:
    """Refuse a recipe that cannot work."""
    if not recipe.classes or BACKGROUND in recipe.classes:
        raise OrbitileError(f"training.classes: {list(recipe.classes)}; name what is to be mapped, {BACKGROUND} is "
                            "added by itself")  # fmt: skip
    if recipe.batch < 2:
        raise OrbitileError("training.batch: networks with normalisation need at least 2 tiles in a batch")
    if recipe.tile_px % stride_of(recipe.network):
        raise OrbitileError(f"training.tile_px: {recipe.tile_px} is no multiple of {stride_of(recipe.network)}, "
                            f"as {recipe.network} wants it")  # fmt: skip
    if table[["width", "height"]].to_numpy().max() > recipe.tile_px:
        raise OrbitileError(f"training.tile_px: {recipe.tile_px}, but the scenes are cut into larger tiles; cut anew")


def _work_folder(tiles: str, recipe: SegmentationRecipe) -> Path:
    """Where an attempt is kept, by all that its result depends on but where it runs and how long."""
    matters = {name: value for name, value in vars(recipe).items() if name not in ("device", "max_hours")}
    start = sha256(recipe.start_from) if recipe.start_from else None
    name = key(recipe=matters, tiles=sha256(tiles), content=read_metadata(tiles).get("content"), start=start)
    work = Path(tiles).parent / f"attempt-{name}"
    work.mkdir(parents=True, exist_ok=True)
    return work


def _module(recipe: SegmentationRecipe, data: Batches) -> SegmentationModule:
    """The network to be trained, with random weights or those to start from."""
    mean, std = data.scaling
    repeats = inputs_of(recipe.network, recipe.channels) // recipe.channels
    description = Description(recipe.network, recipe.names, recipe.channels, mean * repeats, std * repeats)
    torch.manual_seed(recipe.seed)
    network = description.built()
    if recipe.start_from:
        own, given = network.state_dict(), load_tensors(Path(recipe.start_from))[0]
        fitting = {name: one for name, one in given.items() if name in own and own[name].shape == one.shape}
        if not fitting:
            raise OrbitileError(f"{recipe.start_from}: none of its tensors fits into {recipe.network}")
        log.info("%d of %d tensors are taken from %s", len(fitting), len(own), recipe.start_from)
        network.load_state_dict(fitting, strict=False)
    return SegmentationModule(network, description, recipe.learning_rate)


def _fit(module: SegmentationModule, data: Batches, recipe: SegmentationRecipe, work: Path) -> Progress:
    """Train, from the last finished epoch of an earlier attempt where there is one."""
    progress = Progress(recipe.epochs, recipe.seed, recipe.max_hours)
    last = work / "last.ckpt"
    if last.is_file():
        log.info("going on from %s", last)
    if not _is_cuda(recipe.device):
        torch.set_num_threads(cores())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # advice for other uses
        _trainer(recipe, work, progress).fit(
            module, data, ckpt_path=str(last) if last.is_file() else None, weights_only=True
        )
    return progress


def _trainer(recipe: SegmentationRecipe, work: Path, progress: Progress) -> Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    keep = dict(dirpath=work, enable_version_counter=False, save_on_train_epoch_end=True)
    callbacks: list[Callback] = [
        progress,
        EarlyStopping(MONITORED, patience=recipe.patience, mode="max", check_on_train_epoch_end=True),
        ModelCheckpoint(filename="best", monitor=MONITORED, mode="max", save_weights_only=True, **keep),
        ModelCheckpoint(filename="last", **keep),
    ]
    return Trainer(
        accelerator="gpu" if _is_cuda(recipe.device) else "cpu", devices=_devices(recipe.device),
        precision=_precision(recipe), max_epochs=recipe.epochs, callbacks=callbacks, default_root_dir=work,
        reload_dataloaders_every_n_epochs=1, plugins=[LightningEnvironment()],  # not Slurm's: a job is one process
        logger=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip


def _is_cuda(device: str) -> bool:
    if device != "cpu" and not torch.cuda.is_available() and device != "auto":
        raise OrbitileError(f"training.device: {device} asked for, but no CUDA device is here; use auto or cpu")
    return device != "cpu" and torch.cuda.is_available()


def _devices(device: str) -> int | list[int]:
    return [int(device.split(":")[1])] if ":" in device else 1


def _precision(recipe: SegmentationRecipe) -> str:
    """Lightning's name; auto is half precision where there is a GPU."""
    half = recipe.precision if recipe.precision != "auto" else "bfloat16" if _is_cuda(recipe.device) else "float32"
    return dict(float32="32-true", bfloat16="bf16-mixed", float16="16-mixed")[half]


def _export(best: Path, module: SegmentationModule, weights: Path, tiles: str, recipe: SegmentationRecipe) -> dict:
    """Write the best epoch's weights with the threshold that suits the validation tiles, and return figures of both."""
    state = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "network."
    tensors = {name.removeprefix(prefix): _halved(one) for name, one in state.items() if name.startswith(prefix)}
    how = Running(recipe.device, "float32" if not _is_cuda(recipe.device) else "auto", recipe.batch)
    with scratch(weights) as unjudged:
        save_tensors(unjudged, tensors, module.description.written)
        figures = judge(str(unjudged), tiles, "val", how)
    described = replace(module.description, threshold=figures["threshold"])
    save_tensors(weights, tensors, described.written)
    return figures


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in half precision, if it is of real numbers that fit."""
    half = tensor.half() if tensor.is_floating_point() else tensor
    return half.contiguous() if half.isfinite().all() else tensor.contiguous()
