"""Which probabilities count as positive."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.inference.models.weights_header import stated_threshold

DEFAULT_THRESHOLD = 0.5
"""Where neither the settings nor the weights state one."""
FULL_LEVEL = 255
"""Probabilities of 0..1 are levels of 0..255 in rasters."""
Threshold = float | Mapping[str, float]
"""A probability (0..1) from which on pixels count: of all classes, or of each by its name."""


def mask_threshold(threshold: Threshold | None, model: Mapping | None) -> Threshold:
    """The probability from which on a pixel counts: that of the settings, else of the weights, else 0.5.

    `model` is None or holds the path of the `weights`.
    """
    if threshold is None and model is not None:
        threshold = stated_threshold(Path(model["weights"]))
    return threshold or DEFAULT_THRESHOLD


def class_threshold(threshold: Threshold, name: str) -> float:
    """That of a class; OrbitileError where there is none for it."""
    if not isinstance(threshold, Mapping):
        return threshold
    if name not in threshold:
        raise OrbitileError(f"mapping.calibration: knows nothing of the class {shortened(name)}; run the target "
                            "calibrate with the network of this run")  # fmt: skip
    return threshold[name]


def least_level(threshold: float) -> int:
    """The least level of 0..255 that reaches a threshold of 0..1; 0 never does, whatever the threshold."""
    return max(int(np.ceil(threshold * FULL_LEVEL)), 1)


def is_positive(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Which probabilities of 0..255 reach a threshold of 0..1; those of 0 never do, whatever the threshold."""
    return probability >= least_level(threshold)
