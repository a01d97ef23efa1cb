"""A camera's optics and detector: from a detector's pixel to the direction that it sees, and back."""

from dataclasses import dataclass

import numpy as np

from orbitile.georeferencing.cameras.distortion import Distortion

PlaneRow = tuple[float, float, float]
"""A row of the transformation from the focal plane to the detector: of 1, x and y (mm)."""


@dataclass(frozen=True)
class Detector:
    """How an image's pixels lie on the detector.

    Detector coordinates count detector pixels from the outer corner of the first. An image's column `col` lies at
    sample `first_sample + summing * col`, and so with rows of a framing camera. Of a line scanner, `first_line` is the
    line that sees every row.
    """

    first_sample: float = 0.0
    first_line: float = 0.0
    summing: float = 1.0

    def sample(self, col: np.ndarray) -> np.ndarray:
        """The detector's samples (n) at an image's columns (n)."""
        return self.first_sample + self.summing * col

    def col(self, sample: np.ndarray) -> np.ndarray:
        """An image's columns (n) at the detector's samples (n)."""
        return (sample - self.first_sample) / self.summing


@dataclass(frozen=True)
class Optics:
    """Focal length (mm), distortion, and the focal plane's position on the detector.

    A point (x, y) of the focal plane, in mm and distorted, lies at sample `centre[0] + samples . (1, x, y)` and line
    `centre[1] + lines . (1, x, y)`, as `ITRANSS` and `ITRANSL` of instrument kernels give them. The camera looks along
    +z of its frame, or along -z where the focal length is negative.
    """

    focal_mm: float
    distortion: Distortion
    centre: tuple[float, float]
    samples: PlaneRow
    lines: PlaneRow

    def directions(self, sample: np.ndarray, line: np.ndarray) -> np.ndarray:
        """Unit vectors (n, 3), in the camera's frame, along which detector pixels (n) look."""
        from_centre = np.stack(np.broadcast_arrays(sample - self.centre[0], line - self.centre[1]))
        offset = np.array([self.samples[0], self.lines[0]])
        x, y = np.tensordot(np.linalg.inv(self._matrix), from_centre - offset[:, None], 1)
        x, y = self.distortion.undistort(x, y)
        rays = np.stack([x, y, np.full_like(x, self.focal_mm)], axis=-1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def detect(self, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Detector samples and lines (n) that see along vectors (n, 3) of the camera's frame; NaN behind it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = self.focal_mm / directions[..., 2]
        scale = np.where(scale > 0, scale, np.nan)
        x, y = self.distortion.distort(directions[..., 0] * scale, directions[..., 1] * scale)
        sample, line = np.tensordot(self._matrix, np.stack([x, y]), 1)
        return sample + self.samples[0] + self.centre[0], line + self.lines[0] + self.centre[1]

    @property
    def _matrix(self) -> np.ndarray:
        return np.array([self.samples[1:], self.lines[1:]])
