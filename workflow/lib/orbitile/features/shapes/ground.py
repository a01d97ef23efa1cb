"""Measures of polygons and lines on the body's sphere: areas, lengths, directions, widths.

Shapes are in pixels of the map's lattice; `Lattice` converts them to longitude and latitude. Everything is measured on
the sphere, whatever the map, whose scale changes with position and direction. A straight edge on the map is curved on
the ground, so long edges must be divided (`densify`) before they are converted.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
from affine import Affine

from orbitile.features.shapes.lonlat_shapes import area_on_sphere_km2
from orbitile.features.shapes.on_body import polygons_on_body
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, unit_vectors

LONGEST_EDGE_PX = 16.0
PIXEL_EDGE_PX = 1.0
"""With a vertex at every corner of a pixel, polygons that meet on the lattice meet exactly on the ground, too."""
WIDE_DEG = 60.0
"""Angle from the middle of a shape beyond which its mean direction may be another place than its middle."""
TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Lattice:
    """A map's pixel lattice on a body: its ground, and the transform from (column, row) of corners to map units."""

    ground: Ground
    transform: Affine

    @classmethod
    def of(cls, grid: Grid, radius_m: float) -> Self:
        """The lattice that a scene's grid is a window of; all scenes of one lattice give the same.

        Equal to the last bit: its origin is computed from the map's, not from the scene's, which is rounded.
        """
        t, (right, down) = grid.transform, grid.fraction
        return cls(Ground(grid.crs_wkt, radius_m), Affine(t.a, t.b, right * t.a, t.d, t.e, down * t.e))

    def lonlat(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude (east, -180..180) and planetocentric latitude in degrees of lattice coordinates."""
        return self.ground.lonlat(*self._xy(col, row))

    def _xy(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t = self.transform
        return t.c + t.a * col + t.b * row, t.f + t.d * col + t.e * row

    def to_map(self, shapes: np.ndarray, longest_px: float = LONGEST_EDGE_PX) -> np.ndarray:
        """Shapes of the lattice in map units, after edges longer than these were divided."""
        return shapely.transform(densify(shapes, longest_px), lambda points: np.column_stack(self._xy(*points.T)))

    def to_lonlat(self, shapes: np.ndarray, longest_px: float = LONGEST_EDGE_PX) -> np.ndarray:
        """Shapes of the lattice in longitude and latitude (degrees), after edges longer than these were divided.

        Rings across the antimeridian keep their measures, but jump by 360 degrees where they cross it.
        """
        return shapely.transform(densify(shapes, longest_px), lambda points: np.column_stack(self.lonlat(*points.T)))

    def vectors(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2: column, row) as vectors (n, 3) from the body's centre in metres."""
        return unit_vectors(*self.lonlat(*points.T)) * self.ground.radius_m

    def steps(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A step of one column, and of one row, on the ground at points (n, 2): vectors (n, 3) in metres."""
        halves = np.array([0.5, 0.0]), np.array([0.0, 0.5])
        columns, rows = (self.vectors(points + half) - self.vectors(points - half) for half in halves)
        return columns, rows

    def stretch(self, points: np.ndarray) -> np.ndarray:
        """Ratio (n) of the longer side of pixels on the ground to the shorter, at points (n, 2)."""
        columns, rows = (np.linalg.norm(step, axis=1) for step in self.steps(points))
        return np.maximum(columns, rows) / np.minimum(columns, rows)


def densify(shapes: np.ndarray, longest_px: float = LONGEST_EDGE_PX) -> np.ndarray:
    """Shapes with their edges divided so that none is longer than `longest_px` lattice pixels."""
    return shapely.segmentize(shapes, longest_px)


def areas_m2(polygons: np.ndarray, radius_m: float) -> np.ndarray:
    """Areas (n) on the sphere of polygons and multipolygons in longitude and latitude (degrees).

    Each is drawn in Lambert's azimuthal equal-area projection around its middle, rho = 2 R sin(c / 2) at an angle c
    from there (Snyder 1987, p. 182), which has no difficulty at poles or the antimeridian; only its edges, straight
    there, differ from great circles, by a share of about the square of the edge's angle. Those that reach beyond
    WIDE_DEG from their middle, as belts around the body do, have the areas of what they are in degrees.
    """
    if not len(polygons):
        return np.zeros(0)
    points, (ring_ends, polygon_ends, shape_ends) = _rings(polygons)
    points_per_shape = np.diff(ring_ends[polygon_ends[shape_ends]])
    vectors, shape = unit_vectors(*points.T), np.repeat(np.arange(len(polygons)), points_per_shape)
    middle = _middles(vectors, shape)
    ring_areas = -np.abs(_ring_areas(_equal_area(vectors, middle, shape), ring_ends))
    ring_areas[polygon_ends[:-1]] *= -1  # outlines; holes come after them
    areas = np.add.reduceat(ring_areas, polygon_ends[shape_ends[:-1]]) * radius_m**2
    is_beyond = _dot(vectors, middle[shape]) < np.cos(np.radians(WIDE_DEG))
    wide = np.flatnonzero(np.bincount(shape[is_beyond], minlength=len(polygons)))
    on_body = polygons_on_body(np.asarray(polygons, object)[wide])
    areas[wide] = [area_on_sphere_km2(polygon, radius_m) * 1e6 for polygon in on_body]
    return areas


def _rings(polygons: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Points (n, 2), and where rings, polygons and shapes end, in Shapely's ragged arrays of multipolygons."""
    parts, index = shapely.get_parts(polygons, return_index=True)
    multipolygons = np.asarray(shapely.multipolygons(parts, indices=index))
    return shapely.to_ragged_array(multipolygons, include_z=False)[1:]


def _middles(vectors: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The mean direction (m, 3) of the unit vectors (n, 3) of each shape."""
    middle = np.column_stack([np.bincount(shape, column).astype(float) for column in vectors.T])
    return middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), TINY)


def _equal_area(vectors: np.ndarray, middle: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 3) on the plane (n, 2) of an equal-area projection around the middle (m, 3) of each shape."""
    right, up = _tangents(middle)
    middle, right, up = middle[shape], right[shape], up[shape]
    # 2 sin(c/2) along the direction is the tangential part times sqrt(2 / (1 + cos c)).
    stretch = np.sqrt(2 / np.maximum(1 + _dot(vectors, middle), TINY))
    return np.column_stack([_dot(vectors, right) * stretch, _dot(vectors, up) * stretch])


def _tangents(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (n, 3) perpendicular to unit vectors and to each other."""
    axis = np.eye(3)[np.argmin(np.abs(normals), axis=1)]
    right = np.cross(axis, normals)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return right, np.cross(normals, right)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", a, b)


def _ring_areas(plane: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Signed areas of closed rings, by the shoelace formula about each ring's first point."""
    local = plane - np.repeat(plane[ends[:-1]], np.diff(ends), axis=0)
    x, y = local.T
    doubled = x[:-1] * y[1:] - x[1:] * y[:-1]
    doubled = np.append(doubled, 0)
    doubled[ends[1:] - 1] = 0  # from one ring to the next
    return np.add.reduceat(doubled, ends[:-1]) / 2


@dataclass(frozen=True)
class Segments:
    """The straight segments of all lines: begin and end (n, dimensions), and the number (n) of each one's line."""

    begin: np.ndarray
    end: np.ndarray
    line: np.ndarray
    lines: int

    @classmethod
    def of(cls, lines: np.ndarray) -> Self:
        """The segments of lines; z is NaN where lines have none."""
        points, line = shapely.get_coordinates(lines, include_z=True, return_index=True)
        in_one_line = line[1:] == line[:-1]
        return cls(points[:-1][in_one_line], points[1:][in_one_line], line[1:][in_one_line], len(lines))

    def sum_by_line(self, values: np.ndarray) -> np.ndarray:
        """Sums of the segments' values (n) over each line."""
        return np.bincount(self.line, values, self.lines)


def lengths_m(lines: np.ndarray, radius_m: float) -> np.ndarray:
    """Lengths (n) of lines in longitude and latitude (degrees): their segments' great circles."""
    segments = Segments.of(lines)
    return segments.sum_by_line(_arcs(*_ends(segments)) * radius_m)


def _ends(segments: Segments) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of the segments' ends in longitude and latitude."""
    return unit_vectors(*segments.begin[:, :2].T), unit_vectors(*segments.end[:, :2].T)


def _arcs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles in radians between unit vectors, from the chords."""
    return 2 * np.arcsin(np.minimum(np.linalg.norm(b - a, axis=1) / 2, 1))


def azimuths_deg(lines: np.ndarray) -> np.ndarray:
    """Mean directions (n) of lines in longitude and latitude: 0 up to 180 degrees clockwise from north.

    The axial mean (Mardia & Jupp 2000, section 9.1): angles are doubled, so that both directions along a line are
    equal, and weighted by length; each segment's angle is measured at its middle. NaN for a line without length.
    """
    segments = Segments.of(lines)
    begin, end = _ends(segments)
    middle, direction = begin + end, end - begin
    east = np.column_stack([-middle[:, 1], middle[:, 0], np.zeros(len(middle))])
    east /= np.maximum(np.linalg.norm(east, axis=1, keepdims=True), TINY)
    north = np.cross(middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), TINY), east)
    doubled = 2 * np.arctan2(_dot(direction, east), _dot(direction, north))
    length = _arcs(begin, end)
    x, y = segments.sum_by_line(length * np.cos(doubled)), segments.sum_by_line(length * np.sin(doubled))
    mean = np.degrees(np.arctan2(y, x)) / 2 % 180
    return np.where(np.hypot(x, y) > 0, np.where(mean < 180, mean, 0), np.nan)


def widths_m(lines: np.ndarray, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Mean widths (n), weighted by length on the ground, and largest ones, of lattice lines with widths in pixels (z).

    Near a point the map is linear: steps of one column and one row become C and R on the ground, and a unit step along
    the line, (t, u), becomes T = t C + u R. The band of width w perpendicular to the line on the map becomes a slanted
    band along T, of the area w |C x R| for each such step, so that its width perpendicular to T is w |C x R| / |T|: the
    map's scale of areas over its scale along the line.
    """
    segments = Segments.of(densify(lines))
    stretch, length = _stretches(segments, lattice)
    begin, end = segments.begin[:, 2] * stretch, segments.end[:, 2] * stretch
    total = segments.sum_by_line(length)
    mean = segments.sum_by_line((begin + end) / 2 * length) / np.where(total > 0, total, np.nan)
    largest = np.full(segments.lines, np.nan)
    np.fmax.at(largest, segments.line, np.maximum(begin, end))
    return mean, largest


def _stretches(segments: Segments, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Metres on the ground of a pixel's width perpendicular to each segment (n), and the segments' lengths (n, m)."""
    begin, end = segments.begin[:, :2], segments.end[:, :2]
    direction, middle = end - begin, (begin + end) / 2
    columns, rows = lattice.steps(middle)
    pixels = np.linalg.norm(direction, axis=1)
    along = np.linalg.norm(direction[:, :1] * columns + direction[:, 1:] * rows, axis=1)
    area = np.linalg.norm(np.cross(columns, rows), axis=1)
    return area * pixels / np.maximum(along, TINY), along
