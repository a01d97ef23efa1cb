"""Pixels that are judged true or false: how many there are of each probability, block by block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.calibration.judged_sample import CountsByBlock
from orbitile.calibration.risk_control import RiskControl, effective_blocks, uneven_block_p_values
from orbitile.inference.mask_threshold import FULL_LEVEL, least_level

LEVELS = FULL_LEVEL + 1
"""Probabilities are levels of 0..255."""
LEVEL_THRESHOLDS = np.floor(np.arange(1, LEVELS) / FULL_LEVEL * 1e4) / 1e4
"""Of every level but 0 the threshold that it reaches and the level below does not, in few digits."""
MOST_COUNTS = 2**20
"""Of all blocks, classes and levels together that a file, or the header of weights, has room for."""
MOST_PIXELS = 2**53
FALSE, TRUE = 0, 1
"""Places of the counts of pixels that are not of a class, and of those that are."""


@dataclass(frozen=True)
class PixelSample:
    """Numbers of valid pixels (blocks, classes, 2, LEVELS), false and true ones of a class, by its probability.

    A block is a square of ground, or a scene (`unit`, in the plural).
    """

    pixels: np.ndarray
    classes: tuple[str, ...]
    unit: str = "squares"

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.pixels)

    def of_class(self, name: str) -> "ClassPixels":
        """The pixels of a class."""
        return ClassPixels(self.pixels[:, self.classes.index(name)], self.unit)

    def limited(self, most: int = MOST_COUNTS) -> Self:
        """As many blocks, drawn without replacement, as have `most` counts; all of them where these fit."""
        fitting = max(most // (len(self.classes) * 2 * LEVELS), 1)
        if self.blocks <= fitting:
            return self
        drawn = np.random.default_rng(0).permutation(self.blocks)[:fitting]
        return replace(self, pixels=self.pixels[np.sort(drawn)])

    def to_json(self) -> dict[str, Any]:
        """For JSON: of each class and block the counts of false and of true pixels by level, as lines of text."""
        pixels = {
            name: [[_as_text(counts) for counts in block[number]] for block in self.pixels]
            for number, name in enumerate(self.classes)
        }
        return dict(blocks=self.blocks, unit=self.unit, pixels=pixels)

    @classmethod
    def of_json(cls, content: object) -> Self:
        """The sample that a file states; OrbitileError where it is none."""
        try:
            if not isinstance(content, Mapping) or not isinstance(content["pixels"], Mapping):
                raise TypeError("it is no table")
            blocks = int(content["blocks"])
            if not 0 <= blocks * len(content["pixels"]) * 2 * LEVELS <= MOST_COUNTS or not content["pixels"]:
                raise ValueError("has too many blocks or classes, or none")
            columns = [_of_text(column, blocks) for column in content["pixels"].values()]
            names = tuple(str(name) for name in content["pixels"])
            return cls(np.stack(columns, axis=1), names, shortened(str(content["unit"])))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise OrbitileError(
                f"its judged pixels are none ({shortened(type(error).__name__ + ' ' + str(error), 200)}); "
                "make it anew with the target calibrate"
            ) from error


@dataclass(frozen=True)
class ClassPixels:
    """Numbers of valid pixels (blocks, 2, LEVELS) that are not, and that are, of a class, by its probability."""

    pixels: np.ndarray
    unit: str = "squares"

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.pixels)

    @property
    def thresholds(self) -> np.ndarray:
        """The probabilities (k), rising, among which thresholds are chosen."""
        return LEVEL_THRESHOLDS

    @property
    def risk(self) -> RiskControl:
        """The thresholds at which it bounds errors."""
        return RiskControl(self, uneven_block_p_values)

    @property
    def truth(self) -> int:
        """How many pixels are of the class."""
        return int(self.pixels[:, TRUE].sum())

    def independent(self, objects: np.ndarray) -> np.ndarray:
        """How many tests pixels in blocks (k, n) are (k): no more than there are blocks."""
        return effective_blocks(objects)

    def of_blocks(self, numbers: np.ndarray) -> Self:
        """The sample of drawn blocks (n)."""
        return replace(self, pixels=self.pixels[numbers])

    def counts(self, least_score: float) -> CountsByBlock:
        """Pixels of each block that count from a probability on, false ones among them, true ones, missed ones."""
        level = least_level(least_score)
        false, right = (self._from_level[:, side, level] for side in (FALSE, TRUE))
        true = self._from_level[:, TRUE, 0]
        return CountsByBlock(false + right, false, true, true - right)

    @cached_property
    def _from_level(self) -> np.ndarray:
        """Numbers of pixels of each level and more."""
        return np.cumsum(self.pixels[:, :, ::-1], axis=2)[:, :, ::-1]


def _as_text(counts: np.ndarray) -> str:
    """Counts up to the last that is not 0."""
    return " ".join(map(str, np.trim_zeros(counts, "b").tolist()))


def _of_text(column: Sequence[Sequence[str]], blocks: int) -> np.ndarray:
    """Counts (blocks, 2, LEVELS) of a class; ValueError where they are others."""
    if not isinstance(column, list) or len(column) != blocks:
        raise ValueError("a class has other blocks")
    counts = np.zeros((blocks, 2, LEVELS), np.int64)
    for number, block in enumerate(column):
        for side, text in zip((FALSE, TRUE), block, strict=True):
            values = [int(value) for value in text.split()]
            counts[number, side, : len(values)] = values
    if (counts < 0).any() or (counts > MOST_PIXELS).any():
        raise ValueError("a number of pixels is out of range")
    return counts
