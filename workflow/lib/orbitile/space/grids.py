"""Pixel grids: the positions of an image's pixels on its map."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self, TypeVar

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.crs import Ellipsoid

from orbitile.base.errors import OrbitileError
from orbitile.space.scales import INTEGER_FACTOR_TOLERANCE

T = TypeVar("T", float, np.ndarray)

LATTICE_DIGITS = 6
"""Decimals of a pixel to which a lattice's position is exact; further ones are rounding errors."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: first column and row, width and height."""

    col: int
    row: int
    width: int
    height: int

    @property
    def edges(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom edge: first column and row, and those after the last."""
        return self.col, self.row, self.col + self.width, self.row + self.height

    def intersection(self, window: "Window") -> "Window | None":
        """The pixels that two windows share; None where they share none."""
        left, top = max(self.col, window.col), max(self.row, window.row)
        right = min(self.col + self.width, window.col + window.width)
        bottom = min(self.row + self.height, window.row + window.height)
        return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None

    def grown(self, by: int) -> "Window":
        """A window that reaches farther by so many pixels on all sides."""
        return Window(self.col - by, self.row - by, self.width + 2 * by, self.height + 2 * by)

    def slices_within(self, outer: "Window") -> tuple[slice, slice]:
        """Its rows and columns in an array (rows, columns) of the pixels of a window around it."""
        top, left = self.row - outer.row, self.col - outer.col
        return slice(top, top + self.height), slice(left, left + self.width)


def bounding_window(windows: Iterable[Window]) -> Window:
    """The smallest window around all given windows, of which there must be at least one."""
    edges = np.array([window.edges for window in windows])
    (left, top), (right, bottom) = edges[:, :2].min(axis=0).tolist(), edges[:, 2:].max(axis=0).tolist()
    return Window(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class Grid:
    """A raster's pixel grid on a map: CRS as WKT, affine transform, size in pixels.

    Pixel coordinates are (column, row) with the origin at the outer corner of the first pixel.
    """

    crs_wkt: str
    transform: Affine
    width: int
    height: int

    @classmethod
    def of(cls, row: Mapping) -> Self:
        """The grid of a row that holds crs_wkt, transform (a, b, c, d, e, f), width and height."""
        return cls(row["crs_wkt"], Affine(*row["transform"]), row["width"], row["height"])

    @classmethod
    def on_lattice(cls, crs_wkt: str, gsd_m: float, bounds: tuple[float, float, float, float]) -> Self:
        """The window of a map's common grid, of pixels of `gsd_m`, that covers bounds (left, bottom, right, top).

        The bounds count in the map's units. The common grid is made of multiples of the pixel size, and so the same
        for all scenes.
        """
        gsd = gsd_m / _metres_per_unit(crs_from_wkt(crs_wkt))
        left, bottom, right, top = (round(bound / gsd, LATTICE_DIGITS) for bound in bounds)
        first_col, first_row = math.floor(left), math.ceil(top)
        transform = Affine(gsd, 0, first_col * gsd, 0, -gsd, first_row * gsd)
        return cls(crs_wkt, transform, math.ceil(right) - first_col, first_row - math.floor(bottom))

    @property
    def crs(self) -> CRS:
        """The map's coordinate reference system."""
        return crs_from_wkt(self.crs_wkt)

    @property
    def gsd_m(self) -> float:
        """Ground sample distance along a row, in the map's metres (degrees become metres)."""
        return math.hypot(self.transform.a, self.transform.d) * self.metres_per_unit

    @property
    def sides_m(self) -> tuple[float, float]:
        """Lengths of a pixel's sides along a row and along a column, in the map's metres (degrees become metres)."""
        t = self.transform
        return math.hypot(t.a, t.d) * self.metres_per_unit, math.hypot(t.b, t.e) * self.metres_per_unit

    @property
    def metres_per_unit(self) -> float:
        """Length of one map unit in metres; a degree is measured on the equator."""
        return _metres_per_unit(self.crs)

    @property
    def is_upright(self) -> bool:
        """Whether rows run north to south, columns west to east, and pixels are square within 1 %."""
        t = self.transform
        return t.b == t.d == 0 and t.a > 0 and abs(-t.e / t.a - 1) <= INTEGER_FACTOR_TOLERANCE

    def to_map(self, col: T, row: T) -> tuple[T, T]:
        """Map coordinates (x, y) of pixel coordinates, numbers or arrays."""
        t = self.transform
        return t.c + t.a * col + t.b * row, t.f + t.d * col + t.e * row

    @property
    def middle(self) -> tuple[float, float]:
        """Map coordinates (x, y) of the grid's middle."""
        return self.to_map(self.width / 2, self.height / 2)

    def to_pixel(self, x: T, y: T) -> tuple[T, T]:
        """Pixel coordinates (column, row) of map coordinates, numbers or arrays."""
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

    @property
    def _offset(self) -> tuple[float, float]:
        """Pixels to the right and down from the map's origin to this grid's."""
        t = self.transform
        return round(t.c / t.a, LATTICE_DIGITS), round(t.f / t.e, LATTICE_DIGITS)

    @property
    def index(self) -> tuple[int, int]:
        """Column and row of the first pixel on the map's lattice of such pixels, which lies `fraction` off its origin.

        Lattices of all fractions from -1/4 up to 3/4 count from the same pixel, so that neither a whole nor
        a half, the usual ones, is near the step.
        """
        right, down = self._offset
        return math.floor(right + 0.25), math.floor(down + 0.25)

    @property
    def window(self) -> Window:
        """All pixels of the grid."""
        return Window(0, 0, self.width, self.height)

    @property
    def lattice_window(self) -> Window:
        """All pixels of the grid, on the map's lattice (see `index`)."""
        return Window(*self.index, self.width, self.height)

    @property
    def fraction(self) -> tuple[float, float]:
        """The offset of the lattice to the right of and below the map's origin, in pixels from -1/4 up to 3/4."""
        (right, down), (col, row) = self._offset, self.index
        return round(right - col, LATTICE_DIGITS), round(down - row, LATTICE_DIGITS)

    def coarser(self, factor: int) -> Self:
        """The grid of `factor` times larger pixels that covers this one, aligned to the map's lattice.

        Coarse pixels are made of whole fine ones, wherever the lattice lies, and neighbouring scenes
        of one lattice share their coarse pixels' borders.
        """
        (col, row), (right, down) = self.index, self.fraction
        first_col, last_col = _cover(col, self.width, factor)
        first_row, last_row = _cover(row, self.height, factor)
        pixel_x, pixel_y = self.transform.a, self.transform.e
        left = first_col * (pixel_x * factor) + right * pixel_x
        top = first_row * (pixel_y * factor) + down * pixel_y
        transform = Affine(pixel_x * factor, 0, left, 0, pixel_y * factor, top)
        return replace(self, transform=transform, width=last_col - first_col, height=last_row - first_row)


def grid_around_grids(grids: Sequence[Grid]) -> Grid:
    """The smallest grid around grids of one lattice, of which there must be at least one."""
    window = bounding_window(grid.lattice_window for grid in grids)
    return grid_of_window(grids[0], window)


def grid_of_window(grid: Grid, window: Window) -> Grid:
    """The grid of a window of the lattice that a grid lies on."""
    (col, row), t = grid.index, grid.transform
    left, top = grid.to_map(window.col - col, window.row - row)
    transform = Affine(t.a, t.b, left, t.d, t.e, top)
    return replace(grid, transform=transform, width=window.width, height=window.height)


@lru_cache(maxsize=256)
def crs_from_wkt(wkt: str) -> CRS:
    """The coordinate system of a WKT, parsed once: thousands of scenes share a map."""
    return CRS.from_wkt(wkt)


@lru_cache(maxsize=16)
def wkt_of(crs: str) -> str:
    """The WKT of a coordinate system that PROJ knows by a name or a text, such as IAU_2015:30110, parsed once."""
    return CRS.from_user_input(crs).to_wkt()


def has_degrees(crs: CRS) -> bool:
    """Whether a CRS counts longitude and latitude in degrees; pyproj calls planetocentric ones not geographic."""
    return crs.is_geographic or (not crs.is_projected and crs.axis_info[0].unit_name == "degree")


def ellipsoid_of(crs: CRS) -> Ellipsoid:
    """The ellipsoid of a CRS; OrbitileError where it has none, as a local system."""
    if crs.ellipsoid is None:
        raise OrbitileError(f"CRS {crs.name!r} has no ellipsoid; give a map of the body")
    return crs.ellipsoid


def _cover(start: int, length: int, size: int) -> tuple[int, int]:
    """First and one-past-last index of cells of `size` that cover an interval of whole numbers."""
    return start // size, -(-(start + length) // size)


def _metres_per_unit(crs: CRS) -> float:
    """Length of one map unit in metres; a degree is measured on the equator."""
    factor = crs.axis_info[0].unit_conversion_factor
    return factor * ellipsoid_of(crs).semi_major_metre if has_degrees(crs) else factor
