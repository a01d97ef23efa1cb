"""Training of a detector, end to end, on scenes of discs."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from disc_scenes import BACKGROUND, GSD_M, MOON_M, random_discs, write_disc_run
from model_choices import on_the_cpu

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.inference.models.load import load_network
from orbitile.inference.models.weights import load_tensors
from orbitile.inference.models.weights_header import stated_purpose
from orbitile.space.ground import Ground
from orbitile.tables.craters import CraterTable
from orbitile.tables.rasters import read_rasters
from orbitile.training.detection.labelled_scenes import LabelledScene, ScenePixels, SceneSplit
from orbitile.training.detection.module import DetectorModule
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.detection.train import (
    TrainingInputs,
    TrainingOutputs,
    _work_folder,
    search_scales,
    train_detector,
)
from orbitile.training.detection.validation import DetectedBoxes, JudgedScene, SearchScale, count_at_thresholds

TILE_PX = 64
SMALL_NETWORK = """
nc: 1
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, C3k2, [32, False, 0.5]]
  - [-1, 1, Conv, [48, 3, 2]]
  - [-1, 1, C3k2, [48, False, 0.5]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, C3k2, [64, True]]
head:
  - [[4, 6], 1, Detect, [nc]]
"""
"""A network of a hundredth of the size of those of ultralytics, which learns as they do."""
SCALES = {GSD_M: SearchScale(TileSize(TILE_PX, 32), SizeLimits(4, 6, 40, True))}
SMALL = "small.yaml"
RECIPE = DetectorRecipe(
    tile_px=TILE_PX, tiles_per_epoch=16, batch=8, epochs=2, precision="float32", device="cpu", threads=1,
    validation_scenes=("kept",), labelled_from_px=8, learning_rate=2e-3, averaging=0.9, start_from=SMALL,
    purpose=dict(body="Moon", images="discs", gsd_range_m=[GSD_M, GSD_M]),
)  # fmt: skip
SCENES = ("first", "kept", "second")


def run(folder: Path, out: Path, recipe: DetectorRecipe = RECIPE, names: tuple[str, ...] = SCENES, **options: int
        ) -> Path:  # fmt: skip
    """The weights of a training on scenes in a folder, written there where they are not yet."""
    if not (folder / "rasters.parquet").is_file():
        write_disc_run(folder, names, **options)
    table, craters = str(folder / "rasters.parquet"), folder / "discs.csv"
    if recipe.start_from == SMALL:
        (folder / SMALL).write_text(SMALL_NETWORK)
        recipe = replace(recipe, start_from=str(folder / SMALL))
    names_out = ("model.safetensors", "metrics.json", "curves.png", "calibration.png", "card.md")
    outputs = TrainingOutputs(*(str(out / name) for name in names_out))
    train_detector(TrainingInputs([table], CraterTable(str(craters)), len(names)), recipe, SCALES, MOON_M, outputs)
    return out / "model.safetensors"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_disc_run(folder, SCENES)
    return folder


@pytest.fixture(scope="module")
def straight(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a training that nothing interrupted."""
    return run(scenes, tmp_path_factory.mktemp("straight"))


class PowerCut(logging.Handler):
    """Ends a training once an epoch is reported and the next has begun."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._line = f"epoch {epoch + 1} "

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self._line):
            raise RuntimeError("power cut")


@pytest.fixture
def log() -> logging.Logger:
    logger = logging.getLogger("orbitile")
    logger.setLevel(logging.INFO)
    return logger


def metrics(weights: Path) -> dict:
    return json.loads((weights.parent / "metrics.json").read_text())


def without_time(row: dict) -> dict:
    return {name: value for name, value in row.items() if name not in ("hours", "hours_on")}


def interrupted(
    scenes: Path, out: Path, log: logging.Logger, recipe: DetectorRecipe = RECIPE
) -> tuple[Path, list[str]]:  # fmt: skip
    """The weights of a training that was killed in its second epoch and went on, and what the second attempt said."""
    handler, messages = PowerCut(1), []
    log.addHandler(handler)
    with pytest.raises(RuntimeError, match="power cut"):
        run(scenes, out, recipe)
    log.removeHandler(handler)
    assert not (out / "model.safetensors").exists()
    listener = logging.Handler()
    listener.emit = lambda record: messages.append(record.getMessage())
    log.addHandler(listener)
    return run(scenes, out, recipe), messages


def test_a_training_that_was_killed_ends_in_the_same_weights(
    scenes: Path, straight: Path, tmp_path: Path, log: logging.Logger
):
    """To the last bit; its first epoch is not made again, and its hours count."""
    weights, messages = interrupted(scenes, tmp_path, log)
    assert any(line.startswith("resuming from") for line in messages)
    assert [line.split(":")[0] for line in messages if line.startswith("epoch ")] == ["epoch 2 of 2"]
    assert sha256(weights) == sha256(straight)
    figures, plain = metrics(weights), metrics(straight)
    assert figures["epochs"] == 2
    assert without_time(figures["best_epoch"]) == without_time(plain["best_epoch"])
    assert sum(figures["hours_on"].values()) >= figures["hours"] > 0
    assert " h on " in (tmp_path / "card.md").read_text()
    assert stated_purpose(weights) == RECIPE.purpose
    assert f"Learnt from: discs, Moon, {GSD_M:g} m/px;" in (tmp_path / "card.md").read_text()
    assert not list(tmp_path.glob("attempt-*/*.ckpt"))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(scenes: Path, straight: Path, tmp_path: Path):
    for name in "ab":
        (tmp_path / name).mkdir()
    shorter = replace(RECIPE, epochs=1)
    once, other = run(scenes, tmp_path / "a", shorter), run(scenes, tmp_path / "b", replace(shorter, seed=1))
    assert sha256(once) != sha256(other)
    (tmp_path / "again").mkdir()
    assert sha256(run(scenes, tmp_path / "again", shorter)) == sha256(once)


def test_weights_of_an_earlier_recipe_stay(scenes: Path, tmp_path: Path):
    """Each in the folder of its attempt, with its card; the time limit makes no other attempt."""
    first = sha256(run(scenes, tmp_path, replace(RECIPE, epochs=1)))
    second = sha256(run(scenes, tmp_path, replace(RECIPE, epochs=1, seed=5)))
    run(scenes, tmp_path, replace(RECIPE, epochs=1, seed=5, max_hours=100.0))
    folders = sorted(tmp_path.glob("attempt-*"))
    assert {sha256(folder / "model.safetensors") for folder in folders} == {first, second}
    assert len(folders) == 2
    assert all((folder / "model_card.md").is_file() for folder in folders)


def test_weights_card_and_curves(straight: Path):
    tensors, described = load_tensors(straight)
    assert (described["channels"], described["tile_px"], described["names"]) == (1, TILE_PX, {"0": "crater"})
    assert "channels" not in described["network"]
    assert tensors["model.0.conv.weight"].shape[1] == 3
    assert 0.05 <= described["score_threshold"] < 0.75
    network = load_network(on_the_cpu(straight, family="yolo", score_threshold=0.0))
    assert network.names == ("crater",)
    assert len(network.predict_batch(torch.zeros((1, 1, TILE_PX, TILE_PX), dtype=torch.uint8)).score) > 0
    card = (straight.parent / "card.md").read_text()
    assert sha256(straight) in card
    assert "tiles of 64 px, 8-bit grey by the stretch of each scene" in card
    assert "| train | 100 | 2 | 28 |" in card
    assert "| val | 100 | 1 | 14 |" in card
    assert (straight.parent / "curves.png").stat().st_size > 10_000


def test_weights_tell_nothing_of_the_machine(scenes: Path, straight: Path):
    for place in (str(scenes), str(straight.parent), str(Path.home()), str(Path.cwd())):
        assert place.encode() not in straight.read_bytes()


def test_discs_that_were_learnt_are_found(tmp_path: Path):
    """Large and bright as they are, a small network that knows nothing finds most of them after some seconds."""
    weights = run(tmp_path, tmp_path, replace(RECIPE, tiles_per_epoch=640, epochs=2, learning_rate=1e-2))
    figures = metrics(weights)
    assert figures["best_epoch"]["f1"] > 0.5
    network = load_network(on_the_cpu(weights, family="yolo", score_threshold=0.05))
    assert f1_on_its_scene(network, tmp_path) > 0.5


def f1_on_its_scene(network: object, folder: Path) -> float:
    """F1 on the first scene, in one piece, with the weights as they were written."""
    discs = random_discs(192, 14, np.random.default_rng(1), (10, 26))
    with rasterio.open(folder / "first.tif") as source:
        image = np.full((1, 1, 192, 192), BACKGROUND, np.uint8)
        image[0] = source.read()
    output = network.predict_batch(torch.from_numpy(image))
    found = DetectedBoxes.of([DetectedBoxes(output.corners.numpy(), output.score.numpy())], 0.4)
    boxes = np.column_stack([discs[:, :2] - discs[:, 2:] / 2, discs[:, :2] + discs[:, 2:] / 2])
    counts = count_at_thresholds([JudgedScene(found, boxes, np.ones(len(boxes), bool))], 0.3, 8)
    return float(counts.f1.max())


def test_two_heads_learn_and_go_on(scenes: Path, tmp_path: Path, log: logging.Logger, monkeypatch: pytest.MonkeyPatch):
    """The weights of their losses are those of the epoch, also after a resume."""
    weights_of_heads: list[tuple[int, float]] = []
    start = DetectorModule.on_train_epoch_start

    def keep(module: DetectorModule) -> None:
        start(module)
        weights_of_heads.append((module.current_epoch, round(module._loss.o2m, 3)))

    monkeypatch.setattr(DetectorModule, "on_train_epoch_start", keep)
    recipe = replace(RECIPE, start_from="yolo26n.yaml", tiles_per_epoch=4, batch=4, epochs=3)
    weights, _ = interrupted(scenes, tmp_path, log, recipe)
    assert weights_of_heads == [(0, 0.8), (1, 0.45), (1, 0.45), (2, 0.1)]
    network = load_network(on_the_cpu(weights, family="yolo", score_threshold=0.0))
    assert len(network.predict_batch(torch.zeros((1, 1, TILE_PX, TILE_PX), dtype=torch.uint8)).score) > 0


@pytest.mark.parametrize("bands", [2, 3])
def test_detectors_of_several_bands(tmp_path: Path, bands: int):
    weights = run(tmp_path, tmp_path, replace(RECIPE, epochs=1, tiles_per_epoch=4, batch=4), bands=bands)
    tensors, described = load_tensors(weights)
    assert (described["channels"], described["network"].get("channels", 3)) == (bands, bands)
    assert tensors["model.0.conv.weight"].shape[1] == bands
    assert f"tiles of 64 px, {bands} bands (" in (tmp_path / "card.md").read_text()
    network = load_network(on_the_cpu(weights, family="yolo", score_threshold=0.0, bands=bands))
    assert len(network.predict_batch(torch.zeros((1, bands, 64, 64), dtype=torch.uint8)).score) > 0


def test_training_starts_from_its_own_weights(scenes: Path, straight: Path, tmp_path: Path):
    weights = run(scenes, tmp_path, replace(RECIPE, start_from=str(straight), epochs=1, learning_rate=1e-9))
    before, after = (load_tensors(path)[0] for path in (straight, weights))
    assert before.keys() == after.keys()
    name = "model.1.conv.weight"
    assert torch.allclose(before[name].float(), after[name].float(), atol=1e-3)
    assert straight.name in (tmp_path / "card.md").read_text()
    assert str(straight.parent) not in (tmp_path / "card.md").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(validation_scenes=("nowhere",)), r"training\.validation_scenes: nowhere is no scene of this run"),
        (dict(validation_scenes=SCENES), r"training\.validation_scenes: names all scenes"),
        (dict(start_from="nothing.yaml"), r"training\.start_from: no network can be read from nothing\.yaml"),
        (dict(start_from="yolo11n-seg.yaml"), r"training\.start_from: .* no network that finds boxes"),
        (dict(tiles_per_epoch=7), r"training\.tiles_per_epoch: 7, but training\.batch is 8"),
        (dict(device="cuda"), r"training\.device: cuda, but this machine has no CUDA device"),
        (dict(augmentation=dict(shear=1)), r"training\.augmentation: unknown key shear; use any of sun, "),
    ],
)
def test_recipes_that_cannot_work_are_refused(scenes: Path, tmp_path: Path, change: dict, message: str):
    if change.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(OrbitileError, match=message):
        run(scenes, tmp_path, replace(RECIPE, epochs=1, **change))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("empty", "split"), [("kept", "val"), ("first", "train")])
def test_a_split_without_a_crater_is_refused(tmp_path: Path, empty: str, split: str):
    """There is nothing to judge by, or nothing to learn from."""
    write_disc_run(tmp_path, ("first", "kept"))
    lines = (tmp_path / "discs.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(empty + ",")]
    (tmp_path / "discs.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(OrbitileError, match=rf"discs\.csv: no crater lies on what is kept for {split}"):
        run(tmp_path, tmp_path, names=("first", "kept"))


def test_attempts_depend_on_all_that_results_depend_on(scenes: Path, tmp_path: Path):
    """Another stretch, other tiles, other labels are other attempts; other threads are not."""
    row = read_rasters(scenes / "rasters.parquet")[0]
    scene = LabelledScene(row, Ground(row.crs_wkt, MOON_M), np.array([[1.0, 2, 9, 9]]), np.ones(1), 8,
                          SceneSplit("train"), ScenePixels(row, in_memory=False))  # fmt: skip
    other_scale = {GSD_M: replace(SCALES[GSD_M], size=TileSize(TILE_PX, 48))}
    folders = [
        _work_folder(recipe, [labelled], scales, tmp_path)
        for recipe, labelled, scales in (
            (RECIPE, scene, SCALES), (replace(RECIPE, threads=3, max_hours=1.0), scene, SCALES),
            (replace(RECIPE, averaging=0.5), scene, SCALES), (RECIPE, scene, other_scale),
            (RECIPE, replace(scene, boxes=scene.boxes + 1), SCALES),
            (RECIPE, replace(scene, agreement=np.zeros(1)), SCALES),
            (RECIPE, replace(scene, row=replace(row, high=[254])), SCALES),
        )
    ]  # fmt: skip
    assert folders[0] == folders[1]
    assert len(set(folders[1:])) == 6


def test_scales_are_searched_as_in_a_run():
    limits = dict(slack_px=4, min_object_px=5, max_object_px=24, is_coarsest=True)
    scales = search_scales({100.0: dict(tile_px=64, overlap_px=32, blended=False)}, {100.0: limits})
    assert scales == {100.0: SearchScale(TileSize(64, 32), SizeLimits(4, 5, 24, True))}
