"""What is done to every pixel read: whether it holds data, and its grey value."""

import numpy as np

from orbitile.compiled import compiled


def differ(pixels: np.ndarray, nodata: float) -> np.ndarray:
    """Which pixels are not nodata; floats within rounding of it are, as GDAL takes them."""
    found = np.empty(pixels.shape, bool)
    _differ(_flat(pixels), pixels.dtype.type(nodata), _rounding(pixels.dtype), found.reshape(-1))
    return found


def grey_values(pixels: np.ndarray, valid: np.ndarray, bounds: tuple[float, float], fill: int) -> np.ndarray:
    """Scale pixels ([channels,] rows, columns) to uint8, the lower bound to 0 and the upper to 255.

    Those that are not valid (rows, columns) become `fill`.
    """
    low, high = bounds
    found = np.empty(pixels.shape, np.uint8)
    scale = np.float32(255 / (high - low if high > low else 1))
    _grey(
        _flat(pixels),
        _flat(np.broadcast_to(valid, pixels.shape)),
        np.float32(low),
        scale,
        np.uint8(fill),
        found.reshape(-1),
    )
    return found


def _flat(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1)


def _rounding(dtype: np.dtype) -> float:
    """GDAL's tolerance, relative to the sum of the two values."""
    return 2 * float(np.finfo(dtype).eps) if np.issubdtype(dtype, np.floating) else 0.0


@compiled
def _differ(pixels, nodata, rounding, found):
    if nodata != nodata:
        for i in range(pixels.size):
            found[i] = pixels[i] == pixels[i]
    elif rounding == 0:
        for i in range(pixels.size):
            found[i] = pixels[i] != nodata
    else:
        for i in range(pixels.size):
            same = pixels[i] == nodata or abs(pixels[i] - nodata) < rounding * abs(pixels[i] + nodata)
            found[i] = not same


@compiled
def _grey(pixels, valid, low, scale, fill, found):
    for i in range(pixels.size):
        value = (np.float32(pixels[i]) - low) * scale
        value = min(max(value, np.float32(0)), np.float32(255))
        found[i] = np.uint8(np.rint(value)) if valid[i] else fill
