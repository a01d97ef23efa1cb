"""Counts stored in 16 bits, in steps of a fraction of a count, so that corrections below one count are not lost."""

from dataclasses import dataclass
from typing import Self

import numpy as np

MAX_STEPS = 16
"""Steps that a count is divided into at most."""

NODATA = 0
"""The stored value of pixels without data."""


@dataclass(frozen=True)
class CountSteps:
    """How counts are stored as uint16: 1 + round(count * steps); 0 is nodata. Counts outside are clipped."""

    steps: int

    @classmethod
    def up_to(cls, highest: float) -> Self:
        """The largest power of two, from 1 to MAX_STEPS, with which the highest count fits into 16 bits."""
        steps = MAX_STEPS
        while steps > 1 and 1 + round(highest * steps) > np.iinfo(np.uint16).max:
            steps //= 2
        return cls(steps)

    @property
    def scale(self) -> float:
        """Counts per stored step: count = stored * scale + offset."""
        return 1 / self.steps

    @property
    def offset(self) -> float:
        """The count of a stored 0, which no valid pixel has."""
        return -1 / self.steps

    def store(self, counts: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Counts (any shape) as uint16, NODATA where they are not `valid` (bool, same shape)."""
        stored = np.rint(np.where(valid, counts, 0) * self.steps) + 1
        return np.where(valid, np.clip(stored, 1, np.iinfo(np.uint16).max), NODATA).astype(np.uint16)
