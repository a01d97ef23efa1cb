"""Reading images with their validity and their stretch."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning

from orbitile.errors import OrbitileError
from orbitile.rasters.gdal import GDAL_ERRORS, area, gdal_reason
from orbitile.rasters.kernels import differ, grey_values
from orbitile.space.grids import Grid, Window

# Images without a map are nothing unusual: whoever needs one asks for it.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

BAND_BYTES = 64 * 2**20
"""Memory aimed at for one band of rows, in bytes of float32 pixels."""

Channels = int | Sequence[int]
"""Number of a channel, counted from 1, or numbers of several."""

FILL = 114
"""Grey value in 0..255 of pixels without data: the padding value YOLO networks are trained with."""


@dataclass(frozen=True)
class Stretch:
    """A linear stretch from physical values `low`..`high` to 0..255, the same for a whole scene."""

    low: float
    high: float

    def apply(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Scale pixels to uint8; invalid ones become FILL."""
        return grey_values(pixels, valid, (self.low, self.high), FILL)


def grid_of(image: rasterio.DatasetReader) -> Grid:
    """The pixel grid of an image that has a map."""
    return Grid(image.crs.to_wkt(), image.transform, image.width, image.height)


@contextmanager
def opened(path: str) -> Iterator[rasterio.DatasetReader]:
    """Open an image; GDAL's errors become one line that names the file."""
    with _explained(path):
        source = rasterio.open(path)
    with source:
        yield source


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn GDAL's errors on reading a file into one line."""
    try:
        yield
    except GDAL_ERRORS as error:
        reason = gdal_reason(error).removeprefix(f"{path}: ")
        raise OrbitileError(
            f"{path}: cannot be read as an image ({reason}); is it truncated or still being copied?"
        ) from error


def read(
    source: rasterio.DatasetReader, window: Window, channels: Channels = 1, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a window of one or several channels: pixels ([channels,] rows, columns), and where all are valid.

    Valid means not nodata, not masked, and finite. With `shape` (rows, columns) the window is
    shrunk by averaging.
    """
    with _explained(source.name):
        pixels = source.read(channels, window=area(window), out_shape=shape, resampling=Resampling.average)
        valid = _validity(source, pixels) if shape is None else None
        if valid is None:
            valid = source.read_masks(channels, window=area(window), out_shape=shape) > 0
    if np.issubdtype(pixels.dtype, np.floating):
        valid &= np.isfinite(pixels)
    return pixels, valid if pixels.ndim == 2 else valid.all(axis=0)


def _validity(source: rasterio.DatasetReader, pixels: np.ndarray) -> np.ndarray | None:
    """Where pixels are valid, told from themselves; None where a mask must be read."""
    flags = source.mask_flag_enums[0]
    if flags == [MaskFlags.all_valid]:
        return np.ones(pixels.shape, bool)
    if flags == [MaskFlags.nodata] and _is_representable(source.nodata, pixels.dtype):
        return differ(pixels, source.nodata)
    return None


def _is_representable(value: float, dtype: np.dtype) -> bool:
    """Tell whether pixels of a type can have a value."""
    if np.issubdtype(dtype, np.integer):
        return np.iinfo(dtype).min <= value <= np.iinfo(dtype).max and float(value).is_integer()
    return np.issubdtype(dtype, np.floating)


def bands(grid: Grid, multiple_of: int = 512) -> Iterator[Window]:
    """Cut a grid into full-width bands of rows that fit BAND_BYTES, a multiple of the block height."""
    rows = max(1, BAND_BYTES // (4 * grid.width * multiple_of)) * multiple_of
    for row in range(0, grid.height, rows):
        yield Window(0, row, grid.width, min(rows, grid.height - row))
