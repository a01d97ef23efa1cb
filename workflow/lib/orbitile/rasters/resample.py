"""Bringing an image onto another pixel grid, block by block."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from orbitile.base.errors import OrbitileError
from orbitile.rasters.band_selection import select_bands
from orbitile.rasters.compiled_loops import block_sums
from orbitile.rasters.encodings import band_encoding
from orbitile.rasters.mosaic import Mosaic
from orbitile.rasters.read import (
    WINDOW_BYTES,
    Channels,
    common_dtype,
    common_nodata,
    explain_read_errors,
    raster_grid,
    read_pixels,
    read_window,
    row_windows,
)
from orbitile.rasters.write import Block, PixelType
from orbitile.space.grids import Grid, Window, bounding_window
from orbitile.space.ground import wrap_width
from orbitile.space.reprojection import covered_bounds, is_beyond_half_a_turn, recentred

LEAST_ROWS = 512
"""Rows of fine pixels that are read at once, at least: those of the blocks that rasters are written in."""
SAMPLE_PX = 64
"""Places along each side of an image at which it is asked for data."""


def pixel_type(source: rasterio.DatasetReader, channels: Channels = 1, names: Sequence[str] | None = None) -> PixelType:
    """The data type, nodata value and names that some channels of an image have and their resampled versions keep.

    Several data types become the smallest that holds the values of all. Nodata values that differ become None.
    """
    names = names or [""] * (1 if isinstance(channels, int) else len(channels))
    return PixelType(common_dtype(source, channels), common_nodata(source, channels), bands=tuple(names))


def common_grid(image_grid: Grid, wkt: str, gsd_m: float) -> Grid:
    """The window of a map's common pixel grid (multiples of its pixel size) that covers an image's grid.

    OrbitileError where the map shows nothing of it.
    """
    return Grid.on_lattice(wkt, gsd_m, covered_bounds(image_grid, wkt))


def unchanged_blocks(source: rasterio.DatasetReader, grid: Grid, channels: Channels = 1) -> Iterator[Block]:
    """The image's own pixels ([channels,] rows, columns), window by window of full width."""
    for window in row_windows(grid):
        yield window, *read_window(source, window, channels)


def warped_blocks(
    source: rasterio.DatasetReader, grid: Grid, method: Resampling, channels: Channels = 1
) -> Iterator[Block]:
    """The image resampled to a grid, window by window of full width: pixels ([channels,] rows, columns).

    Pixels without data in any of the channels take no part in any average. Where the image has no nodata value, an
    alpha band marks what lies outside it. OrbitileError where GDAL does not reach all of it from other maps.
    """
    options = _warping_grids(raster_grid(source), grid)
    with (
        explain_read_errors(source.name),
        _warping_source(source, channels) as (selected, numbers),
        WarpedVRT(selected, resampling=method, add_alpha=selected.nodata is None, **options) as view,
    ):
        if grid.crs != raster_grid(source).crs:
            _refuse_unreached(source.name, selected, numbers)
        dtype = np.dtype(common_dtype(selected, numbers))  # rasterio warps some types as wider ones
        for window in row_windows(grid):
            pixels, valid = read_pixels(view, window, numbers)
            yield window, pixels if pixels.dtype == dtype else cast_pixels(pixels, dtype), valid


def _warping_grids(image_grid: Grid, grid: Grid) -> dict[str, Any]:
    """The grids of an image and of what it is warped to, as options of GDAL, which turns places into degrees and back.

    On one map it does not, whatever longitude they have.
    """
    target = dict(crs=grid.crs_wkt, transform=grid.transform, width=grid.width, height=grid.height)
    if grid.crs == image_grid.crs:
        return target | dict(crs=image_grid.crs_wkt)
    image_grid = recentred(image_grid)
    return target | dict(src_crs=image_grid.crs_wkt, src_transform=image_grid.transform)


def _refuse_unreached(path: str, source: rasterio.DatasetReader, channels: Channels) -> None:
    """OrbitileError for an image with data so far from its map's central meridian that GDAL leaves them out."""
    image_grid = raster_grid(source)
    shape = min(SAMPLE_PX, image_grid.height), min(SAMPLE_PX, image_grid.width)
    if wrap_width(image_grid.crs_wkt) or not (beyond := is_beyond_half_a_turn(image_grid, shape)).any():
        return
    _, valid = read_pixels(source, Window(0, 0, image_grid.width, image_grid.height), channels, shape)
    if (valid & beyond).any():
        raise OrbitileError(
            f"{path}: reaches beyond half a turn from the central meridian of its map "
            f"({image_grid.crs.name!r}), from where it cannot be brought onto another one; give it on a map with "
            "another central meridian"
        )


@contextmanager
def _warping_source(
    source: rasterio.DatasetReader, channels: Channels
) -> Iterator[tuple[rasterio.DatasetReader, Channels]]:
    """An image of the channels only, and their numbers there.

    Rasterio lets GDAL treat a pixel as nodata only where all bands of an image are, selected or not, and use one nodata
    value for all; so bands selected from several get a mask in common. So does one with special pixels, of which GDAL
    warps all but nodata as if they were brightness, and one of floats, of which a NaN would spread.
    """
    is_whole = not source.dtypes[0].startswith("float")
    if source.count == 1 and is_whole and not band_encoding(source, 1).visible:
        yield source, channels
        return
    with select_bands(source, channels) as selected:
        yield selected, 1 if isinstance(channels, int) else range(1, len(channels) + 1)


def covered_window(fine_grid: Grid, factor: int) -> Window:
    """What the grid made coarser by `factor` covers, in pixels of the fine grid; it may reach beyond it all round."""
    grid, (col, row) = fine_grid.coarser(factor), fine_grid.index
    return Window(-(col % factor), -(row % factor), grid.width * factor, grid.height * factor)


def averages_by_factor(
    mosaic: Mosaic, fine_grid: Grid, factors: Sequence[int], channels: Channels = 1
) -> Iterator[tuple[int, Block]]:
    """A scene averaged over blocks of factor x factor pixels, ignoring those without data, window by window.

    `fine_grid` is the scene's grid, `mosaic` its pixels and those around it, which blocks on its border need. Each
    block comes after its factor; the fine pixels are read once for all factors. The blocks are those of the grid made
    coarser by the factor. A block is valid when at least half of its pixels are valid, in all channels. Pixels are
    ([channels,] rows, columns).
    """
    covered = {factor: covered_window(fine_grid, factor) for factor in factors}
    for rows in _rows_of_blocks(fine_grid, factors):
        pixels, valid = mosaic.read(rows, channels)
        for factor, window in covered.items():
            shared = rows.intersection(window)
            if shared is not None:
                area = shared.slices_within(rows)
                line = (shared.row - window.row) // factor
                block = Window(0, line, shared.width // factor, shared.height // factor)
                yield factor, (block, *_average(pixels[..., *area], valid[area], factor))


def _rows_of_blocks(fine_grid: Grid, factors: Sequence[int]) -> Iterator[Window]:
    """Windows of rows of a fine grid that fit WINDOW_BYTES and divide no block of any of the factors."""
    outer = bounding_window(covered_window(fine_grid, factor) for factor in factors)
    common = math.lcm(*factors)
    common *= math.ceil(LEAST_ROWS / common)
    height = max(1, WINDOW_BYTES // (4 * outer.width * common)) * common
    first = -(fine_grid.index[1] % math.lcm(*factors))
    for row in range(first, outer.row + outer.height, height):
        shared = Window(outer.col, row, outer.width, height).intersection(outer)
        if shared is not None:
            yield shared


def _average(pixels: np.ndarray, valid: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of blocks of pixels ([channels,] rows, columns), and which blocks are valid (rows, columns)."""
    bands = pixels.reshape(-1, *valid.shape)
    sums, counts = zip(*(block_sums(band, valid, factor) for band in bands), strict=True)
    count = counts[0]
    means = (np.stack(sums) / np.maximum(count, 1)).reshape(*pixels.shape[:-2], *count.shape)
    return cast_pixels(means, pixels.dtype), count * 2 >= factor**2


def cast_pixels(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Pixels in a data type: rounded, and within its limits, where it is one of whole numbers."""
    if not np.issubdtype(dtype, np.integer):
        return pixels.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.rint(pixels).clip(limits.min, limits.max).astype(dtype)
