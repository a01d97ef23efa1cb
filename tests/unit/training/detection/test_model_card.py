from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from orbitile.base.files import sha256
from orbitile.training.detection.model_card import TrainingFacts, detector_card, plot_detector_curves
from orbitile.training.detection.recipe import DetectorRecipe

EPOCH = dict(
    epoch=3, hours=0.5, f1=0.71, precision=0.75, recall=0.68, score_threshold=0.31, n_truth=120, box_loss=1.0,
    class_loss=2.0, edge_loss=3.0,
    by_size=[
        dict(from_px=8, to_px=10, n_truth=3, recall=0.0),
        dict(from_px=50, to_px=None, n_truth=4, recall=0.75, diameter_ratio=1.02, offset_px=0.5),
    ],
)  # fmt: skip
FIGURES = dict(epoch=3, epochs=7, hours=0.5, hours_on={"2 CPU cores": 0.2, "a GPU": 0.3}, is_cut_short=False,
               best_epoch=EPOCH)  # fmt: skip
SCENES = pd.DataFrame([dict(split="train", scale_m=100.0, scenes=4, craters=50),
                       dict(split="val", scale_m=100.0, scenes=1, craters=9)])  # fmt: skip
FACTS = TrainingFacts(DetectorRecipe(start_from="/somewhere/else/start.safetensors"), SCENES, "8-bit grey", FIGURES,
                      2_600_000)  # fmt: skip


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model.safetensors"


def test_a_card(weights: Path):
    card = detector_card(FACTS, weights)
    for words in (
        "# model.safetensors", sha256(weights), "Trained from start.safetensors, 2.6 million numbers, tiles of 320 px",
        "| train | 100 | 4 | 50 |", "| val | 100 | 1 | 9 |", "Best of 7 epochs was 3",
        "training took 0.20 h on 2 CPU cores, 0.30 h on a GPU.", "a score of 0.31", "F1 0.710, precision 0.750, recall",
        "120 true craters", "other scenes will do worse", "| 8 to 10 | 3 | 0.000 | - | - |",
        "| 50 to more | 4 | 0.750 | 1.020 | 0.50 |", "averaging 0.998",
    ):  # fmt: skip
        assert words in card.replace("\n", " ")
    assert "/somewhere" not in card


def test_a_training_that_was_cut_short_says_so(weights: Path):
    facts = replace(FACTS, recipe=replace(FACTS.recipe, max_hours=2.5), figures=FIGURES | dict(is_cut_short=True))
    assert "It was ended by its limit of 2.5 h." in detector_card(facts, weights)


def test_curves(tmp_path: Path):
    plot_detector_curves([EPOCH | dict(epoch=1), EPOCH | dict(epoch=2)], str(tmp_path / "curves.png"))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_sizes_that_runs_correct_are_listed(weights: Path):
    biased = dict(from_px=8, to_px=18, n_truth=99, recall=0.9, diameter_ratio=1.25, ratio_error=0.01, offset_px=0.5)
    facts = replace(FACTS, figures=FIGURES | dict(best_epoch=EPOCH | dict(by_size=[biased])))
    assert "runs correct diameters, as the weights state: 15 px by 0.8, and" in detector_card(facts, weights)
    assert "Diameters are used as they are detected." in detector_card(FACTS, weights)
