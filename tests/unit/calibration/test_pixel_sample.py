import json

import numpy as np
import pytest
from pixel_samples import literal_pixels, made_up_pixels

from orbitile.base.errors import OrbitileError
from orbitile.calibration.pixel_sample import LEVEL_THRESHOLDS, LEVELS, PixelSample
from orbitile.inference.mask_threshold import is_positive, least_level


@pytest.mark.parametrize(
    ("threshold", "detected", "false", "missed"),
    [
        (0.0039, [10, 5], [6, 1], [0, 0]),
        (0.2, [8, 5], [6, 1], [2, 0]),
        (0.5, [3, 5], [1, 1], [2, 0]),
        (200 / 255, [3, 5], [1, 1], [2, 0]),
        (0.79, [0, 2], [0, 1], [4, 3]),
        (1.0, [0, 2], [0, 1], [4, 3]),
    ],
)
def test_counts_by_hand(threshold, detected, false, missed):
    counts = literal_pixels().of_class("fracture").counts(threshold)
    assert [part.tolist() for part in counts] == [detected, false, [4, 4], missed]


def test_counts_are_those_of_pixel_by_pixel():
    random = np.random.default_rng(0)
    level, is_true, block = random.integers(0, 256, 5000), random.random(5000) < 0.3, random.integers(0, 7, 5000)
    pixels = np.zeros((7, 1, 2, LEVELS), np.int64)
    np.add.at(pixels, (block, 0, is_true.astype(int), level), 1)
    sample = PixelSample(pixels, ("any",)).of_class("any")
    for threshold in (*LEVEL_THRESHOLDS[::17].tolist(), 0.39, 0.5, 1.0):
        positive = is_positive(level, threshold)
        for part, chosen in zip(
            sample.counts(threshold), (positive, positive & ~is_true, is_true, is_true & ~positive), strict=True
        ):
            assert part.tolist() == np.bincount(block[chosen], minlength=7).tolist()


def test_every_level_has_a_threshold_of_its_own():
    assert [least_level(threshold) for threshold in LEVEL_THRESHOLDS] == list(range(1, 256))
    assert LEVEL_THRESHOLDS[-1] == 1


def test_a_sample_comes_back_from_its_text():
    sample = made_up_pixels(blocks=9, classes=("a", "b"), unit="scenes")
    back = PixelSample.of_json(json.loads(json.dumps(sample.to_json())))
    assert (back.pixels == sample.pixels).all()
    assert (back.classes, back.unit, back.blocks) == (("a", "b"), "scenes", 9)
    empty = PixelSample.of_json(PixelSample(np.zeros((0, 1, 2, LEVELS), np.int64), ("a",)).to_json())
    assert empty.blocks == 0


def test_only_so_many_blocks_are_kept():
    sample = made_up_pixels(blocks=10, classes=("a", "b"))
    limited = sample.limited(most=4 * 2 * 2 * LEVELS + 1)
    assert limited.blocks == 4
    assert sample.limited() is sample
    every = [block.tobytes() for block in sample.pixels]
    assert len({every.index(block.tobytes()) for block in limited.pixels}) == 4


@pytest.mark.parametrize(
    "change",
    [
        dict(pixels=None), dict(pixels={}), dict(blocks=3), dict(blocks=10**9), dict(blocks="x"), dict(blocks=-1),
        dict(pixels=dict(a=[["1 2", "-3"], ["", ""]])), dict(pixels=dict(a=[["1 x", ""], ["", ""]])),
        dict(pixels=dict(a=[["1"], ["", ""]])), dict(pixels=dict(a=[["0 " * 257, ""], ["", ""]])),
        dict(pixels=dict(a=[[f"{2**60}", ""], ["", ""]])), dict(pixels=dict(a=[[f"{10**30}", ""], ["", ""]])),
        dict(pixels=dict(a=[[3, 4], ["", ""]])),
    ],
)  # fmt: skip
def test_what_is_no_sample_is_refused(change):
    content = dict(blocks=2, unit="squares", pixels=dict(a=[["1 2", "3"], ["", "4"]]))
    assert PixelSample.of_json(content).pixels.sum() == 10
    with pytest.raises(OrbitileError, match=r"judged pixels are none .* target calibrate"):
        PixelSample.of_json(content | change)
