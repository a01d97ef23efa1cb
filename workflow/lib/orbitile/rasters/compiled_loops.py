"""What is done to every pixel read: whether it holds data, and its grey value."""

from collections.abc import Sequence

import numpy as np

from orbitile.base.compiled import compiled


def differs_from_nodata(pixels: np.ndarray, nodata: float) -> np.ndarray:
    """Which pixels are not nodata (bool, same shape); floats within rounding of it are nodata, as GDAL takes them."""
    differs = np.empty(pixels.shape, bool)
    _compare(_flat(pixels), pixels.dtype.type(nodata), _tolerance(pixels.dtype), differs.reshape(-1))
    return differs


def grey_values(
    pixels: np.ndarray, valid: np.ndarray, bounds: tuple[Sequence[float], Sequence[float]], fill: int
) -> np.ndarray:
    """Scale pixels (rows, columns) of one band or (bands, rows, columns) to uint8, each band by its own bounds.

    `bounds` are the bands' lower bounds, which become 0, and their upper bounds, which become 255. Pixels that are not
    `valid` (rows, columns) become `fill`. ValueError where pixels and bounds differ in their number of bands.
    """
    grey = np.empty(pixels.shape, np.uint8)
    shape = len(bounds[0]), valid.size
    bands, grey_bands, valid_pixels = _flat(pixels).reshape(shape), grey.reshape(shape), _flat(valid)
    for band, grey_band, low, high in zip(bands, grey_bands, *bounds, strict=True):
        scale = np.float32(255 / (high - low if high > low else 1))
        _scale_band(band, valid_pixels, np.float32(low), scale, np.uint8(fill), grey_band)
    return grey


def _flat(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1)


def _tolerance(dtype: np.dtype) -> float:
    """GDAL's tolerance, relative to the sum of the two values."""
    return 2 * float(np.finfo(dtype).eps) if np.issubdtype(dtype, np.floating) else 0.0


@compiled
def _compare(pixels, nodata, tolerance, differs):
    if nodata != nodata:
        for i in range(pixels.size):
            differs[i] = pixels[i] == pixels[i]
    elif tolerance == 0:
        for i in range(pixels.size):
            differs[i] = pixels[i] != nodata
    else:
        for i in range(pixels.size):
            same = pixels[i] == nodata or abs(pixels[i] - nodata) < tolerance * abs(pixels[i] + nodata)
            differs[i] = not same


@compiled
def _scale_band(pixels, valid, low, scale, fill, grey):
    for i in range(pixels.size):
        value = (np.float32(pixels[i]) - low) * scale
        value = min(max(value, np.float32(0)), np.float32(255))
        grey[i] = np.uint8(np.rint(value)) if valid[i] else fill
