"""Rays: whether craters around a primary lie in preferred directions, more than the searched ground there explains.

Around the primary the ground is divided into rings of range and sectors of azimuth. Where craters have no preferred
direction, those of a ring are distributed over its sectors in proportion to the searched ground: whatever the density
does with the distance, which is no sign of rays. All tests are against fields drawn in that way (Monte Carlo).
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import NamedTuple, Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.counting.random_fields import Intensity, tangent_axes
from orbitile.space.ground import angles_between, unit_vectors

ISOTROPIC_FIELDS = 4_999
WIDEST_SECTORS = 3
"""Rays are so many sectors wide at most."""
TINY = np.finfo(float).tiny
SIDE_POINTS = 24
"""Points along each side of a sector of a ring, by which its searched ground is measured."""
FEWEST_SECTORS = 4


class Primary(NamedTuple):
    """A crater that rays may come from: degrees, km; in how many of its radii craters are looked at, in what parts.

    Craters of more than `largest_share` of its diameter are no secondaries.
    """

    lon: float
    lat: float
    diameter_km: float
    range_radii: tuple[float, float] = (2.0, 40.0)
    sectors: int = 36
    rings: int = 6
    largest_share: float = 0.05

    @property
    def vector(self) -> np.ndarray:
        """Its place as a unit vector."""
        return unit_vectors(np.array(self.lon), np.array(self.lat))

    def polar(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Angles (n, radians) from the primary to points (n, 3), and azimuths (n, degrees clockwise from north)."""
        east, north = (axis[0] for axis in tangent_axes(self.vector[None]))
        return angles_between(points, self.vector), np.degrees(np.arctan2(points @ east, points @ north)) % 360


class Ray(NamedTuple):
    """Sectors of a preferred direction: azimuths in degrees, craters in them and expected, the probability by chance.

    That is the probability of any such sectors in a field without preferred directions.
    """

    from_deg: float
    to_deg: float
    craters: int
    expected: float
    probability: float


@dataclass(frozen=True, eq=False)
class RayTest:
    """Craters around a primary: edges of rings (km); counts, searched ground (km2) and what is expected by it.

    These are arrays (rings, sectors); `expected` are the counts of the same rings without preferred directions.
    `fields` (n, sectors) are such fields, summed over the rings.
    """

    primary: Primary
    edges_km: np.ndarray
    counts: np.ndarray
    searched_km2: np.ndarray
    expected: np.ndarray
    fields: np.ndarray

    @classmethod
    def of(
        cls, primary: Primary, points: np.ndarray, intensity: Intensity, random: np.random.Generator, key: str
    ) -> Self:
        """Of craters (points: n unit vectors).

        OrbitileError, with the settings' key, where too little ground around the primary was searched, where no crater
        lies there, or where the range goes around the body.
        """
        radius_km = intensity.ground.radius_km
        edges_km = np.geomspace(*primary.range_radii, primary.rings + 1) * primary.diameter_km / 2
        span = f"{edges_km[0]:.4g} to {edges_km[-1]:.4g} km"
        if edges_km[-1] > np.pi * radius_km:
            raise OrbitileError(f"{key}: {span} from the primary is more than half around the body; lower range_radii")
        ground_km2 = _weights(primary, edges_km / radius_km, Intensity(intensity.ground))
        searched = (ground_km2 > 0).any(axis=0).sum()
        if searched < FEWEST_SECTORS:
            raise OrbitileError(
                f"{key}: {span} around {primary.lon:g}, {primary.lat:g} only {searched} of {primary.sectors} sectors "
                "hold searched ground, too few to compare; correct the place, or change range_radii"
            )
        counts = _counts(primary, points, edges_km / radius_km)
        weights = ground_km2 if intensity.kernel is None else _weights(primary, edges_km / radius_km, intensity)
        counts[weights <= 0] = 0  # beyond the border, by less than its error
        if not counts.any():
            raise OrbitileError(f"{key}: no crater lies {span} from it; change range_radii or largest_share")
        shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), TINY)
        fields = np.zeros((ISOTROPIC_FIELDS, primary.sectors), np.int64)
        for number, share in zip(counts.sum(axis=1), shares, strict=True):
            if number:
                fields += random.multinomial(number, share / share.sum(), ISOTROPIC_FIELDS)
        return cls(primary, edges_km, counts, ground_km2, counts.sum(axis=1, keepdims=True) * shares, fields)

    @property
    def edges_deg(self) -> np.ndarray:
        """Azimuths of the sectors' edges (sectors + 1)."""
        return np.linspace(0, 360, self.primary.sectors + 1)

    @cached_property
    def _sums(self) -> np.ndarray:
        """The counts (fields, sectors) of the observed field, and of all isotropic ones after it."""
        return np.concatenate([self.counts.sum(axis=0, keepdims=True), self.fields])

    def _probability(self, values: np.ndarray) -> float:
        return float((values >= values[0] - 1e-9 * max(abs(float(values[0])), 1)).mean())

    @property
    def anisotropy_probability(self) -> float:
        """Of counts of sectors at least as unequal, by their likelihood ratio, without preferred directions."""
        counts, expected = self._sums, self.expected.sum(axis=0)
        safe = np.where(expected > 0, expected, 1)
        return self._probability(2 * (counts * np.log(np.maximum(counts, TINY) / safe)).sum(axis=1))

    def harmonic_probability(self, order: int) -> float:
        """Of a resultant at least as long: of order 1 towards a side, of order 2 along a line (Mardia & Jupp 2000)."""
        middles = np.radians((self.edges_deg[:-1] + self.edges_deg[1:]) / 2)
        waves = np.exp(1j * order * middles)
        return self._probability(np.abs((self._sums - self.expected.sum(axis=0)) @ waves))

    @cached_property
    def rays(self) -> tuple[Ray, ...]:
        """Sectors that do not overlap, from the least probable excess on (the scan statistic of Kulldorff 1997).

        A probability is that of any excess at least as improbable, anywhere, in an isotropic field.
        """
        windows = list(product(range(1, WIDEST_SECTORS + 1), range(self.primary.sectors)))
        ratios = np.stack([self._log_ratios(*window) for window in windows], axis=1)
        chance, rays, taken = ratios[1:].max(axis=1), [], np.zeros(self.primary.sectors, bool)
        for number in np.argsort(-ratios[0], kind="stable").tolist():
            sectors = self._sectors(*windows[number])
            if ratios[0, number] <= 0 or taken[sectors].any():
                continue
            taken[sectors] = True
            exceeding = (chance >= ratios[0, number] - 1e-9).sum()
            rays.append(self._ray(windows[number], float((1 + exceeding) / (1 + len(chance)))))
        return tuple(rays)

    def _sectors(self, width: int, first: int) -> np.ndarray:
        return np.arange(first, first + width) % self.primary.sectors

    def _log_ratios(self, width: int, first: int) -> np.ndarray:
        """Log-likelihood ratios (fields) of more craters in sectors than expected; 0 where there are fewer."""
        sectors = self._sectors(width, first)
        inside, expected, total = self._sums[:, sectors].sum(axis=1), self.expected[:, sectors].sum(), self.counts.sum()
        beyond, rest = total - inside, total - expected
        if expected <= 0 or rest <= 1e-9 * total:
            return np.zeros(len(inside))
        ratio = inside * np.log(np.maximum(inside, 1) / expected) + beyond * np.log(np.maximum(beyond, 1) / rest)
        return np.where(inside > expected, ratio, 0)

    def _ray(self, window: tuple[int, int], probability: float) -> Ray:
        sectors, step = self._sectors(*window), 360 / self.primary.sectors
        return Ray(window[1] * step, (window[1] + window[0]) * step % 360, int(self.counts[:, sectors].sum()),
                   float(self.expected[:, sectors].sum()), probability)  # fmt: skip


def _counts(primary: Primary, points: np.ndarray, edges: np.ndarray) -> np.ndarray:
    angle, azimuth = primary.polar(points)
    sector = np.minimum((azimuth / 360 * primary.sectors).astype(np.int64), primary.sectors - 1)
    ring = np.searchsorted(edges, angle, side="right") - 1
    inside = (ring >= 0) & (ring < primary.rings)
    cells = ring[inside] * primary.sectors + sector[inside]
    return np.bincount(cells, minlength=primary.rings * primary.sectors).reshape(primary.rings, primary.sectors)


def _weights(primary: Primary, edges: np.ndarray, intensity: Intensity) -> np.ndarray:
    """The integral of an intensity over the ground (rings, sectors), by points of equal area."""
    middles = (np.arange(SIDE_POINTS) + 0.5) / SIDE_POINTS
    east, north = (axis[0] for axis in tangent_axes(primary.vector[None]))
    azimuth = np.radians((np.arange(primary.sectors)[:, None] + middles) * 360 / primary.sectors)
    directions = np.sin(azimuth)[..., None] * east + np.cos(azimuth)[..., None] * north  # (sectors, points, 3)
    weights = np.zeros((primary.rings, primary.sectors))
    for ring, (near, far) in enumerate(pairwise(edges.tolist())):
        height = np.cos(near) - (np.cos(near) - np.cos(far)) * middles
        across = np.sqrt(np.maximum(1 - height**2, 0))
        points = height[:, None, None, None] * primary.vector + across[:, None, None, None] * directions
        of_sectors = np.moveaxis(points, 1, 0).reshape(primary.sectors, -1, 3)
        area_km2 = 2 * np.pi * (np.cos(near) - np.cos(far)) * intensity.ground.radius_km**2 / primary.sectors
        weights[ring] = area_km2 * intensity.mean_at(of_sectors)
    return weights
