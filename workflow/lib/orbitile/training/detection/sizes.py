"""How large and where detected craters are, beside the true ones, by their size."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.detections.box_correction import BoxCorrection
from orbitile.training.detection.validation import JudgedScene, mean_sides, overlapping_pairs

EDGES_PX = (0, 8, 10, 12, 16, 25, 50, np.inf)
"""Classes of true diameters, in pixels of the finest scale, each from its lower edge on."""
LEAST_BIAS = 0.01
"""Sizes that are off by a smaller share are not corrected."""
SURE = 2
"""Standard errors by which sizes must be off to be corrected."""
LEAST_MATCHES = 20
"""Matched craters of a class from which its bias is measured."""
MEDIAN_ERROR = math.sqrt(math.pi / 2)
"""Standard error of a median of normal numbers, as a multiple of that of their mean."""
OPEN_CLASS = math.sqrt(2)
"""Typical size of the largest class, as a multiple of its lower edge."""


def figures_by_size(scenes: Sequence[JudgedScene], threshold: float, iou_threshold: float) -> list[dict]:
    """Figures of each class of true diameters that has a crater.

    `n_truth`, `recall`, and of those that match the median `diameter_ratio`, detected to true, with the standard error
    of its logarithm (`ratio_error`), and the medians in pixels of the distance between centres (`offset_px`) and of its
    parts along columns and rows.
    """
    pairs = [_pairs(scene, threshold, iou_threshold) for scene in scenes]
    true_px, ratio, shift = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    return [
        {"from_px": low, "to_px": None if np.isinf(high) else high} | _figures(ratio[in_class], shift[in_class])
        for low, high in pairwise(EDGES_PX)
        if (in_class := (true_px >= low) & (true_px < high)).any()
    ]


def size_correction(by_size: Sequence[Mapping]) -> list[list[float]]:
    """What undoes the bias in diameters of `figures_by_size`: [size in pixels, factor], as weights state it.

    Classes that are not surely biased have the factor 1; without any that is, or where a larger box would become the
    smaller one, there is no correction.
    """
    points, is_biased = [], False
    for figures in by_size:
        if not figures["from_px"] or round(figures["n_truth"] * figures["recall"]) < LEAST_MATCHES:
            continue
        bias = math.log(figures["diameter_ratio"])
        is_sure = abs(bias) > max(LEAST_BIAS, SURE * figures["ratio_error"])
        low, high = figures["from_px"], figures["to_px"] or figures["from_px"] * OPEN_CLASS**2
        points.append([round(math.sqrt(low * high) * math.exp(bias), 2), round(math.exp(-bias * is_sure), 4)])
        is_biased |= is_sure
    try:
        BoxCorrection.of(points)
    except OrbitileError:
        return []
    return points if is_biased else []


def _pairs(scene: JudgedScene, threshold: float, iou_threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each true crater the diameter, and, NaN where there is no match, the ratio and the shift (2)."""
    pairs, boxes = overlapping_pairs(scene, iou_threshold), scene.detected.boxes
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
    spread = float(np.std(np.log(ratio[matched])))
    distance = float(np.median(np.linalg.norm(shift[matched], axis=1)))
    return figures | dict(
        diameter_ratio=float(np.median(ratio[matched])), ratio_error=MEDIAN_ERROR * spread / math.sqrt(matched.sum()),
        offset_px=distance, column_shift_px=columns, row_shift_px=rows,
    )  # fmt: skip
