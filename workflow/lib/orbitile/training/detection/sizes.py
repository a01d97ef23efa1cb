"""How large and where detected craters are, beside the true ones, by their size."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from orbitile.training.detection.validation import JudgedScene, mean_sides, overlapping_pairs

EDGES_PX = (0, 8, 10, 12, 16, 25, 50, np.inf)
"""Classes of true diameters, in pixels of the finest scale, each from its lower edge on."""


def figures_by_size(scenes: Sequence[JudgedScene], threshold: float, iou_threshold: float) -> list[dict]:
    """Figures of each class of true diameters that has a crater.

    `n_truth`, `recall`, and of those that match the median `diameter_ratio`, detected to true, and the medians in
    pixels of the distance between centres (`offset_px`) and of its parts along columns and rows.
    """
    pairs = [_pairs(scene, threshold, iou_threshold) for scene in scenes]
    true_px, ratio, shift = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    return [
        {"from_px": low, "to_px": None if np.isinf(high) else high} | _figures(ratio[in_class], shift[in_class])
        for low, high in pairwise(EDGES_PX)
        if (in_class := (true_px >= low) & (true_px < high)).any()
    ]


def _pairs(scene: JudgedScene, threshold: float, iou_threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each true crater the diameter, and, NaN where there is no match, the ratio and the shift (2)."""
    pairs, boxes = overlapping_pairs(scene, iou_threshold), scene.found.boxes
    chosen = pairs.matches(threshold)
    i, j = pairs.detected[chosen], pairs.truth[chosen]
    ratio, shift = np.full(len(scene.true), np.nan), np.full((len(scene.true), 2), np.nan)
    ratio[j] = mean_sides(boxes[i]) / mean_sides(scene.true[j])
    shift[j] = (boxes[i, :2] + boxes[i, 2:] - scene.true[j, :2] - scene.true[j, 2:]) / 2
    return mean_sides(scene.true)[scene.is_true], ratio[scene.is_true], shift[scene.is_true]


def _figures(ratio: np.ndarray, shift: np.ndarray) -> dict:
    matched = np.isfinite(ratio)
    figures: dict = dict(n_truth=len(ratio), recall=float(matched.mean()))
    if not matched.any():
        return figures
    columns, rows = np.median(shift[matched], axis=0).tolist()
    distance = float(np.median(np.linalg.norm(shift[matched], axis=1)))
    return figures | dict(
        diameter_ratio=float(np.median(ratio[matched])), offset_px=distance, column_shift_px=columns, row_shift_px=rows
    )
