"""Which craters count for an area, and on how much ground: by centres, buffered, without what larger ones cover."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import shapely

from orbitile.counting.area_count import AreaCount
from orbitile.counting.areas import NamedArea
from orbitile.counting.cap_lattice import CapLattice, angles_to_shape, largest_covering
from orbitile.counting.searched_ground import AreaGround, SearchedGround
from orbitile.features.shapes.lonlat_shapes import contains_places
from orbitile.features.shapes.on_body import ring_polygon
from orbitile.space.ground import ground_ellipses, lonlat_of_points, unit_vectors

CENTRE, BUFFERED, NON_SPARSENESS = "centre", "buffered", "non_sparseness"
AreaBySize = Callable[[np.ndarray], np.ndarray]
"""The ground in km2 (n) on which craters of diameters in km (n) would have counted."""


@dataclass(frozen=True)
class CountingMethod:
    """How craters are assigned to an area.

    centre: by their centres. buffered: all whose circle of `buffer_radii` radii reaches the area, which is widened by
    as much for craters of each size (Fassett and Head 2008). non_sparseness: by their centres, outside of what larger
    craters and their ejecta, `ejecta_radii` radii beyond the rim, cover, and on as much less ground (Kneissl et al.
    2016).
    """

    method: Literal["centre", "buffered", "non_sparseness"] = "centre"
    buffer_radii: float = 1.0
    ejecta_radii: float = 1.0


class Detected(NamedTuple):
    """Craters (n): degrees east and north, diameter in km, probability of being a true crater (NaN: not known)."""

    lon: np.ndarray
    lat: np.ndarray
    diameter_km: np.ndarray
    probability: np.ndarray

    def taking(self, rows: np.ndarray) -> "Detected":
        """Some of the craters: a mask (n; bool), or numbers."""
        return Detected(*(column[rows] for column in self))


@dataclass(frozen=True, eq=False)
class Counted:
    """The craters of an area, each of weight 1, and the ground by size that goes with them."""

    count: AreaCount
    areas_km2: AreaBySize


def detected_in_table(table: pa.Table) -> Detected:
    """The craters of a table with lon, lat, diameter_km and probability, in an order of its own."""
    craters = Detected(*(table[name].to_numpy().astype(float) for name in Detected._fields))
    return craters.taking(np.lexsort((craters.diameter_km, craters.lon, craters.lat)))


def count_in_area(area: NamedArea, craters: Detected, searched: SearchedGround, method: CountingMethod) -> Counted:
    """Count the craters of an area; those of sizes that no scale holds are there, too, on no ground (0 km2)."""
    ground = searched.within(area.shape)
    if method.method == BUFFERED:
        return _buffered(area, craters, searched, ground, method.buffer_radii)
    inside = craters.taking(contains_places(area.shape, craters.lon, craters.lat))
    is_searched = ground.holds(inside.lon, inside.lat, inside.diameter_km)
    is_beyond = ground.areas_km2(inside.diameter_km) == 0
    counted = inside.taking(is_searched | (is_beyond & contains_places(ground.shape, inside.lon, inside.lat)))
    if method.method == NON_SPARSENESS:
        return _not_sparse(area, craters, counted, ground, method.ejecta_radii)
    return Counted(_area_count(area, counted, ground, ground.areas_km2(counted.diameter_km)), ground.areas_km2)


def _buffered(
    area: NamedArea, craters: Detected, searched: SearchedGround, ground: AreaGround, buffer_radii: float
) -> Counted:
    largest_km = ground.limits.most_km
    if not np.isfinite(largest_km):
        return Counted(_area_count(area, craters.taking(np.zeros(0, int)), ground, np.zeros(0)), ground.areas_km2)
    body = searched.body
    per_km = buffer_radii / 2 * 1000 / body.radius_m
    lattice = CapLattice.around(area.shape, per_km * largest_km, body.radius_m)
    surroundings = searched.within(_cap_shape(lattice, body.radius_m))
    outside = lattice.taking(~lattice.lies_in(area.shape))
    angles = angles_to_shape(area.shape, outside.points)
    rings = [np.sort(angles[outside.lies_in(size.shape)]) for size in surroundings.sizes]

    def areas_km2(diameter_km: np.ndarray) -> np.ndarray:
        total = ground.areas_km2(diameter_km)
        numbers = surroundings.numbers(diameter_km)
        for number, ring in enumerate(rings):
            rows = numbers == number
            total[rows] += lattice.km2 * np.searchsorted(ring, per_km * diameter_km[rows], side="right")
        return total

    reach = per_km * craters.diameter_km
    near = craters.taking(lattice.may_reach(unit_vectors(craters.lon, craters.lat), reach))
    angle = angles_to_shape(area.shape, unit_vectors(near.lon, near.lat))
    near = near.taking(angle <= per_km * near.diameter_km)
    counted = near.taking(surroundings.holds(near.lon, near.lat, near.diameter_km))
    return Counted(_area_count(area, counted, ground, areas_km2(counted.diameter_km)), areas_km2)


def _not_sparse(
    area: NamedArea, craters: Detected, counted: Detected, ground: AreaGround, ejecta_radii: float
) -> Counted:
    if not ground.area_km2:
        return Counted(_area_count(area, counted, ground, np.zeros(len(counted.lon))), ground.areas_km2)
    lattice = CapLattice.around(ground.shape, 0.0, ground.radius_m)
    discs = _covering_discs(craters, ground, lattice, ejecta_radii)
    covering = largest_covering(unit_vectors(counted.lon, counted.lat), *discs)
    free = counted.taking(covering <= counted.diameter_km)
    covered = np.sort(largest_covering(lattice.taking(lattice.lies_in(ground.shape)).points, *discs))

    def areas_km2(diameter_km: np.ndarray) -> np.ndarray:
        share = np.searchsorted(covered, diameter_km, side="right") / max(len(covered), 1)
        return ground.areas_km2(diameter_km) * share

    return Counted(_area_count(area, free, ground, areas_km2(free.diameter_km)), areas_km2)


def _covering_discs(
    craters: Detected, ground: AreaGround, lattice: CapLattice, ejecta_radii: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (m, 3), reach (m, radians) and diameter (m, km) of craters that may cover ground for others."""
    large = craters.taking(craters.diameter_km >= ground.limits.least_km)
    centres = unit_vectors(large.lon, large.lat)
    reach = (1 + ejecta_radii) * large.diameter_km / 2 * 1000 / ground.radius_m
    is_near = lattice.may_reach(centres, reach)
    return centres[is_near], reach[is_near], large.diameter_km[is_near]


def _area_count(area: NamedArea, craters: Detected, ground: AreaGround, areas_km2: np.ndarray) -> AreaCount:
    probability = np.where(np.isnan(craters.probability), 1.0, craters.probability)
    return AreaCount(
        area.name, ground.shape, ground.area_km2, craters.lon, craters.lat, craters.diameter_km,
        np.ones(len(craters.lon)), areas_km2, probability,
    )  # fmt: skip


def _cap_shape(lattice: CapLattice, radius_m: float) -> shapely.Geometry:
    """The cap that a lattice lies on, a little wider, in degrees."""
    lon, lat = lonlat_of_points(lattice.points[:1])
    angle = np.arccos(np.clip((lattice.points @ lattice.points[0]).min(), -1, 1)) * 1.01
    if angle > np.pi / 2:
        return shapely.box(-180, -90, 180, 90)
    diameter_m = np.array([2 * angle * radius_m])
    ring_lon, ring_lat = ground_ellipses(lon, lat, diameter_m, diameter_m, radius_m, vertices=720)
    return ring_polygon(ring_lon[0], ring_lat[0])
