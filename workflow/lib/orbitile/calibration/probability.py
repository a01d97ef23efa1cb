"""Scores become probabilities of being true, and how far they are off as such.

Beta calibration (Kull, Silva Filho and Flach 2017, AISTATS) with the diameter beside the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.logistic import ANY, Bound, apply_logistic, fit_logistic

LEAST_SCORE, LARGEST_SCORE = 1e-3, 1 - 1e-3
"""Scores are taken to lie between."""
UNIT_PX = 16.0
"""Diameters count as logarithms of their ratio to it."""
RISING: Bound = (0.0, None)
"""No coefficient of the score may make a higher one less probable."""
BINS = 10
RESAMPLES = 500
LEAST_ROWS = 50
"""Judged detections below which there is no fit: three numbers by fewer would be chance."""


@dataclass(frozen=True)
class ScoreCalibration:
    """log odds of being true = c0 + c1 ln s - c2 ln(1 - s) + c3 x + c4 x^2, x = ln(diameter / UNIT_PX), s the score.

    Diameters beyond those of the fit, `sizes_px`, count as the nearest of these.
    """

    coefficients: tuple[float, ...]
    sizes_px: tuple[float, float]

    @classmethod
    def fit(cls, sample: JudgedSample) -> Self | None:
        """The calibration that makes a sample's detections most likely; None where there are too few of them."""
        score, diameter_px, is_right, _ = sample.detections
        if len(score) < LEAST_ROWS or is_right.all() or not is_right.any():
            return None
        low, high = np.percentile(diameter_px, [1, 99]).tolist()
        coefficients = fit_logistic(_features(score, diameter_px, (low, high)), is_right, [RISING, RISING, ANY, ANY])
        return cls(tuple(round(float(value), 5) for value in coefficients), (round(low, 2), round(high, 2)))

    def probability(self, score: np.ndarray, diameter_px: np.ndarray) -> np.ndarray:
        """Probabilities (n; float32) of being true, of detections with scores (n) and diameters (n; finest pixels)."""
        features = _features(score, diameter_px, self.sizes_px)
        return apply_logistic(np.array(self.coefficients), features).astype(np.float32)


def _features(score: np.ndarray, diameter_px: np.ndarray, sizes_px: tuple[float, float]) -> np.ndarray:
    score = np.clip(np.asarray(score, float), LEAST_SCORE, LARGEST_SCORE)
    size = np.log(np.clip(diameter_px, *sizes_px) / UNIT_PX)
    return np.column_stack([np.log(score), -np.log1p(-score), size, size**2])


class ReliabilityBin(NamedTuple):
    """Detections of similar probability: their mean probability, the share that is right, their number."""

    probability: float
    right: float
    size: int


def reliability(probability: np.ndarray, is_right: np.ndarray, bins: int = BINS) -> list[ReliabilityBin]:
    """Bins of equally many detections, by rising probability."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        ReliabilityBin(float(np.mean(probability[part])), float(np.mean(is_right[part])), len(part)) for part in parts
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error (Naeini and others 2015, AAAI): the mean distance, weighted by number."""
    total = sum(part.size for part in bins)
    return sum(part.size * abs(part.probability - part.right) for part in bins) / total if total else float("nan")


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error, its interval of 95 % over blocks, and what chance alone would give."""

    value: float
    interval: tuple[float, float]
    by_chance: float

    @classmethod
    def of(cls, probability: np.ndarray, sample: JudgedSample, seed: int = 0) -> Self:
        """Of probabilities (n) of a sample's detections.

        The interval is that of percentiles of blocks drawn with replacement; `by_chance` is the mean error of
        detections that are right as often as their probabilities say.
        """
        random, is_right = np.random.default_rng(seed), sample.detections.is_right
        value = _error(probability, is_right)
        numbered = sample.detections._replace(score=np.arange(len(probability)))
        rows = JudgedSample(numbered, sample.truth, sample.blocks)
        drawn = [rows.of_blocks(random.integers(0, sample.blocks, sample.blocks)) for _ in range(RESAMPLES)]
        errors = [_error(probability[part.detections.score], is_right[part.detections.score]) for part in drawn]
        chance = [_error(probability, random.random(len(probability)) < probability) for _ in range(RESAMPLES)]
        low, high = np.nanpercentile([value, *errors], [2.5, 97.5]).tolist()
        return cls(value, (low, high), float(np.mean(chance)))


def _error(probability: np.ndarray, is_right: np.ndarray) -> float:
    return calibration_error(reliability(probability, is_right))
