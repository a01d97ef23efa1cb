"""Pixels of raw products with corrections that are measured on evenly spaced lines of the image itself.

What is corrected are counts; calibrated products need none of it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from orbitile.georeferencing.raw.correction import Correction
from orbitile.georeferencing.raw.counts import CountSteps
from orbitile.georeferencing.raw.pixels import RawPixels
from orbitile.space.grids import Window

SAMPLE_LINES = 2048
"""Lines that corrections are measured on: 41 MB of the widest image."""


def sample_lines(pixels: RawPixels, max_lines: int = SAMPLE_LINES) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced lines of an image, or all if there are few: float32 counts (n, width), where they are valid."""
    rows = np.unique(np.linspace(0, pixels.height - 1, min(max_lines, pixels.height)).round().astype(int))
    counts, valid = (np.empty((len(rows), pixels.width), dtype) for dtype in (np.float32, bool))
    for i, row in enumerate(rows.tolist()):
        line, line_valid = pixels.read(Window(0, row, pixels.width, 1))
        counts[i], valid[i] = line[0], line_valid[0]
    return counts, valid


def measure_corrections(pixels: RawPixels) -> tuple[Correction, ...]:
    """The corrections that an instrument's images need, measured on this one, in the order in which they are applied.

    Which these are says the product's format; each is measured on lines that those before it have corrected.
    """
    counts, valid = sample_lines(pixels)
    corrections: list[Correction] = []
    for measure in pixels.product.format.corrections(pixels.product):
        corrections.append(measure(counts, valid))
        counts = corrections[-1].apply(counts, valid)
    return tuple(corrections)


@dataclass(frozen=True)
class CorrectedPixels:
    """Raw pixels with corrections, read as uint16 in steps of a count (see `CountSteps`)."""

    pixels: RawPixels
    corrections: tuple[Correction, ...]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.width

    @property
    def height(self) -> int:
        """Lines."""
        return self.pixels.height

    @property
    def dtype(self) -> np.dtype:
        """The type of the pixels that are read."""
        return np.dtype(np.uint16)

    @property
    def bands(self) -> int:
        """Number of bands."""
        return 1

    @cached_property
    def steps(self) -> CountSteps:
        """How counts are stored; its `scale` and `offset` belong into a raster's metadata."""
        return CountSteps.up_to(self.pixels.highest)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Stored counts (rows, columns) of a window, 0 where not valid, and where they are valid (bool).

        Whole lines are read, because a correction may run along a line.
        """
        lines = Window(0, window.row, self.width, window.height)
        counts, valid = self.pixels.read(lines)
        counts = counts.astype(np.float32)
        for correction in self.corrections:
            counts = correction.apply(counts, valid)
        area = window.slices_within(lines)
        return self.steps.store(counts[area], valid[area]), valid[area]
