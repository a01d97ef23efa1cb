"""Reading images with their validity and their stretch."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning

from orbitile.base.errors import OrbitileError
from orbitile.rasters.compiled_loops import differs_from_nodata
from orbitile.rasters.data_bands import join_nodata, join_types
from orbitile.rasters.gdal import GDAL_ERRORS, gdal_reason, open_dataset, raster_window
from orbitile.rasters.linked_files import LinkedFiles
from orbitile.space.grids import Grid, Window

# Images without georeferencing are nothing unusual: functions that need it check for it.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

WINDOW_BYTES = 64 * 2**20
"""Memory aimed at for one window of rows, in bytes of float32 pixels of one channel."""

Channels = int | Sequence[int]
"""Number of a channel (band of a file), counted from 1, or numbers of several."""


def channel_numbers(count: int) -> Channels:
    """All channels of an image that has `count`: the number 1 for one, else the numbers from 1 on."""
    return 1 if count == 1 else range(1, count + 1)


def channel_list(channels: Channels) -> list[int]:
    """The numbers of channels, of one too."""
    return [channels] if isinstance(channels, int) else list(channels)


def common_dtype(source: rasterio.DatasetReader, channels: Channels = 1) -> str:
    """The data type of one or several channels; of several types, the smallest that holds the values of all."""
    return join_types(source.dtypes[number - 1] for number in channel_list(channels))


def common_nodata(source: rasterio.DatasetReader, channels: Channels = 1) -> float | None:
    """The nodata value that one or several channels share; None where they differ, have none, or cannot hold it."""
    nodata = join_nodata(source.nodatavals[number - 1] for number in channel_list(channels))
    is_held = nodata is not None and _is_representable(nodata, np.dtype(common_dtype(source, channels)))
    return nodata if is_held else None


def band_names(source: rasterio.DatasetReader) -> tuple[str, ...]:
    """The descriptions of an image's bands, empty where there is none."""
    return tuple(description or "" for description in source.descriptions)


def raster_grid(image: rasterio.DatasetReader) -> Grid:
    """The pixel grid of a georeferenced image."""
    return Grid(image.crs.to_wkt(), image.transform, image.width, image.height)


def image_grid(image: rasterio.DatasetReader) -> Grid:
    """The pixel grid of an image, georeferenced or not: then of its pixels alone, on no map (an empty WKT)."""
    if image.crs is not None:
        return raster_grid(image)
    return Grid("", image.transform, image.width, image.height)


@contextmanager
def opened_raster(path: str) -> Iterator[rasterio.DatasetReader]:
    """Open an image; OrbitileError where it cannot be read, or the files change that a linked raster links to."""
    with open_raster(path) as source:
        yield source
        LinkedFiles.of(source).check()


def open_raster(path: str) -> rasterio.DatasetReader:
    """As `opened_raster`, to be closed by the caller, who also checks the linked files again after every reading."""
    with explain_read_errors(path):
        source = open_dataset(path)
    try:
        LinkedFiles.of(source).check()
    except OrbitileError:
        source.close()
        raise
    return source


@contextmanager
def explain_read_errors(path: str, source: rasterio.DatasetReader | None = None) -> Iterator[None]:
    """Turn GDAL's errors on reading a file into an OrbitileError of one line that names it, or what it links to."""
    try:
        yield
    except GDAL_ERRORS as error:
        path = next(iter(LinkedFiles.of(source).files), path) if source else path
        reason = gdal_reason(error).removeprefix(f"{path}: ")
        raise OrbitileError(
            f"{path}: cannot be read as an image ({reason}); is it truncated or still being copied?"
        ) from error


def read_window(
    source: rasterio.DatasetReader, window: Window, channels: Channels = 1, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a window of one or several channels: pixels ([channels,] rows, columns), and where all are valid.

    Valid (rows, columns) means not nodata, not masked, and finite, in all of the channels. Channels of several data
    types come in the smallest type that holds the values of all. With `shape` (rows, columns) the window is shrunk by
    averaging. OrbitileError where the file cannot be read.
    """
    with explain_read_errors(source.name, source):
        return read_pixels(source, window, channels, shape)


def read_pixels(
    source: rasterio.DatasetReader, window: Window, channels: Channels = 1, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """As `read_window`, but GDAL's errors are raised as they are."""
    numbers = channel_list(channels)
    options = dict(window=raster_window(window), out_shape=shape and (len(numbers), *shape))
    # rasterio refuses to read several types at once
    if len(numbers) == 1 or len({source.dtypes[number - 1] for number in numbers}) == 1:
        pixels = bands = source.read(numbers, resampling=Resampling.average, **options)
    else:
        bands = [read_pixels(source, window, number, shape)[0] for number in numbers]
        pixels = np.stack(bands, dtype=common_dtype(source, channels))
    valid = _read_validity(source, window, numbers[0], bands[0], shape)
    for number, band in zip(numbers[1:], bands[1:], strict=True):
        valid &= _read_validity(source, window, number, band, shape)
    alpha = overlooked_alpha(source)
    if alpha is not None:
        valid &= source.read(alpha, window=raster_window(window), out_shape=shape) > 0
    return pixels[0] if isinstance(channels, int) else pixels, valid


def read_validity(source: rasterio.DatasetReader, window: Window, channels: Channels = 1) -> np.ndarray:
    """Which pixels (rows, columns) of a window `read_window` takes for valid; pixels are read only where they tell."""
    numbers = channel_list(channels)
    ways = {tuple(source.mask_flag_enums[number - 1]) for number in numbers}
    are_whole = all(np.issubdtype(source.dtypes[number - 1], np.integer) for number in numbers)
    if are_whole and ways == {(MaskFlags.all_valid,)} and overlooked_alpha(source) is None:
        return np.ones((window.height, window.width), bool)
    if are_whole and ways == {(MaskFlags.per_dataset,)}:
        with explain_read_errors(source.name, source):
            return source.read_masks(numbers[0], window=raster_window(window)) > 0
    return read_window(source, window, channels)[1]


def overlooked_alpha(source: rasterio.DatasetReader) -> int | None:
    """The number of an alpha band that GDAL does not use as a mask; None if it does, or if there is none.

    GDAL does so only in images of two or four bands, and only of unsigned integers.
    """
    if source.count == 1 or ColorInterp.alpha not in source.colorinterp:
        return None
    is_masked = {MaskFlags.alpha, MaskFlags.per_dataset} & set(source.mask_flag_enums[0])
    return None if is_masked else source.colorinterp.index(ColorInterp.alpha) + 1


def _read_validity(
    source: rasterio.DatasetReader, window: Window, channel: int, pixels: np.ndarray, shape: tuple[int, int] | None
) -> np.ndarray:
    """Where the pixels (rows, columns) of one channel are valid."""
    valid = _validity(source, channel, pixels) if shape is None else None
    if valid is None:
        valid = source.read_masks(channel, window=raster_window(window), out_shape=shape) > 0
    if np.issubdtype(pixels.dtype, np.floating):
        valid &= np.isfinite(pixels)
    return valid


def _validity(source: rasterio.DatasetReader, channel: int, pixels: np.ndarray) -> np.ndarray | None:
    """Where pixels of a channel are valid, derived from their values; None where a mask must be read."""
    flags, nodata = source.mask_flag_enums[channel - 1], source.nodatavals[channel - 1]
    if flags == [MaskFlags.all_valid]:
        return np.ones(pixels.shape, bool)
    if flags == [MaskFlags.nodata] and _is_representable(nodata, pixels.dtype):
        return differs_from_nodata(pixels, nodata)
    return None


def _is_representable(value: float, dtype: np.dtype) -> bool:
    """Whether pixels of a type can have a value."""
    if np.issubdtype(dtype, np.integer):
        return np.iinfo(dtype).min <= value <= np.iinfo(dtype).max and float(value).is_integer()
    return np.issubdtype(dtype, np.floating)


def row_windows(grid: Grid, multiple_of: int = 512) -> Iterator[Window]:
    """Cut a grid into windows of full width whose rows fit WINDOW_BYTES, a multiple of the block height each."""
    rows = max(1, WINDOW_BYTES // (4 * grid.width * multiple_of)) * multiple_of
    for row in range(0, grid.height, rows):
        yield Window(0, row, grid.width, min(rows, grid.height - row))
