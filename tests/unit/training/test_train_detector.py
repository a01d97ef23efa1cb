"""Training, end to end, on a few small real tiles."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from model_choices import on_the_cpu

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.inference.models.load import load_network
from orbitile.inference.models.weights import load_tensors
from orbitile.tables.craters import CraterTable
from orbitile.tables.rasters import RasterRow, write_rasters
from orbitile.training import train_detector as training
from orbitile.training.detector_tiles import TileDrawing, draw_tiles
from orbitile.training.train_detector import DetectorRecipe, TrainingData, train_detector

DEMO = Path(__file__).parents[3] / "demo"
SCENE = DEMO / "scenes" / "moon_180E_30S.tif"
DRAWING = TileDrawing({474: 16}, {474: 128}, {474: 8}, min_visible=0.6, block_deg=5, validation_share=0.3, seed=0)
NOTHING = dict.fromkeys(("rotation_deg", "shear_deg", "scaling", "translation", "brightness"), 0)
RECIPE = DetectorRecipe(
    start_from="yolo11n.yaml", tile_px=128, epochs=2, batch=8, learning_rate=0.002, optimizer="AdamW", device="cpu",
    seed=0, augmentation=NOTHING | {"flip_left_right": 0.5, "flip_up_down": 0.5},
)  # fmt: skip
OUTPUTS = {"weights": "model.safetensors", "metrics": "metrics.json", "curves": "curves.png", "card": "model_card.md"}


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    with rasterio.open(SCENE) as scene:
        size = scene.width, scene.height
        row = RasterRow(
            "moon", 474, str(SCENE), scene.crs.to_wkt(), list(scene.transform)[:6], *size, 1, [60], [220], ""
        )
    write_rasters([row], folder / "rasters.parquet")
    craters = CraterTable(str(DEMO / "craters.csv"))
    draw_tiles([str(folder / "rasters.parquet")], craters, DRAWING, 1737400, str(folder), str(folder / "tiles.parquet"))
    return folder


class StopAfterFirstEpoch(logging.Handler):
    """Ends a training as a power cut would, once its first epoch is reported."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("epoch 1 "):
            raise KeyboardInterrupt


def test_a_training_that_was_interrupted_ends_in_the_same_weights(trained: tuple[Path, list[str]], tmp_path: Path):
    """To the byte: its state is kept in full, and an epoch's random numbers are those of the epoch."""
    folder, _ = trained
    train_detector(str(folder), RECIPE, **{name: str(tmp_path / file) for name, file in OUTPUTS.items()})
    assert sha256(tmp_path / "model.safetensors") == sha256(folder / "model.safetensors")
    without_hours = [json.loads((place / "metrics.json").read_text()) | dict(hours=0) for place in (tmp_path, folder)]
    assert without_hours[0] == without_hours[1]


def test_epochs_that_were_lost_are_not_counted_twice(tiles: Path, tmp_path: Path):
    """A kill between ultralytics' table of epochs and its checkpoint leaves a row of an epoch that is made again."""
    recipe = replace(RECIPE, seed=7)
    work = training._work_folder(TrainingData.of(tiles), recipe)
    work.mkdir()
    (work / "results.csv").write_text("epoch,time,metrics/mAP50-95(B)\n1,1,0.9\n2,2,0.8\n")
    (work / "weights").mkdir()
    (work / "weights" / "last.pt").write_bytes(b"torn")
    train_detector(str(tiles), recipe, **{name: str(tmp_path / file) for name, file in OUTPUTS.items()})
    assert json.loads((tmp_path / "metrics.json").read_text())["epochs"] == 2


@pytest.fixture(scope="module")
def trained(tiles: Path) -> tuple[Path, list[str]]:
    """Outputs of a training that was interrupted and went on, and what the second attempt messages."""
    outputs = {name: str(tiles / file) for name, file in OUTPUTS.items()}
    log = logging.getLogger("orbitile")
    log.setLevel(logging.INFO)
    handler = StopAfterFirstEpoch()
    log.addHandler(handler)
    with pytest.raises(KeyboardInterrupt):
        train_detector(str(tiles), RECIPE, **outputs)
    log.removeHandler(handler)
    messages: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: messages.append(record.getMessage())
    log.addHandler(listener)
    train_detector(str(tiles), RECIPE, **outputs)
    log.removeHandler(listener)
    return tiles, messages


def test_no_tile_straddles_the_splits(tiles: Path):
    table = pd.read_parquet(tiles / "tiles.parquet")
    assert set(table["split"]) == {"train", "val"}
    boxes = {split: part[["col", "row"]].to_numpy() for split, part in table.groupby("split")}
    apart = np.abs(boxes["train"][:, None] - boxes["val"][None]).max(axis=2)
    assert apart.min() >= 128


def test_an_interrupted_training_goes_on(trained: tuple[Path, list[str]]):
    _, messages = trained
    assert messages[0].startswith("resuming from")
    assert [line.split(":")[0] for line in messages[1:]] == ["epoch 2 of 2"]


def test_outputs_are_there_and_the_attempt_is_cleared_away(trained: tuple[Path, list[str]]):
    folder, _ = trained
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["epochs"] == 2
    assert sha256(folder / "model.safetensors") in (folder / "model_card.md").read_text()
    assert (folder / "curves.png").stat().st_size > 10_000
    assert not list(folder.glob("attempt-*"))


def test_weights_load_and_tell_nothing_of_the_machine(trained: tuple[Path, list[str]]):
    folder, _ = trained
    weights = folder / "model.safetensors"
    network = load_network(on_the_cpu(weights, family="yolo", score_threshold=0.0))
    assert network.names == ("crater",)
    assert len(network.predict_batch(torch.zeros((1, 1, 128, 128), dtype=torch.uint8)).score) > 0
    assert str(folder).encode() not in weights.read_bytes()


def test_training_can_start_from_given_weights(trained: tuple[Path, list[str]], tmp_path: Path):
    folder, _ = trained
    recipe = DetectorRecipe(**vars(RECIPE) | {"start_from": str(folder / "model.safetensors"), "epochs": 1})
    train_detector(str(folder), recipe, **{name: str(tmp_path / file) for name, file in OUTPUTS.items()})
    assert json.loads((tmp_path / "metrics.json").read_text())["epochs"] == 1


@pytest.fixture
def tiles_of_bands(tmp_path: Path) -> Callable[[int], Path]:
    """Draws tiles of 64 px of a real scene with so many bands: itself, its negative, ..."""

    def draw(bands: int) -> Path:
        with rasterio.open(SCENE) as scene:
            grey, profile, crs = scene.read(1), scene.profile, scene.crs.to_wkt()
        with rasterio.open(tmp_path / "scene.tif", "w", **profile | dict(count=bands)) as sink:
            sink.write(np.stack([grey, 255 - grey, grey // 2, 255 - grey // 2][:bands]))
            sink.descriptions = ("red", "green", "blue", "elevation")[:bands]
        transform, size = list(profile["transform"])[:6], (profile["width"], profile["height"])
        row = RasterRow(
            "moon", 474, str(tmp_path / "scene.tif"), crs, transform, *size, 1, [60] * bands, [220] * bands, ""
        )
        write_rasters([row], tmp_path / "rasters.parquet")
        drawing = replace(DRAWING, tile_px={474: 64})
        rasters, craters = [str(tmp_path / "rasters.parquet")], CraterTable(str(DEMO / "craters.csv"))
        draw_tiles(rasters, craters, drawing, 1737400, str(tmp_path), str(tmp_path / "tiles.parquet"))
        return tmp_path

    return draw


@pytest.mark.parametrize(("bands", "names"), [(2, "red, green"), (3, "red, green, blue")])
def test_detectors_of_several_bands(tiles_of_bands: Callable[[int], Path], bands: int, names: str):
    folder = tiles_of_bands(bands)
    recipe = replace(
        RECIPE, tile_px=64, epochs=1, augmentation=RECIPE.augmentation | dict(brightness=0.3, rotation_deg=90)
    )
    train_detector(str(folder), recipe, **{name: str(folder / file) for name, file in OUTPUTS.items()})
    weights = folder / "model.safetensors"
    tensors, described = load_tensors(weights)
    assert (described["channels"], described["network"].get("channels", 3)) == (bands, bands)
    assert tensors["model.0.conv.weight"].shape[1] == bands
    assert f"tiles of 64 px, {bands} bands ({names}) of 8 bit" in (folder / "model_card.md").read_text()
    network = load_network(on_the_cpu(weights, family="yolo", score_threshold=0.0, bands=bands))
    assert network.channels == bands
    assert len(network.predict_batch(torch.zeros((1, bands, 64, 64), dtype=torch.uint8)).score) > 0
    with pytest.raises(OrbitileError, match=rf"the network takes images of {bands} channels, but .* have 1 band"):
        load_network(on_the_cpu(weights, family="yolo", score_threshold=0.0))


def test_an_attempt_on_other_bands_is_not_resumed(tiles: Path):
    """The tables of tiles may be the same."""
    folders = [training._work_folder(TrainingData(tiles, bands), RECIPE) for bands in (("",), ("1", "2"), ("1", "3"))]
    assert len(set(folders)) == 3


def test_grey_detectors_state_one_channel(trained: tuple[Path, list[str]]):
    """Though their first layer takes three copies of it."""
    folder, _ = trained
    tensors, described = load_tensors(folder / "model.safetensors")
    assert described["channels"] == 1
    assert "channels" not in described["network"]
    assert tensors["model.0.conv.weight"].shape[1] == 3
    assert "tiles of 128 px, 8-bit grey by the stretch of each scene" in (folder / "model_card.md").read_text()
    with pytest.raises(OrbitileError, match=r"takes images of 1 channel, but those of this run have 3 bands"):
        load_network(on_the_cpu(folder / "model.safetensors", family="yolo", score_threshold=0.0, bands=3))
