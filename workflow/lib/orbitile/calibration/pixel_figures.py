"""Figures of a calibration of pixels: errors of probabilities, and what can be promised, of each class."""

from typing import Any

import numpy as np

from orbitile.calibration.figures import FOLD_SEED, FOLDS, bound_figures, score_figures
from orbitile.calibration.pixel_calibration import PixelCalibration, level_probabilities
from orbitile.calibration.pixel_sample import LEVELS, TRUE, ClassPixels
from orbitile.calibration.probability import BINS, RESAMPLES, ReliabilityBin, calibration_error
from orbitile.inference.mask_threshold import FULL_LEVEL

STATED_LEVELS = np.arange(LEVELS) / FULL_LEVEL
"""What the levels say that they are worth."""


def with_pixel_figures(calibration: PixelCalibration) -> dict[str, Any]:
    """A calibration and its figures, for JSON."""
    return calibration.to_json() | dict(figures=pixel_figures(calibration))


def pixel_figures(calibration: PixelCalibration) -> dict[str, Any]:
    """All figures by class, for JSON; `after` and `probability` are None where the sample is too small for a fit."""
    by_class = {}
    for name, probability in calibration.probabilities.items():
        pixels = calibration.sample.of_class(name)
        by_class[name] = _class_figures(pixels) | dict(
            probability=None if probability is None else probability.tolist()
        )
    return dict(classes=by_class)


def _class_figures(pixels: ClassPixels) -> dict[str, Any]:
    before = np.broadcast_to(STATED_LEVELS, (pixels.blocks, LEVELS))
    cases = dict(before=before, after=cross_validated_levels(pixels))
    return dict(
        pixels=int(pixels.pixels.sum()), true=pixels.truth,
        calibration_error={name: _error(pixels, levels) for name, levels in cases.items()},
        reliability={name: _bins(pixels, levels) for name, levels in cases.items()},
        bounds=bound_figures(pixels.risk), by_score=score_figures(pixels.risk),
    )  # fmt: skip


def cross_validated_levels(pixels: ClassPixels) -> np.ndarray | None:
    """What levels are worth (blocks, LEVELS), of each block by a fit to other blocks; None where these are too few."""
    fold = np.random.default_rng(FOLD_SEED).permutation(pixels.blocks) % FOLDS
    probability = np.zeros((pixels.blocks, LEVELS))
    for number in range(FOLDS):
        fit = level_probabilities(pixels.of_blocks(np.flatnonzero(fold != number)))
        if fit is None:
            return None
        probability[fold == number] = fit
    return probability


def pixel_reliability(pixels: np.ndarray, probability: np.ndarray) -> list[ReliabilityBin]:
    """Bins of equal width of probability (blocks, LEVELS), of pixels (blocks, 2, LEVELS); empty ones are left out.

    Of equally many pixels most would hold nothing but background.
    """
    total, number = pixels.sum(axis=1), np.minimum((probability * BINS).astype(int), BINS - 1)
    sizes, sums, right = (
        np.bincount(number.ravel(), values.ravel(), BINS) for values in (total, total * probability, pixels[:, TRUE])
    )
    return [
        ReliabilityBin(float(sums[k] / sizes[k]), float(right[k] / sizes[k]), int(sizes[k]))
        for k in np.flatnonzero(sizes)
    ]


def _error(pixels: ClassPixels, probability: np.ndarray | None) -> dict[str, Any] | None:
    """The expected calibration error, and its interval of 95 % over blocks drawn with replacement.

    None without probabilities or pixels.
    """
    if probability is None or not pixels.pixels.any():
        return None
    random = np.random.default_rng(0)
    value = calibration_error(pixel_reliability(pixels.pixels, probability))
    drawn = [random.integers(0, pixels.blocks, pixels.blocks) for _ in range(RESAMPLES)]
    errors = [calibration_error(pixel_reliability(pixels.pixels[part], probability[part])) for part in drawn]
    interval = np.nanpercentile([value, *errors], [2.5, 97.5])
    return dict(value=round(value, 4), interval=np.round(interval, 4).tolist())


def _bins(pixels: ClassPixels, probability: np.ndarray | None) -> list[list[float]]:
    """Mean probability, share that is true and number of pixels of each bin; empty without probabilities."""
    if probability is None:
        return []
    return [[round(a, 4), round(b, 4), n] for a, b, n in pixel_reliability(pixels.pixels, probability)]
