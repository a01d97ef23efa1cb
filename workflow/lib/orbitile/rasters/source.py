"""Where pixels come from, whatever file they lie in."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import rasterio

from orbitile.rasters.read import read
from orbitile.space.grids import Window


class PixelSource(Protocol):
    """An image of one channel that is read in windows."""

    width: int
    height: int
    dtype: str

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The pixels (rows, columns) of a window inside the image, and where they are valid."""


@dataclass(frozen=True)
class RasterPixels:
    """A channel, counted from 1, of an open image that GDAL can read."""

    source: rasterio.DatasetReader
    channel: int = 1

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
        """The pixels' data type."""
        return self.source.dtypes[self.channel - 1]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """See PixelSource; OrbitileError where the file cannot be read."""
        return read(self.source, window, self.channel)
