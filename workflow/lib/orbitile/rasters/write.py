"""Writing cloud-optimised GeoTIFFs block by block, completely or not at all."""

import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.shutil import copy

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic, scratch
from orbitile.base.provenance import provenance
from orbitile.rasters.gdal import GDAL_ERRORS, gdal_reason, open_dataset, raster_window
from orbitile.rasters.read import read_pixels
from orbitile.space.grids import Grid, Window

Block = tuple[Window, np.ndarray, np.ndarray]
"""A window, its pixels ([bands,] rows, columns), and where they are valid (rows, columns) in all bands."""


@dataclass(frozen=True)
class PixelType:
    """How a raster stores pixels: its data type, its nodata value, its resampling for overviews, its bands' names.

    Without a nodata value (None) validity is stored in a mask. Overviews by "MODE" suit values that are class numbers
    rather than amounts. Names become the bands' descriptions; there are as many bands as names. Pixels of a raster of
    several bands are (bands, rows, columns). `colours` (red, green, blue, opacity: 0..255) by value are the colour
    table of a raster of one band.
    """

    dtype: str
    nodata: float | None
    overviews: str = "AVERAGE"
    bands: tuple[str, ...] = ("",)
    colours: Mapping[int, tuple[int, int, int, int]] | None = None


def write_cog(
    path: str | Path,
    grid: Grid,
    pixel_type: PixelType,
    blocks: Iterable[Block],
    tags: Mapping[str, str] | None = None,
    observe: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> None:
    """Write blocks as a cloud-optimised GeoTIFF with overviews; its metadata are `tags` and the version of Orbitile.

    The file is read back before it is renamed to `path`: on a full disk GDAL may fail without an error. `observe` is
    called with what is read: pixels (bands, rows, columns) and where all bands are valid (rows, columns). OrbitileError
    where it cannot be written.
    """
    with cog_writer(path, grid, pixel_type, tags, observe) as write:
        for block in blocks:
            write(block)


@contextmanager
def cog_writer(
    path: str | Path,
    grid: Grid,
    pixel_type: PixelType,
    tags: Mapping[str, str] | None = None,
    observe: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Iterator[Callable[[Block], None]]:
    """As `write_cog`, of blocks that are handed over one after another: several files can be written at once."""
    with atomic(path) as final, scratch(path) as plain, _explain_write_errors(path):
        sums: dict[Window, int] = {}
        with _opened_plain(plain, grid, pixel_type, provenance() | dict(tags or {})) as sink:
            yield lambda block: _write_block(sink, block, pixel_type.nodata, sums)
        copy(
            plain, final, driver="COG", compress="DEFLATE", predictor="YES", blocksize=512,
            overview_resampling=pixel_type.overviews, bigtiff="IF_SAFER", num_threads="ALL_CPUS",
        )  # fmt: skip
        _verify(final, sums, pixel_type.nodata is None, observe)


def _verify(
    path: Path, sums: dict[Window, int], with_mask: bool, observe: Callable[[np.ndarray, np.ndarray], None] | None
) -> None:
    """Refuse a file that does not hold what was written into it."""
    with open_dataset(path) as source:
        for window, expected in sums.items():
            pixels, valid = read_pixels(source, window, range(1, source.count + 1))
            mask = source.read_masks(1, window=raster_window(window)) > 0 if with_mask else None
            if _checksum(pixels, mask) != expected:
                raise RasterioIOError("what was read back differs from what was written")
            if observe is not None:
                observe(pixels, valid)


def _checksum(pixels: np.ndarray, valid: np.ndarray | None) -> int:
    """A checksum of the pixels of all bands and, where there is one, of their mask."""
    checksum = zlib.crc32(np.ascontiguousarray(pixels).data)
    return checksum if valid is None else zlib.crc32(np.packbits(valid).data, checksum)


@contextmanager
def _explain_write_errors(path: str | Path) -> Iterator[None]:
    """Turn GDAL's errors on writing a file into an OrbitileError of one line."""
    try:
        yield
    except GDAL_ERRORS as error:
        free = shutil.disk_usage(Path(path).parent).free / 1e6
        raise OrbitileError(
            f"{path}: cannot be written ({gdal_reason(error)}); its disk has {free:.0f} MB free"
        ) from error


@contextmanager
def _opened_plain(
    path: Path, grid: Grid, pixel_type: PixelType, tags: Mapping[str, str]
) -> Iterator[rasterio.io.DatasetWriter]:
    """A plain GeoTIFF to write blocks into."""
    profile = dict(
        driver="GTiff", width=grid.width, height=grid.height, count=len(pixel_type.bands), dtype=pixel_type.dtype,
        nodata=pixel_type.nodata, crs=grid.crs_wkt, transform=grid.transform, bigtiff="IF_SAFER",
        tiled=True, blockxsize=512, blockysize=512, alpha="NO",  # else GDAL calls the fourth of four bands transparency
    )  # fmt: skip
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as sink:
        sink.descriptions = pixel_type.bands
        sink.update_tags(**tags)
        if pixel_type.colours:
            sink.write_colormap(1, dict(pixel_type.colours))
        yield sink


def _write_block(sink: rasterio.io.DatasetWriter, block: Block, nodata: float | None, sums: dict[Window, int]) -> None:
    """Write a block, and keep its checksum."""
    window, pixels, valid = block
    if nodata is not None:
        pixels, mask = _with_nodata(pixels, valid, nodata), None
    else:
        mask = valid
        sink.write_mask(mask, window=raster_window(window))
    sink.write(pixels.reshape(-1, window.height, window.width), window=raster_window(window))
    sums[window] = _checksum(pixels, mask)


def _with_nodata(pixels: np.ndarray, valid: np.ndarray, nodata: float) -> np.ndarray:
    """Pixels with nodata, in all bands, where invalid; valid ones that happen to equal it get an adjacent value.

    GDAL compares floats with a tolerance, so the next float would not do.
    """
    value = pixels.dtype.type(nodata)
    if np.issubdtype(pixels.dtype, np.integer):
        adjacent = value + 1 if value == np.iinfo(pixels.dtype).min else value - 1
    else:
        adjacent = value * pixels.dtype.type(1 + 1e-5) if value else np.finfo(pixels.dtype).tiny
    return np.where(valid, np.where(pixels == value, pixels.dtype.type(adjacent), pixels), value)
