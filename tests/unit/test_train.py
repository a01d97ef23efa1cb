"""Training, end to end, on a few small real tiles."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from model_choices import on_the_cpu

from orbitile.files import sha256
from orbitile.models.adapter import load
from orbitile.tables.rasters import RasterRow, write_rasters
from orbitile.training.dataset import Drawing, draw_tiles
from orbitile.training.train import Recipe, train

DEMO = Path(__file__).parents[2] / "demo"
SCENE = DEMO / "scenes" / "moon_180E_30S.tif"
DRAWING = Drawing({474: 16}, {474: 128}, {474: 8}, min_visible=0.6, block_deg=5, validation_share=0.3, seed=0)
NOTHING = dict.fromkeys(("rotation_deg", "shear_deg", "scaling", "translation", "brightness"), 0)
RECIPE = Recipe(
    start_from="yolo11n.yaml", tile_px=128, epochs=2, batch=8, learning_rate=0.002, optimizer="AdamW", device="cpu",
    seed=0, augmentation=NOTHING | {"flip_left_right": 0.5, "flip_up_down": 0.5},
)  # fmt: skip
OUTPUTS = {"weights": "model.safetensors", "metrics": "metrics.json", "curves": "curves.png", "card": "model_card.md"}


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    with rasterio.open(SCENE) as scene:
        size = scene.width, scene.height
        row = RasterRow("moon", 474, str(SCENE), scene.crs.to_wkt(), list(scene.transform)[:6], *size, 1, 60, 220, "")
    write_rasters([row], folder / "rasters.parquet")
    craters = str(DEMO / "craters.csv")
    draw_tiles([str(folder / "rasters.parquet")], craters, DRAWING, 1737400, str(folder), str(folder / "tiles.parquet"))
    return folder


class StopAfterFirstEpoch(logging.Handler):
    """Ends a training as a power cut would, once its first epoch is reported."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("epoch 1 "):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def trained(tiles: Path) -> tuple[Path, list[str]]:
    """Outputs of a training that was interrupted and went on, and what the second attempt said."""
    outputs = {name: str(tiles / file) for name, file in OUTPUTS.items()}
    log = logging.getLogger("orbitile")
    log.setLevel(logging.INFO)
    handler = StopAfterFirstEpoch()
    log.addHandler(handler)
    with pytest.raises(KeyboardInterrupt):
        train(str(tiles), RECIPE, **outputs)
    log.removeHandler(handler)
    said: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: said.append(record.getMessage())
    log.addHandler(listener)
    train(str(tiles), RECIPE, **outputs)
    log.removeHandler(listener)
    return tiles, said


def test_no_tile_straddles_the_splits(tiles: Path):
    table = pd.read_parquet(tiles / "tiles.parquet")
    assert set(table["split"]) == {"train", "val"}
    boxes = {split: part[["col", "row"]].to_numpy() for split, part in table.groupby("split")}
    apart = np.abs(boxes["train"][:, None] - boxes["val"][None]).max(axis=2)
    assert apart.min() >= 128


def test_an_interrupted_training_goes_on(trained: tuple[Path, list[str]]):
    _, said = trained
    assert said[0].startswith("going on from")
    assert [line.split(":")[0] for line in said[1:]] == ["epoch 2 of 2"]


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
    network = load(on_the_cpu(weights, family="yolo", score_threshold=0.0))
    assert network.names == ("crater",)
    assert len(network.predict_batch(torch.zeros((1, 1, 128, 128), dtype=torch.uint8)).score) > 0
    assert str(folder).encode() not in weights.read_bytes()


def test_training_can_start_from_given_weights(trained: tuple[Path, list[str]], tmp_path: Path):
    folder, _ = trained
    recipe = Recipe(**vars(RECIPE) | {"start_from": str(folder / "model.safetensors"), "epochs": 1})
    train(str(folder), recipe, **{name: str(tmp_path / file) for name, file in OUTPUTS.items()})
    assert json.loads((tmp_path / "metrics.json").read_text())["epochs"] == 1
