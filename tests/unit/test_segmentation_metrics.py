"""Measures of classified pixels, against tables worked out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from orbitile.training.segmentation.metrics import (
    STEPS,
    averaged,
    best_threshold,
    counts_of,
    histogram,
    macro,
    pooled,
)

FOUND = tensor([[[1, 1, 0, 0]], [[0, 0, 0, 0]], [[1, 0, 0, 0]]])
LABELS = tensor([[[1, 0, 1, 255]], [[1, 1, 0, 0]], [[0, 255, 0, 0]]])
"""A tile with a hit, a false alarm, a miss; one with two misses; one with a false alarm alone."""


def test_pixels_are_counted_tile_by_tile():
    assert counts_of(FOUND, LABELS, 1).tolist() == [[[1, 1, 1]], [[0, 0, 2]], [[0, 1, 0]]]


def test_classes_are_counted_apart():
    """A pixel of class 1 taken for class 2 is a miss of one and a false alarm of the other."""
    found, labels = tensor([[[1, 2, 2, 0, 2]]]), tensor([[[1, 1, 2, 2, 255]]])
    assert counts_of(found, labels, 2).tolist() == [[[1, 0, 1], [1, 1, 1]]]


def test_pooled_measures():
    """TP 1, FP 2, FN 3."""
    found = pooled(counts_of(FOUND, LABELS, 1))
    assert found == dict(precision=[pytest.approx(1 / 3)], recall=[0.25], f1=[pytest.approx(2 / 7)],
                         iou=[pytest.approx(1 / 6)])  # fmt: skip


def test_measures_averaged_over_tiles():
    """Precision over tiles one and three: 1/2 and 0. Recall over tiles one and two: 1/2 and 0. IoU: 1/3, 0, 0."""
    found = averaged(counts_of(FOUND, LABELS, 1))
    assert found == dict(precision=[0.25], recall=[0.25], f1=[0.25], iou=[pytest.approx(1 / 9)])


@pytest.mark.parametrize("measure", [pooled, averaged])
def test_nothing_found_and_nothing_there_is_nought_not_nan(measure):
    assert measure(torch.zeros(3, 1, 3)) == dict(precision=[0.0], recall=[0.0], f1=[0.0], iou=[0.0])


def test_macro_is_the_mean_of_classes():
    assert macro(dict(precision=[0.2, 0.6], recall=[1.0, 0.0])) == dict(precision=0.4, recall=0.5)


def test_histogram():
    probability = tensor([[0.0, 0.29, 0.295], [1.0, 0.5, 0.5]])
    found = histogram(probability, tensor([[0, 0, 1], [1, 1, 255]]))
    assert found.sum(dim=1).tolist() == [2, 3]
    assert {step: found[0, step].item() for step in (0, 29)} == {0: 1, 29: 1}
    assert {step: found[1, step].item() for step in (29, 50, 100)} == {29: 1, 50: 1, 100: 1}


@pytest.mark.parametrize(
    ("background", "features", "expected"),
    [
        ({10: 5}, {80: 5}, 0.5),  # from 0.11 to 0.80 all is right
        ({10: 5}, {30: 5}, 0.3),
        ({70: 5}, {80: 5}, 0.71),
        ({20: 90, 60: 10}, {40: 10, 90: 10}, 0.4),  # F1 0.8; from 0.61 on 0.67
        ({20: 90, 60: 30}, {40: 10, 90: 10}, 0.61),  # F1 0.67; from 0.40 on 0.57
        ({}, {0: 5}, 0.0),
        ({30: 5}, {}, 0.5),  # no feature: none is better than another
    ],
)
def test_best_threshold(background: dict, features: dict, expected: float):
    counts = torch.zeros(2, STEPS, dtype=torch.long)
    for row, given_counts in enumerate((background, features)):
        for step, count in given_counts.items():
            counts[row, step] = count
    assert best_threshold(counts) == expected


@given(st.lists(st.tuples(st.integers(0, 255), st.sampled_from([0, 1, 255])), min_size=1, max_size=60))
def test_the_best_threshold_is_the_best_of_all(pixels: list[tuple[int, int]]):
    """Compared with counting pixels at each threshold."""
    probability, labels = (tensor(part)[None, None] for part in zip(*pixels, strict=True))
    probability = probability / 255

    def f1(threshold: float) -> float:
        return pooled(counts_of((probability >= threshold).long(), labels, 1))["f1"][0]

    best = best_threshold(histogram(probability, labels))
    assert f1(best) == pytest.approx(max(f1(step / 100) for step in range(STEPS)))


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=9))
def test_measures_hold_together(counts: list[tuple[int, int, int]]):
    whole = {name: value[0] for name, value in pooled(tensor(counts)[:, None]).items()}
    assert all(0 <= value <= 1 and math.isfinite(value) for value in whole.values())
    assert whole["iou"] == pytest.approx(whole["f1"] / (2 - whole["f1"]))
    one = averaged(tensor(counts)[:1, None])
    assert one["iou"][0] <= min(one["precision"][0], one["recall"][0]) + 1e-12
