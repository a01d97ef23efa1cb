"""Pixel grids: where an image's pixels lie on its map."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from affine import Affine
from pyproj import CRS

INTEGER_FACTOR_TOLERANCE = 0.01
"""How far a ratio of pixel sizes may be from a whole number and still be taken as one: scales
are quoted rounded (474 m/px for 473.80 m/px)."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: first column and row, width and height."""

    col: int
    row: int
    width: int
    height: int


@dataclass(frozen=True)
class Grid:
    """A raster's pixel grid on a map: CRS as WKT, affine transform, size in pixels.

    Pixel coordinates are (column, row) with the origin at the outer corner of the first pixel.
    """

    crs_wkt: str
    transform: Affine
    width: int
    height: int

    @cached_property
    def crs(self) -> CRS:
        """The map's coordinate reference system."""
        return CRS.from_wkt(self.crs_wkt)

    @property
    def gsd_m(self) -> float:
        """Ground sample distance along a row, in the map's metres (degrees become metres)."""
        return self.transform.a * _metres_per_unit(self.crs)

    @property
    def is_upright(self) -> bool:
        """Whether rows run north to south, columns west to east, and pixels are square within 1 %."""
        t = self.transform
        return t.b == t.d == 0 and t.a > 0 and abs(-t.e / t.a - 1) <= INTEGER_FACTOR_TOLERANCE

    def to_map(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map coordinates (x, y) of pixel coordinates."""
        t = self.transform
        return t.c + t.a * col + t.b * row, t.f + t.d * col + t.e * row

    def to_pixel(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixel coordinates (column, row) of map coordinates."""
        t = ~self.transform
        return t.c + t.a * x + t.b * y, t.f + t.d * x + t.e * y

    def boxes_to_map(self, boxes: np.ndarray) -> np.ndarray:
        """Turn pixel boxes (n, 4: left, top, right, bottom) into map boxes (xmin, ymin, xmax, ymax)."""
        x0, y0 = self.to_map(boxes[:, 0], boxes[:, 1])
        x1, y1 = self.to_map(boxes[:, 2], boxes[:, 3])
        return np.column_stack([np.minimum(x0, x1), np.minimum(y0, y1), np.maximum(x0, x1), np.maximum(y0, y1)])

    def boxes_to_pixel(self, boxes: np.ndarray) -> np.ndarray:
        """Turn map boxes (n, 4: xmin, ymin, xmax, ymax) into pixel boxes (left, top, right, bottom)."""
        c0, r0 = self.to_pixel(boxes[:, 0], boxes[:, 1])
        c1, r1 = self.to_pixel(boxes[:, 2], boxes[:, 3])
        return np.column_stack([np.minimum(c0, c1), np.minimum(r0, r1), np.maximum(c0, c1), np.maximum(r0, r1)])

    def coarser(self, factor: int) -> Self:
        """The grid of `factor` times larger pixels that covers this one, aligned to the map's origin.

        Neighbouring scenes on one map therefore share their coarse pixels' borders.
        """
        size_x, size_y = self.transform.a * factor, self.transform.e * factor
        first_col, last_col = _cover(self.transform.c, self.transform.a * self.width, size_x)
        first_row, last_row = _cover(self.transform.f, self.transform.e * self.height, size_y)
        transform = Affine(size_x, 0, first_col * size_x, 0, size_y, first_row * size_y)
        return replace(self, transform=transform, width=last_col - first_col, height=last_row - first_row)


def factor_between(fine_m: float, coarse_m: float) -> int | None:
    """The whole number of fine pixels in a coarse one, or None where the ratio is not whole."""
    ratio = coarse_m / fine_m
    whole = round(ratio)
    return whole if whole >= 1 and abs(ratio / whole - 1) <= INTEGER_FACTOR_TOLERANCE else None


def _cover(start: float, length: float, size: float) -> tuple[int, int]:
    """First and one-past-last index of cells of `size` that cover an interval, up to 1/1000 cell."""
    return math.floor(start / size + 1e-3), math.ceil((start + length) / size - 1e-3)


def _metres_per_unit(crs: CRS) -> float:
    """Length of one map unit in metres; a degree is measured on the equator."""
    factor = crs.axis_info[0].unit_conversion_factor
    return factor * crs.ellipsoid.semi_major_metre if crs.is_geographic else factor
