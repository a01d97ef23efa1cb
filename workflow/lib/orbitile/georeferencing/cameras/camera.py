"""The interface of all cameras, of any instrument and any source of its geometry."""

from typing import Protocol

import numpy as np

from orbitile.georeferencing.cameras.surfaces import Surface


class Camera(Protocol):
    """The geometry of one image.

    Pixel coordinates are (col, row) with the origin at the outer corner of the first pixel, so that its centre is
    (0.5, 0.5). Points are body-fixed and in metres.
    """

    @property
    def width(self) -> int:
        """Columns of the image."""

    @property
    def height(self) -> int:
        """Rows of the image."""

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n, 3) of the camera for pixels (n), and unit vectors (n, 3) along which they look.

        Pixels may lie outside the image: the camera's motion continues there.
        """

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pixels col, row (n) that see points (n, 3); they may lie outside the image.

        NaN where no pixel sees a point: behind the camera, or on the far side of the body.
        """


def to_ground(camera: Camera, surface: Surface, col: np.ndarray, row: np.ndarray) -> np.ndarray:
    """The points (n, 3) of a surface that pixels (n) see; NaN where they look past it."""
    return surface.hit(*camera.rays(col, row))
