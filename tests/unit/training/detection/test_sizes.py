import numpy as np
import pytest

from orbitile.detections.box_correction import BoxCorrection
from orbitile.training.detection.sizes import figures_by_size, size_correction
from orbitile.training.detection.validation import DetectedBoxes, JudgedScene


def judged(detected: list, scores: list, true: list, is_true: list) -> JudgedScene:
    found = DetectedBoxes(np.array(detected, float).reshape(-1, 4), np.array(scores))
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


def size_class(low: float, high: float | None, ratio: float, error: float = 0.001, n_truth: int = 100) -> dict:
    return dict(from_px=low, to_px=high, n_truth=n_truth, recall=0.5, diameter_ratio=ratio, ratio_error=error)


def test_sizes_that_are_surely_off_are_corrected():
    by_size = [size_class(0, 8, 1.5), size_class(8, 18, 1.25), size_class(18, 32, 1.02, error=0.02),
               size_class(50, None, 0.8), size_class(50, None, 0.5, n_truth=38)]  # fmt: skip
    assert size_correction(by_size) == [[15, 0.8], [24.48, 1], [56.57, 1.25]]


@pytest.mark.parametrize("ratio", [1.0, 1.009, 0.992])
def test_sizes_that_are_right_are_left_alone(ratio: float):
    assert size_correction([size_class(8, 18, ratio)]) == []


def test_no_correction_turns_the_order_of_sizes():
    assert size_correction([size_class(16, 17, 1.6), size_class(17, 18, 0.6)]) == []


def test_a_class_without_matches_has_no_correction():
    assert size_correction([dict(from_px=8, to_px=10, n_truth=100, recall=0)]) == []


def test_what_is_measured_undoes_the_bias():
    """Craters found 10 % too large are of their true size in the median afterwards."""
    rng = np.random.default_rng(5)
    side = rng.uniform(12, 16, 400)
    ratio = 1.1 * np.exp(rng.normal(0, 0.05, 400))
    place = np.arange(400) * 100.0
    true = np.column_stack([place - side / 2, -side / 2, place + side / 2, side / 2])
    detected = np.column_stack(
        [place - side * ratio / 2, -side * ratio / 2, place + side * ratio / 2, side * ratio / 2]
    )
    figures = figures_by_size([judged(detected, [0.9] * 400, true, [1] * 400)], 0.4, 0.3)
    corrected = BoxCorrection.of(size_correction(figures)).apply(detected)
    assert np.median((corrected[:, 2] - corrected[:, 0]) / side) == pytest.approx(1, abs=0.01)
