"""What the probabilities of a network's pixels are worth, as weights or a file of their own state it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.calibration.logistic import apply_logistic, fit_logistic
from orbitile.calibration.network_calibration import OF_PIXELS, read_calibration_of
from orbitile.calibration.pixel_sample import FALSE, LEVELS, TRUE, ClassPixels, PixelSample
from orbitile.calibration.probability import RISING
from orbitile.inference.mask_threshold import FULL_LEVEL

LEAST_BLOCKS_OF_PIXELS = 16
"""Blocks with true pixels of a class below which nothing is said of it."""
PROBABILITY_DIGITS = 5


@dataclass(frozen=True)
class PixelCalibration:
    """Judged pixels; `basis` says on what ground and by whose truth, in words; `model_sha256` is that of the weights.

    None where these state their own calibration.
    """

    sample: PixelSample
    basis: str
    model_sha256: str | None = None

    @cached_property
    def probabilities(self) -> dict[str, np.ndarray | None]:
        """Of each class what levels of 0..255 are worth, as probabilities (LEVELS) of 0..1; None where too few tell."""
        return {name: level_probabilities(self.sample.of_class(name)) for name in self.sample.classes}

    def to_json(self) -> dict[str, Any]:
        """Values for JSON."""
        return dict(basis=self.basis, model_sha256=self.model_sha256) | self.sample.to_json()

    @classmethod
    def of_json(cls, content: object) -> Self:
        """From values of JSON; OrbitileError where they state none."""
        sample = PixelSample.of_json(content)
        assert isinstance(content, Mapping)  # else there is no sample
        if not isinstance(content.get("basis"), str):
            raise OrbitileError("its calibration lacks its basis; make it anew with the target calibrate")
        model = content.get("model_sha256")
        return cls(sample, shortened(content["basis"], 200), model and str(model))


def level_probabilities(pixels: ClassPixels) -> np.ndarray | None:
    """What the levels 0..255 of a class's probability are worth, as probabilities (LEVELS; 0..1) of being true.

    A logistic regression in ln s and -ln(1 - s), neither of which falls (beta calibration, Kull and others 2017), s the
    middle of a level's probabilities. None where fewer than LEAST_BLOCKS_OF_PIXELS blocks have true pixels.
    """
    counts = pixels.pixels.sum(axis=0)
    blocks_with_truth = np.count_nonzero(pixels.pixels[:, TRUE].sum(axis=1))
    if blocks_with_truth < LEAST_BLOCKS_OF_PIXELS or not counts[FALSE].any():
        return None
    total = counts.sum(axis=0)
    features, present = _level_features(), total > 0
    share = counts[TRUE][present] / total[present]
    coefficients = fit_logistic(features[present], share, [RISING, RISING], total[present])
    return np.round(apply_logistic(coefficients, features), PROBABILITY_DIGITS)


def _level_features() -> np.ndarray:
    score = np.clip(np.arange(LEVELS) / FULL_LEVEL, 0.25 / FULL_LEVEL, 1 - 0.25 / FULL_LEVEL)
    return np.column_stack([np.log(score), -np.log1p(-score)])


def read_pixel_calibration(path: str | Path, model_sha256: str | None = None) -> PixelCalibration | None:
    """The calibration in a file of JSON, or in the description of weights, None where these state none.

    OrbitileError that names the file for what is none, or is that of other weights than those with a hash.
    """
    return read_calibration_of(OF_PIXELS, PixelCalibration, path, model_sha256)
