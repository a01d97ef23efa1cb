"""Framing cameras, which take all rows of an image at once."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from orbitile.georeferencing.cameras.optics import Detector, Optics
from orbitile.georeferencing.cameras.visibility import faces_camera


@dataclass(frozen=True)
class FrameCamera:
    """An image taken at once (see Camera).

    `position` (3) is body-fixed and in m, `rotation` leads from the camera's frame to the body-fixed one.
    """

    width: int
    height: int
    optics: Optics
    detector: Detector
    position: np.ndarray
    rotation: Rotation

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        detector = self.detector
        directions = self.optics.directions(detector.sample(col), detector.first_line + detector.summing * row)
        return np.broadcast_to(self.position, directions.shape), self.rotation.apply(directions)

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        detector = self.detector
        sample, line = self.optics.detect(self.rotation.apply(points - self.position, inverse=True))
        is_visible = faces_camera(points, self.position)
        row = (line - detector.first_line) / detector.summing
        return np.where(is_visible, detector.col(sample), np.nan), np.where(is_visible, row, np.nan)
