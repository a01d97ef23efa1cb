"""Bringing an image onto another pixel grid, block by block."""

from collections.abc import Callable, Iterator

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from orbitile.rasters.read import bands, read
from orbitile.rasters.write import Block, PixelType
from orbitile.space.grids import Grid, Window

RowReader = Callable[[int, int, int], tuple[np.ndarray, np.ndarray]]
"""Reads `height` rows from `row` on, `width` wide: pixels and where they are valid."""


def pixel_type(source: rasterio.DatasetReader) -> PixelType:
    """The data type and nodata value an image has and its resampled versions keep."""
    return PixelType(source.dtypes[0], source.nodata)


def as_it_is(source: rasterio.DatasetReader, grid: Grid) -> Iterator[Block]:
    """The image's own pixels in bands."""
    for window in bands(grid):
        yield window, *read(source, window)


def warped(source: rasterio.DatasetReader, grid: Grid, method: Resampling) -> Iterator[Block]:
    """The image resampled to a grid, in bands. Pixels without data take no part in any average.

    Where the image has no nodata value, an alpha band tells what lies outside it.
    """
    options = dict(crs=grid.crs_wkt, transform=grid.transform, width=grid.width, height=grid.height)
    with WarpedVRT(source, resampling=method, add_alpha=source.nodata is None, **options) as view:
        for window in bands(grid):
            yield window, *read(view, window)


def block_averages(source: rasterio.DatasetReader, grid: Grid, factor: int) -> Iterator[Block]:
    """The image averaged over blocks of factor x factor pixels, ignoring those without data.

    `grid` must be the image's own grid made coarser by `factor`. A block is valid when at least
    half of its pixels are.
    """
    first_col, first_row = _offset(source, grid)
    fine = _padded_reader(source, first_col, first_row)
    for window in bands(grid, multiple_of=64):
        pixels, valid = fine(window.row * factor, window.height * factor, grid.width * factor)
        shape = (window.height, factor, grid.width, factor)
        count = valid.reshape(shape).sum(axis=(1, 3))
        total = np.where(valid, pixels, 0).reshape(shape).sum(axis=(1, 3), dtype=np.float64)
        mean = total / np.maximum(count, 1)
        yield window, _cast(mean, source.dtypes[0]), count * 2 >= factor**2


def _offset(source: rasterio.DatasetReader, grid: Grid) -> tuple[int, int]:
    """Column and row of the coarse grid's first pixel, in pixels of the image (zero or less)."""
    col, row = ~source.transform @ (grid.transform.c, grid.transform.f)
    return round(col), round(row)


def _padded_reader(source: rasterio.DatasetReader, first_col: int, first_row: int) -> RowReader:
    """A reader of full-width rows counted from the coarse grid's corner, invalid outside the image."""
    own = Grid("", source.transform, source.width, source.height)

    def rows(row: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.zeros((height, width), source.dtypes[0])
        valid = np.zeros((height, width), bool)
        top, bottom = max(0, row + first_row), min(own.height, row + first_row + height)
        if top < bottom:
            part = read(source, Window(0, top, own.width, bottom - top))
            at_row, at_col = top - row - first_row, -first_col
            where = np.s_[at_row : at_row + bottom - top, at_col : at_col + own.width]
            pixels[where], valid[where] = part
        return pixels, valid

    return rows


def _cast(values: np.ndarray, dtype: str) -> np.ndarray:
    return np.rint(values).astype(dtype) if np.issubdtype(dtype, np.integer) else values.astype(dtype)
