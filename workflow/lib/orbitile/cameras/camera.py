"""What every camera can do, whatever took the image and wherever its geometry comes from."""

from typing import Protocol

import numpy as np

from orbitile.cameras.surfaces import Surface


class Camera(Protocol):
    """The geometry of one image.

    Pixel coordinates are (col, row) with the origin at the outer corner of the first pixel, so that its centre is
    (0.5, 0.5). Points are body-fixed and in metres.
    """

    width: int
    height: int

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the camera was for pixels (n), and unit vectors along which they look: points, directions (n, 3).

        Pixels may lie outside the image: its motion goes on there.
        """

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pixels (col, row) that see points (n, 3), which may lie outside the image.

        NaN where no pixel does: behind the camera, or on the far side of the body.
        """


def to_ground(camera: Camera, surface: Surface, col: np.ndarray, row: np.ndarray) -> np.ndarray:
    """The points (n, 3) of a surface that pixels see; NaN where they look past it."""
    return surface.hit(*camera.rays(col, row))
