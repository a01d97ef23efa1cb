"""Where a camera is and how it is turned, over time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Path:
    """Positions (n, 3) in m and velocities (n, 3) in m/s at some times (n, s), in one frame."""

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray

    def at(self, times: np.ndarray) -> np.ndarray:
        """Positions (m, 3), by cubic Hermite splines, which go on before the first time and after the last."""
        return self._spline(times) if len(self.times) > 1 else self._straight(times)

    @cached_property
    def _spline(self) -> CubicHermiteSpline:
        return CubicHermiteSpline(self.times, self.positions, self.velocities)

    def _straight(self, times: np.ndarray) -> np.ndarray:
        return self.positions[0] + (times - self.times[0])[:, None] * self.velocities[0]


@dataclass(frozen=True)
class Turning:
    """Rotations (n) at some times (n, s), with the shortest turn at an even rate between each two."""

    times: np.ndarray
    rotations: Rotation

    def at(self, times: np.ndarray) -> Rotation:
        """Rotations (m).

        Before the first time and after the last the turn goes on: held still, lines would pile up on each other.
        """
        if len(self.times) == 1:
            return self.rotations[np.zeros(len(times), int)]
        which = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
        share = (times - self.times[which]) / np.diff(self.times)[which]
        return Rotation.from_rotvec(share[:, None] * self._steps[which]) * self.rotations[which]

    @cached_property
    def _steps(self) -> np.ndarray:
        """Rotation vectors (n - 1, 3) from each rotation to the next."""
        return (self.rotations[1:] * self.rotations[:-1].inv()).as_rotvec()


@dataclass(frozen=True)
class Motion:
    """A camera's motion: its path and its attitude in an inertial frame, and the turning of the body under it.

    `attitude` turns the camera's frame into the inertial one, `body` the inertial frame into the body-fixed one.
    """

    path: Path
    attitude: Turning
    body: Turning

    def at(self, times: np.ndarray) -> tuple[np.ndarray, Rotation]:
        """Body-fixed positions (n, 3) in m, and rotations (n) from the camera's frame into the body-fixed one."""
        to_fixed = self.body.at(times)
        return to_fixed.apply(self.path.at(times)), to_fixed * self.attitude.at(times)
