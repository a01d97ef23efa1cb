"""Areas as rings on the sphere, for programs that take their edges as great circles: without cuts, of short edges.

Programs of the field read an area's outline as a sequence of great circles on a sphere, each ring around less than half
of it, and not around a pole. Parts that are cut at 180 degrees are joined; what reaches around the body or a pole lies
in quarters, hairs apart; edges are divided where a straight line in degrees is no great circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.ground import areas_m2
from orbitile.features.shapes.lonlat_shapes import solid_angle
from orbitile.space.ground import angles_between, lonlat_of_points, unit_vectors

LONGEST_EDGE_DEG = 0.5
"""Edges are no longer than that in degrees of longitude and latitude..."""
EDGES_PER_SIDE = 40
"""... nor than this share of the longer side of what they surround: areas are right to 1e-4 then, however small."""
HAIR_DEG = 1e-6
"""Between quarters, because polygons on a sphere must not share edges: at most a few millimetres on the ground."""
SAME_PLACE = 1e-12
"""Radians between points that are one."""
MOST_SOLID_ANGLE = 1.9 * np.pi
"""Rings surround less than half of a sphere."""
NORTH, SOUTH = 1, -1


class RingPart(NamedTuple):
    """An outline and the holes in it: closed rings (n, 2) of degrees east and north; longitudes may leave -180..180."""

    outline: np.ndarray
    holes: list[np.ndarray]

    @property
    def rings(self) -> list[np.ndarray]:
        """The outline, then the holes."""
        return [self.outline, *self.holes]


@dataclass(frozen=True)
class AreaRings:
    """The parts of an area, and the length of its border in units of the sphere's radius.

    `pole` is the one that it reaches around (1: north, -1: south), 0 for none or for both.
    """

    parts: Sequence[RingPart]
    perimeter: float
    pole: int = 0

    @classmethod
    def of(cls, shape: shapely.Geometry) -> Self:
        """The rings of a shape in degrees, cut at 180 degrees or not; OrbitileError where there is no area in it."""
        if shapely.is_empty(shape) or shapely.area(shape) <= 0:
            raise OrbitileError("an area without extent has no outline; choose a larger one")
        dense = _divided(shape)
        joined = _joined(dense)
        if joined is not None and max(map(solid_angle, joined)) < MOST_SOLID_ANGLE:
            parts = [_part(polygon) for polygon in joined]
            return cls(parts, float(sum(_arc_lengths(ring).sum() for part in parts for ring in part.rings)))
        poles = _poles(shape)
        return cls(
            [_part(polygon) for polygon in _quarters(dense)], _perimeter(dense), poles[0] if len(poles) == 1 else 0
        )

    @property
    def rings(self) -> list[np.ndarray]:
        """All rings, each outline before its holes."""
        return [ring for part in self.parts for ring in part.rings]

    @cached_property
    def solid_angle(self) -> float:
        """The area in units of the sphere's radius squared."""
        return float(sum(map(part_solid_angle, self.parts)))


def part_solid_angle(part: RingPart) -> float:
    """The area of a part, less its holes, in units of the sphere's radius squared."""
    outline, *holes = (areas_m2(np.array([shapely.Polygon(ring)], object), 1.0)[0] for ring in part.rings)
    return float(outline - sum(holes))


def _divided(shape: shapely.Geometry) -> shapely.Geometry:
    west, south, east, north = shapely.bounds(shape)
    return shapely.segmentize(shape, min(LONGEST_EDGE_DEG, max(east - west, north - south) / EDGES_PER_SIDE))


def _joined(shape: shapely.Geometry) -> list[shapely.Polygon] | None:
    """The parts, joined over 180 degrees; None where they leave no longitude free that they could be cut at."""
    spans = np.array(sorted(part.bounds[::2] for part in shapely.get_parts(shape)))
    furthest = np.maximum.accumulate(spans[:, 1])
    gaps = spans[1:, 0] - furthest[:-1]
    across = spans[0, 0] + 360 - furthest[-1]
    if across > 0:
        return _polygons(shape)
    if not len(gaps) or gaps.max() <= 0:
        return None
    free = furthest[gaps.argmax()] + gaps.max() / 2
    moved = [
        shapely.transform(part, lambda points: points + np.array([360, 0])) if part.bounds[0] < free else part
        for part in shapely.get_parts(shape)
    ]
    return _polygons(shapely.union_all(moved))


def _perimeter(shape: shapely.Geometry) -> float:
    """The length of all borders but for cuts along 180 degrees and at the poles."""
    total = 0.0
    for ring in shapely.get_rings(shapely.get_parts(shape)):
        points = shapely.get_coordinates(ring)
        is_cut = (np.abs(points) >= [180, 90]).astype(bool)
        total += float(_arc_lengths(points)[~(is_cut[:-1] & is_cut[1:]).any(axis=1)].sum())
    return total


def _poles(shape: shapely.Geometry) -> list[int]:
    _, south, _, north = shapely.bounds(shape)
    return [pole for pole, reached in ((NORTH, north >= 90), (SOUTH, south <= -90)) if reached]


def _quarters(shape: shapely.Geometry) -> list[shapely.Polygon]:
    """The parts of a shape between meridians 90 degrees apart, with hairs between them."""
    edges = np.arange(-180.0, 180.0, 90.0)
    boxes = [
        shapely.box(west + HAIR_DEG / 2, south, west + 90 - HAIR_DEG / 2, south + 90)
        for west in edges
        for south in (-90.0, HAIR_DEG)
    ]
    return [part for box in boxes for part in _polygons(shapely.intersection(_divided(box), shape))]


def _polygons(shape: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(shape))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 0]


def _part(polygon: shapely.Polygon) -> RingPart:
    outline, *holes = (_distinct(shapely.get_coordinates(ring)) for ring in shapely.get_rings(polygon))
    return RingPart(outline, holes)


def _distinct(ring: np.ndarray) -> np.ndarray:
    """A closed ring without points that lie where the one before them does, as those along a pole."""
    differs = np.append(True, _arc_lengths(ring) > SAME_PLACE)
    differs[-1] = False
    open_ring = ring[differs]
    if len(open_ring) > 1 and _arc_lengths(open_ring[[-1, 0]])[0] <= SAME_PLACE:
        open_ring = open_ring[:-1]
    return np.concatenate([open_ring, open_ring[:1]])


def _arc_lengths(points: np.ndarray) -> np.ndarray:
    """Angles (n - 1, radians) between points (n, 2: degrees) and the ones after them."""
    vectors = unit_vectors(*points.T)
    return angles_between(vectors[:-1], vectors[1:])


def contains_pole(lon: np.ndarray, lat: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Whether circles on the sphere (n; centres in degrees, radii in radians) hold a pole."""
    return np.radians(90 - np.abs(lat)) <= radius


def ring_points(lon: np.ndarray, lat: np.ndarray, radius: np.ndarray, vertices: int) -> np.ndarray:
    """Closed rings (n, vertices + 1, 2: degrees) that surround as much of the sphere as circles of radii in radians do.

    The spherical diameter that programs compute of the area of a polygon, 2 acos(1 - area / 2 pi), is that of the
    circle then; a polygon inside the circle would give 0.04 % less with 120 vertices. Longitudes are unwrapped around
    each centre.
    """
    angle = np.linspace(0, -2 * np.pi, vertices, endpoint=False)
    corner = _polygon_radius(radius, vertices)
    # A point at an angular distance from the pole, turned to the centre.
    x, y, z = (np.multiply.outer(np.sin(corner), part) for part in (np.cos(angle), np.sin(angle), np.ones(vertices)))
    z = np.broadcast_to(np.cos(corner)[:, None], x.shape)
    tilt, turn = np.radians(90 - lat)[:, None], np.radians(lon)[:, None]
    tilted_x, tilted_z = x * np.cos(tilt) + z * np.sin(tilt), z * np.cos(tilt) - x * np.sin(tilt)
    vectors = np.stack(
        [tilted_x * np.cos(turn) - y * np.sin(turn), tilted_x * np.sin(turn) + y * np.cos(turn), tilted_z], axis=-1
    )
    ring_lon, ring_lat = lonlat_of_points(vectors)
    ring_lon = lon[:, None] + (ring_lon - lon[:, None] + 180) % 360 - 180
    ring = np.stack([ring_lon, ring_lat], axis=-1)
    return np.concatenate([ring, ring[:, :1]], axis=1)


def _polygon_radius(radius: np.ndarray, vertices: int) -> np.ndarray:
    """Angular distances (n) of the corners of regular polygons from their centres, whose areas are those of circles.

    The polygon's half sector is a right triangle with the angle pi / n at the centre and beta at the corner; the area
    of all is 2 n (pi / n + beta - pi / 2), the circle's 2 pi (1 - cos r); and cos R = cot(pi / n) cot(beta).
    """
    # With beta = pi / 2 - pi / n + excess, of which excess = pi (1 - cos r) / n, written without differences.
    excess = 2 * np.pi * np.sin(radius / 2) ** 2 / vertices
    half = np.pi / vertices
    # tan(R / 2)^2 = (1 - cos R) / (1 + cos R), and cos R = tan(half - excess) / tan(half), since beta is known.
    return 2 * np.arctan(np.sqrt(np.sin(excess) / np.sin(2 * half - excess)))
