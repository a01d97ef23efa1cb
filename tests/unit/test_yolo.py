"""The YOLO adapter, with networks of random weights: what goes in, what comes out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from orbitile.errors import OrbitileError
from orbitile.files import sha256
from orbitile.models.adapter import ModelChoice, load
from orbitile.models.ultralytics_offline import DetectionModel
from orbitile.models.weights import save_tensors

SIDE = 96


def choice(weights: Path, **changes: object) -> ModelChoice:
    fields = dict(sha256=sha256(weights), family="yolo", device="cpu", batch=4, score_threshold=0.0)
    return ModelChoice(str(weights), **fields | changes)


def save(folder: Path, network: str) -> Path:
    torch.manual_seed(0)
    model = DetectionModel(network, nc=2, verbose=False)
    path = folder / "model.safetensors"
    description = dict(family="yolo", network=model.yaml, names={0: "crater", 1: "pit"})
    save_tensors(path, model.state_dict(), description)
    return path


@pytest.fixture
def tiles() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (3, SIDE, SIDE)).astype(np.uint8)


@pytest.mark.parametrize("network", ["yolov8n.yaml", "yolo11n.yaml", "yolo12n.yaml", "yolo26n.yaml"])
def test_generations_of_networks_give_boxes(tmp_path: Path, tiles: np.ndarray, network: str):
    found = load(choice(save(tmp_path, network))).predict(tiles)
    assert set(found.tile) == {0, 1, 2}
    assert found.corners.shape == (len(found.score), 4)
    assert set(found.label) <= {"crater", "pit"}
    assert len(found.score) > 0


def test_a_tile_s_boxes_do_not_depend_on_its_company(tmp_path: Path, tiles: np.ndarray):
    detector = load(choice(save(tmp_path, "yolo11n.yaml")))
    together, alone = detector.predict(tiles), detector.predict(tiles[1:2])
    mine = together.tile == 1
    np.testing.assert_array_equal(together.corners[mine], alone.corners)
    np.testing.assert_array_equal(together.score[mine], alone.score)


def test_more_than_300_boxes_of_a_tile_are_kept(tmp_path: Path):
    tile = np.random.default_rng(0).integers(0, 255, (1, 640, 640)).astype(np.uint8)
    assert len(load(choice(save(tmp_path, "yolo11n.yaml"))).predict(tile).score) > 300


def test_lower_scores_are_left_out(tmp_path: Path, tiles: np.ndarray):
    weights = save(tmp_path, "yolo11n.yaml")
    everything = load(choice(weights)).predict(tiles).score
    threshold = float(np.median(everything))
    assert load(choice(weights, score_threshold=threshold)).predict(tiles).score.min() >= threshold


def test_an_ultralytics_checkpoint_gives_the_same_boxes(tmp_path: Path, tiles: np.ndarray):
    torch.manual_seed(0)
    model = DetectionModel("yolo11n.yaml", nc=2, verbose=False)
    model.names = {0: "crater", 1: "pit"}
    torch.save({"model": model}, tmp_path / "model.pt")
    found = load(choice(tmp_path / "model.pt")).predict(tiles)
    expected = load(choice(save(tmp_path, "yolo11n.yaml"))).predict(tiles)
    np.testing.assert_array_equal(found.corners, expected.corners)


class Malicious:
    """Would make a file if its pickle were run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_checkpoint_s_code_is_not_run(tmp_path: Path):
    torch.save({"model": Malicious(tmp_path / "owned")}, tmp_path / "model.pt")
    with pytest.raises(OrbitileError, match="no ultralytics detection model"):
        load(choice(tmp_path / "model.pt"))
    assert not (tmp_path / "owned").exists()


def test_the_number_of_cores_changes_nothing(tmp_path: Path, tiles: np.ndarray):
    """Whatever a machine's setting is, the last digits are the same."""
    network = choice(save(tmp_path, "yolo11n.yaml"))
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(load(network).predict(tiles))
    for other in found[1:]:
        assert other.score.tobytes() == found[0].score.tobytes()
        assert other.corners.tobytes() == found[0].corners.tobytes()
