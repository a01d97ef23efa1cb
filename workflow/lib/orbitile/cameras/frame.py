"""Cameras that see a whole image at once: MESSENGER MDIS."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from orbitile.cameras.optics import Detector, Optics
from orbitile.cameras.visible import faces


@dataclass(frozen=True)
class FrameCamera:
    """An image taken at once (see orbitile.cameras.camera.Camera).

    `position` (3) is body-fixed and in m, `turned` turns the camera's frame into the body-fixed one.
    """

    width: int
    height: int
    optics: Optics
    detector: Detector
    position: np.ndarray
    turned: Rotation

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        detector = self.detector
        look = self.optics.look(detector.sample(col), detector.first_line + detector.summing * row)
        return np.broadcast_to(self.position, look.shape), self.turned.apply(look)

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        detector = self.detector
        sample, line = self.optics.detect(self.turned.apply(points - self.position, inverse=True))
        seen = faces(points, self.position)
        row = (line - detector.first_line) / detector.summing
        return np.where(seen, detector.col(sample), np.nan), np.where(seen, row, np.nan)
