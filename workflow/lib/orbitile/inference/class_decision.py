"""Which class a pixel is of, where each pixel is of exactly one: the likeliest, background included."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from orbitile.inference.mask_threshold import FULL_LEVEL
from orbitile.inference.models.weights_header import BACKGROUND, read_description

THRESHOLD, ARGMAX = "threshold", "argmax"
"""The decisions: each class by itself, from a probability on; or the likeliest of all classes."""
MOST_EXCLUSIVE_CLASSES = 254
"""Classes besides the background that fit into 8 bits beside the value of no data."""


def class_numbers(probability: np.ndarray, with_background: bool = True) -> np.ndarray:
    """The number (..., rows, columns; uint8) of the likeliest class of each pixel: 0 for the background, 1..K.

    `probability` (K, ..., rows, columns; uint8) holds those of the mapped classes, 0..255. The background has what they
    leave of 255; without background it is never chosen. Of equal classes the lowest number is chosen. A single class
    has, beside the background, the pixels of at least one half.
    """
    shape = probability.shape[1:]
    background = FULL_LEVEL - probability.sum(axis=0, dtype=np.int32)  # below 0 where roundings add up
    likeliest = background if with_background else np.full(shape, -1, np.int32)
    numbers = np.zeros(shape, np.uint8)
    for number, level in enumerate(probability, 1):
        is_likelier = level > likeliest
        numbers[is_likelier] = number
        likeliest = np.where(is_likelier, level, likeliest)
    return numbers


def knows_background(model: Mapping | None, classes: Sequence[str] | None = None) -> bool:
    """Whether a network has a background: one that names it among its classes, or has a single class.

    `model` is None or holds the path of the `weights`, which name the classes; for others the settings' `classes` do.
    Where neither does, it counts as having one.
    """
    stated = read_description(Path(model["weights"])).get("names") if model else None
    names = list(stated.values()) if isinstance(stated, dict) else list(classes or [])
    return len(names) <= 1 or BACKGROUND in names
