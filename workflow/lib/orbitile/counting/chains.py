"""Groups of clustered craters, how elongated they are, and whether they point to a place: chains of secondaries."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from orbitile.counting.random_fields import tangent_axes
from orbitile.space.ground import angles_between, lonlat_of_points

FEWEST_MEMBERS = 5
"""Of a chain; of fewer any are elongated."""
UNALIGNED_FIELDS = 9_999


def group_numbers(points: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The number (n) of each point's group, from 0 on: points are together that lie in reach (n, radians) of either."""
    if not len(points):
        return np.zeros(0, np.int64)
    near = cKDTree(points).query_ball_point(points, 2 * np.sin(np.minimum(reach, np.pi) / 2))
    first = np.repeat(np.arange(len(points)), [len(numbers) for numbers in near])
    second = np.concatenate([np.asarray(numbers, np.int64) for numbers in near])
    links = coo_array((np.ones(len(first), bool), (first, second)), (len(points), len(points)))
    return connected_components(links, directed=False)[1]


@dataclass(frozen=True)
class CraterGroup:
    """A group of craters: members, middle (degrees), lengths along and across (km: 4 standard deviations), its axis.

    `azimuth_deg` is the axis's direction, 0 up to 180 clockwise from north. `elongation_probability` is that of a group
    at least as elongated among those from a round normal distribution (Mauchly 1940). `off_radial_deg` (0 to 90) is the
    angle between the axis and the great circle to a place, `from_place_km` the distance; None without a place.
    """

    craters: int
    lon: float
    lat: float
    length_km: float
    width_km: float
    azimuth_deg: float
    elongation_probability: float
    from_place_km: float | None = None
    off_radial_deg: float | None = None

    @classmethod
    def of(cls, points: np.ndarray, radius_km: float, place: np.ndarray | None = None) -> Self:
        """The group of points (n > 1: unit vectors), and how it lies to a place (3: a unit vector)."""
        middle = points.mean(axis=0)
        middle /= np.linalg.norm(middle)
        east, north = (axis[0] for axis in tangent_axes(middle[None]))
        flat = np.column_stack([points @ east, points @ north])
        variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(flat.T, bias=True)))
        width, length = 4 * radius_km * np.sqrt(np.maximum(variances, 0))
        azimuth = float(np.degrees(np.arctan2(axes[0, 1], axes[1, 1])) % 180)
        lon, lat = (float(value) for value in lonlat_of_points(middle))
        group = cls(len(points), lon, lat, float(length), float(width), azimuth, _roundness(variances, len(points)))
        return group if place is None else group._seen_from(place, middle, radius_km)

    def _seen_from(self, place: np.ndarray, middle: np.ndarray, radius_km: float) -> Self:
        east, north = (axis[0] for axis in tangent_axes(middle[None]))
        radial = np.degrees(np.arctan2(place @ east, place @ north)) % 180
        off = abs(radial - self.azimuth_deg)
        distance_km = float(angles_between(place, middle)) * radius_km
        return type(self)(
            **(self.__dict__ | dict(from_place_km=distance_km, off_radial_deg=float(min(off, 180 - off))))
        )


def _roundness(variances: np.ndarray, members: int) -> float:
    """The probability of variances (2) along principal axes that differ so much, for a round normal distribution."""
    total = variances.sum()
    return float((4 * variances.prod() / total**2).clip(0, 1) ** ((members - 2) / 2)) if total > 0 else 1.0


def alignment_probability(off_radial_deg: np.ndarray, random: np.random.Generator) -> float | None:
    """The probability of axes (n) at least as radial, on average, among axes of any direction; None without axes."""
    if not len(off_radial_deg):
        return None
    chance = np.cos(2 * random.uniform(0, np.pi, (UNALIGNED_FIELDS, len(off_radial_deg)))).sum(axis=1)
    observed = np.cos(2 * np.radians(off_radial_deg)).sum()
    return float((1 + (chance >= observed).sum()) / (1 + UNALIGNED_FIELDS))
