"""Densities on the sphere by a von Mises-Fisher kernel, corrected at edges by the searched ground under the kernel."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from orbitile.base.errors import OrbitileError
from orbitile.counting.ground_plane import GroundPlane
from orbitile.counting.sphere_cells import SphereCells

CELLS_PER_BANDWIDTH = 4
"""Craters and ground are summed in cells of this part of the bandwidth first: a shift of 1/8 of it at most."""
REACH = 4.5
"""Bandwidths beyond which the kernel is nothing: 4e-5 of it lie there."""
WIDEST_SHARE = 0.5
"""Of the radius: wider kernels are no longer local."""
PAIRS_AT_ONCE = 1_000_000


class KernelDensity(NamedTuple):
    """Craters per km2 and their Poisson errors (m, n) of m diameters; the share (n) of the kernel on the ground."""

    density: np.ndarray
    error: np.ndarray
    share: np.ndarray


@dataclass(frozen=True, eq=False)
class SphereKernel:
    """The kernel exp(kappa (cos angle - 1)) kappa / (2 pi (1 - exp(-2 kappa))) of Mardia & Jupp (2000, section 9.3.2).

    kappa is (radius / bandwidth)^2, so that on a plane it is a Gaussian whose standard deviation is the bandwidth.
    At a place the density is the sum of the kernel over the craters, divided by its integral over the searched ground
    (Diggle 1985): without bias at edges where the density is constant. The variance of Poisson's counts is the sum of
    the kernel's squares, over the square of that integral.
    """

    cells: SphereCells
    bandwidth_km: float

    @classmethod
    def of(cls, ground: GroundPlane, bandwidth_km: float, key: str) -> "SphereKernel":
        """The kernel over a ground; OrbitileError, with the settings' key, for a bandwidth too wide or too narrow."""
        if bandwidth_km > WIDEST_SHARE * ground.radius_km:
            raise OrbitileError(f"{key}: {bandwidth_km:g} km is more than half of the body's radius; choose less")
        return cls(SphereCells.of(ground, bandwidth_km / CELLS_PER_BANDWIDTH, key), bandwidth_km)

    @property
    def kappa(self) -> float:
        """The concentration of the kernel."""
        return (self.cells.ground.radius_km / self.bandwidth_km) ** 2

    def counts(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How many places in the plane lie in each cell (n)."""
        return np.bincount(self.cells.numbers(x, y), minlength=len(self.cells))

    def densities(self, counts: np.ndarray, targets: np.ndarray) -> KernelDensity:
        """The densities of counts (m, cells) at targets (n, 3: unit vectors); NaN where no ground is within reach."""
        sources = np.flatnonzero((self.cells.searched_km2 > 0) | (counts > 0).any(axis=0))
        craters, area = counts[:, sources].T.astype(float), self.cells.searched_km2[sources]
        total, squares = np.zeros((2, len(targets), len(counts)))
        mass = np.zeros(len(targets))
        for rows, kernel in self._matrices(self.cells.centres[sources], targets):
            total[rows], squares[rows], mass[rows] = kernel @ craters, kernel.multiply(kernel) @ craters, kernel @ area
        searched = np.where(mass > 0, mass, np.nan)
        return KernelDensity(total.T / searched, np.sqrt(squares.T) / searched, np.minimum(mass, 1))

    def _matrices(self, sources: np.ndarray, targets: np.ndarray) -> Iterator[tuple[slice, csr_array]]:
        """The kernel (1/km2) of sources at targets, in pieces: which targets, and the matrix (targets, sources)."""
        radius_km = self.cells.ground.radius_km
        chord = 2 * np.sin(min(REACH * self.bandwidth_km / radius_km, np.pi) / 2)
        height = self.kappa / (2 * np.pi * -np.expm1(-2 * self.kappa)) / radius_km**2
        tree = cKDTree(sources)
        step = max(1, PAIRS_AT_ONCE // int(np.pi * (REACH * CELLS_PER_BANDWIDTH) ** 2))
        for start in range(0, len(targets), step):
            piece = targets[start : start + step]
            pairs = cKDTree(piece).sparse_distance_matrix(tree, chord, output_type="ndarray")
            # 1 - cos of an angle is half the square of its chord.
            values = height * np.exp(-self.kappa * pairs["v"] ** 2 / 2)
            yield (
                slice(start, start + len(piece)),
                csr_array((values, (pairs["i"], pairs["j"])), (len(piece), len(sources))),
            )
