import numpy as np
import pytest

from orbitile.training.detection.sizes import figures_by_size
from orbitile.training.detection.validation import FoundBoxes, JudgedScene


def judged(detected: list, scores: list, true: list, is_true: list) -> JudgedScene:
    found = FoundBoxes(np.array(detected, float).reshape(-1, 4), np.array(scores))
    return JudgedScene(found, np.array(true, float).reshape(-1, 4), np.array(is_true, bool))


def test_figures_of_each_size():
    """One crater of 9 px that is missed, two of 20 px: found 10 % too large and 1 px right, and 1 px too low."""
    true = [(0, 0, 9, 9), (100, 100, 120, 120), (200, 200, 220, 220), (300, 300, 320, 320)]
    detected = [(100, 99, 122, 121), (200, 201, 220, 221), (300, 300, 320, 320), (0, 0, 9, 9)]
    small, large = figures_by_size([judged(detected, [0.5, 0.6, 0.7, 0.1], true, [1, 1, 1, 0])], 0.4, 0.3)
    assert small == dict(from_px=8, to_px=10, n_truth=1, recall=0)
    assert (large["from_px"], large["to_px"], large["n_truth"], large["recall"]) == (16, 25, 2, 1)
    assert large["diameter_ratio"] == pytest.approx(1.05)
    assert (large["offset_px"], large["column_shift_px"], large["row_shift_px"]) == pytest.approx((1, 0.5, 0.5))


def test_the_largest_class_has_no_end():
    (row,) = figures_by_size([judged([], [], [(0, 0, 900, 900)], [1])], 0.4, 0.3)
    assert row == dict(from_px=50, to_px=None, n_truth=1, recall=0)


def test_scenes_are_put_together():
    box = (0, 0, 20, 20)
    scenes = [judged([box], [0.9], [box], [1]), judged([], [], [box], [1]), judged([box], [0.9], [], [])]
    assert figures_by_size(scenes, 0.4, 0.3)[0] | dict(n_truth=2, recall=0.5) == figures_by_size(scenes, 0.4, 0.3)[0]
