"""Which class a pixel is of, where each pixel is of exactly one: the likeliest, background included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from orbitile.features.class_regions import join_small_regions
from orbitile.inference.mask_threshold import FULL_LEVEL
from orbitile.inference.models.weights_header import has_background, read_description

THRESHOLD, ARGMAX = "threshold", "argmax"
"""The decisions: each class by itself, from a probability on; or the likeliest of all classes."""
MOST_EXCLUSIVE_CLASSES = 254
"""Classes besides the background that fit into 8 bits beside the value of no data."""
TRUNCATED = 3
"""Standard deviations at which a Gaussian ends."""


@dataclass(frozen=True)
class ClassDecision:
    """How probabilities become classes: whether there is a background, smoothing before, and small regions after.

    `smoothing_px` is the standard deviation of a Gaussian over the probabilities of valid pixels; `smallest_region_px`
    the pixels of the smallest region of each class, by its number; () for none.
    """

    with_background: bool = True
    smoothing_px: float = 0
    smallest_region_px: tuple[int, ...] = ()

    @property
    def halo_px(self) -> int:
        """How far around a pixel others have a say in its class."""
        return self._radius_px + 2 * max(self.smallest_region_px, default=0)

    def numbers(self, probability: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """The classes (rows, columns; uint8) of probabilities (K, rows, columns; uint8) of valid pixels."""
        if self.smoothing_px:
            probability = smooth_probabilities(probability, valid, self.smoothing_px, self._radius_px)
        numbers = class_numbers(probability, self.with_background)
        smallest = self.smallest_region_px
        return join_small_regions(numbers, valid, smallest) if max(smallest, default=0) > 1 else numbers

    @property
    def _radius_px(self) -> int:
        return ceil(TRUNCATED * self.smoothing_px)


def smooth_probabilities(probability: np.ndarray, valid: np.ndarray, sigma_px: float, radius_px: int) -> np.ndarray:
    """Probabilities (K, rows, columns; uint8) as means over valid pixels, weighted by a Gaussian; 0 elsewhere."""
    weight = gaussian_filter(valid.astype(float), sigma_px, mode="constant", radius=radius_px)
    layers = [gaussian_filter(np.where(valid, layer, 0.0), sigma_px, mode="constant", radius=radius_px)
              for layer in probability]  # fmt: skip
    means = np.divide(np.stack(layers), weight, out=np.zeros(probability.shape), where=valid)
    return np.rint(means).astype(np.uint8)


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
    return has_background(names)
