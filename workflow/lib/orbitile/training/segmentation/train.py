"""train_segmenter: from tiles to weights of a segmentation network, with their curves, figures and model card."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from orbitile.base.cores import core_count
from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, scratch, sha256, write_json, write_text
from orbitile.calibration.network_calibration import CALIBRATION_KEY
from orbitile.calibration.pixel_figures import with_pixel_figures
from orbitile.inference.models.architectures import first_layer_channels, input_stride
from orbitile.inference.models.segmentation import BACKGROUND, NetworkDescription
from orbitile.inference.models.weights import save_tensors
from orbitile.tables.parquet import read_metadata, read_table
from orbitile.training.bands import bands_to_state
from orbitile.training.fit import FitOptions, best_tensors, fit
from orbitile.training.segmentation.augmentation import TileAugmentation
from orbitile.training.segmentation.calibrate import calibrate_segmenter
from orbitile.training.segmentation.class_weights import class_weights
from orbitile.training.segmentation.dataset import AugmentedTiles, TileShape, TrainingTiles, ValidationTiles, repeats
from orbitile.training.segmentation.evaluate import EvaluationRun, evaluate_weights
from orbitile.training.segmentation.examples import draw_examples
from orbitile.training.segmentation.losses import SegmentationLoss, check_losses, loss_text
from orbitile.training.segmentation.model_card import model_card, plot_curves
from orbitile.training.segmentation.module import Learning, SegmentationModule
from orbitile.training.segmentation.optimiser import OptimiserPlan
from orbitile.training.segmentation.recipe import SegmenterRecipe
from orbitile.training.segmentation.start import load_start, start_hash, start_scaling
from orbitile.training.segmentation.tiles import class_pixels, tile_channels
from orbitile.training.split import SPLITS

log = logging.getLogger(__name__)

WORKERS = 8
"""Largest number of processes that read tiles for a GPU."""


def train_segmenter(
    tiles: str, recipe: SegmenterRecipe, weights: str, metrics: str, curves: str, card: str, examples: str
) -> None:
    """Train on a table of tiles (tiles.SCHEMA) and write weights, metrics (JSON), curves, examples (PNG), model card.

    An interrupted training with the same recipe and tiles is resumed after its last finished epoch. OrbitileError
    where recipe and tiles do not fit, or the loss becomes NaN.
    """
    table = read_table(tiles)
    _check(recipe, table)
    work = _work_folder(tiles, recipe)
    data = Batches(table, recipe)
    weights_of_classes = class_weights(recipe.class_weights, recipe.labelled_names, data.class_pixels)
    draw_examples(data.augmented_tiles(epoch=0), recipe.classes, examples)
    module = _module(recipe, data, _learning(recipe, data, weights_of_classes))
    progress = fit(module, data, _options(recipe), work)
    figures = _export(work, module, Path(weights), tiles, recipe, bands_to_state(table["path"].iloc[0]))
    figures |= progress.figures | dict(parameters=sum(tensor.numel() for tensor in module.network.parameters()))
    figures |= dict(history=progress.history)
    figures |= dict(class_weights=weights_of_classes) if weights_of_classes else {}
    write_json(metrics, figures)
    plot_curves(progress.history, loss_text(recipe.loss, with_parameters=False), curves)
    write_text(card, model_card(recipe, figures, table, Path(weights)))
    shutil.rmtree(work)


class Batches(LightningDataModule):
    """Batches of the two splits; those of the training tiles differ in order and augmentation from epoch to epoch."""

    def __init__(self, table: pd.DataFrame, recipe: SegmenterRecipe) -> None:
        super().__init__()
        self.channels = tile_channels(table)
        shape = TileShape(recipe.tile_px, self.channels, recipe.points_weight is not None)
        self._tiles = {split: TrainingTiles(table[table["split"] == split], shape) for split in SPLITS}
        self._recipe = recipe
        self._augmentation = _augmentation(recipe)
        self._repeats = repeats(self._tiles["train"].table, recipe.classes, recipe.oversample)

    @property
    def scaling(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation (0..1) of each channel of the training tiles."""
        return self._tiles["train"].scaling

    def class_pixels(self) -> np.ndarray:
        """Numbers of pixels (1 + classes) of background and of each class in the training tiles."""
        return self._tiles["train"].class_pixels()

    def point_pixels(self) -> int:
        """Number of pixels of points in the training tiles."""
        return self._tiles["train"].point_pixels()

    @property
    def steps_per_epoch(self) -> int:
        """Number of training batches."""
        return max(1, len(self.augmented_tiles(0)) // self._recipe.batch)

    def augmented_tiles(self, epoch: int) -> AugmentedTiles:
        """The training tiles of an epoch, as the network takes them, in the order of the table."""
        return AugmentedTiles(self._tiles["train"], self._augmentation, self._recipe.seed, epoch, self._repeats)

    def train_dataloader(self) -> DataLoader:
        """Batches of this epoch. A short last one is left out: normalisation needs several tiles."""
        assert self.trainer is not None  # Lightning sets it before it asks for batches
        epoch = self.trainer.current_epoch
        examples = self.augmented_tiles(epoch)
        order = np.random.default_rng([self._recipe.seed, epoch]).permutation(len(examples)).tolist()
        return self._loader(examples, order, drop_last=len(examples) > self._recipe.batch)

    def val_dataloader(self) -> DataLoader:
        """All batches of the validation tiles."""
        return self._loader(ValidationTiles(self._tiles["val"]))

    def _loader(
        self, examples: AugmentedTiles | ValidationTiles, order: Sequence[int] | None = None, drop_last: bool = False
    ) -> DataLoader:
        on_gpu = _options(self._recipe).is_cuda
        workers = min(WORKERS, core_count() - 1) if on_gpu else 0
        generator = torch.Generator()  # else the loader draws from the random numbers of the layers
        return DataLoader(
            examples, self._recipe.batch, sampler=order, drop_last=drop_last, num_workers=workers, pin_memory=on_gpu,
            generator=generator,
        )  # fmt: skip


def _augmentation(recipe: SegmenterRecipe) -> TileAugmentation:
    allowed = [field.name for field in fields(TileAugmentation)]
    unknown = sorted(set(recipe.augmentation) - set(allowed))
    if unknown:
        raise OrbitileError(
            f"segmentation_training.augmentation: unknown key {unknown[0]}; use one of {', '.join(allowed)}"
        )
    return TileAugmentation(**recipe.augmentation)


def _check(recipe: SegmenterRecipe, table: pd.DataFrame) -> None:
    """OrbitileError where a recipe cannot work with these tiles."""
    if not recipe.classes or BACKGROUND in recipe.classes:
        raise OrbitileError(f"segmentation_training.classes: {list(recipe.classes)}; name the classes to be mapped, "
                            f"without {BACKGROUND}, which is added")  # fmt: skip
    _check_classes(recipe, table)
    if recipe.batch < 2:
        raise OrbitileError("segmentation_training.batch: at least 2, as networks with normalisation need")
    if recipe.tile_px % input_stride(recipe.network):
        raise OrbitileError(f"tile_px: {recipe.tile_px} is not a multiple of {input_stride(recipe.network)}, "
                            f"as {recipe.network} needs")  # fmt: skip
    check_losses(recipe.loss)
    channels = tile_channels(table)
    if first_layer_channels(recipe.network, channels) % channels:
        raise OrbitileError(f"segmentation_training.network: {recipe.network} takes images of 1 or 3 channels, but the "
                            f"tiles have {channels} bands; use unet:resnet50")  # fmt: skip
    if table[["width", "height"]].to_numpy().max() > recipe.tile_px:
        raise OrbitileError(
            f"tile_px: {recipe.tile_px}, but the table has larger tiles; delete it to cut the scenes again"
        )


def _check_classes(recipe: SegmenterRecipe, table: pd.DataFrame) -> None:
    """OrbitileError for a class that cannot be learnt, or repeated; a warning for one that cannot be judged."""
    class_px, validation_px = (class_pixels(table[table["split"] == split]).sum(axis=0) for split in SPLITS)
    if len(class_px) != len(recipe.classes):
        raise OrbitileError(f"segmentation_training.classes: {', '.join(recipe.classes)}, but the table of tiles has "
                            f"{len(class_px)} classes; delete it to cut the scenes again")  # fmt: skip
    for name, pixels in zip(recipe.classes, class_px.tolist(), strict=True):
        if not pixels:
            raise OrbitileError(f"segmentation_training.classes: no pixel of {name} is in the training tiles, which "
                                "cannot be learnt then; leave it out, or keep other scenes or squares for validation"
                                )  # fmt: skip
    if unjudged := [name for name, pixels in zip(recipe.classes, validation_px.tolist(), strict=True) if not pixels]:
        log.warning("no pixel of %s is in the tiles kept for validation: nothing tells how well that is mapped, means "
                    "are over the other classes; keep other scenes or squares for validation",
                    ", ".join(unjudged))  # fmt: skip
    if unknown := sorted(set(recipe.oversample) - set(recipe.classes)):
        raise OrbitileError(f"segmentation_training.oversample: {unknown[0]} is no class; allowed are "
                            f"{', '.join(recipe.classes)}")  # fmt: skip


def _work_folder(tiles: str, recipe: SegmenterRecipe) -> Path:
    """The folder of an attempt, by all that its result depends on but the device and the time limit."""
    without = ("device", "max_hours", "threads", "purpose")
    fields_of_result = {name: value for name, value in vars(recipe).items() if name not in without}
    name = cache_key(
        recipe=fields_of_result,
        tiles=sha256(tiles),
        content=read_metadata(tiles).get("content"),
        start=start_hash(recipe),
    )
    work = Path(tiles).parent / f"attempt-{name}"
    work.mkdir(parents=True, exist_ok=True)
    return work


def _learning(recipe: SegmenterRecipe, data: Batches, weights: dict[str, float] | None) -> Learning:
    """Loss and optimiser; OrbitileError where points shall count, but there is none in the training tiles."""
    loss = SegmentationLoss(recipe.loss, len(recipe.names), list(weights.values()) if weights else None)
    if set(recipe.loss) != {"cross_entropy"}:
        log.info("loss: %s", loss_text(recipe.loss))
    if weights:
        log.info("class weights: %s", ", ".join(f"{name} {weight:.4g}" for name, weight in weights.items()))
    if recipe.points_weight is not None:
        pixels = data.point_pixels()
        if not pixels:
            raise OrbitileError(
                "segmentation_training.points: no pixel of a training tile has a point, they lie in tiles kept for "
                "validation or in none; try another seed or a smaller block_deg, or leave points out"
            )
        log.info("%d pixels of the training tiles have points", pixels)
    keys = {field.name for field in fields(OptimiserPlan)} & set(vars(recipe))
    plan = OptimiserPlan(**{key: getattr(recipe, key) for key in keys}, steps_per_epoch=data.steps_per_epoch)
    return Learning(loss, plan, recipe.points_weight, recipe.best_by)


def _module(recipe: SegmenterRecipe, data: Batches, learning: Learning) -> SegmentationModule:
    """The network to be trained, with random weights or those to start from."""
    mean, std = data.scaling
    repeats = first_layer_channels(recipe.network, data.channels) // data.channels
    mean, std = start_scaling(recipe, (mean * repeats, std * repeats))
    description = NetworkDescription(recipe.network, recipe.names, data.channels, mean, std)
    torch.manual_seed(recipe.seed)
    network = description.build()
    load_start(network, recipe)
    return SegmentationModule(network, description, learning)


def _options(recipe: SegmenterRecipe) -> FitOptions:
    return FitOptions(
        section="segmentation_training", epochs=recipe.epochs, patience=recipe.patience, seed=recipe.seed,
        device=recipe.device, precision=recipe.precision, max_hours=recipe.max_hours, threads=recipe.threads,
    )  # fmt: skip


def _export(
    work: Path, module: SegmentationModule, weights: Path, tiles: str, recipe: SegmenterRecipe, bands: dict
) -> dict:  # fmt: skip
    """Write the best epoch's weights with the threshold best on the validation tiles; return the figures of both.

    They state what their probabilities are worth on these tiles, where there are enough of them, and `bands`.
    """
    tensors = best_tensors(work, "network.")
    is_cuda = _options(recipe).is_cuda
    run = EvaluationRun(recipe.device, "auto" if is_cuda else "float32", recipe.batch)
    with scratch(weights) as unjudged:
        save_tensors(unjudged, tensors, module.description.metadata)
        figures = evaluate_weights(str(unjudged), tiles, "val", run)
        calibration = calibrate_segmenter(str(unjudged), tiles, run)
    described = replace(module.description, threshold=figures["threshold"])
    stated = {CALIBRATION_KEY: with_pixel_figures(calibration)} if calibration else {}
    save_tensors(weights, tensors, described.metadata | stated | bands | recipe.purpose)
    return figures
