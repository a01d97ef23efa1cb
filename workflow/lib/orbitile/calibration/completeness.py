"""Completeness: the probability that an object is in the catalogue, by its diameter."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.logistic import apply_logistic, fit_logistic

POINTS = 25
"""Diameters, evenly by their logarithm, that a curve is given at."""
DEGREE = 3
LEAST_TRUE = 30
"""True objects below which there is no curve."""
RESAMPLES = 200
LEVEL = 0.95


@dataclass(frozen=True)
class Completeness:
    """The share of true objects detected at diameters (n) in pixels of the finest scale.

    Detections count from `least_score` on. Beyond the diameters nothing is known.
    """

    least_score: float
    diameter_px: tuple[float, ...]
    detected: tuple[float, ...]

    @classmethod
    def fit(cls, sample: JudgedSample, least_score: float) -> Self | None:
        """The curve where detections of a score and more are kept; None where the sample has too few true objects.

        A logistic regression by a polynomial of the logarithm of the diameter.
        """
        if len(sample.truth.diameter_px) < LEAST_TRUE:
            return None
        low, high = np.percentile(sample.truth.diameter_px, [0, 99.5])
        grid = np.geomspace(low, high, POINTS)
        return cls(least_score, _rounded(grid), _rounded(_curve(sample, least_score, grid)))

    def band(self, sample: JudgedSample, seed: int = 0) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The limits (n each) of 95 % of the curve, from blocks of its sample that are drawn with replacement."""
        random, grid = np.random.default_rng(seed), np.array(self.diameter_px)
        drawn = [sample.of_blocks(random.integers(0, sample.blocks, sample.blocks)) for _ in range(RESAMPLES)]
        others = [_curve(part, self.least_score, grid) for part in drawn]
        low, high = np.percentile(others, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)
        return _rounded(np.minimum(low, self.detected)), _rounded(np.maximum(high, self.detected))

    def from_px(self, share: float) -> float | None:
        """The diameter from which on the curve reaches a share; None where it never does.

        Where it falls again at large diameters, the first one.
        """
        reached = np.asarray(self.detected) >= share
        if not reached.any():
            return None
        first = int(np.argmax(reached))
        if not first:
            return self.diameter_px[0]
        sizes, shares = (np.asarray(values)[first - 1 : first + 1] for values in (self.diameter_px, self.detected))
        return round(float(np.exp(np.interp(share, shares, np.log(sizes)))), 2)


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(np.round(values, 4).tolist())


def _curve(sample: JudgedSample, least_score: float, grid: np.ndarray) -> np.ndarray:
    """The share at the diameters of a grid (n)."""
    detected = sample.truth.score >= np.float32(least_score)
    if not len(detected) or detected.all() or not detected.any():
        return np.full(len(grid), float(detected.all() and len(detected) > 0))
    coefficients = fit_logistic(_features(sample.truth.diameter_px, grid), detected)
    return apply_logistic(coefficients, _features(grid, grid))


def _features(diameter_px: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Powers (n, DEGREE) of the logarithm of diameters, -1..1 over the grid."""
    low, high = np.log(grid[[0, -1]])
    place = np.clip(2 * (np.log(diameter_px) - low) / max(high - low, 1e-9) - 1, -1, 1)
    return place[:, None] ** np.arange(1, DEGREE + 1)
