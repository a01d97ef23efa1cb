"""Images enlarged by whole factors, for objects of few pixels: cubic convolution in whole numbers.

A pixel depends on its surroundings alone, whatever window it is read in and on whatever machine.
"""

import numpy as np

from orbitile.rasters.compiled_loops import fill_enlarged
from orbitile.space.grids import Window

MARGIN_PX = 2
"""Pixels around a place that its interpolation needs."""
SHARPNESS = -0.75
"""The free parameter of cubic convolution (Keys 1981, doi:10.1109/TASSP.1981.1163711): that of OpenCV, by which
training enlarges its tiles."""
WEIGHT_BITS = 11
"""Binary digits of weights after the point."""


def source_window(window: Window, factor: int) -> Window:
    """The pixels of an image that a window of it, enlarged by `factor`, is made of; it may reach beyond the image."""
    left, top = window.col // factor - MARGIN_PX, window.row // factor - MARGIN_PX
    right = -((-window.col - window.width) // factor) + MARGIN_PX
    bottom = -((-window.row - window.height) // factor) + MARGIN_PX
    return Window(left, top, right - left, bottom - top)


def enlarged_window(
    pixels: np.ndarray, valid: np.ndarray, source: Window, window: Window, factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """A window of an enlarged image: pixels (channels, rows, columns; uint8) and where they are valid.

    `pixels` (channels, rows, columns; uint8) and `valid` (rows, columns) are those of `source`, from `source_window`;
    beyond them the outermost pixels are continued, and none is valid.
    """
    weights = _weights(factor)
    origin = np.array([window.col - source.col * factor, window.row - source.row * factor])
    image = np.empty((len(pixels), window.height, window.width), np.uint8)
    for channel, enlarged in zip(pixels, image, strict=True):
        fill_enlarged(np.ascontiguousarray(channel), weights, origin, WEIGHT_BITS, enlarged)
    columns = (np.arange(window.width) + origin[0]) // factor
    rows = (np.arange(window.height) + origin[1]) // factor
    is_inside = ((rows >= 0) & (rows < source.height))[:, None] & ((columns >= 0) & (columns < source.width))
    nearest = valid[np.clip(rows, 0, source.height - 1)[:, None], np.clip(columns, 0, source.width - 1)]
    return image, nearest & is_inside


def _weights(factor: int) -> np.ndarray:
    """Weights (factor, 4) of the pixels around each of the places that a pixel is divided into; each row adds to 1.

    The first of the four lies one or two pixels left of the place's own pixel.
    """
    share = ((np.arange(factor) + 0.5) / factor - 0.5) % 1.0
    distance = np.abs(share[:, None] + 1 - np.arange(4))
    near = ((SHARPNESS + 2) * distance - (SHARPNESS + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * SHARPNESS - 4 * SHARPNESS
    weights = np.rint(np.where(distance <= 1, near, far) * 2**WEIGHT_BITS).astype(np.int64)
    weights[:, 1] += 2**WEIGHT_BITS - weights.sum(axis=1)
    return weights
