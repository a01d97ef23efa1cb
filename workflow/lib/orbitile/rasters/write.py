"""Writing cloud-optimised GeoTIFFs block by block, whole or not at all."""

import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.shutil import copy

from orbitile.errors import OrbitileError
from orbitile.files import atomic, scratch
from orbitile.rasters.gdal import GDAL_ERRORS, area, gdal_reason
from orbitile.space.grids import Grid, Window

Block = tuple[Window, np.ndarray, np.ndarray]
"""A window, its pixels, and where they are valid."""


@dataclass(frozen=True)
class PixelType:
    """A raster's data type, nodata value (None: validity is kept in a mask), how its overviews are made, its bands.

    Overviews by "MODE" suit values that are names rather than amounts. Of rasters of several bands, which have names,
    pixels are (bands, rows, columns).
    """

    dtype: str
    nodata: float | None
    overviews: str = "AVERAGE"
    bands: tuple[str, ...] = ("",)


def write_cog(
    path: str | Path,
    grid: Grid,
    pixel_type: PixelType,
    blocks: Iterable[Block],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write blocks as a cloud-optimised GeoTIFF with overviews; `tags` become its metadata.

    The file is read back before it takes its name: on a full disk GDAL may fail without a word.
    """
    with atomic(path) as final, scratch(path) as plain, _explained(path):
        sums = _write_plain(plain, grid, pixel_type, blocks, tags or {})
        copy(
            plain, final, driver="COG", compress="DEFLATE", predictor="YES", blocksize=512,
            overview_resampling=pixel_type.overviews, bigtiff="IF_SAFER", num_threads="ALL_CPUS",
        )  # fmt: skip
        _compare(final, sums, with_mask=pixel_type.nodata is None)


def _compare(path: Path, sums: dict[Window, int], with_mask: bool) -> None:
    """Refuse a file that does not hold what was written into it."""
    with rasterio.open(path) as source:
        for window, expected in sums.items():
            mask = source.read_masks(1, window=area(window)) > 0 if with_mask else None
            if _checksum(source.read(window=area(window)), mask) != expected:
                raise RasterioIOError("what was read back differs from what was written")


def _checksum(pixels: np.ndarray, valid: np.ndarray | None) -> int:
    first = zlib.crc32(np.ascontiguousarray(pixels))
    return first if valid is None else zlib.crc32(np.packbits(valid), first)


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    """Turn GDAL's errors on writing a file into one line."""
    try:
        yield
    except GDAL_ERRORS as error:
        free = shutil.disk_usage(Path(path).parent).free / 1e6
        raise OrbitileError(
            f"{path}: cannot be written ({gdal_reason(error)}); {free:.0f} MB are free there"
        ) from error


def _write_plain(
    path: Path, grid: Grid, pixel_type: PixelType, blocks: Iterable[Block], tags: Mapping[str, str]
) -> dict[Window, int]:
    """Write blocks as a plain GeoTIFF; return their checksums."""
    profile = dict(
        driver="GTiff", width=grid.width, height=grid.height, count=len(pixel_type.bands), dtype=pixel_type.dtype,
        nodata=pixel_type.nodata, crs=grid.crs_wkt, transform=grid.transform, bigtiff="IF_SAFER",
        tiled=True, blockxsize=512, blockysize=512,
    )  # fmt: skip
    sums = {}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as sink:
        sink.descriptions = pixel_type.bands
        sink.update_tags(**tags)
        for window, pixels, valid in blocks:
            if pixel_type.nodata is None:
                sink.write_mask(valid, window=area(window))
            else:
                pixels, valid = _with_nodata(pixels, valid, pixel_type.nodata), None
            sink.write(pixels.reshape(-1, window.height, window.width), window=area(window))
            sums[window] = _checksum(pixels, valid)
    return sums


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
