"""A camera's optics and detector: from a detector's pixel to the direction in which it looks, and back."""

from dataclasses import dataclass

import numpy as np

from orbitile.cameras.distortion import Distortion


@dataclass(frozen=True)
class Detector:
    """How an image's pixels lie on the detector.

    Detector coordinates count detector pixels from the outer corner of the first. An image's column `col` lies at
    sample `first_sample + summing * col`, a framing camera's row alike. Of a line scanner, `first_line` is the line
    that sees every row.
    """

    first_sample: float = 0.0
    first_line: float = 0.0
    summing: float = 1.0

    def sample(self, col: np.ndarray) -> np.ndarray:
        """The detector's samples at an image's columns."""
        return self.first_sample + self.summing * col

    def col(self, sample: np.ndarray) -> np.ndarray:
        """An image's columns at the detector's samples."""
        return (sample - self.first_sample) / self.summing


@dataclass(frozen=True)
class Optics:
    """Focal length (mm), distortion, and the focal plane's place on the detector.

    A place (x, y) in the focal plane, in mm and distorted, lies at sample `centre[0] + samples . (1, x, y)` and line
    `centre[1] + lines . (1, x, y)`, as `ITRANSS` and `ITRANSL` of instrument kernels give them. The camera looks along
    +z of its frame, or along -z where the focal length is negative.
    """

    focal_mm: float
    distortion: Distortion
    centre: tuple[float, float]
    samples: tuple[float, float, float]
    lines: tuple[float, float, float]

    def look(self, sample: np.ndarray, line: np.ndarray) -> np.ndarray:
        """Unit vectors (n, 3), in the camera's frame, along which detector pixels look."""
        from_centre = np.stack(np.broadcast_arrays(sample - self.centre[0], line - self.centre[1]))
        offset = np.array([self.samples[0], self.lines[0]])
        x, y = np.tensordot(np.linalg.inv(self._matrix), from_centre - offset[:, None], 1)
        x, y = self.distortion.removed(x, y)
        rays = np.stack([x, y, np.full_like(x, self.focal_mm)], axis=-1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def detect(self, look: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Detector samples and lines (n) that see along vectors (n, 3) of the camera's frame; NaN behind it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = self.focal_mm / look[..., 2]
        scale = np.where(scale > 0, scale, np.nan)
        x, y = self.distortion.applied(look[..., 0] * scale, look[..., 1] * scale)
        sample, line = np.tensordot(self._matrix, np.stack([x, y]), 1)
        return sample + self.samples[0] + self.centre[0], line + self.lines[0] + self.centre[1]

    @property
    def _matrix(self) -> np.ndarray:
        return np.array([self.samples[1:], self.lines[1:]])
