"""The brightness of strips, matched where they overlap."""

from dataclasses import dataclass

import numpy as np

from orbitile.georeferencing.mosaicking.compiled_loops import choose_pixels

SAMPLE_PX = 200_000
"""Largest number of pixels of an overlap that are compared."""
MIN_OVERLAP_PX = 100
"""An overlap of fewer pixels is not used."""
ITERATIONS = 10
OUTLIER_SIGMAS = 3.0
"""Pixels that differ by more than this many standard deviations are left out: clouds, shadows, frost."""
MAD_TO_SIGMA = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


@dataclass(frozen=True)
class LevelMatch:
    """How one band of a strip is brought to the level of the strips before it: `gain` times a value, plus `offset`.

    `pixels` is the number of pixels of the overlap compared (0: nothing was matched), `scatter` the standard deviation
    of their differences after matching, without outliers; None where none were compared.
    """

    gain: float = 1.0
    offset: float = 0.0
    pixels: int = 0
    scatter: float | None = None

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels on the level, as floats that hold all values of their type up to 32 bits."""
        pixels = pixels.astype(np.result_type(pixels.dtype, np.float32), copy=False)
        unchanged = (self.gain, self.offset) == (1.0, 0.0)
        return pixels if unchanged else (pixels * self.gain + self.offset).astype(pixels.dtype, copy=False)


BandLevels = tuple[LevelMatch, ...]
"""The levels of a strip, one per band."""


def unchanged_levels(bands: int) -> BandLevels:
    """The levels of a strip whose pixels stay as they are."""
    return (LevelMatch(),) * bands


def apply_levels(levels: BandLevels, pixels: np.ndarray) -> np.ndarray:
    """Pixels (n) of a strip of one band, or (bands, n), on their levels, as LevelMatch.apply."""
    if len(levels) == 1:
        return levels[0].apply(pixels)
    return np.stack([level.apply(band) for level, band in zip(levels, pixels, strict=True)])


class OverlapSample:
    """Pairs of values of the pixels that two images share, at most `max_pixels`, fed block by block from the top.

    Which pixels are taken depends on their places alone, not on the blocks.
    """

    def __init__(self, max_pixels: int = SAMPLE_PX) -> None:
        self._max_pixels, self._below = max_pixels, 1 << 32
        self._marks, self._values = _empty_sample(0)

    def feed(self, first: np.ndarray, second: np.ndarray, valid: np.ndarray, position: tuple[int, int]) -> None:
        """Add a block (rows, columns) of both images, `valid` where both have data.

        The block's first pixel is at `position` (column, row).
        """
        block = first, second, valid, *position
        count = choose_pixels(*block, self._below, *_empty_sample(0))
        while len(self._marks) + count > self._max_pixels:
            self._below //= 2
            below = self._marks < self._below
            self._marks, self._values = self._marks[below], self._values[below]
            count = choose_pixels(*block, self._below, *_empty_sample(0))
        marks, values = _empty_sample(count)
        choose_pixels(*block, self._below, marks, values)
        self._marks, self._values = np.concatenate([self._marks, marks]), np.concatenate([self._values, values])

    @property
    def values(self) -> np.ndarray:
        """The pairs (n, 2): of the first image, and of the second."""
        return self._values


def _empty_sample(pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays for the marks (n) and values (n, 2) of so many pixels."""
    return np.zeros(pixels, np.uint32), np.zeros((pixels, 2))


def fit_level(pairs: np.ndarray) -> LevelMatch | None:
    """The level that brings the first of pairs of values (n, 2) to the second; None below MIN_OVERLAP_PX pairs.

    The spreads of both and their middles are made equal: first quartiles and medians, then standard deviations and
    means of the pixels whose differences are no outliers. A regression of one on the other would find too small a
    gain where strips are noisy or a pixel apart, and a negative one under opposite suns. The gain is 1 where a strip
    is flat.
    """
    if len(pairs) < MIN_OVERLAP_PX:
        return None
    low, middle, high = np.quantile(pairs, [0.25, 0.5, 0.75], axis=0)
    gain, offset = _line(high - low, middle)
    for _ in range(ITERATIONS):
        residuals, sigma = _residuals(pairs, gain, offset)
        inliers = pairs[residuals <= max(OUTLIER_SIGMAS * sigma, _rounding(pairs))]
        gain, offset = _line(inliers.std(axis=0), inliers.mean(axis=0))
    return LevelMatch(gain, offset, len(pairs), _residuals(pairs, gain, offset)[1])


def _residuals(pairs: np.ndarray, gain: float, offset: float) -> tuple[np.ndarray, float]:
    """Absolute differences of values (n) on the level, and the standard deviation of those that are no outliers."""
    residuals = np.abs(pairs[:, 1] - (gain * pairs[:, 0] + offset))
    return residuals, MAD_TO_SIGMA * float(np.median(residuals))


def _rounding(pairs: np.ndarray) -> float:
    """The largest difference by rounding of values that agree."""
    return 1e-6 * float(np.abs(pairs[:, 1]).max())


def _line(spread: np.ndarray, middle: np.ndarray) -> tuple[float, float]:
    """Gain and offset that bring one spread and middle to another."""
    gain = float(spread[1] / spread[0]) if (spread > 0).all() else 1.0
    return gain, float(middle[1] - gain * middle[0])
