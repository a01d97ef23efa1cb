"""What is done to every pixel read: whether it holds data, how often its value occurs, its grey value, block sums."""

from collections.abc import Sequence

import numpy as np

from orbitile.base.compiled import compiled
from orbitile.rasters.encodings import INT16_NULL, LAST_SPECIAL


def differs_from_nodata(pixels: np.ndarray, nodata: float) -> np.ndarray:
    """Which pixels are not nodata (bool, same shape); floats within rounding of it are nodata, as GDAL takes them.

    So are all special pixels of ISIS, where nodata is its NULL: those of floats by rounding, those of 16 bits by name.
    """
    if pixels.dtype == np.int16 and nodata == INT16_NULL:
        return pixels > LAST_SPECIAL
    differs = np.empty(pixels.shape, bool)
    _compare(_flat(pixels), pixels.dtype.type(nodata), _tolerance(pixels.dtype), differs.reshape(-1))
    return differs


def count_digits(pixels: np.ndarray, valid: np.ndarray, shift: int, prefixes: np.ndarray, counts: np.ndarray) -> None:
    """Count one digit of 16 bits, the one above the lowest `shift` bits, of the ranks of valid pixels (any shape).

    A rank is the place of a value among all values of its type (those of 8 bits taken for 16), in ascending order.
    Only pixels whose bits above that digit are among the prefixes (n, uint64, ascending) are counted, each in the row
    of its prefix: `counts` (n, 65536) grow.
    """
    kind, itemsize = pixels.dtype.kind, max(2, pixels.dtype.itemsize)
    patterns = _flat(pixels.astype(f"{kind}{itemsize}", copy=False)).view(f"u{itemsize}")
    sign = np.uint64(0 if kind == "u" else 1 << (8 * itemsize - 1))
    mask = np.uint64((1 << (8 * itemsize)) - 1)
    _count(patterns, _flat(valid), kind == "f", sign, mask, np.uint64(shift), prefixes, counts)


def block_sums(pixels: np.ndarray, valid: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the valid pixels (rows, columns) of blocks of factor x factor, float64; how many each has, int64."""
    shape = valid.shape[0] // factor, valid.shape[1] // factor
    sums, counts = np.zeros(shape), np.zeros(shape, np.int64)
    _add_up(np.ascontiguousarray(pixels), np.ascontiguousarray(valid), factor, sums, counts)
    return sums, counts


def grey_values(
    pixels: np.ndarray, valid: np.ndarray, bounds: tuple[Sequence[float], Sequence[float]], fill: int
) -> np.ndarray:
    """Scale pixels (rows, columns) of one band or (bands, rows, columns) to uint8, each band by its own bounds.

    `bounds` are the bands' lower bounds, which become 0, and their upper bounds, which become 255. Pixels that are not
    `valid` (rows, columns) become `fill`. ValueError where pixels and bounds differ in their number of bands.
    """
    grey = np.empty(pixels.shape, np.uint8)
    shape = len(bounds[0]), valid.size
    is_wide = np.result_type(pixels.dtype, np.float32) == np.float64  # values of more bits than float32 holds
    scale_band, exact = (_scale_wide_band, np.float64) if is_wide else (_scale_band, np.float32)
    bands, grey_bands, valid_pixels = _flat(pixels).reshape(shape), grey.reshape(shape), _flat(valid)
    for band, grey_band, low, high in zip(bands, grey_bands, *bounds, strict=True):
        scale = 255 / (high - low if high > low else 1)
        scale_band(band, valid_pixels, exact(low), exact(scale), np.uint8(fill), grey_band)
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
def _add_up(pixels, valid, factor, sums, counts):
    for row in range(sums.shape[0] * factor):
        line = row // factor
        for column in range(sums.shape[1]):
            for place in range(column * factor, (column + 1) * factor):
                if valid[row, place]:
                    sums[line, column] += pixels[row, place]
                    counts[line, column] += 1


@compiled
def _scale_band(pixels, valid, low, scale, fill, grey):
    for i in range(pixels.size):
        value = (np.float32(pixels[i]) - low) * scale
        value = min(max(value, np.float32(0)), np.float32(255))
        grey[i] = np.uint8(np.rint(value)) if valid[i] else fill


@compiled
def _scale_wide_band(pixels, valid, low, scale, fill, grey):
    for i in range(pixels.size):
        value = min(max((np.float64(pixels[i]) - low) * scale, 0.0), 255.0)
        grey[i] = np.uint8(np.rint(value)) if valid[i] else fill


@compiled
def _count(patterns, valid, is_float, sign, mask, shift, prefixes, counts):
    for i in range(patterns.size):
        if valid[i]:
            rank = np.uint64(patterns[i])
            if not is_float:
                rank ^= sign
            elif rank & sign and rank != sign:  # -0 is 0
                rank ^= mask
            else:
                rank |= sign
            digits = rank >> shift
            prefix = digits >> np.uint64(16)
            place, end = 0, prefixes.size - 1
            while place < end:
                middle = (place + end) // 2
                if prefixes[middle] < prefix:
                    place = middle + 1
                else:
                    end = middle
            if prefixes[place] == prefix:
                counts[place, np.int64(digits & np.uint64(0xFFFF))] += 1


@compiled
def fill_enlarged(pixels, weights, origin, digits, enlarged):
    """Fill a channel `enlarged` (uint8) whose first pixel is number `origin` (column, row) of the enlarged `pixels`.

    `weights` (factor, 4) are whole numbers of `digits` binary digits after the point.
    """
    factor, (height, width) = weights.shape[0], pixels.shape
    rounding = 1 << (2 * digits - 1)
    across = np.empty(width, np.int64)
    for row in range(enlarged.shape[0]):
        place = row + origin[1]
        phase = place % factor
        first = place // factor - (2 if 2 * phase + 1 < factor else 1)
        across[:] = 0
        for tap in range(4):
            line = min(max(first + tap, 0), height - 1)
            for column in range(width):
                across[column] += weights[phase, tap] * pixels[line, column]
        for column in range(enlarged.shape[1]):
            place = column + origin[0]
            phase = place % factor
            first = place // factor - (2 if 2 * phase + 1 < factor else 1)
            total = rounding
            for tap in range(4):
                total += weights[phase, tap] * across[min(max(first + tap, 0), width - 1)]
            enlarged[row, column] = min(max(total >> (2 * digits), 0), 255)
