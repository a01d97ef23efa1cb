"""train: from labelled tiles to weights, with the curves and the figures that tell their worth."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
import yaml
from ultralytics.data import YOLODataset
from ultralytics.models.yolo.detect import DetectionTrainer

from orbitile.cores import cores
from orbitile.files import atomic, key, sha256, write_json, write_text
from orbitile.models.ultralytics_offline import DetectionModel, torch_safe_load
from orbitile.models.weights import load_tensors, save_tensors
from orbitile.training.ellipses import use_ellipses

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How weights are made; fields as in the settings' section `training`."""

    start_from: str
    tile_px: int
    epochs: int
    batch: int
    learning_rate: float
    optimizer: str
    device: str
    seed: int
    augmentation: dict[str, float]


class CraterTrainer(DetectionTrainer):
    """Ultralytics' trainer with boxes treated as ellipses, and plain tensors to start from."""

    tensors: dict[str, torch.Tensor] | None = None

    def get_model(self, cfg: str | None = None, weights: object = None, verbose: bool = True) -> DetectionModel:
        """Build the network; where its number of classes differs, the last layers start afresh."""
        model = super().get_model(cfg, weights, verbose)
        own = model.state_dict()
        fitting = {name: t for name, t in (self.tensors or {}).items() if name in own and own[name].shape == t.shape}
        model.load_state_dict(fitting, strict=False)
        return model

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> YOLODataset:
        """Build a dataset whose affine augmentation keeps boxes tight around craters."""
        dataset = super().build_dataset(img_path, mode, batch)
        if mode == "train":
            use_ellipses(dataset.transforms)
        return dataset


def train(folder: str, recipe: Recipe, weights: str, metrics: str, curves: str, card: str) -> None:
    """Train on the tiles in `folder` and write weights, metrics (JSON), curves (PNG), model card.

    An interrupted training with the same recipe and tiles goes on from its last epoch.
    """
    work = Path(folder) / f"attempt-{key(recipe=recipe, tiles=sha256(Path(folder) / 'tiles.parquet'))}"
    if not _is_complete(work, recipe):
        _fit(recipe, Path(folder), work)
    history = pd.read_csv(work / "results.csv").rename(columns=str.strip)
    _export(work / "weights" / "best.pt", Path(weights))
    write_json(metrics, _figures(history))
    _plot(history, curves)
    write_text(card, _card(recipe, history, Path(folder), Path(weights)))
    shutil.rmtree(work)


def _is_complete(work: Path, recipe: Recipe) -> bool:
    history = work / "results.csv"
    return history.is_file() and len(pd.read_csv(history)) >= recipe.epochs


def _fit(recipe: Recipe, folder: Path, work: Path) -> None:
    """Train, from the last finished epoch of an earlier attempt where there is one."""
    last = work / "weights" / "last.pt"
    if last.is_file():
        log.info("going on from %s", last)
        trainer = CraterTrainer(overrides=dict(resume=str(last), model=str(last)))
    else:
        trainer = CraterTrainer(overrides=_start(recipe, folder, work))
        trainer.tensors = _tensors(recipe.start_from)
    trainer.add_callback("on_train_start", _use_all_cores)
    trainer.add_callback("on_fit_epoch_end", _report)
    trainer.train()


def _start(recipe: Recipe, folder: Path, work: Path) -> dict:
    """Ultralytics' settings for a fresh start. Colour, mosaic and erasing suit no crater."""
    change = recipe.augmentation
    return dict(
        model=_network(recipe.start_from, work), data=str(folder / "dataset.yaml"), imgsz=recipe.tile_px,
        epochs=recipe.epochs, batch=recipe.batch, nbs=recipe.batch, seed=recipe.seed,
        device=_device(recipe.device), optimizer=recipe.optimizer, lr0=recipe.learning_rate, cos_lr=True,
        warmup_epochs=min(1.0, recipe.epochs / 10), warmup_bias_lr=0, patience=recipe.epochs,
        degrees=change["rotation_deg"], shear=change["shear_deg"], scale=change["scaling"],
        translate=change["translation"], fliplr=change["flip_left_right"], flipud=change["flip_up_down"],
        hsv_h=0, hsv_s=0, hsv_v=change["brightness"], mosaic=0, close_mosaic=0, erasing=0,
        amp=False,  # ultralytics tests mixed precision with weights it downloads
        plots=False,  # its plots download a font
        pretrained=recipe.start_from.endswith(".pt"), save=True, verbose=False, exist_ok=True,
        project=str(work.parent.resolve()), name=work.name,
    )  # fmt: skip


def _network(start_from: str, work: Path) -> str:
    """What ultralytics is to build: the network's name or file, or the one a .safetensors describes."""
    if not start_from.endswith(".safetensors"):
        return start_from
    network = load_tensors(Path(start_from))[1]["network"]
    path = work / f"yolo0{network.get('scale', '')}.yaml"  # ultralytics reads the scale off the name
    write_text(path, yaml.safe_dump(network))
    return str(path)


def _tensors(start_from: str) -> dict[str, torch.Tensor] | None:
    return load_tensors(Path(start_from))[0] if start_from.endswith(".safetensors") else None


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "0" if torch.cuda.is_available() else "cpu"
    return wanted.removeprefix("cuda:").replace("cuda", "0")


def _use_all_cores(trainer: DetectionTrainer) -> None:
    """Undo ultralytics' limit of cores - 1, and lay tensors out as the CPU's convolutions like them."""
    torch.set_num_threads(cores())
    trainer.model.to(memory_format=torch.channels_last)


def _report(trainer: DetectionTrainer) -> None:
    if trainer.epoch >= trainer.epochs:
        return  # the last look at the best epoch
    found = {name.removeprefix("metrics/").removesuffix("(B)"): value for name, value in trainer.metrics.items()}
    log.info(
        "epoch %d of %d: precision %.3f, recall %.3f, mAP50 %.3f",
        trainer.epoch + 1, trainer.epochs, found["precision"], found["recall"], found["mAP50"],
    )  # fmt: skip


def _export(best: Path, weights: Path) -> None:
    """Write the best epoch's averaged weights as plain tensors with the network's description."""
    checkpoint = torch_safe_load(best, safe_only=True)[0]
    model: DetectionModel = checkpoint.get("ema") or checkpoint["model"]
    names = {int(number): name for number, name in model.names.items()}
    network = {name: value for name, value in model.yaml.items() if name != "channels"}
    save_tensors(weights, model.half().state_dict(), dict(family="yolo", network=network, names=names))


def _figures(history: pd.DataFrame) -> dict:
    """The best epoch's figures on the validation tiles, by ultralytics' measures."""
    best = history.loc[history["metrics/mAP50-95(B)"].idxmax()]
    names = dict(precision="precision", recall="recall", mAP50="map50")
    figures = {ours: float(best[f"metrics/{theirs}(B)"]) for theirs, ours in names.items()}
    return figures | dict(epoch=int(best["epoch"]), epochs=len(history), hours=float(history["time"].iloc[-1] / 3600))


def _plot(history: pd.DataFrame, path: str) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name in ("box_loss", "cls_loss"):
        left.plot(history["epoch"], history[f"train/{name}"], label=f"training, {name}")
        left.plot(history["epoch"], history[f"val/{name}"], "--", label=f"validation, {name}")
    for name in ("precision", "recall", "mAP50"):
        right.plot(history["epoch"], history[f"metrics/{name}(B)"], label=name)
    for axes, title in ((left, "Loss"), (right, "Validation tiles, IoU 0.5")):
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def _card(recipe: Recipe, history: pd.DataFrame, folder: Path, weights: Path) -> str:
    """A model card in Markdown: what the weights are, what they learnt from, how well."""
    tiles = pd.read_parquet(folder / "tiles.parquet")
    by_scale = tiles.groupby(["split", "scale_m"]).agg(tiles=("tile", "size"), craters=("craters", "sum"))
    figures = _figures(history)
    lines = [f"| {split} | {scale:g} | {row.tiles} | {row.craters} |" for (split, scale), row in by_scale.iterrows()]
    return "\n".join(
        [
            f"# {weights.name}", "",
            f"Finds craters. Network {recipe.start_from}, tiles of {recipe.tile_px} px, 8-bit grey by the",
            "stretch of each scene. SHA-256:", "", f"    {sha256(weights)}", "",
            "| split | m/px | tiles | labelled craters |", "|---|---|---|---|", *lines, "",
            f"Best of {figures['epochs']} epochs was {figures['epoch']}; training took {figures['hours']:.2f} h on "
            f"{_hardware(recipe.device)}.", "",
            f"On the validation tiles at IoU 0.5: precision {figures['precision']:.3f}, recall "
            f"{figures['recall']:.3f}, mAP {figures['map50']:.3f}.", "",
            "Recipe: " + ", ".join(f"{name} {value}" for name, value in vars(recipe).items()) + ".", "",
        ]
    )  # fmt: skip


def _hardware(device: str) -> str:
    if _device(device) != "cpu":
        return torch.cuda.get_device_name()
    return f"{cores()} CPU cores"
