"""Confidence intervals of precision, recall and F1, by resampling blocks of ground."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

LEVEL = 0.95
RESAMPLES = 2000
AT_ONCE = 100
"""Resamples drawn at the same time: so many numbers for each block are in memory."""


class MatchCounts(NamedTuple):
    """Detected craters, those of them that are right, and true craters: numbers, or arrays of one shape.

    As craters match one to one, as many true ones are matched as detected ones are right.
    """

    detected: np.ndarray
    right: np.ndarray
    true: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        """The share of detected craters that are right; NaN where none is detected."""
        return _share(self.right, self.detected)

    @property
    def recall(self) -> np.ndarray:
        """The share of true craters that are detected; NaN where there is none."""
        return _share(self.right, self.true)

    @property
    def f1(self) -> np.ndarray:
        """The harmonic mean of precision and recall; NaN where nothing is detected and nothing true."""
        return _share(2 * np.asarray(self.right), np.asarray(self.detected) + self.true)

    def intervals(self, seed: int = 0) -> dict[str, np.ndarray]:
        """The limits (2, *shape) of the intervals of each measure, from counts (blocks, *shape).

        Percentiles of sums over blocks drawn with replacement (Efron 1979, Annals of Statistics 7), and at least as
        wide as Wilson's interval of as many craters that do not depend on each other (1927, JASA 22): of three craters,
        all of which are right, resamples alone would say that any is. F1 = 2 s / (1 + s), with s the share of matches
        among matches, false and missed craters, of which Wilson's limits are taken. NaN where a measure is not
        defined.
        """
        resampled = self._resampled(seed)
        total = MatchCounts(*(np.sum(count, axis=0) for count in self))
        union = np.asarray(total.detected) + total.true - total.right
        wilson = {
            "precision": wilson_interval(total.right, total.detected),
            "recall": wilson_interval(total.right, total.true),
            "f1": _f1_of_share(wilson_interval(total.right, union)),
        }
        return {name: _envelope(getattr(resampled, name), limits) for name, limits in wilson.items()}

    def _resampled(self, seed: int) -> "MatchCounts":
        """Sums (resamples, *shape) over blocks drawn with replacement, among those that hold any crater."""
        stacked = np.stack([np.asarray(count, np.int64) for count in self], axis=-1)
        blocks = stacked.reshape(len(stacked), -1)
        blocks = blocks[blocks.any(axis=1)]
        random, count = np.random.default_rng(seed), len(blocks)
        draws = [np.zeros((0, blocks.shape[1]), np.int64)]
        for _ in range(RESAMPLES // AT_ONCE if count else 0):
            draws.append(random.multinomial(count, np.full(count, 1 / count), AT_ONCE) @ blocks)
        sums = np.concatenate(draws).reshape(-1, *stacked.shape[1:])
        return MatchCounts(*np.moveaxis(sums, -1, 0))


def wilson_interval(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Limits (2, *shape) of a share of independent draws (Wilson 1927); NaN where there is no draw."""
    z = ndtri((1 + LEVEL) / 2)
    n = np.where(np.asarray(total) > 0, total, np.nan)
    share = np.asarray(part) / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(np.stack([middle - half, middle + half]), 0, 1)


def _envelope(resampled: np.ndarray, wilson: np.ndarray) -> np.ndarray:
    """The outer ones of two pairs of limits (2, *shape): those of resamples (resamples, *shape), and others."""
    low, high = np.apply_along_axis(_percentiles, 0, resampled)
    return np.stack([np.fmin(low, wilson[0]), np.fmax(high, wilson[1])])


def _percentiles(values: np.ndarray) -> np.ndarray:
    """The limits (2) of values, without those that are not defined; NaN where none is."""
    defined, tail = values[~np.isnan(values)], 100 * (1 - LEVEL) / 2
    return np.percentile(defined, [tail, 100 - tail]) if len(defined) else np.full(2, np.nan)


def _f1_of_share(share: np.ndarray) -> np.ndarray:
    return 2 * share / (1 + share)


def _share(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(part, total, dtype=np.float64)
