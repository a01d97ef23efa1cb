"""Percentiles of whole images in one pass and little memory."""

import numpy as np

BINS = 65536
EXACT_TYPES = ("uint8", "int8", "uint16", "int16")


class Histogram:
    """Counts of an image's valid pixels, fed block by block.

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
        """How many pixels were fed."""
        return int(self._counts.sum())

    def percentile(self, percent: float) -> float:
        """The smallest value with at least `percent` of all pixels at or below it; NaN if none."""
        if self.count == 0:
            return float("nan")
        target = max(1, int(np.ceil(self.count * percent / 100)))
        return self._low + self._step * int(np.searchsorted(np.cumsum(self._counts), target))
