"""Sources of pixels, whatever the format of the file that holds them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import rasterio

from orbitile.rasters.read import Channels, common_dtype, read_window
from orbitile.space.grids import Window


class PixelSource(Protocol):
    """An image that is read in windows."""

    @property
    def width(self) -> int:
        """Columns of the image."""

    @property
    def height(self) -> int:
        """Rows of the image."""

    @property
    def dtype(self) -> np.dtype | str:
        """The data type of the pixels of all bands."""

    @property
    def bands(self) -> int:
        """Number of bands."""

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Read a window inside the image: pixels, and where they are valid (rows, columns) in all bands.

        Pixels are (rows, columns) of an image of one band, else (bands, rows, columns).
        """


@dataclass(frozen=True)
class RasterPixels:
    """One or several channels, counted from 1, of an open image that GDAL can read."""

    source: rasterio.DatasetReader
    channels: Channels = 1

    @property
    def width(self) -> int:
        """Columns of the image."""
        return self.source.width

    @property
    def height(self) -> int:
        """Rows of the image."""
        return self.source.height

    @property
    def dtype(self) -> str:
        """The smallest data type that holds the values of all channels."""
        return common_dtype(self.source, self.channels)

    @property
    def bands(self) -> int:
        """Number of channels."""
        return 1 if isinstance(self.channels, int) else len(self.channels)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """See PixelSource; OrbitileError where the file cannot be read."""
        return read_window(self.source, window, self.channels)
