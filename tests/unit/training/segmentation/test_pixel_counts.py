"""Counts and measures of classified pixels, against tables worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from orbitile.features.metrics import MEASURES, PixelCounts, class_mean, class_metrics, tile_mean_metrics
from orbitile.inference.models.weights_header import checked_threshold
from orbitile.training.segmentation.pixel_counts import (
    STEPS,
    best_threshold,
    concat_counts,
    count_pixels,
    probability_histogram,
    tile_mean_class_metrics,
)

PREDICTED = tensor([[[1, 1, 0, 0]], [[0, 0, 0, 0]], [[1, 0, 0, 0]]])
LABELS = tensor([[[1, 0, 1, 255]], [[1, 1, 0, 0]], [[0, 255, 0, 0]]])
"""A tile with a hit, a false alarm, a miss; one with two misses; one with a false alarm alone."""


def listed(counts):
    """Counts as lists (tiles, classes, 3)."""
    return np.stack([counts.tp, counts.fp, counts.fn], axis=-1).tolist()


def test_pixels_are_counted_tile_by_tile():
    assert listed(count_pixels(PREDICTED, LABELS, 1)) == [[[1, 1, 1]], [[0, 0, 2]], [[0, 1, 0]]]


def test_classes_are_counted_apart():
    """A pixel of class 1 taken for class 2 is a miss of one and a false alarm of the other."""
    predicted, labels = tensor([[[1, 2, 2, 0, 2]]]), tensor([[[1, 1, 2, 2, 255]]])
    assert listed(count_pixels(predicted, labels, 2)) == [[[1, 0, 1], [1, 1, 1]]]


def test_batches_are_joined_in_their_order():
    batches = [count_pixels(PREDICTED[:2], LABELS[:2], 1), count_pixels(PREDICTED[2:], LABELS[2:], 1)]
    assert listed(concat_counts(batches)) == listed(count_pixels(PREDICTED, LABELS, 1))


def test_pooled_measures():
    """TP 1, FP 2, FN 3."""
    metrics = class_metrics(count_pixels(PREDICTED, LABELS, 1))
    assert metrics == dict(precision=[pytest.approx(1 / 3)], recall=[0.25], f1=[pytest.approx(2 / 7)],
                           iou=[pytest.approx(1 / 6)])  # fmt: skip


def test_measures_averaged_over_tiles():
    """Precision over tiles one and three: 1/2 and 0. Recall over tiles one and two: 1/2 and 0. IoU: 1/3, 0, 0."""
    metrics = tile_mean_class_metrics(count_pixels(PREDICTED, LABELS, 1))
    assert metrics == dict(precision=[0.25], recall=[0.25], f1=[0.25], iou=[pytest.approx(1 / 9)])


def counts_of_rows(rows):
    """Counts (tiles, classes) of rows (tiles, classes, 3)."""
    return PixelCounts(*np.moveaxis(np.array(rows), -1, 0))


@pytest.mark.parametrize("metrics", [class_metrics, tile_mean_class_metrics])
def test_nothing_predicted_and_nothing_true_is_nought_not_nan(metrics):
    assert metrics(counts_of_rows(np.zeros((3, 1, 3)))) == dict(precision=[0.0], recall=[0.0], f1=[0.0], iou=[0.0])


def test_the_mean_over_classes():
    measures = dict(precision=[0.2, 0.6], recall=[1.0, 0.0])
    assert class_mean(measures, np.array([True, True])) == dict(precision=0.4, recall=0.5)
    assert class_mean(measures, np.array([True, False])) == dict(precision=0.2, recall=1)


def test_histogram():
    probability = tensor([[0.0, 0.29, 0.295], [1.0, 0.5, 0.5]])
    pixels = probability_histogram(probability, tensor([[0, 0, 1], [1, 1, 255]]))
    assert pixels.sum(dim=1).tolist() == [2, 3]
    assert {step: pixels[0, step].item() for step in (0, 29)} == {0: 1, 29: 1}
    assert {step: pixels[1, step].item() for step in (29, 50, 100)} == {29: 1, 50: 1, 100: 1}


@pytest.mark.parametrize(
    ("background", "features", "expected"),
    [
        ({10: 5}, {80: 5}, 0.5),  # from 0.11 to 0.80 all is right
        ({10: 5}, {30: 5}, 0.3),
        ({70: 5}, {80: 5}, 0.71),
        ({20: 90, 60: 10}, {40: 10, 90: 10}, 0.4),  # F1 0.8; from 0.61 on 0.67
        ({20: 90, 60: 30}, {40: 10, 90: 10}, 0.61),  # F1 0.67; from 0.40 on 0.57
        ({}, {1: 5}, 0.01),
        ({0: 90, 1: 5}, {0: 5, 1: 5}, 0.01),  # all that is above 0, by a network that has collapsed to the background
        ({}, {0: 5}, 0.5),  # 0 is never positive: none is better than another
        ({0: 5}, {0: 90}, 0.5),
        ({30: 5}, {}, 0.5),  # nor is any without a feature
    ],
)
def test_best_threshold(background: dict, features: dict, expected: float):
    counts = torch.zeros(2, STEPS, dtype=torch.long)
    for row, pixels in enumerate((background, features)):
        for step, count in pixels.items():
            counts[row, step] = count
    assert best_threshold(counts) == expected


@given(st.lists(st.tuples(st.integers(0, 255), st.sampled_from([0, 1, 255])), min_size=1, max_size=60))
def test_the_best_threshold_is_the_best_of_all(pixels: list[tuple[int, int]]):
    """Compared with counting pixels at each threshold that weights may state."""
    probability, labels = (tensor(part)[None, None] for part in zip(*pixels, strict=True))
    probability = probability / 255

    def f1(threshold: float) -> float:
        return class_metrics(count_pixels((probability >= threshold).long(), labels, 1))["f1"][0]

    best = best_threshold(probability_histogram(probability, labels))
    assert checked_threshold(best) == best
    assert f1(best) == pytest.approx(max(f1(step / 100) for step in range(1, STEPS)))


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=9))
def test_measures_hold_together(rows: list[tuple[int, int, int]]):
    pooled = {name: value[0] for name, value in class_metrics(counts_of_rows([[row] for row in rows])).items()}
    assert all(0 <= value <= 1 and math.isfinite(value) for value in pooled.values())
    assert pooled["iou"] == pytest.approx(pooled["f1"] / (2 - pooled["f1"]))
    of_tile = tile_mean_class_metrics(counts_of_rows([[rows[0]]]))
    assert of_tile["iou"][0] <= min(of_tile["precision"][0], of_tile["recall"][0]) + 1e-12


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=9))
def test_networks_and_maps_are_measured_alike(rows: list[tuple[int, int, int]]):
    """Means over tiles are those of maps, and those over all pixels are those of plain formulas."""
    of_map = tile_mean_metrics([PixelCounts(*row) for row in rows])
    of_network = tile_mean_class_metrics(counts_of_rows([[row] for row in rows]))
    assert {name: of_network[name][0] for name in of_map} == pytest.approx(of_map)
    tp, fp, fn = map(sum, zip(*rows, strict=True))
    plain = [(tp, tp + fp), (tp, tp + fn), (2 * tp, 2 * tp + fp + fn), (tp, tp + fp + fn)]
    pooled = class_metrics(counts_of_rows([[row] for row in rows]))
    assert [pooled[name][0] for name in MEASURES] == [part / total if total else 0 for part, total in plain]
