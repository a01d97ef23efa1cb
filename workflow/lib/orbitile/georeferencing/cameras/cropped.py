"""A part of a camera's columns, as the camera of an image of its own."""

from dataclasses import dataclass

import numpy as np

from orbitile.georeferencing.cameras.camera import Camera


@dataclass(frozen=True)
class CroppedCamera:
    """The camera of the `width` columns of a camera's image that begin at its column `left` (see Camera).

    With `mirrored` columns run the other way: `left` is then where they begin on the right.
    """

    full: Camera
    left: float
    width: int
    mirrored: bool = False

    @property
    def height(self) -> int:
        """See Camera."""
        return self.full.height

    @property
    def _col_step(self) -> int:
        return -1 if self.mirrored else 1

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        return self.full.rays(self.left + self._col_step * np.asarray(col), row)

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        col, row = self.full.to_image(points)
        return (col - self.left) * self._col_step, row
