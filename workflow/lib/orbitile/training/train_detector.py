"""train_detector: from labelled tiles to weights, with their curves, figures and model card."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import yaml
from ultralytics.data import YOLODataset
from ultralytics.models.yolo.detect import DetectionTrainer

from orbitile.base.cores import core_count
from orbitile.base.files import atomic, cache_key, sha256, write_json, write_text
from orbitile.inference.models.detector_description import check_description
from orbitile.inference.models.network_channels import COLOURS
from orbitile.inference.models.ultralytics_offline import DetectionModel, torch_safe_load
from orbitile.inference.models.weights import load_tensors, save_tensors
from orbitile.training.bands import pixels_text
from orbitile.training.brightness import use_band_brightness
from orbitile.training.ellipses import use_ellipses
from orbitile.training.epoch_state import EpochState

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DetectorRecipe:
    """How weights are trained; fields as in the settings' section `training`."""

    start_from: str
    tile_px: int
    epochs: int
    batch: int
    learning_rate: float
    optimizer: str
    device: str
    seed: int
    augmentation: dict[str, float]


@dataclass(frozen=True)
class TrainingData:
    """A folder of tiles (see detector_tiles.draw_tiles), and the names of their bands where these are several."""

    folder: Path
    bands: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Take it from the folder's dataset.yaml."""
        described = yaml.safe_load((folder / "dataset.yaml").read_text())
        return cls(folder, tuple(described.get("bands", ("",))))


class CraterTrainer(DetectionTrainer):
    """Ultralytics' trainer with boxes treated as ellipses, any number of bands, and tensors to start from."""

    tensors: dict[str, torch.Tensor] | None = None

    def get_model(
        self, cfg: str | dict | None = None, weights: torch.nn.Module | None = None, verbose: bool = True
    ) -> DetectionModel:
        """Build the network; layers whose number of classes or bands differs from the tensors' start afresh."""
        model = super().get_model(cfg, weights, verbose)
        state = model.state_dict()
        fitting = {
            name: tensor
            for name, tensor in (self.tensors or {}).items()
            if name in state and state[name].shape == tensor.shape
        }
        model.load_state_dict(fitting, strict=False)
        return model

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> YOLODataset:
        """Build a dataset whose augmentation keeps boxes tight around craters and brightens all bands."""
        dataset = super().build_dataset(img_path, mode, batch)
        if mode == "train":
            use_ellipses(dataset.transforms)
            use_band_brightness(dataset.transforms)
        return dataset


def train_detector(folder: str, recipe: DetectorRecipe, weights: str, metrics: str, curves: str, card: str) -> None:
    """Train on the tiles in `folder` and write weights, metrics (JSON), curves (PNG), model card.

    An interrupted training with the same recipe and tiles is resumed after its last finished epoch.
    """
    data = TrainingData.of(Path(folder))
    work = _work_folder(data, recipe)
    _fit(recipe, data.folder, work)
    history = pd.read_csv(work / "results.csv").rename(columns=str.strip)
    _export(work / "weights" / "best.pt", Path(weights), len(data.bands))
    write_json(metrics, _figures(history))
    _plot(history, curves)
    write_text(card, _card(recipe, history, data, Path(weights)))
    shutil.rmtree(work)


def _work_folder(data: TrainingData, recipe: DetectorRecipe) -> Path:
    """The folder of an attempt, by all that its result depends on."""
    bands = dict(bands=data.bands) if len(data.bands) > 1 else {}
    return data.folder / f"attempt-{cache_key(recipe=recipe, tiles=sha256(data.folder / 'tiles.parquet'), **bands)}"


def _fit(recipe: DetectorRecipe, folder: Path, work: Path) -> None:
    """Train, from the last finished epoch of an earlier attempt where there is one."""
    state = EpochState(work / "state.pt", recipe.seed)
    if state.epochs < recipe.epochs:
        if state.epochs:
            log.info("resuming from %s, after epoch %d", work / "state.pt", state.epochs)
        trainer = CraterTrainer(overrides=_ultralytics_settings(recipe, folder, work))
        trainer.tensors = _tensors(recipe.start_from)
        trainer.add_callback("on_train_start", _use_all_cores)
        state.attach(trainer)
        trainer.add_callback("on_fit_epoch_end", _log_epoch)
        trainer.train()
    state.write_outcome(work / "weights" / "best.pt", work / "results.csv")


def _ultralytics_settings(recipe: DetectorRecipe, folder: Path, work: Path) -> dict:
    """Ultralytics' settings for a training from its first epoch.

    Its changes of hue and saturation, mosaics and erased patches do not occur in orbital images.
    """
    augmentation = recipe.augmentation
    return dict(
        model=_network(recipe.start_from, work), data=str(folder / "dataset.yaml"), imgsz=recipe.tile_px,
        epochs=recipe.epochs, batch=recipe.batch, nbs=recipe.batch, seed=recipe.seed,
        device=_ultralytics_device(recipe.device), optimizer=recipe.optimizer, lr0=recipe.learning_rate, cos_lr=True,
        warmup_epochs=min(1.0, recipe.epochs / 10), warmup_bias_lr=0, patience=recipe.epochs,
        degrees=augmentation["rotation_deg"], shear=augmentation["shear_deg"], scale=augmentation["scaling"],
        translate=augmentation["translation"],
        fliplr=augmentation["flip_left_right"], flipud=augmentation["flip_up_down"],
        hsv_h=0, hsv_s=0, hsv_v=augmentation["brightness"], mosaic=0, close_mosaic=0, erasing=0,
        amp=False,  # ultralytics tests mixed precision with weights it downloads
        plots=False,  # its plots download a font
        pretrained=recipe.start_from.endswith(".pt"), save=True, verbose=False, exist_ok=True,
        project=str(work.parent.resolve()), name=work.name,
    )  # fmt: skip


def _network(start_from: str, work: Path) -> str:
    """The network for ultralytics to build: a name or file, or that of the description in .safetensors."""
    if not start_from.endswith(".safetensors"):
        return start_from
    network = load_tensors(Path(start_from))[1]["network"]
    check_description(network)
    path = work / f"yolo0{network.get('scale', '')}.yaml"  # ultralytics reads the scale off the name
    write_text(path, yaml.safe_dump(network))
    return str(path)


def _tensors(start_from: str) -> dict[str, torch.Tensor] | None:
    return load_tensors(Path(start_from))[0] if start_from.endswith(".safetensors") else None


def _ultralytics_device(device: str) -> str:
    if device == "auto":
        return "0" if torch.cuda.is_available() else "cpu"
    return device.removeprefix("cuda:").replace("cuda", "0")


def _use_all_cores(trainer: DetectionTrainer) -> None:
    """Undo ultralytics' limit of cores - 1, and lay tensors out as is fastest for convolutions on a CPU."""
    torch.set_num_threads(core_count())
    assert isinstance(trainer.model, torch.nn.Module)  # built before training starts
    trainer.model.to(memory_format=torch.channels_last)


def _log_epoch(trainer: DetectionTrainer) -> None:
    if trainer.epoch >= trainer.epochs or trainer.metrics is None:
        return  # the final validation of the best epoch
    figures = {name.removeprefix("metrics/").removesuffix("(B)"): value for name, value in trainer.metrics.items()}
    log.info(
        "epoch %d of %d: precision %.3f, recall %.3f, mAP50 %.3f",
        trainer.epoch + 1, trainer.epochs, figures["precision"], figures["recall"], figures["mAP50"],
    )  # fmt: skip


def _export(best: Path, weights: Path, channels: int) -> None:
    """Write the best epoch's averaged weights as plain tensors with the network's description.

    `channels` counts the bands of the tiles. Of one band, the network's first layer takes three copies.
    """
    checkpoint = torch_safe_load(best, safe_only=True)[0]
    model = checkpoint.get("ema") or checkpoint["model"]
    names = {int(number): name for number, name in model.names.items()}
    network = {name: value for name, value in model.yaml.items() if (name, value) != ("channels", COLOURS)}
    description = dict(family="yolo", network=network, names=names, channels=channels)
    save_tensors(weights, model.half().state_dict(), description)


def _figures(history: pd.DataFrame) -> dict:
    """The best epoch's figures on the validation tiles, by ultralytics' measures."""
    best = history.iloc[int(np.nanargmax(history["metrics/mAP50-95(B)"].to_numpy()))]
    names = dict(precision="precision", recall="recall", mAP50="map50")
    figures = {figure: float(best[f"metrics/{column}(B)"]) for column, figure in names.items()}
    return figures | dict(epoch=int(best["epoch"]), epochs=len(history), hours=float(history["time"].iloc[-1] / 3600))


def _plot(history: pd.DataFrame, path: str) -> None:
    figure, (losses, measures) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name in ("box_loss", "cls_loss"):
        losses.plot(history["epoch"], history[f"train/{name}"], label=f"training, {name}")
        losses.plot(history["epoch"], history[f"val/{name}"], "--", label=f"validation, {name}")
    for name in ("precision", "recall", "mAP50"):
        measures.plot(history["epoch"], history[f"metrics/{name}(B)"], label=name)
    for axes, title in ((losses, "Loss"), (measures, "Validation tiles, IoU 0.5")):
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def _card(recipe: DetectorRecipe, history: pd.DataFrame, data: TrainingData, weights: Path) -> str:
    """A model card in Markdown: what the weights are, from what they were trained, how good they are."""
    tiles = pd.read_parquet(data.folder / "tiles.parquet")
    by_scale = tiles.groupby(["split", "scale_m"], as_index=False).agg(
        tiles=("tile", "size"), craters=("craters", "sum")
    )
    figures = _figures(history)
    lines = [f"| {row.split} | {row.scale_m:g} | {row.tiles} | {row.craters} |" for row in by_scale.itertuples()]
    return "\n".join(
        [
            f"# {weights.name}", "",
            f"Finds craters. Network {recipe.start_from}, tiles of {recipe.tile_px} px, {pixels_text(data.bands)}.",
            "SHA-256:", "", f"    {sha256(weights)}", "",
            "| split | m/px | tiles | labelled craters |", "|---|---|---|---|", *lines, "",
            f"Best of {figures['epochs']} epochs was {figures['epoch']}; training took {figures['hours']:.2f} h on "
            f"{_hardware(recipe.device)}.", "",
            f"On the validation tiles at IoU 0.5: precision {figures['precision']:.3f}, recall "
            f"{figures['recall']:.3f}, mAP {figures['map50']:.3f}.", "",
            "Recipe: " + ", ".join(f"{name} {value}" for name, value in vars(recipe).items()) + ".", "",
        ]
    )  # fmt: skip


def _hardware(device: str) -> str:
    if _ultralytics_device(device) != "cpu":
        return torch.cuda.get_device_name()
    return f"{core_count()} CPU cores"
