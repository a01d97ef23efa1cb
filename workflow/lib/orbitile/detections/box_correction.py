"""What corrects the boxes of a network whose sizes are off: measured once, stated in its weights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened

MOST_POINTS = 1000
LEAST_FACTOR, LARGEST_FACTOR = 0.5, 2.0
"""Factors outside of this are no correction of a network that works."""
WAY_OUT = "allowed is a list of [pixels, factor], sizes ascending, before the correction and after it"


@dataclass(frozen=True)
class BoxCorrection:
    """A correction of boxes in pixels of the scale at which they were found.

    The mean of width and height is multiplied by a factor, which is linear in the logarithm of the size between points
    `sizes_px` (n) of `factors` (n), and constant beyond them. `circles`: width and height become their mean.
    """

    sizes_px: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()
    circles: bool = False

    @classmethod
    def of(cls, points: object, circles: object = None) -> Self:
        """From the points [size in pixels, factor] and the truth value that weights state; None for either: as it is.

        OrbitileError for what is no such table, or would give a larger box of two the smaller size.
        """
        if circles not in (None, True, False):
            raise OrbitileError(f"its circles is {shortened(repr(circles))}; allowed are true and false")
        if points is None:
            return cls(circles=bool(circles))
        if not isinstance(points, Sequence) or not 1 <= len(points) <= MOST_POINTS or not all(map(_is_point, points)):
            raise OrbitileError(f"its size_correction is {shortened(repr(points))}; {WAY_OUT}")
        sizes, factors = zip(*((float(size), float(factor)) for size, factor in points), strict=True)
        corrected = [size * factor for size, factor in points]
        if any(a >= b for values in (sizes, corrected) for a, b in pairwise(values)):
            raise OrbitileError(f"its size_correction is {shortened(repr(points))}; {WAY_OUT}")
        return cls(sizes, factors, bool(circles))

    def apply(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4: left, top, right, bottom; pixels) of corrected size around the same centres."""
        if not self.sizes_px and not self.circles:
            return boxes
        low, high = boxes[:, :2], boxes[:, 2:]
        centre, size = (low + high) / 2, high - low
        if self.circles:
            size = size.mean(axis=1, keepdims=True)
        half = size * self._factor(boxes)[:, None] / 2
        return np.column_stack([centre - half, centre + half])

    def _factor(self, boxes: np.ndarray) -> np.ndarray:
        """Factors (n) of the sizes of boxes (n, 4)."""
        if not self.sizes_px:
            return np.ones(len(boxes))
        size = np.maximum((boxes[:, 2:] - boxes[:, :2]).mean(axis=1), np.finfo(float).tiny)
        return np.interp(np.log(size), np.log(self.sizes_px), self.factors)


UNCHANGED = BoxCorrection()
"""Where weights state nothing."""


def _is_point(point: object) -> bool:
    """Whether a value is a size above 0 and a factor that may be."""
    if not isinstance(point, Sequence) or isinstance(point, str) or len(point) != 2:
        return False
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in point):
        return False
    size, factor = point
    return 0 < size < math.inf and LEAST_FACTOR <= factor <= LARGEST_FACTOR
