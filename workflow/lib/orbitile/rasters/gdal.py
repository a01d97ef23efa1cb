"""What reading and writing share: GDAL's errors, and its windows."""

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from orbitile.base.errors import first_line
from orbitile.space.grids import Window

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""Rasterio's errors, and GDAL's own, some of which rasterio passes on unchanged."""


def gdal_reason(error: Exception) -> str:
    """GDAL's own message of an error, in one line."""
    return first_line(error.__cause__ or error)


def raster_window(window: Window) -> RasterioWindow:
    """A window as rasterio takes it."""
    return RasterioWindow(window.col, window.row, window.width, window.height)
