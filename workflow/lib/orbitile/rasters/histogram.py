"""How often each value stands in complete images: exact where percentiles need it, in few passes and little memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import rasterio

from orbitile.rasters.compiled_loops import count_digits
from orbitile.rasters.read import channel_numbers
from orbitile.rasters.resample import unchanged_blocks
from orbitile.space.grids import Grid

DIGIT_BITS = 16
"""Bits of a value's rank that one pass over the image tells apart."""
DIGITS = 1 << DIGIT_BITS
HEAVY_BINS = 16
"""The most populated bins are refined whatever the percentiles: no bin that is left holds more than 1/16."""


@dataclass(frozen=True)
class Histogram:
    """Counts of one band's valid pixels: distinct `values` (n, float64, ascending), and the pixels of each (n).

    Values of 8 and 16 bits are exact. Of wider types those are exact that decide the percentiles asked for, the
    extremes, and the most frequent ones; others stand for all values from them up to the next.
    """

    values: np.ndarray
    counts: np.ndarray

    @cached_property
    def count(self) -> int:
        """Number of pixels."""
        return int(self.counts.sum())

    @cached_property
    def sums(self) -> np.ndarray:
        """How many pixels (n) have each value or a lower one."""
        return np.cumsum(self.counts)

    def percentile(self, percent: float) -> float:
        """The smallest value with at least `percent` of all pixels at or below it; NaN if none."""
        return float(self.values[_place(self.sums, percent)]) if self.count else float("nan")

    def trimmed(self, lowest: int, highest: int) -> "Histogram":
        """Without so many of the lowest and of the highest values."""
        inner = slice(lowest, max(lowest, len(self.values) - highest))
        return Histogram(self.values[inner], self.counts[inner])


def _place(sums: np.ndarray, percent: float) -> int:
    """Which of the values with these cumulative counts (n) is the percentile."""
    return int(np.searchsorted(sums, max(1, int(np.ceil(sums[-1] * percent / 100)))))


class ValueCounts:
    """Counts one band's valid pixels, fed block by block in as many passes as its type has digits of 16 bits.

    The first pass counts the highest digit of each value's rank among all values of the type; every further one only
    those values whose digits so far decide the `percents`. The result does not depend on the order of the blocks.
    """

    def __init__(self, dtype: str, percents: Sequence[float] = ()) -> None:
        self._dtype, self._percents = np.dtype(dtype), percents
        self._shift = max(8 * self._dtype.itemsize, DIGIT_BITS)
        self._ranks, self._counts = np.zeros(1, np.uint64), np.zeros(1, np.int64)
        self._start_pass(np.ones(1, bool))

    def _start_pass(self, refined: np.ndarray) -> None:
        """Divide the refined ones (n, bool) of the bins of the last pass."""
        self._refined, self._shift = refined, self._shift - DIGIT_BITS
        self._parents = (self._ranks[refined] >> np.uint64(self._shift)) >> np.uint64(DIGIT_BITS)
        self._children = np.zeros((len(self._parents), DIGITS), np.int64)

    def feed(self, pixels: np.ndarray, valid: np.ndarray) -> None:
        """Add a block's valid pixels (any shape)."""
        count_digits(pixels, valid, self._shift, self._parents, self._children)

    def end_pass(self) -> bool:
        """Whether another pass is needed."""
        parents, digits = np.nonzero(self._children)
        prefixes = (self._parents[parents] << np.uint64(DIGIT_BITS)) + digits.astype(np.uint64)
        ranks = np.concatenate([self._ranks[~self._refined], prefixes << np.uint64(self._shift)])
        order = np.argsort(ranks, kind="stable")
        is_fresh = order >= (~self._refined).sum()
        self._counts = np.concatenate([self._counts[~self._refined], self._children[parents, digits]])[order]
        self._ranks = ranks[order]
        if self._shift == 0 or not len(ranks):
            return False
        self._start_pass(is_fresh & _decisive(self._counts, self._percents))
        return bool(len(self._parents))

    @property
    def histogram(self) -> Histogram:
        """What was counted, once no further pass is needed."""
        return Histogram(_values(self._ranks, self._dtype), self._counts)


def _decisive(counts: np.ndarray, percents: Sequence[float]) -> np.ndarray:
    """Which bins (n, bool) hold an extreme, a percentile with or without the extremes, or many pixels."""
    decisive = np.zeros(len(counts), bool)
    decisive[[0, -1]] = True
    decisive[np.argsort(-counts, kind="stable")[:HEAVY_BINS]] = True
    for lowest in (0, 1):
        for highest in (0, 1):
            inner = np.cumsum(counts[lowest : len(counts) - highest])
            decisive[[lowest + _place(inner, percent) for percent in percents if len(inner)]] = True
    return decisive


def _values(ranks: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values (n, float64) of a type at such places (n)."""
    bits = max(8 * dtype.itemsize, DIGIT_BITS)
    patterns, sign = ranks.astype(f"u{bits // 8}"), np.array(1 << (bits - 1), f"u{bits // 8}")
    if dtype.kind == "f":
        patterns = np.where(patterns & sign, patterns ^ sign, ~patterns)
    elif dtype.kind == "i":
        patterns ^= sign
    return patterns.view(f"{dtype.kind}{bits // 8}").astype(np.float64)


class BandCounts:
    """Counts the values of each band of an image, over the pixels that are valid in all bands.

    The `percents` will be exact. All bands have one data type; types wider than 16 bit take a pass more for every
    further 16 bit.
    """

    def __init__(self, dtype: str, bands: int, percents: Sequence[float] = ()) -> None:
        self._bands = [ValueCounts(dtype, percents) for _ in range(bands)]
        self._unfinished = self._bands

    def feed(self, pixels: np.ndarray, valid: np.ndarray) -> None:
        """Add a block: pixels (bands, rows, columns), and where they are valid (rows, columns)."""
        for band, band_pixels in zip(self._bands, pixels, strict=True):
            if band in self._unfinished:
                band.feed(band_pixels, valid)

    def finish(self, source: rasterio.DatasetReader, grid: Grid) -> list[Histogram]:
        """The histograms after the first pass, and after further ones over the image where it needs them."""
        self._end_pass()
        while self._unfinished:
            for pixels, valid in band_blocks(source, grid):
                self.feed(pixels, valid)
            self._end_pass()
        return [band.histogram for band in self._bands]

    def _end_pass(self) -> None:
        self._unfinished = [band for band in self._unfinished if band.end_pass()]


def band_histograms(source: rasterio.DatasetReader, grid: Grid, percents: Sequence[float] = ()) -> list[Histogram]:
    """Count the values of each band of an image on its grid (see BandCounts)."""
    counts = BandCounts(source.dtypes[0], source.count, percents)
    for pixels, valid in band_blocks(source, grid):
        counts.feed(pixels, valid)
    return counts.finish(source, grid)


def band_blocks(source: rasterio.DatasetReader, grid: Grid) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pixels (bands, rows, columns) of an image, and where they are valid, window by window."""
    for _, pixels, valid in unchanged_blocks(source, grid, channel_numbers(source.count)):
        yield pixels.reshape(-1, *valid.shape), valid
