"""From map to ground and back: planetocentric coordinates, metres on the sphere, circles.

Everything is computed on the body's sphere with exact transformations, never with a projection's
nominal pixel size, so that sizes are right at every latitude and in every projection.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike
from pyproj import CRS, Transformer

from orbitile.base.errors import OrbitileError
from orbitile.space.grids import crs_from_wkt, ellipsoid_of

CIRCLE_VERTICES = 128
OCENTRIC = "Ocentric"
"""End of the names of IAU_2015's planetocentric degrees on ellipsoids: GDAL's GeoTIFF, GeoPackage, Shapefile and
GeoJSON keep it, but not that latitudes are planetocentric. On projected maps PROJ counts them as it reads them."""
TINY = np.finfo(float).tiny
SAME_POINT = 1e-12
"""Chord, in units of the radius, below which two points are the same and have no direction between them."""


@dataclass(frozen=True)
class Ground:
    """The transformation between a map (its CRS as WKT) and a body's sphere of a radius in metres.

    Longitudes may leave -180..180 in between: with PROJ's `+over`, maps that cross the antimeridian of their
    projection are not torn. Without `over` they are, as GDAL sees them.
    """

    crs_wkt: str
    radius_m: float
    over: bool = True

    @property
    def _crs(self) -> CRS:
        return crs_from_wkt(self.crs_wkt)

    @property
    def _transformer(self) -> Transformer:
        return _transformer_of(self.crs_wkt, self.over)

    @property
    def _geodetic_crs(self) -> CRS:
        return geodetic_crs(self._crs)

    @cached_property
    def _westward(self) -> bool:
        return any(axis.direction == "west" for axis in self._geodetic_crs.axis_info)

    @cached_property
    def _axis_ratio_squared(self) -> float:
        """(b/a)^2 of the map's ellipsoid: tan(planetocentric) over tan(its latitude); 1 if that is planetocentric."""
        inverse_flattening = ellipsoid_of(self._crs).inverse_flattening
        names = " ".join(axis.name.lower() for axis in self._geodetic_crs.axis_info)
        is_planetocentric = "planetocentric" in names or (self._crs.is_geographic and self._crs.name.endswith(OCENTRIC))
        return 1.0 if not inverse_flattening or is_planetocentric else (1 - 1 / inverse_flattening) ** 2

    def _to_degrees(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Longitude (east, not wrapped) and the map's own latitude in degrees."""
        ordered = (y, x) if _north_first(self._crs) else (x, y)
        first, second = self._transformer.transform(*ordered)
        lon, lat = (second, first) if _north_first(self._geodetic_crs) else (first, second)
        return -np.asarray(lon) if self._westward else np.asarray(lon), np.asarray(lat)

    def _from_degrees(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map coordinates; the inverse of `_to_degrees`."""
        lon = -lon if self._westward else lon
        ordered = (lat, lon) if _north_first(self._geodetic_crs) else (lon, lat)
        first, second = self._transformer.transform(*ordered, direction="INVERSE")
        x, y = (second, first) if _north_first(self._crs) else (first, second)
        return np.asarray(x), np.asarray(y)

    def degrees(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude (east) and the map's own latitude in degrees, as far out as map coordinates lie beyond the body."""
        return self._to_degrees(x, y)

    def from_degrees(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map coordinates of longitude (east) and the map's own latitude in degrees; the inverse of `degrees`."""
        return self._from_degrees(lon, lat)

    def lonlat(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude (east, -180..180) and planetocentric latitude in degrees of map coordinates."""
        lon, lat = self._to_degrees(x, y)
        return wrap_longitude(lon), self._planetocentric(lat)

    def xy(self, lon: ArrayLike, lat: ArrayLike, near_x: ArrayLike, near_y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Map coordinates of longitude and latitude, unwrapped towards the map point (near_x, near_y).

        Rings (n, vertices) are unwrapped as a whole, so that none is torn at the map's edge.
        """
        lon = np.asarray(lon)
        near_lon, _ = self._to_degrees(near_x, near_y)
        anchor = lon[:, :1] if lon.ndim == 2 else lon
        unwrapped = lon + (near_lon + wrap_longitude(anchor - near_lon) - anchor)
        return self._from_degrees(unwrapped, self._planetographic(np.asarray(lat)))

    def measure(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Measure, on the ground, the objects that map boxes (n, 4: xmin, ymin, xmax, ymax) enclose.

        Returns longitude and latitude of the centres in degrees, and the extents east-west and
        north-south in metres (n each). Circles are measured exactly in every projection, and other ellipses where
        the map's axes point east and north; elsewhere a box does not determine the orientation of an ellipse.
        """
        across, up = self._midlines(boxes)
        lon, lat = self._centres(boxes, across, up)
        gradient, extent = _gradients(_to_ground(across, lon, lat), _to_ground(up, lon, lat))
        # An ellipse with axes east and north of W and H has, along (e, n), an extent^2 of e^2 W^2 + n^2 H^2.
        share = gradient**2
        squares = (share * extent**2).sum(axis=0) / np.maximum(share.sum(axis=0), TINY)
        width, height = np.sqrt(squares).T
        return lon, lat, width, height

    def circle_boxes(
        self, lon: np.ndarray, lat: np.ndarray, diameter_m: np.ndarray, near_x: float, near_y: float
    ) -> np.ndarray:
        """Map boxes (n, 4: xmin, ymin, xmax, ymax) around circles on the ground."""
        ring_lon, ring_lat = ground_ellipses(lon, lat, diameter_m, diameter_m, self.radius_m, vertices=64)
        x, y = self.xy(ring_lon, ring_lat, near_x, near_y)
        return np.column_stack([-_highest(-x), -_highest(-y), _highest(x), _highest(y)])

    def _midlines(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, 3) along the boxes' midlines in x and in y, as long as their great circles in metres."""
        x, y = _middle(boxes)
        left, right = self.lonlat(boxes[:, 0], y), self.lonlat(boxes[:, 2], y)
        bottom, top = self.lonlat(x, boxes[:, 1]), self.lonlat(x, boxes[:, 3])
        return _great_circles(left, right) * self.radius_m, _great_circles(bottom, top) * self.radius_m

    def _centres(self, boxes: np.ndarray, across: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of the centres of circles with the given boxes and midlines.

        A circle touches the sides of its box where a radius lies along the gradient of x, or of y. If the
        map's scale changes, opposite radii differ on the map, and the box's middle is off the centre
        by half of their difference: 2 % of the diameter for 200 km on the Moon at 70 N, 60 E in a
        sinusoidal map.
        """
        middle = _middle(boxes)
        lon, lat = self.lonlat(*middle)
        gradient, extent = _gradients(_to_ground(across, lon, lat), _to_ground(up, lon, lat))
        centre = []
        for axis, (east, north) in enumerate(np.moveaxis(gradient * extent / 2, 2, 1)):
            ends = (destination(lon, lat, sign * east, sign * north, self.radius_m) for sign in (-1, 1))
            first, second = (self.xy(*end, *middle)[axis] for end in ends)
            offset = (first + second) / 2 - middle[axis]
            # More than this is no change of scale: a radius leaves the map, or a pole of a cylindrical one lies in it.
            plausible = np.abs(offset) <= (boxes[:, axis + 2] - boxes[:, axis]) / 4
            centre.append(middle[axis] - np.where(plausible, offset, 0))
        return self.lonlat(*centre)

    def _planetocentric(self, lat: np.ndarray) -> np.ndarray:
        if self._axis_ratio_squared == 1:
            return lat
        return np.degrees(np.arctan(self._axis_ratio_squared * np.tan(np.radians(lat))))

    def _planetographic(self, lat: np.ndarray) -> np.ndarray:
        if self._axis_ratio_squared == 1:
            return lat
        return np.degrees(np.arctan(np.tan(np.radians(lat)) / self._axis_ratio_squared))


@lru_cache(maxsize=256)
def wrap_width(crs_wkt: str) -> float:
    """The width in map units of a full turn around the body on a cylindrical map; 0 on any other map."""
    lon, lat = np.meshgrid([-180.0, 0.0, 180.0], [0.0, 40.0])
    x, y = Ground(crs_wkt, 1.0)._from_degrees(lon, lat)
    steps = np.diff(x, axis=1)
    is_cylindrical = np.isfinite(x).all() and np.allclose(steps, steps[0, 0]) and np.allclose(y, y[:, :1])
    return float(abs(2 * steps[0, 0])) if is_cylindrical else 0.0


def geodetic_crs(crs: CRS) -> CRS:
    """The longitude-latitude system of a map; OrbitileError where it has none, as a local system."""
    if crs.geodetic_crs is None:
        raise OrbitileError(f"CRS {crs.name!r} has no longitudes and latitudes; give a map of the body")
    return crs.geodetic_crs


def _north_first(crs: CRS) -> bool:
    """Whether a CRS gives northing or latitude before easting or longitude."""
    first, second = (axis.direction for axis in crs.axis_info[:2])
    return first in ("north", "south") and second in ("east", "west")


def wrap_longitude(lon: np.ndarray) -> np.ndarray:
    """Longitudes in -180..180 (180 itself becomes -180)."""
    turned = (np.asarray(lon) + 180) % 360 - 180
    return turned - 360 * (turned >= 180)  # the remainder of -1e-14 is 360


def goes_around_a_pole(lon: np.ndarray) -> bool:
    """Whether longitudes (n, degrees) around an outline make a full turn."""
    return bool(abs(wrap_longitude(np.diff(lon, append=lon[:1])).sum()) > 180)


@lru_cache(maxsize=256)
def _transformer_of(wkt: str, over: bool) -> Transformer:
    """From a map to its degrees; cached, because PROJ takes some 15 ms, and thousands of scenes share a map."""
    return Transformer.from_crs(crs_from_wkt(wkt), geodetic_crs(crs_from_wkt(wkt)), force_over=over)


def _middle(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2


def _highest(values: np.ndarray) -> np.ndarray:
    """Highest values (n) of smooth closed curves known at some points (n, vertices).

    By a parabola through each curve's highest point and its neighbours. Where that would rise too far,
    the curve is torn: a ring around the pole on a cylindrical map.
    """
    at = np.argmax(values, axis=1)[:, None] + np.array([-1, 0, 1])
    before, top, after = np.take_along_axis(values, at % values.shape[1], axis=1).T
    rise = (after - before) ** 2 / np.maximum(8 * (2 * top - before - after), TINY)
    return top + np.where(rise <= np.ptp(values, axis=1) / 500, rise, 0)


def _great_circles(start: tuple[np.ndarray, np.ndarray], end: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Vectors (n, 3) from start to end points (longitudes, latitudes), as long as the great circles in radians."""
    chord = unit_vectors(*end) - unit_vectors(*start)
    length = np.linalg.norm(chord, axis=-1)
    stretch = np.where(length > SAME_POINT, distance(*start, *end) / np.maximum(length, TINY), 0)
    return chord * stretch[:, None]


def _to_ground(vectors: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Vectors (n, 3) turned into the ground plane at points: components east and north (n, 2), as long as before."""
    _, east, north = _compass(lon, lat)
    flat = np.stack([(vectors * east).sum(axis=-1), (vectors * north).sum(axis=-1)], axis=-1)
    length, flat_length = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (vectors, flat))
    return flat * (length / np.maximum(flat_length, TINY))


def _gradients(across: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (2, n, 2: east, north) in which x and y grow on the ground, and boxes' extents (2, n, 1) along them.

    `across` and `up` (n, 2: east, north) are the boxes' sides on the ground, where they are
    parallelograms: x grows square to the side along y, and y square to the side along x. The extents
    are the distances of opposite sides; of a circle's box, whatever the map, both are the diameter.
    Boxes without width or height count as rectangles.
    """
    sides = np.stack([across, up])
    length = np.linalg.norm(sides, axis=-1, keepdims=True)
    along = sides / np.maximum(length, TINY)
    square = along[::-1, :, ::-1] * [1, -1]
    gradient = np.where(length[::-1] > 0, square, along)
    return gradient, np.abs((sides * gradient).sum(axis=-1, keepdims=True))


def unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3) of longitudes and latitudes in degrees."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def angles_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (radians) between unit vectors (..., 3), exact for small ones."""
    return angles_of_chords(np.linalg.norm(a - b, axis=-1))


def angles_of_chords(chord: np.ndarray) -> np.ndarray:
    """Angles (radians) between unit vectors by the lengths of the chords between them."""
    return 2 * np.arcsin(np.clip(chord / 2, 0, 1))


def lonlat_of_points(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes (east, -180..180) and planetocentric latitudes in degrees of points (..., 3), however far out."""
    return _lonlat(*np.moveaxis(points, -1, 0))


def _lonlat(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _compass(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (..., 3) up, east and north at points in degrees; at a pole, as along the point's meridian."""
    up, angle = unit_vectors(lon, lat), np.radians(lon)
    east = np.stack([-np.sin(angle), np.cos(angle), np.zeros_like(angle)], axis=-1)
    return up, east, np.cross(up, east)


def distance(lon0: ArrayLike, lat0: ArrayLike, lon1: ArrayLike, lat1: ArrayLike) -> np.ndarray:
    """Great-circle distance in radians between points in degrees, by the haversine formula."""
    lon0, lat0, lon1, lat1 = map(np.radians, (lon0, lat0, lon1, lat1))
    half_chord = np.sin((lat1 - lat0) / 2) ** 2 + np.cos(lat0) * np.cos(lat1) * np.sin((lon1 - lon0) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(np.clip(half_chord, 0, 1)))


def destination(
    lon: ArrayLike, lat: ArrayLike, east_m: ArrayLike, north_m: ArrayLike, radius_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes at the end of great circles from (lon, lat) with initial components in metres.

    Computed with vectors, which are regular at the poles. The longitudes are within 180 degrees of `lon`.
    """
    lon = np.asarray(lon)
    # x, y and z each in an array by itself: twice as fast as along a last axis of three, bit for bit the same.
    start, east, north = (np.moveaxis(vectors, -1, 0) for vectors in _compass(lon, np.asarray(lat)))
    x, y, z = (np.asarray(east_m) * e + np.asarray(north_m) * n for e, n in zip(east, north, strict=True))
    length = np.sqrt(x * x + y * y + z * z)
    angle = length / radius_m
    along_start, along_vector, length = np.cos(angle), np.sin(angle), np.maximum(length, TINY)
    ends = [s * along_start + v / length * along_vector for s, v in zip(start, (x, y, z), strict=True)]
    new_lon, new_lat = _lonlat(*ends)
    return lon + wrap_longitude(new_lon - lon), new_lat


def ground_ellipses(
    lon: ArrayLike,
    lat: ArrayLike,
    width_m: ArrayLike,
    height_m: ArrayLike,
    radius_m: float,
    vertices: int = CIRCLE_VERTICES,
) -> tuple[np.ndarray, np.ndarray]:
    """Rings (n, vertices) of longitude and latitude around ellipses on the ground.

    The axes lie east-west and north-south; longitudes are unwrapped around each centre.
    """
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    east = np.multiply.outer(np.asarray(width_m) / 2, np.cos(angle))
    north = np.multiply.outer(np.asarray(height_m) / 2, np.sin(angle))
    return destination(np.asarray(lon)[:, None], np.asarray(lat)[:, None], east, north, radius_m)


def ground_boxes(
    lon: ArrayLike,
    lat: ArrayLike,
    width_m: ArrayLike,
    height_m: ArrayLike,
    radius_m: float,
    vertices: int = CIRCLE_VERTICES,
) -> tuple[np.ndarray, np.ndarray]:
    """Rings (n, vertices) of longitude and latitude around boxes on the ground.

    Each side is a sequence of points, because a straight line on a map is not straight on the sphere.
    """
    along = np.linspace(-1, 1, -(-vertices // 4), endpoint=False)
    ones = np.ones_like(along)
    east = np.multiply.outer(np.asarray(width_m) / 2, np.concatenate([along, ones, -along, -ones]))
    north = np.multiply.outer(np.asarray(height_m) / 2, np.concatenate([-ones, along, ones, -along]))
    return destination(np.asarray(lon)[:, None], np.asarray(lat)[:, None], east, north, radius_m)
