"""Writing cloud-optimised GeoTIFFs block by block, whole or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.shutil import copy
from rasterio.windows import Window as RasterioWindow

from orbitile.files import atomic, scratch
from orbitile.space.grids import Grid, Window

Block = tuple[Window, np.ndarray, np.ndarray]
"""A window, its pixels, and where they are valid."""


@dataclass(frozen=True)
class PixelType:
    """A raster's data type and nodata value (None: validity is kept in a mask)."""

    dtype: str
    nodata: float | None


def write_cog(path: str | Path, grid: Grid, pixel_type: PixelType, blocks: Iterable[Block]) -> None:
    """Write blocks of one band as a cloud-optimised GeoTIFF with overviews."""
    with atomic(path) as final, scratch(path) as plain:
        _write_plain(plain, grid, pixel_type, blocks)
        copy(
            plain, final, driver="COG", compress="DEFLATE", predictor="YES", blocksize=512,
            overview_resampling="AVERAGE", bigtiff="IF_SAFER", num_threads="ALL_CPUS",
        )  # fmt: skip


def _write_plain(path: Path, grid: Grid, pixel_type: PixelType, blocks: Iterable[Block]) -> None:
    profile = dict(
        driver="GTiff", width=grid.width, height=grid.height, count=1, dtype=pixel_type.dtype,
        nodata=pixel_type.nodata, crs=grid.crs_wkt, transform=grid.transform, bigtiff="IF_SAFER",
        tiled=True, blockxsize=512, blockysize=512,
    )  # fmt: skip
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as sink:
        for window, pixels, valid in blocks:
            area = RasterioWindow(window.col, window.row, window.width, window.height)
            if pixel_type.nodata is None:
                sink.write(pixels, 1, window=area)
                sink.write_mask(valid, window=area)
            else:
                sink.write(_with_nodata(pixels, valid, pixel_type.nodata), 1, window=area)


def _with_nodata(pixels: np.ndarray, valid: np.ndarray, nodata: float) -> np.ndarray:
    """Pixels with nodata where invalid; valid ones that happen to equal it move to a value beside it.

    GDAL compares floats with a tolerance, so a neighbour in the last digit would not do.
    """
    value = pixels.dtype.type(nodata)
    if np.issubdtype(pixels.dtype, np.integer):
        beside = value + 1 if value == np.iinfo(pixels.dtype).min else value - 1
    else:
        beside = value * pixels.dtype.type(1 + 1e-5) if value else np.finfo(pixels.dtype).tiny
    return np.where(valid, np.where(pixels == value, pixels.dtype.type(beside), pixels), value)
