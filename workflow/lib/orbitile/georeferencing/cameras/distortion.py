"""Optical distortion: from where light falls on the focal plane to where a pinhole would have put it, and back.

All coordinates are millimetres from the optical axis. The models and their coefficients' meaning are those of the
instruments' SPICE kernels as USGS ISIS reads them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

PlanePoints = tuple[np.ndarray, np.ndarray]
"""Coordinates x and y (n) in the focal plane, in millimetres."""

MAX_ITERATIONS = 50
MAX_UNEVENNESS = 0.1
"""How far a step outwards may differ from one at the optical axis, as a share of it."""
CONVERGED_MM = 1e-12
"""A step, in millimetres, after which an iteration has converged: below what doubles resolve in a pixel."""


class Distortion(Protocol):
    """A model of distortion."""

    def undistort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """Where (mm) a pinhole would have put the light that fell on x, y (n, mm)."""

    def distort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """Where (mm) the light falls that a pinhole would have put on x, y (n, mm)."""


@dataclass(frozen=True)
class NoDistortion:
    """A pinhole."""

    def undistort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """See Distortion."""
        return x, y

    distort = undistort


@dataclass(frozen=True)
class Radial:
    """u = d (1 - k0 - k1 r^2 - k2 r^4) with the distorted radius r: CTX and HiRISE, `INS-..._OD_K`.

    Far off the detector, where the polynomial would bend back, its factor stays what it is at `reach_mm`.
    """

    k: tuple[float, float, float]

    def undistort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """See Distortion."""
        factor = self._factor(np.hypot(x, y))
        return x * factor, y * factor

    def distort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """See Distortion. The radius by fixed-point iteration: the factor changes slowly."""
        undistorted = np.hypot(x, y)
        radius = undistorted
        for _ in range(MAX_ITERATIONS):
            previous, radius = radius, undistorted / self._factor(radius)
            if not np.nanmax(np.abs(radius - previous), initial=0) > CONVERGED_MM:
                break
        factor = self._factor(radius)
        return x / factor, y / factor

    @cached_property
    def reach_mm(self) -> float:
        """The radius up to which equal steps outwards stay equal within 10 %."""
        k0, k1, k2 = self.k
        squares = np.roots([-5 * k2, -3 * k1, (1 - k0) * MAX_UNEVENNESS])
        return float(np.sqrt(min((r.real for r in squares if r.real > 0 and not r.imag), default=np.inf)))

    def _factor(self, radius: np.ndarray) -> np.ndarray:
        k0, k1, k2 = self.k
        square = np.minimum(radius, self.reach_mm) ** 2
        return 1 - k0 - square * (k1 + square * k2)


@dataclass(frozen=True)
class AlongLine:
    """u_y = d_y / (1 + k d_y^2) along the detector's line, x as it is: LRO NAC (Speyerer et al. 2016)."""

    k: float

    def undistort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """See Distortion."""
        return x, y / (1 + self.k * y * y)

    def distort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """See Distortion. The root of k u d^2 - d + u = 0 near u, in the form that loses no digits."""
        with np.errstate(invalid="ignore"):
            return x, 2 * y / (1 + np.sqrt(1 - 4 * self.k * y * y))


@dataclass(frozen=True)
class Cubic:
    """d = two full cubic polynomials of u: MESSENGER MDIS, `INS-..._OD_T_X`, `..._OD_T_Y`.

    Coefficients (10) are of 1, x, y, x^2, xy, y^2, x^3, x^2 y, x y^2, y^3.
    """

    of_x: tuple[float, ...]
    of_y: tuple[float, ...]

    def distort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """See Distortion."""
        terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3])
        return np.tensordot(self.of_x, terms, 1), np.tensordot(self.of_y, terms, 1)

    def undistort(self, x: np.ndarray, y: np.ndarray) -> PlanePoints:
        """See Distortion. By fixed-point iteration."""
        undistorted = x, y
        for _ in range(MAX_ITERATIONS):
            distorted = self.distort(*undistorted)
            off = [target - actual for target, actual in zip((x, y), distorted, strict=True)]
            undistorted = undistorted[0] + off[0], undistorted[1] + off[1]
            if not np.nanmax(np.abs(off), initial=0) > CONVERGED_MM:
                break
        return undistorted
