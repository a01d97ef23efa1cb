"""The brightness of strips, matched where they overlap."""

from dataclasses import dataclass

import numpy as np

from orbitile.mosaicking.kernels import choose_pixels

SAMPLE_PX = 200_000
"""At most so many pixels of an overlap are compared."""
LEAST_PX = 100
"""An overlap of fewer pixels tells nothing."""
ROUNDS = 10
OUTLYING = 3.0
"""Pixels that differ by more than this many standard deviations take no part: clouds, shadows, frost."""
TO_SIGMA = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


@dataclass(frozen=True)
class Level:
    """How a strip's values become those of the strips before it: `gain` times a value, plus `offset`.

    `pixels` of the overlap were compared to find that (0: nothing was done), `scatter` is the standard deviation of
    their differences afterwards, without outliers, None where none were compared.
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


class Sample:
    """Pairs of values of the pixels that two images share, at most SAMPLE_PX, fed block by block from the top.

    Which pixels are taken depends on their places alone, not on the blocks.
    """

    def __init__(self, most: int = SAMPLE_PX) -> None:
        self._most, self._below = most, 1 << 32
        self._marks, self._values = _room(0)

    def feed(self, own: np.ndarray, other: np.ndarray, both: np.ndarray, place: tuple[int, int]) -> None:
        """Add a block (rows, columns) of both images, with data where `both`; its first pixel is at (column, row)."""
        pixels = own, other, both, *place
        found = choose_pixels(*pixels, self._below, *_room(0))
        while len(self._marks) + found > self._most:
            self._below //= 2
            kept = self._marks < self._below
            self._marks, self._values = self._marks[kept], self._values[kept]
            found = choose_pixels(*pixels, self._below, *_room(0))
        marks, values = _room(found)
        choose_pixels(*pixels, self._below, marks, values)
        self._marks, self._values = np.concatenate([self._marks, marks]), np.concatenate([self._values, values])

    @property
    def values(self) -> np.ndarray:
        """The pairs (n, 2): of the first image, and of the second."""
        return self._values


def _room(pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays for the marks and values of so many pixels."""
    return np.zeros(pixels, np.uint32), np.zeros((pixels, 2))


def fitted(pairs: np.ndarray) -> Level | None:
    """The level that brings the first of pairs of values (n, 2) to the second; None if there are fewer than LEAST_PX.

    The spreads of both and their middles are made equal: first quartiles and medians, then standard deviations and
    means of the pixels whose differences do not stand out. A regression of one on the other would find too small a
    gain where strips are noisy or a pixel apart, and a negative one under opposite suns. The gain is 1 where a strip
    is flat.
    """
    if len(pairs) < LEAST_PX:
        return None
    low, middle, high = np.quantile(pairs, [0.25, 0.5, 0.75], axis=0)
    gain, offset = _line(high - low, middle)
    for _ in range(ROUNDS):
        off, sigma = _differences(pairs, gain, offset)
        kept = pairs[off <= max(OUTLYING * sigma, _rounding(pairs))]
        gain, offset = _line(kept.std(axis=0), kept.mean(axis=0))
    return Level(gain, offset, len(pairs), _differences(pairs, gain, offset)[1])


def _differences(pairs: np.ndarray, gain: float, offset: float) -> tuple[np.ndarray, float]:
    """How far apart values (n) are on the level, and the standard deviation of those that do not stand out."""
    off = np.abs(pairs[:, 1] - (gain * pairs[:, 0] + offset))
    return off, TO_SIGMA * float(np.median(off))


def _rounding(pairs: np.ndarray) -> float:
    """What values that fit to the last digit may differ by."""
    return 1e-6 * float(np.abs(pairs[:, 1]).max())


def _line(spread: np.ndarray, middle: np.ndarray) -> tuple[float, float]:
    """Gain and offset that bring one spread and middle to another."""
    gain = float(spread[1] / spread[0]) if (spread > 0).all() else 1.0
    return gain, float(middle[1] - gain * middle[0])
