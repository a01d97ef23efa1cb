"""What a correction of counts is: the type that instruments and formats name."""

from collections.abc import Callable
from typing import Protocol

import numpy as np


class Correction(Protocol):
    """A correction of whole lines."""

    def apply(self, counts: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Corrected counts (lines, width) of counts and of where they are valid (bool), both (lines, width)."""


CorrectionMeasurement = Callable[[np.ndarray, np.ndarray], Correction]
"""Measures a correction on counts (n, width) and on where they are valid (n, width)."""
