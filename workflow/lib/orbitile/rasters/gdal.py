"""What reading and writing share: GDAL's errors, and its windows."""

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from orbitile.errors import first_line
from orbitile.space.grids import Window

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""Rasterio's errors, and GDAL's own, some of which it lets through as they are."""


def gdal_reason(error: Exception) -> str:
    """What GDAL itself says of one of its errors, in one line."""
    return first_line(error.__cause__ or error)


def area(window: Window) -> RasterioWindow:
    """A window as rasterio takes it."""
    return RasterioWindow(window.col, window.row, window.width, window.height)
