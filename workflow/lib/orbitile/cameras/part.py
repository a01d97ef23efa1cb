"""Some columns of a camera's image, as an image of their own."""

from dataclasses import dataclass

import numpy as np

from orbitile.cameras.camera import Camera


@dataclass(frozen=True)
class Part:
    """A camera of the `width` columns of another's image that begin at its column `left` (see Camera).

    With `mirrored` columns run the other way: `left` is then where they begin on the right.
    """

    whole: Camera
    left: float
    width: int
    mirrored: bool = False

    @property
    def height(self) -> int:
        """See Camera."""
        return self.whole.height

    @property
    def _way(self) -> int:
        return -1 if self.mirrored else 1

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        return self.whole.rays(self.left + self._way * np.asarray(col), row)

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        col, row = self.whole.to_image(points)
        return (col - self.left) * self._way, row
