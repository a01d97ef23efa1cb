"""Counts in 16 bits, in steps of a fraction of a count, so that corrections below one count are kept."""

from dataclasses import dataclass
from typing import Self

import numpy as np

MOST_STEPS = 16
NODATA = 0
"""The stored value of pixels without data."""


@dataclass(frozen=True)
class CountSteps:
    """How counts are stored as uint16: 1 + round(count * steps); 0 is nodata. Counts outside are clipped."""

    steps: int

    @classmethod
    def up_to(cls, highest: float) -> Self:
        """The largest power of two, at most 16, with which the highest count fits into 16 bits; at least 1."""
        steps = MOST_STEPS
        while steps > 1 and 1 + round(highest * steps) > np.iinfo(np.uint16).max:
            steps //= 2
        return cls(steps)

    @property
    def scale(self) -> float:
        """Counts per stored step: count = stored * scale + offset."""
        return 1 / self.steps

    @property
    def offset(self) -> float:
        """The count of a stored 0, which no pixel has."""
        return -1 / self.steps

    def store(self, counts: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Counts as uint16, NODATA where they are not valid."""
        stored = np.rint(np.where(valid, counts, 0) * self.steps) + 1
        return np.where(valid, np.clip(stored, 1, np.iinfo(np.uint16).max), NODATA).astype(np.uint16)
