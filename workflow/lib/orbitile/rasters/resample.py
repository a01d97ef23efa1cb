"""Bringing an image onto another pixel grid, block by block."""

from collections.abc import Iterator

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.transform import array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform

from orbitile.rasters.mosaic import Mosaic
from orbitile.rasters.read import bands, read
from orbitile.rasters.write import Block, PixelType
from orbitile.space.grids import Grid, Window


def pixel_type(source: rasterio.DatasetReader) -> PixelType:
    """The data type and nodata value an image has and its resampled versions keep."""
    return PixelType(source.dtypes[0], source.nodata)


def common_grid(own: Grid, wkt: str, gsd_m: float) -> Grid:
    """The window of a map's common pixel grid (multiples of its pixel size) that covers an image's grid."""
    bounds = array_bounds(own.height, own.width, own.transform)
    exact, width, height = calculate_default_transform(own.crs_wkt, wkt, own.width, own.height, *bounds)
    right, bottom = exact.c + exact.a * width, exact.f + exact.e * height
    return Grid.on_lattice(wkt, gsd_m, (exact.c, bottom, right, exact.f))


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


def covered(fine: Grid, factor: int) -> Window:
    """What the grid made coarser by `factor` covers, in pixels of the fine one; it may reach beyond it all round."""
    grid, (col, row) = fine.coarser(factor), fine.index
    return Window(-(col % factor), -(row % factor), grid.width * factor, grid.height * factor)


def block_averages(mosaic: Mosaic, fine: Grid, factor: int) -> Iterator[Block]:
    """A scene averaged over blocks of factor x factor pixels, ignoring those without data.

    `fine` is the scene's grid, `mosaic` its pixels and those around it, which blocks on its border need. The blocks
    are those of the grid made coarser by `factor`. One is valid when at least half of its pixels are.
    """
    grid, whole = fine.coarser(factor), covered(fine, factor)
    for window in bands(grid, multiple_of=64):
        band = Window(whole.col, whole.row + window.row * factor, whole.width, window.height * factor)
        pixels, valid = mosaic.read(band)
        shape = (window.height, factor, grid.width, factor)
        count = valid.reshape(shape).sum(axis=(1, 3))
        total = np.where(valid, pixels, 0).reshape(shape).sum(axis=(1, 3), dtype=np.float64)
        mean = total / np.maximum(count, 1)
        yield window, _cast(mean, pixels.dtype), count * 2 >= factor**2


def _cast(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.rint(values).astype(dtype) if np.issubdtype(dtype, np.integer) else values.astype(dtype)
