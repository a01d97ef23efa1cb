"""What the scores of trained weights are worth, by the scenes that are kept for validation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from orbitile.calibration.judged_sample import (
    BLOCKS_TO_CALIBRATE,
    MISSED,
    JudgedDetections,
    JudgedSample,
    JudgedTruth,
    judge_rows,
)
from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.detections.blocks import Blocks
from orbitile.inference.models.network import ModelChoice
from orbitile.inference.models.weights_header import stated_correction
from orbitile.inference.models.yolo import Yolo
from orbitile.rasters.appearance import tile_appearances
from orbitile.tables.craters import Craters
from orbitile.training.detection.batches import DetectorBatches
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.detection.search import ValidationSearch
from orbitile.training.detection.validation import (
    THRESHOLDS,
    JudgedScene,
    mean_sides,
    overlapping_pairs,
    validation_windows,
)

DEGREES_PER_PX = 1e-3
"""Pixels are laid on a sphere around the first meridian, so that blocks are cut as those of craters on a body."""


def calibrate_detector(weights: Path, data: DetectorBatches, recipe: DetectorRecipe) -> NetworkCalibration:
    """Search the validation scenes with weights as a run does, and judge what they find."""
    choice = ModelChoice(
        str(weights), "", "yolo", recipe.device, "float32", compile=False, batch=None,
        score_threshold=float(THRESHOLDS[0]), bands=data.scenes[0].bands,
    )  # fmt: skip
    search = ValidationSearch(Yolo.load(choice), data.validation, stated_correction(weights))
    for tiles in data.val_dataloader():
        search.feed(tiles)
    least_px = data.validation.least_px
    sample = judged_sample(search.judged_scenes(recipe.suppression_iou), recipe.iou_threshold, least_px).limited()
    basis = f"{len(sample.truth.score):,} labelled craters kept for validation, by which the epoch was chosen"
    return NetworkCalibration(sample, least_px, recipe.iou_threshold, basis, appearances=validation_appearances(data))


def validation_appearances(data: DetectorBatches) -> np.ndarray | None:
    """The appearances (n, k) of validation tiles at the finest scale, scene by scene; None where none is valid."""
    validation = data.validation
    appearances: list[np.ndarray] = []
    for scene in validation.scenes:
        if scene.row.scale_m == validation.finest_m:
            windows = [tile.window for tile in validation_windows(scene, data.scales[validation.finest_m].size)]
            appearances += [values for values in tile_appearances(scene.pixels.read, windows) if values is not None]
    return np.stack(appearances) if appearances else None


def judged_sample(scenes: Sequence[JudgedScene], iou_threshold: float, least_px: float) -> JudgedSample:
    """The sample of scenes, which are cut into blocks; craters of `least_px` and more count, as in validation."""
    judged = [scene.is_true & (mean_sides(scene.true) >= least_px) for scene in scenes]
    grounds = {
        f"{number:06d}": _on_sphere(scene.true[members])
        for number, (scene, members) in enumerate(zip(scenes, judged, strict=True))
    }
    blocks = Blocks.of(grounds, BLOCKS_TO_CALIBRATE)
    parts = [
        _judged_rows(scene, members, ground, blocks, iou_threshold, least_px)
        for scene, members, ground in zip(scenes, judged, grounds, strict=True)
    ]
    detections, truth = (
        [np.concatenate(columns) for columns in zip(*rows, strict=True)] for rows in zip(*parts, strict=True)
    )
    return JudgedSample(
        JudgedDetections(*detections), JudgedTruth(*truth), blocks.count, blocks.unit, float(THRESHOLDS[0])
    )


def _judged_rows(
    scene: JudgedScene, judged: np.ndarray, ground: str, blocks: Blocks, iou_threshold: float, least_px: float
) -> tuple[JudgedDetections, JudgedTruth]:
    """A scene's detections that count, and its true craters that are judged (n, bool)."""
    pairs = overlapping_pairs(scene, iou_threshold)
    chosen = pairs.matches()
    detected, true_px = scene.detected, mean_sides(scene.true)
    block, true_block = (blocks.numbers(ground, _on_sphere(boxes)) for boxes in (detected.boxes, scene.true))
    return judge_rows(
        JudgedDetections(detected.scores, mean_sides(detected.boxes), np.zeros(len(block), bool), block),
        JudgedTruth(true_px, np.full(len(true_px), MISSED), true_block),
        (pairs.detected[chosen], pairs.truth[chosen]), np.flatnonzero(judged), least_px,
    )  # fmt: skip


def _on_sphere(boxes: np.ndarray) -> Craters:
    """Boxes (n, 4) in pixels as craters."""
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2 * DEGREES_PER_PX).T
    return Craters(x, -y, mean_sides(boxes))
