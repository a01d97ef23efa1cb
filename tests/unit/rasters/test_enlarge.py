"""Enlarged windows: as OpenCV makes them, the same however they are cut, invalid where the image is."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.rasters.enlarge import enlarged_window, source_window
from orbitile.space.grids import Window

RNG = np.random.default_rng(1)
IMAGE = RNG.integers(0, 256, (2, 19, 23), dtype=np.uint8)
VALID = RNG.random(IMAGE.shape[1:]) < 0.8
BOUNDS = Window(0, 0, 23, 19)


def enlarged(window, factor):
    """A window of the made-up image, from no more of its pixels than are needed."""
    source = source_window(window, factor).intersection(BOUNDS)
    area = source.slices_within(BOUNDS)
    return enlarged_window(IMAGE[:, *area], VALID[area], source, window, factor)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_grey_values_are_those_of_opencv(factor):
    image, _ = enlarged(Window(0, 0, 23 * factor, 19 * factor), factor)
    for channel, pixels in zip(image, IMAGE, strict=True):
        reference = cv2.resize(pixels.astype(float), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        assert np.abs(channel - np.clip(reference, 0, 255)).max() < 0.75


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_even_grey_stays(factor):
    pixels, valid = np.full((1, 6, 5), 77, np.uint8), np.ones((6, 5), bool)
    image, _ = enlarged_window(pixels, valid, Window(0, 0, 5, 6), Window(0, 0, 5 * factor, 6 * factor), factor)
    assert (image == 77).all()


@given(st.integers(2, 4), st.integers(-9, 80), st.integers(-9, 60), st.integers(1, 40), st.integers(1, 40))
def test_a_window_is_a_part_of_the_whole(factor, col, row, width, height):
    window, full = Window(col, row, width, height), Window(-20, -20, 23 * factor + 60, 19 * factor + 60)
    if source_window(window, factor).intersection(BOUNDS) is None or window.intersection(full) != window:
        return
    image, valid = enlarged(window, factor)
    full_image, full_valid = enlarged(full, factor)
    area = window.slices_within(full)
    shared = window.intersection(Window(0, 0, 23 * factor, 19 * factor))
    if shared is not None:
        within = shared.slices_within(window)
        assert (image[:, *within] == full_image[:, *area][:, *within]).all()
    assert (valid == full_valid[area]).all()


def test_validity_is_that_of_the_pixel_beneath():
    _, valid = enlarged(Window(-1, -2, 48, 40), 2)
    assert (valid[2:, 1:47] == VALID.repeat(2, axis=0).repeat(2, axis=1)).all()
    assert not valid[:2].any() and not valid[:, 0].any() and not valid[:, 47].any()
