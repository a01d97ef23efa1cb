"""The likeliest class, background included."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.torch import save_file

from orbitile.inference.class_decision import ClassDecision, class_numbers, knows_background, smooth_probabilities
from orbitile.inference.mask_threshold import is_positive
from orbitile.training.segmentation.evaluate import _class_numbers


@pytest.mark.parametrize(
    ("levels", "expected", "without_background"),
    [
        ([0, 0, 0], 0, 1),
        ([85, 85, 84], 1, 1),  # the background has 1
        ([84, 85, 85], 2, 2),
        ([60, 60, 60], 0, 1),  # the background has 75
        ([64, 64, 63], 0, 1),  # and 64, as the first two
        ([128, 127, 1], 1, 1),  # roundings add up to more than 255
        ([127, 0, 0], 0, 1),
        ([128, 0, 0], 1, 1),
        ([0, 0, 255], 3, 3),
        ([255, 255, 255], 1, 1),
    ],
)
def test_the_likeliest_class_by_hand(levels, expected, without_background):
    probability = np.array(levels, np.uint8).reshape(3, 1, 1)
    assert class_numbers(probability)[0, 0] == expected
    assert class_numbers(probability, with_background=False)[0, 0] == without_background


@given(arrays(np.uint8, (3, 2, 5, 5), elements=st.integers(0, 255)))
def test_tiles_in_training_as_scenes_and_as_written_down_plainly(tiles):
    """Of tiles (n, classes, rows, columns), the largest of all levels with that of the background."""
    features = torch.from_numpy(tiles).int()
    expected = torch.cat([255 - features.sum(dim=1, keepdim=True), features], dim=1).numpy().argmax(axis=1)
    assert np.array_equal(_class_numbers(torch.from_numpy(tiles), 0.5).numpy(), expected)
    assert np.array_equal(np.stack([class_numbers(tile) for tile in tiles]), expected)


def test_a_single_class_has_what_reaches_one_half():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, -1)
    assert np.array_equal(class_numbers(levels) == 1, is_positive(levels[0], 0.5))


def test_many_classes_that_are_all_sure():
    assert (class_numbers(np.full((254, 1, 1), 255, np.uint8)) == 1).all()


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["background", "a", "b"], True), (["a", "b", "background"], True), (["a", "b"], False), (["a"], True)],
)
def test_whether_a_network_has_a_background(tmp_path, names, expected):
    named = dict(names=json.dumps(dict(enumerate(names))))
    save_file(dict(a=torch.zeros(1)), tmp_path / "w.safetensors", named)
    assert knows_background(dict(weights=str(tmp_path / "w.safetensors"))) == expected
    assert knows_background(dict(weights=str(tmp_path / "w.pt")), names) == expected


def test_what_nobody_names_has_one(tmp_path):
    assert knows_background(None)
    assert knows_background(dict(weights=str(tmp_path / "w.pt")))


def test_smoothing_is_the_mean_of_valid_pixels_weighted_by_a_gaussian():
    random = np.random.default_rng(0)
    probability = random.integers(0, 256, (2, 9, 11), dtype=np.uint8)
    valid = random.random((9, 11)) < 0.8
    smooth = smooth_probabilities(probability, valid, 1.5, 5)
    rows, cols = np.mgrid[:9, :11]
    for row, col in np.argwhere(valid):
        distance = np.maximum(abs(rows - row), abs(cols - col))
        weight = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * 1.5**2)) * valid * (distance <= 5)
        expected = (probability * weight).sum(axis=(1, 2)) / weight.sum()
        assert smooth[:, row, col] == pytest.approx(expected, abs=0.5 + 1e-9)
    assert (smooth[:, ~valid] == 0).all()


def test_a_decision_knows_how_far_it_looks():
    assert ClassDecision().halo_px == 0
    assert ClassDecision(smoothing_px=1.5).halo_px == 5
    assert ClassDecision(smoothing_px=1, smallest_region_px=(0, 7, 3)).halo_px == 17
