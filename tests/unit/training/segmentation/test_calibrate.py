"""What weights state of their validation tiles, by a network whose probabilities are made up."""

import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from orbitile.training.segmentation import calibrate
from orbitile.training.segmentation.calibrate import calibrate_segmenter
from orbitile.training.segmentation.evaluate import EvaluationRun, PredictedBatch

TILE, STEP = 96, 64


@pytest.fixture
def calibrated(monkeypatch):
    """Calibrates by validation tiles of scenes of a side, which overlap; a network gives every tile another level."""

    def run(scenes, side):
        starts = range(0, side - TILE + 1, STEP)
        places = [(scene, col, row) for scene in range(scenes) for row in starts for col in starts]
        table = pd.DataFrame(places, columns=["scene", "col", "row"])
        table = table.assign(width=TILE, height=TILE, scale_m=1.0, split="val", low=[[0.0]] * len(table))
        levels = torch.full((len(table), 1, TILE, TILE), 100, dtype=torch.uint8)
        levels[1::2] = 200
        labels = torch.zeros((len(table), TILE, TILE), dtype=torch.uint8)
        labels[:, ::2] = 1
        labels[:, :, :2] = 255
        monkeypatch.setattr(calibrate, "read_table", lambda _: table)
        monkeypatch.setattr(calibrate, "load_segmenter", lambda *_: SimpleNamespace(names=("fracture",)))
        batches = [PredictedBatch(levels[n : n + 4], labels[n : n + 4]) for n in range(0, len(table), 4)]
        monkeypatch.setattr(calibrate, "predicted_batches", lambda *_: iter(batches))
        return calibrate_segmenter("w", "t", EvaluationRun())

    return run


def test_where_tiles_overlap_their_mean_counts_once(calibrated):
    calibration = calibrated(scenes=8, side=TILE + STEP)
    counts = calibration.sample.pixels.sum(axis=0)[0]
    assert calibration.sample.blocks == 8 * 9
    assert set(np.flatnonzero(counts.sum(axis=0))) == {100, 150, 200}
    rows = TILE + STEP
    # The first two columns of tiles have no label; where tiles overlap, that of the later one stands.
    assert counts.sum() == 8 * rows * (rows - 4)
    assert counts[1].sum() == counts[0].sum()
    assert calibration.basis.startswith(f"{counts[1].sum():,} labelled pixels kept for validation")


def test_too_few_validation_tiles_state_nothing(calibrated, caplog):
    with caplog.at_level(logging.WARNING):
        assert calibrated(scenes=1, side=TILE + STEP) is None
    assert "9 squares of 64 px with fracture, of at least 16; the weights state no calibration" in caplog.text
