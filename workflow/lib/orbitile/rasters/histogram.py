"""Percentiles of complete images in one pass and little memory."""

from collections.abc import Iterator

import numpy as np
import rasterio

from orbitile.rasters.read import channel_numbers
from orbitile.rasters.resample import unchanged_blocks
from orbitile.space.grids import Grid

BINS = 65536
EXACT_TYPES = ("uint8", "int8", "uint16", "int16")


class Histogram:
    """Counts of one band's valid pixels, fed block by block.

    8- and 16-bit integers are counted exactly; other types between the given bounds in 65,536
    bins, so a percentile is within 1/65,536 of the range.
    """

    def __init__(self, dtype: str, low: float = 0.0, high: float = 1.0) -> None:
        if dtype in EXACT_TYPES:
            low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).min) + BINS
        self._low, self._step = low, max((high - low) / BINS, np.finfo(float).tiny)
        self._counts = np.zeros(BINS, np.int64)

    def feed(self, pixels: np.ndarray, valid: np.ndarray) -> None:
        """Add a block's valid pixels."""
        bins = ((pixels[valid].astype(np.float64) - self._low) / self._step).astype(np.int64)
        self._counts += np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)

    @property
    def count(self) -> int:
        """Number of pixels fed."""
        return int(self._counts.sum())

    def percentile(self, percent: float) -> float:
        """The smallest value with at least `percent` of all pixels at or below it; NaN if none."""
        if self.count == 0:
            return float("nan")
        target = max(1, int(np.ceil(self.count * percent / 100)))
        return self._low + self._step * int(np.searchsorted(np.cumsum(self._counts), target))


def band_histograms(source: rasterio.DatasetReader, grid: Grid) -> list[Histogram]:
    """Count the values of each band of an image on its grid, over the pixels that are valid in all bands.

    Types wider than 16 bit take one more pass for their bounds.
    """
    dtype = source.dtypes[0]
    if dtype in EXACT_TYPES:
        histograms = [Histogram(dtype) for _ in range(source.count)]
    else:
        histograms = [Histogram(dtype, low, high) for low, high in _bounds(source, grid)]
    for bands, valid in _band_blocks(source, grid):
        for histogram, pixels in zip(histograms, bands, strict=True):
            histogram.feed(pixels, valid)
    return histograms


def _bounds(source: rasterio.DatasetReader, grid: Grid) -> list[tuple[float, float]]:
    """The least and the largest valid value of each band; 0 and 1 where nothing is valid."""
    lows, highs = [], []
    for bands, valid in _band_blocks(source, grid):
        if valid.any():
            lows.append([float(pixels[valid].min()) for pixels in bands])
            highs.append([float(pixels[valid].max()) for pixels in bands])
    if not lows:
        return [(0.0, 1.0)] * source.count
    return list(zip(map(min, zip(*lows, strict=True)), map(max, zip(*highs, strict=True)), strict=True))


def _band_blocks(source: rasterio.DatasetReader, grid: Grid) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pixels (bands, rows, columns) of an image, and where they are valid, window by window."""
    for _, pixels, valid in unchanged_blocks(source, grid, channel_numbers(source.count)):
        yield pixels.reshape(-1, *valid.shape), valid
