"""From the values of pixels to the grey values that networks and pictures are made of."""

from dataclasses import dataclass

import numpy as np

from orbitile.rasters.compiled_loops import grey_values

FILL = 114
"""Grey value in 0..255 of pixels without data: the padding value YOLO networks are trained with."""


@dataclass(frozen=True)
class Stretch:
    """A linear stretch from physical values `low`..`high` to 0..255, one pair per band, the same for a whole scene."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def apply(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Scale pixels (rows, columns) of one band or (bands, rows, columns) to uint8 of the same shape.

        Pixels that are not `valid` (rows, columns) become FILL in all bands. ValueError where the number of bands is
        not that of the stretch.
        """
        return grey_values(pixels, valid, (self.low, self.high), FILL)
