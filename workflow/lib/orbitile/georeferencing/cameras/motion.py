"""A camera's position and attitude over time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Trajectory:
    """Positions (n, 3) in m and velocities (n, 3) in m/s at times (n, s), in one frame."""

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray

    def at(self, times: np.ndarray) -> np.ndarray:
        """Positions (m, 3) at times (m), by cubic Hermite splines, extrapolated before the first and after the last."""
        return self._spline(times) if len(self.times) > 1 else self._straight(times)

    @cached_property
    def _spline(self) -> CubicHermiteSpline:
        return CubicHermiteSpline(self.times, self.positions, self.velocities)

    def _straight(self, times: np.ndarray) -> np.ndarray:
        return self.positions[0] + (times - self.times[0])[:, None] * self.velocities[0]


@dataclass(frozen=True)
class Attitude:
    """Rotations (n) at times (n, s), with the shortest turn at an even rate between each two."""

    times: np.ndarray
    rotations: Rotation

    def at(self, times: np.ndarray) -> Rotation:
        """Rotations (m) at times (m).

        Before the first time and after the last the turn continues: without it, lines would pile up on each other.
        """
        if len(self.times) == 1:
            return self.rotations[np.zeros(len(times), int)]
        index = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
        share = (times - self.times[index]) / np.diff(self.times)[index]
        return Rotation.from_rotvec(share[:, None] * self._steps[index]) * self.rotations[index]

    @cached_property
    def _steps(self) -> np.ndarray:
        """Rotation vectors (n - 1, 3) from each rotation to the next."""
        return (self.rotations[1:] * self.rotations[:-1].inv()).as_rotvec()


@dataclass(frozen=True)
class Motion:
    """A camera's motion: its trajectory and its attitude in an inertial frame, and the body's rotation.

    `attitude` leads from the camera's frame to the inertial one, `body_rotation` from there to the body-fixed frame.
    """

    trajectory: Trajectory
    attitude: Attitude
    body_rotation: Attitude

    def at(self, times: np.ndarray) -> tuple[np.ndarray, Rotation]:
        """Body-fixed positions (n, 3; m) at times (n, s), and rotations (n) from the camera's frame to the body's."""
        to_fixed = self.body_rotation.at(times)
        return to_fixed.apply(self.trajectory.at(times)), to_fixed * self.attitude.at(times)
