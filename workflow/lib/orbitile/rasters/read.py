"""Reading single-band images with their validity and their stretch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import Resampling

from orbitile.errors import OrbitileError
from orbitile.rasters.gdal import GDAL_ERRORS, area, gdal_reason
from orbitile.space.grids import Grid, Window

BAND_BYTES = 64 * 2**20
"""Memory aimed at for one band of rows, in bytes of float32 pixels."""

FILL = 114
"""Grey value in 0..255 of pixels without data: the padding value YOLO networks are trained with."""


@dataclass(frozen=True)
class Stretch:
    """A linear stretch from physical values `low`..`high` to 0..255, the same for a whole scene."""

    low: float
    high: float

    def apply(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Scale pixels to uint8; invalid ones become FILL."""
        span = self.high - self.low if self.high > self.low else 1
        scaled = (pixels.astype(np.float32) - self.low) * (255 / span)
        grey = np.clip(np.where(valid, scaled, 0), 0, 255).round().astype(np.uint8)
        return np.where(valid, grey, np.uint8(FILL))


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
    source: rasterio.DatasetReader, window: Window, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a window of the first band: pixels, and where they are valid.

    Valid means not nodata, not masked, and finite. With `shape` (rows, columns) the window is
    shrunk by averaging.
    """
    with _explained(source.name):
        pixels = source.read(1, window=area(window), out_shape=shape, resampling=Resampling.average)
        valid = source.read_masks(1, window=area(window), out_shape=shape) > 0
    if np.issubdtype(pixels.dtype, np.floating):
        valid &= np.isfinite(pixels)
    return pixels, valid


def bands(grid: Grid, multiple_of: int = 512) -> Iterator[Window]:
    """Cut a grid into full-width bands of rows that fit BAND_BYTES, a multiple of the block height."""
    rows = max(1, BAND_BYTES // (4 * grid.width * multiple_of)) * multiple_of
    for row in range(0, grid.height, rows):
        yield Window(0, row, grid.width, min(rows, grid.height - row))
