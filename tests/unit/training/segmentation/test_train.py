"""Training of a segmentation network, end to end, on a tiny made-up scene."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from model_choices import on_the_cpu
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.calibration.network_calibration import CALIBRATION_KEY
from orbitile.inference.models.load import load_network
from orbitile.inference.models.segmentation import NetworkDescription
from orbitile.inference.models.weights import load_tensors, save_tensors
from orbitile.inference.models.weights_header import stated_purpose
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import RasterRow
from orbitile.training import fit
from orbitile.training.segmentation import evaluate, train
from orbitile.training.segmentation.dataset import Example
from orbitile.training.segmentation.evaluate import EvaluationRun, evaluate_weights
from orbitile.training.segmentation.losses import SegmentationLoss
from orbitile.training.segmentation.module import Learning, SegmentationModule
from orbitile.training.segmentation.optimiser import OptimiserPlan
from orbitile.training.segmentation.recipe import SegmenterRecipe
from orbitile.training.segmentation.tiles import NOT_VALID, SCHEMA, TrainingTileCut, class_pixels, cut_tiles
from orbitile.training.segmentation.train import train_segmenter

SIDE, TILE = 256, 64
GSD_M = 1737400 * np.pi / 180 * 0.25 / TILE
"""Four tiles fill a square of half a degree."""
RECIPE = SegmenterRecipe(
    network="unet:tu-mobilenetv3_small_050", classes=("fracture",), tile_px=TILE, epochs=2, batch=8,
    learning_rate=0.003, device="cpu", precision="float32", purpose=dict(body="Moon", gsd_range_m=[1, 4]),
)  # fmt: skip
OUTPUTS = dict(
    weights="model.safetensors", metrics="metrics.json", curves="curves.png", card="model_card.md",
    examples="examples.png",
)  # fmt: skip
BAND_NAMES = ("image", "slope", "heat")
ON_THE_CPU = EvaluationRun("cpu", "float32")


def made_up(folder: Path, classes: int = 1, bands: int = 1, overlap_share: float = 0) -> str:
    """A table of tiles of a scene with dark stripes, which are its features, in the last of its bands."""
    rng = np.random.default_rng(0)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[20::40] = labels[21::40] = labels[22::40] = 1
    if classes == 2:
        for start in (30, 160):  # in both splits
            labels[:, start : start + 4] = 2
    scene = np.clip(130 + rng.normal(0, 8, labels.shape) - np.array([0, 60, -60])[labels], 0, 255).astype(np.uint8)
    wkt, transform = CRS("IAU_2015:30110").to_wkt(), Affine(GSD_M, 0, 0, 0, -GSD_M, 0)
    flat = [np.full_like(scene, 25 * number) for number in range(1, bands)]
    for name, pixels in dict(scene=np.stack([*flat, scene]), labels=labels[None]).items():
        profile = dict(driver="GTiff", width=SIDE, height=SIDE, dtype="uint8", crs=wkt, transform=transform)
        with rasterio.open(folder / f"{name}.tif", "w", count=len(pixels), **profile) as sink:
            sink.write(pixels)
    row = RasterRow(
        "a",
        GSD_M,
        str(folder / "scene.tif"),
        wkt,
        list(transform)[:6],
        SIDE,
        SIDE,
        1,
        [0] * bands,
        [255] * bands,
        "projected",
    )
    cut = TrainingTileCut(
        tile_px=TILE, overlap_share=overlap_share, block_deg=0.5, validation_share=0.3, seed=1, class_count=classes
    )
    cut_tiles([row], [str(folder / "labels.tif")], cut, str(folder / "tiles.parquet"))
    return str(folder / "tiles.parquet")


@pytest.fixture(scope="module", autouse=True)
def one_core() -> Iterator[None]:
    """Threads that wait for each other would take most of the time of so small a network."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (train, evaluate, fit):
            patch.setattr(module, "core_count", lambda: 1)
        yield


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made_up(tmp_path_factory.mktemp("tiles"))


def trained(tiles: str, folder: Path, **changes: object) -> tuple[Path, dict]:
    """The weights of a training and its figures."""
    train_segmenter(
        tiles, dataclasses.replace(RECIPE, **changes), **{name: str(folder / file) for name, file in OUTPUTS.items()}
    )
    return folder / "model.safetensors", json.loads((folder / "metrics.json").read_text())


@pytest.fixture(scope="module")
def straight(tiles: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    return trained(tiles, tmp_path_factory.mktemp("straight"))


class PowerCut(logging.Handler):
    """Ends a training when an epoch, the second by default, is reported, before its checkpoint is written."""

    def __init__(self, epoch: int = 2) -> None:
        super().__init__()
        self._start = f"epoch {epoch} "

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self._start):
            raise RuntimeError("power cut")


@pytest.fixture
def log() -> logging.Logger:
    logger = logging.getLogger("orbitile")
    logger.setLevel(logging.INFO)
    return logger


def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    tiles: str, straight: tuple[Path, dict], tmp_path: Path, log: logging.Logger
):
    handler, messages = PowerCut(), []
    log.addHandler(handler)
    with pytest.raises(RuntimeError, match="power cut"):
        trained(tiles, tmp_path)
    log.removeHandler(handler)
    assert not (tmp_path / "model.safetensors").exists()
    listener = logging.Handler()
    listener.emit = lambda record: messages.append(record.getMessage())
    log.addHandler(listener)
    weights, figures = trained(tiles, tmp_path)
    assert messages[0].startswith("resuming from")
    assert [line.split(":")[0] for line in messages if line.startswith("epoch")] == ["epoch 2 of 2"]
    assert figures["epochs"] == 2
    without_time = [{k: v for k, v in run["best_epoch"].items() if k != "hours"} for run in (figures, straight[1])]
    assert without_time[0] == without_time[1]
    assert_equal_weights(weights, straight[0])


def assert_equal_weights(weights: Path, others: Path) -> None:
    (tensors, described), (expected, also_described) = (load_tensors(path) for path in (weights, others))
    assert described == also_described
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_schedule_goes_on_after_an_interruption(
    tiles: str, tmp_path: Path, log: logging.Logger, schedule: str, monkeypatch: pytest.MonkeyPatch
):
    """The rates of all steps are the same, and so are the weights of the last epoch; F1 falls in the third of them."""
    changes = dict(schedule=schedule, plateau_patience=0, plateau_factor=0.1, warmup_epochs=1, optimizer="sgd")
    rates: dict[str, list[float]] = {}

    def recorded(folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        steps = rates.setdefault(folder.name, [])
        with monkeypatch.context() as patch:
            step = SegmentationModule.training_step

            def noting(self: SegmentationModule, batch: Example, number: int) -> torch.Tensor:
                steps.append(self.trainer.optimizers[0].param_groups[0]["lr"])
                return step(self, batch, number)

            patch.setattr(SegmentationModule, "training_step", noting)
            return trained(tiles, folder, epochs=5, patience=10, weight_decay=1e-4, **changes)[0]

    monkeypatch.setattr(train, "best_tensors", last_tensors)
    straight = recorded(tmp_path / "straight")
    handler = PowerCut(4)
    log.addHandler(handler)
    with pytest.raises(RuntimeError, match="power cut"):
        recorded(tmp_path / "cut")
    log.removeHandler(handler)
    resumed = recorded(tmp_path / "cut")
    epoch, straight_rates = len(rates["straight"]) // 5, rates["straight"]
    assert rates["cut"] == straight_rates[: 4 * epoch] + straight_rates[3 * epoch :]
    assert straight_rates[3 * epoch] < straight_rates[3 * epoch - 1]
    assert_equal_weights(resumed, straight)


def last_tensors(work: Path, prefix: str) -> dict[str, torch.Tensor]:
    """The tensors of the last epoch instead of the best."""
    shutil.copy(work / "last.ckpt", work / "best.ckpt")
    return fit.best_tensors(work, prefix)


def test_outputs_are_there_and_the_attempt_is_cleared_away(tiles: str, straight: tuple[Path, dict]):
    weights, figures = straight
    folder = weights.parent
    assert {path.name for path in folder.iterdir()} == set(OUTPUTS.values())
    assert not list(Path(tiles).parent.glob("attempt-*"))
    assert sha256(weights) in (folder / "model_card.md").read_text()
    assert stated_purpose(weights) == RECIPE.purpose
    assert "Learnt from: Moon, 1 to 4 m/px;" in (folder / "model_card.md").read_text()
    assert (folder / "curves.png").stat().st_size > 10_000
    assert (folder / "examples.png").stat().st_size > 10_000
    assert figures["epoch"] in (1, 2)
    assert str(folder).encode() not in weights.read_bytes()
    assert CALIBRATION_KEY not in load_tensors(weights)[1]  # so few tiles tell nothing


def test_weights_describe_themselves(tiles: str, straight: tuple[Path, dict]):
    weights, figures = straight
    tensors, described = load_tensors(weights)
    assert described["family"] == "segmentation"
    assert (described["network"], described["names"]) == (RECIPE.network, {"0": "fracture"})
    assert described["channels"] == 1
    assert described["threshold"] == figures["threshold"] == figures["best_threshold"]
    assert described["mean"] == [pytest.approx(0.49, abs=0.03)]
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.float16", "torch.int64"}
    network = load_network(on_the_cpu(weights, family="segmentation", score_threshold=0.5))
    assert network.threshold == figures["threshold"]
    assert network.predict_batch(torch.zeros(1, 1, TILE, TILE, dtype=torch.uint8)).probability.shape == (1, 1, 64, 64)


def test_weights_are_judged_as_in_training(tiles: str, straight: tuple[Path, dict]):
    weights, figures = straight
    again = evaluate_weights(str(weights), tiles, "val", ON_THE_CPU)
    assert again["at_threshold"] == figures["at_threshold"]
    assert again["at_threshold"]["pooled"]["f1"] >= again["at_half"]["pooled"]["f1"]
    assert again["at_half"]["pooled"]["f1"] == pytest.approx(figures["best_epoch"]["f1"], abs=0.02)


def test_training_can_go_on_from_weights_and_is_ended_in_time(tiles: str, straight: tuple[Path, dict], tmp_path: Path):
    _, figures = trained(tiles, tmp_path, start_from=str(straight[0]), epochs=50, max_hours=1e-9)
    assert (figures["epochs"], figures["is_cut_short"]) == (1, True)
    card = (tmp_path / "model_card.md").read_text()
    assert "ended by its limit of 1e-09 h" in card
    assert "start_from model.safetensors" in card


def test_training_ends_where_nothing_gets_better(tiles: str, straight: tuple[Path, dict], tmp_path: Path):
    changes = dict(start_from=str(straight[0]), epochs=40, patience=1, learning_rate=1e-12)
    _, figures = trained(tiles, tmp_path, **changes)
    assert 2 <= figures["epochs"] < 40
    assert figures["epoch"] == figures["epochs"] - 1


def test_a_training_that_is_killed_while_it_exports_ends_as_an_uninterrupted_one(
    tiles: str, straight: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its epochs had ended by patience: no further one is trained, which might be better."""
    changes = dict(start_from=str(straight[0]), epochs=40, patience=1, learning_rate=1e-12)
    (tmp_path / "straight").mkdir()
    weights, figures = trained(tiles, tmp_path / "straight", **changes)

    def killed(*_: object) -> dict:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
        patch.setattr(train, "_export", killed)
        trained(tiles, tmp_path, **changes)
    resumed, also_figures = trained(tiles, tmp_path, **changes)
    for run in (figures, also_figures):
        del run["hours_on"], run["hours"]
        for epoch in (*run["history"], run["best_epoch"]):
            del epoch["hours"]
    assert also_figures == figures
    assert_equal_weights(resumed, weights)


def test_a_loss_that_is_no_number_is_told(tiles: str, tmp_path: Path):
    with pytest.raises(OrbitileError, match=r"segmentation_training\.learning_rate: the loss became NaN"):
        trained(tiles, tmp_path, learning_rate=1e30)


def test_what_is_chosen_by_decides_which_epoch_is_best(tiles: str, tmp_path: Path):
    """Here the validation loss, by a loss whose weights are counted; figures of all classes stand beside it."""
    changes = dict(loss=dict(cross_entropy={}, dice=dict(weight=0.5)), class_weights="inverse_frequency")
    _, figures = trained(tiles, tmp_path, best_by="validation_loss", **changes)
    card = (tmp_path / "model_card.md").read_text()
    weights, best = figures["class_weights"], figures["best_epoch"]
    assert set(weights) == {"background", "fracture"}
    assert 1 / weights["background"] + 1 / weights["fracture"] == pytest.approx(2)
    assert 0 <= best["mean_iou_without_background"] <= best["mean_iou"] <= best["balanced_accuracy"] <= 1
    assert best["mean_iou_without_background"] == pytest.approx(best["iou"])
    assert figures["history"][best["epoch"] - 1] == best
    assert min(row["validation_loss"] for row in figures["history"]) == best["validation_loss"]
    assert (
        "In the best epoch, by validation loss, the validation tiles had a loss (cross-entropy + 0.5 dice) of" in card
    )
    assert f"Class weights: background {weights['background']:.4g}, fracture {weights['fracture']:.4g}." in card


def with_points(tiles: str, folder: Path) -> str:
    """The table of tiles whose label raster has points: the features of two rows, and the background at another."""
    table, labels = read_table(tiles), Path(tiles).parent / "labels.tif"
    with rasterio.open(labels) as source:
        pixels, profile = source.read(1), source.profile | dict(count=2, nodata=255)
    points = np.zeros_like(pixels)
    points[20:22], points[70] = pixels[20:22] + 1, 1
    with rasterio.open(folder / "labels.tif", "w", **profile) as sink:
        sink.write(np.stack([pixels, points]))
    write_table(table.assign(labels=str(folder / "labels.tif")), SCHEMA, folder / "tiles.parquet", {})
    return str(folder / "tiles.parquet")


def test_points_count_beside_labels(tiles: str, straight: tuple[Path, dict], tmp_path: Path, log: logging.Logger):
    both = with_points(tiles, tmp_path)
    (tmp_path / "ignored").mkdir()
    assert_equal_weights(trained(both, tmp_path / "ignored")[0], straight[0])
    _, figures = trained(both, tmp_path, points_weight=3.0, epochs=1)
    _, without = trained(tiles, tmp_path / "ignored", epochs=1)
    assert figures["best_epoch"]["loss"] > without["best_epoch"]["loss"]


def test_training_tiles_without_points_are_told(tiles: str, tmp_path: Path):
    with pytest.raises(OrbitileError, match=r"segmentation_training\.points: no pixel of a training tile has a point"):
        trained(tiles, tmp_path, points_weight=1.0)


def test_points_of_a_batch_add_their_cross_entropy(tiles: str):
    """Equation 1: that of the points alone, weighted, whatever the labels say."""
    description = NetworkDescription("unet:tu-mobilenetv3_small_050", ("fracture",), 1, (0.5,), (0.2,))
    learning = Learning(SegmentationLoss(dict(dice={}), 1), OptimiserPlan(), points_weight=0.5)
    module = SegmentationModule(torch.nn.Identity(), description, learning)
    logits = torch.linspace(-2, 2, 16).view(1, 1, 4, 4)
    labels, points = torch.ones(1, 4, 4, dtype=torch.long), torch.full((1, 4, 4), NOT_VALID, dtype=torch.uint8)
    without = module._loss(logits, Example(logits, labels, points))
    assert float(without) == pytest.approx(float(SegmentationLoss(dict(dice={}), 1)(logits, labels)))
    points[0, 0, 0], points[0, 3, 3] = 0, 1
    added = float(module._loss(logits, Example(logits, labels, points)) - without)
    assert added == pytest.approx(0.5 * np.log1p(np.exp(-2)), rel=1e-5)


def test_a_class_without_a_training_pixel_is_refused(tmp_path: Path):
    table = made_up(tmp_path, 2)
    tiles = read_table(table)
    tiles = tiles[(tiles["split"] == "val") | (class_pixels(tiles)[:, 1] == 0)]
    write_table(tiles, SCHEMA, table, {})
    with pytest.raises(OrbitileError, match=r"segmentation_training\.classes: no pixel of ridge is in the training"):
        trained(table, tmp_path, classes=("fracture", "ridge"))


def test_a_class_without_a_pixel_for_validation_has_no_figures(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Means were half as large, as if all of it had been missed."""
    table = made_up(tmp_path, 2)
    tiles = read_table(table)
    tiles = tiles[(tiles["split"] == "train") | (class_pixels(tiles)[:, 1] == 0)]
    write_table(tiles, SCHEMA, table, {})
    _, figures = trained(table, tmp_path, classes=("fracture", "ridge"), epochs=1)
    assert "no pixel of ridge is in the tiles kept for validation" in caplog.text
    judged = figures["at_half"]
    assert judged["classes"]["ridge"]["pooled"] == dict.fromkeys(("precision", "recall", "f1", "iou"))
    assert judged["pooled"] == judged["classes"]["fracture"]["pooled"]
    assert judged["tile_averaged"] == judged["classes"]["fracture"]["tile_averaged"]
    assert judged["pooled"]["f1"] == pytest.approx(figures["best_epoch"]["f1"], abs=0.02)
    assert "| the likeliest | all pixels, ridge | - | - | - | - |" in (tmp_path / "model_card.md").read_text()


def test_where_tiles_overlap_pixels_are_judged_once(tmp_path: Path):
    table = made_up(tmp_path, overlap_share=0.4)
    weights, figures = trained(table, tmp_path, epochs=1)
    tiles = read_table(table)
    tiles = tiles[tiles["split"] == "val"]
    shown = np.zeros((SIDE, SIDE), bool)
    for tile in tiles.itertuples():
        shown[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width] = True
    assert shown.sum() < 0.8 * (tiles["width"] * tiles["height"]).sum()
    judged = figures["at_half"]["of_all_classes"]
    assert np.sum(judged["confusion"]["true_by_predicted"]) == shown.sum()
    with rasterio.open(tiles["labels"].iloc[0]) as source:
        assert judged["classes"]["fracture"]["true_px"] == (source.read(1)[shown] == 1).sum()
    assert evaluate_weights(str(weights), table, "val", ON_THE_CPU)["at_half"] == figures["at_half"]


def test_several_classes(tmp_path: Path):
    weights, figures = trained(made_up(tmp_path, 2), tmp_path, classes=("fracture", "ridge"), epochs=1)
    assert load_tensors(weights)[1]["names"] == {"0": "background", "1": "fracture", "2": "ridge"}
    assert set(figures["at_half"]["classes"]) == {"fracture", "ridge"}
    assert figures["threshold"] is None
    network = load_network(on_the_cpu(weights, family="segmentation", score_threshold=0.5))
    assert network.names == ("fracture", "ridge")


@pytest.mark.parametrize("bands", [2, 3])
def test_networks_of_several_bands(tmp_path: Path, bands: int):
    table = made_up(tmp_path, bands=bands)
    with rasterio.open(tmp_path / "scene.tif", "r+") as sink:
        sink.descriptions = BAND_NAMES[:bands]
    weights, _ = trained(table, tmp_path, epochs=1)
    described = load_tensors(weights)[1]
    assert (described["channels"], described["bands"]) == (bands, list(BAND_NAMES[:bands]))
    assert described["mean"] == pytest.approx([25 * number / 255 for number in range(1, bands)] + [0.49], abs=0.03)
    assert f"{bands} bands ({', '.join(BAND_NAMES[:bands])}) of 8 bit" in (tmp_path / "model_card.md").read_text()
    loaded = load_network(on_the_cpu(weights, family="segmentation", score_threshold=0.5, bands=bands))
    assert loaded.predict_batch(torch.zeros(1, bands, TILE, TILE, dtype=torch.uint8)).probability.shape == (
        1,
        1,
        64,
        64,
    )


@pytest.mark.parametrize("network", ["plain_unet:2x4", "unet3plus:3x4:residual", "two_branch_unet:resnet18"])
def test_networks_by_size_and_of_two_branches(tmp_path: Path, network: str):
    """Trained, exported, loaded and judged."""
    tiles = made_up(tmp_path, bands=2)
    weights, figures = trained(tiles, tmp_path, network=network, epochs=1)
    assert load_tensors(weights)[1]["network"] == network
    assert evaluate_weights(str(weights), tiles, "val", ON_THE_CPU)["best_threshold"] == figures["best_threshold"]


def test_networks_that_do_not_take_as_many_bands_are_refused(tmp_path: Path):
    with pytest.raises(
        OrbitileError, match=r"deeplabv3_mobilenet_v3_large takes .* 1 or 3 channels, but the tiles have 2 bands"
    ):
        trained(made_up(tmp_path, bands=2), tmp_path, network="deeplabv3_mobilenet_v3_large")


def test_weights_for_other_bands_are_not_judged(tiles: str, straight: tuple[Path, dict], tmp_path: Path):
    with pytest.raises(OrbitileError, match=r"takes images of 1 channel, but those of this run have 2 bands"):
        evaluate_weights(str(straight[0]), made_up(tmp_path, bands=2), "val", ON_THE_CPU)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(classes=()), r"segmentation_training\.classes: \[\]"),
        (dict(classes=("background", "fracture")), r"segmentation_training\.classes"),
        (
            dict(augmentation=dict(shear=0.5)),
            r"segmentation_training\.augmentation: unknown key shear; use one of clahe, ",
        ),
        (dict(batch=1), r"segmentation_training\.batch"),
        (dict(loss=dict(hinge={})), r"segmentation_training\.loss: unknown loss hinge"),
        (dict(class_weights=dict(fracture=1)), r"segmentation_training\.class_weights: weights of fracture; give"),
        (dict(best_by="loss"), r"segmentation_training\.best_by: loss; allowed are f1, iou"),
        (dict(optimizer="lion"), r"segmentation_training\.optimizer: lion"),
        (dict(oversample=dict(ridge=4)), r"segmentation_training\.oversample: ridge is no class; allowed are fracture"),
        (dict(tile_px=72), r"tile_px: 72 is not a multiple of 32"),
        (dict(tile_px=32), r"tile_px: 32, but the table has larger tiles"),
        (dict(network="unet:resnet19"), "resnet18"),
        (dict(network="two_branch_unet:resnet18"), "takes images of at least 2 channels"),
        (dict(network="plain_unet:7x4"), "tile_px: 64 is not a multiple of 128, as plain_unet:7x4 needs"),
        (dict(start_from="imagenet"), "imagenet: there are weights for the encoders tu-tf_efficientnet_lite0, vgg16"),
        (dict(start_from="OTHER"), "none of its tensors fits"),
    ],
)
def test_recipes_that_cannot_work_are_refused(tiles: str, tmp_path: Path, change: dict, reason: str):
    save_tensors(tmp_path / "other.safetensors", dict(weight=torch.zeros(1)), dict(network="other"))
    if change.get("start_from") == "OTHER":
        change = dict(start_from=str(tmp_path / "other.safetensors"))
    with pytest.raises(OrbitileError, match=reason):
        trained(tiles, tmp_path, **change)
