"""Which probabilities count as positive."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from orbitile.inference.models.weights_header import stated_threshold

DEFAULT_THRESHOLD = 0.5
"""Where neither the settings nor the weights state one."""


def mask_threshold(threshold: float | None, model: Mapping | None) -> float:
    """The probability (0..1) from which on a pixel counts: that of the settings, else of the weights, else 0.5.

    `model` is None or holds the path of the `weights`.
    """
    if threshold is None and model is not None:
        threshold = stated_threshold(Path(model["weights"]))
    return threshold or DEFAULT_THRESHOLD


def is_positive(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Which probabilities of 0..255 reach a threshold of 0..1; those of 0 never do, whatever the threshold."""
    return probability >= max(np.ceil(threshold * 255), 1)
