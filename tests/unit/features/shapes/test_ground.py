"""Areas, lengths, directions and widths of shapes drawn on the ground, and found again in pixels of several maps."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine
from pyproj import CRS, Geod

from orbitile.features.shapes.ground import Lattice, areas_m2, azimuths_deg, densify, lengths_m, widths_m
from orbitile.features.shapes.polygons import PieceLayers, mask_polygons
from orbitile.features.shapes.skeleton import HALO_PX, block_chains, join_lines, smooth_lines
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground, destination

MOON_M = 1737400.0
GEOD = Geod(a=MOON_M, b=MOON_M)
SPHERE = f"+R={MOON_M} +units=m +no_defs"
MAPS = {
    "equirectangular": "IAU_2015:30110",
    "sinusoidal": f"+proj=sinu +lon_0=20 {SPHERE}",
    "polar stereographic": f"+proj=stere +lat_0=90 +lon_0=0 +k=1 {SPHERE}",
}
MOST_PIXELS, WIDEST_MAP_PX = 4e6, 40


def km(lon, lat, east, north):
    return destination(np.asarray(lon), np.asarray(lat), np.asarray(east) * 1e3, np.asarray(north) * 1e3, MOON_M)


@dataclass(frozen=True)
class Capsule:
    """All points closer than half the width to a great circle of a length (km) through (lon, lat), at an azimuth."""

    lon: float
    lat: float
    azimuth: float
    length: float
    width: float

    def axis(self, points=201):
        along = np.linspace(-self.length / 2, self.length / 2, points)
        angle = np.radians(self.azimuth)
        return km(self.lon, self.lat, along * np.sin(angle), along * np.cos(angle))

    def azimuths(self):
        lon, lat = self.axis()
        forward, backward, _ = GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
        return forward + ((backward + 180 - forward + 180) % 360 - 180) / 2

    def mean_azimuth(self):
        return np.degrees(np.angle(np.exp(2j * np.radians(self.azimuths())).mean())) / 2 % 180

    def outline(self):
        lon, lat = self.axis()
        azimuths = np.append(self.azimuths(), self.azimuths()[-1])
        right = self._around(lon, lat, azimuths + 90)
        far = self._around(lon[-1], lat[-1], azimuths[-1] + 90 - np.linspace(0, 180, 91)[1:-1])
        left = self._around(lon[::-1], lat[::-1], azimuths[::-1] - 90)
        near = self._around(lon[0], lat[0], azimuths[0] - 90 - np.linspace(0, 180, 91)[1:-1])
        return np.concatenate([right, far, left, near])

    def _around(self, lon, lat, azimuth):
        lon, lat = np.broadcast_to(lon, azimuth.shape), np.broadcast_to(lat, azimuth.shape)
        radius = np.full(azimuth.shape, self.width * 500)
        lon, lat, _ = GEOD.fwd(lon, lat, azimuth, radius)
        return np.column_stack([lon, lat])


@dataclass(frozen=True)
class Drawn:
    """A capsule's mask in a map, and the map's lattice."""

    capsule: Capsule
    mask: np.ndarray
    window: Window
    lattice: Lattice


@cache
def drawn(crs, capsule):
    """The capsule in the finest pixels that it does not become too large in."""
    wkt = CRS(crs).to_wkt()
    ring = np.column_stack(Ground(wkt, MOON_M).xy(*capsule.outline().T, 0.0, 0.0))
    polygon = shapely.Polygon(ring)
    size = np.ptp(ring, axis=0)
    gsd = max((size.prod() / MOST_PIXELS) ** 0.5, polygon.area / (polygon.length / 2) / WIDEST_MAP_PX)
    left, top = np.floor(ring.min(axis=0)[0] / gsd) * gsd, np.ceil(ring.max(axis=0)[1] / gsd) * gsd
    width, height = (np.ceil(size / gsd) + 1).astype(int).tolist()
    grid = Grid(wkt, Affine(gsd, 0, left, 0, -gsd, top), width, height)
    mask = rasterio.features.rasterize([polygon], (height, width), transform=grid.transform).astype(bool)
    return Drawn(capsule, mask, Window(*grid.index, width, height), Lattice.of(grid, MOON_M))


cases = pytest.mark.parametrize(
    ("crs", "capsule"),
    [
        pytest.param(crs, Capsule(lon, lat, azimuth, 60.0, 0.8), id=f"{name}-{lat}-{azimuth}")
        for name, crs in MAPS.items()
        for lat, lon in ((0, 20), (60, 35), (85, 20))
        for azimuth in (5, 40, 85)  # not along the pixels, where widths are whole numbers
    ],
)


def line_of(thing, sigma_px):
    padded = np.pad(thing.mask, HALO_PX)
    return smooth_lines(join_lines(block_chains(padded, thing.window)), sigma_px)


@cases
def test_area(crs, capsule):
    thing = drawn(crs, capsule)
    pieces = mask_polygons(PieceLayers(thing.mask), thing.window.col, thing.window.row)
    true = abs(GEOD.polygon_area_perimeter(*capsule.outline().T)[0])
    assert areas_m2(thing.lattice.to_lonlat(pieces.polygons), MOON_M).sum() == pytest.approx(true, rel=2e-3)


@cases
def test_line(crs, capsule):
    """At a blunt end, and the map makes round ones blunt, a centre line ends half a width early, at a pointed one late.

    Where the map is stretched, its pixels' stairs are, too, and want as much more smoothing.
    """
    thing = drawn(crs, capsule)
    middle = [[thing.window.col + thing.window.width / 2, thing.window.row + thing.window.height / 2]]
    lines = line_of(thing, 3 * thing.lattice.stretch(np.array(middle))[0])
    placed = thing.lattice.to_lonlat(lines)
    at_ends = max(thing.mask.sum() / lines[0].length ** 2, capsule.width / capsule.length)
    assert len(lines) == 1
    assert lengths_m(placed, MOON_M) == pytest.approx(capsule.length * 1e3, rel=5e-3 + at_ends)
    assert widths_m(lines, thing.lattice)[0] == pytest.approx(capsule.width * 1e3, rel=5e-3)
    assert azimuths_deg(placed) == pytest.approx(capsule.mean_azimuth(), abs=1)


@cases
def test_length_and_direction_of_a_known_line(crs, capsule):
    lattice = Lattice(Ground(CRS(crs).to_wkt(), MOON_M), Affine(100, 0, 0, 0, -100, 0))
    lon, lat = capsule.axis()
    x, y = lattice.ground.xy(lon, lat, 0.0, 0.0)
    placed = lattice.to_lonlat(np.array([shapely.LineString(np.column_stack([x / 100, -y / 100]))]))
    assert lengths_m(placed, MOON_M) == pytest.approx(capsule.length * 1e3, rel=1e-4)
    assert azimuths_deg(placed) == pytest.approx(capsule.mean_azimuth(), abs=1e-2)


def degrees_lattice(per_degree=1):
    """An equirectangular map of so many pixels per degree: columns are longitudes, rows latitudes south."""
    pixel = np.pi / 180 * MOON_M / per_degree
    return Lattice(Ground(CRS("IAU_2015:30110").to_wkt(), MOON_M), Affine(pixel, 0, 0, 0, -pixel, 0))


def between_parallels(lon, south, north):
    """Area of a piece of the sphere between meridians `lon` degrees apart and two parallels."""
    return MOON_M**2 * np.radians(lon) * (np.sin(np.radians(north)) - np.sin(np.radians(south)))


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("POLYGON ((0 0, 10 0, 10 -10, 0 -10, 0 0))", between_parallels(10, 0, 10)),
        ("POLYGON ((0 0, 0 -10, 10 -10, 10 0, 0 0))", between_parallels(10, 0, 10)),
        ("POLYGON ((175 60, 185 60, 185 70, 175 70, 175 60))", between_parallels(10, 60, 70)),
        ("POLYGON ((-20 85, 40 85, 40 87, -20 87, -20 85))", between_parallels(60, 85, 87)),
        (
            "POLYGON ((0 0, 30 0, 30 30, 0 30, 0 0), (5 5, 5 10, 10 10, 10 5, 5 5), (20 20, 25 20, 25 21, 20 20))",
            between_parallels(30, 0, 30) - between_parallels(5, 5, 10) - 1.5e9,
        ),
        (
            "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)), ((50 -70, 60 -70, 60 -71, 50 -71, 50 -70)))",
            between_parallels(1, 0, 1) + between_parallels(10, 70, 71),
        ),
    ],
)
def test_area_between_parallels(wkt, expected):
    """On one twentieth of a degree the straight edges of the equal-area map are close to the parallels."""
    fine = shapely.transform(shapely.from_wkt(wkt), lambda points: points * 20)
    found = areas_m2(degrees_lattice(20).to_lonlat(np.array([fine])), MOON_M)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("west", "south", "east", "north"),
    [(-180, -10, 180, 10), (-180, -10, 179, 10), (-180, -60, 180, 60), (-150, -60, 150, 60), (-180, -90, 180, 90),
     (-180, 0, 180, 90), (0, -90, 180, 90), (100, -80, 350, 30)],
)  # fmt: skip
def test_areas_of_belts_and_of_all_of_the_body(west, south, east, north):
    box = shapely.box(west * 4, south * 4, east * 4, north * 4)
    expected = np.radians(east - west) * np.diff(np.sin(np.radians([south, north])))[0] * MOON_M**2
    assert areas_m2(degrees_lattice(4).to_lonlat(np.array([box])), MOON_M) == pytest.approx(expected, rel=1e-5)


def test_area_around_the_pole():
    lattice = Lattice(Ground(CRS(MAPS["polar stereographic"]).to_wkt(), MOON_M), Affine(1000, 0, 0, 0, -1000, 0))
    angle = np.radians(5)
    circle = shapely.Point(0, 0).buffer(2 * MOON_M / 1000 * np.tan(angle / 2), quad_segs=200)
    cap = 2 * np.pi * MOON_M**2 * (1 - np.cos(angle))
    assert areas_m2(lattice.to_lonlat(np.array([circle])), MOON_M) == pytest.approx(cap, rel=1e-4)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0, 0), (0, 1)], 0),
        ([(0, 1), (0, 0)], 0),
        ([(0, 0), (1, 0)], 90),
        ([(1, 0), (0, 0)], 90),
        ([(0, 0), (1, 1)], 45),
        ([(0, 1), (1, 0)], 135),
        ([(179.5, 0), (-179.5, 0)], 90),
        ([(0, 0), (0.1, 1), (0, 2)], 0),
        ([(0, 0), (-0.1, 1), (0, 2)], 0),
    ],
)
def test_azimuths(points, expected):
    found = azimuths_deg(np.array([shapely.LineString(points)]))[0]
    assert 0 <= found < 180
    assert (found - expected + 90) % 180 - 90 == pytest.approx(0, abs=0.05)


def test_no_direction_without_length():
    assert np.isnan(azimuths_deg(np.array([shapely.LineString([(5, 5), (5, 5)])]))).all()


def test_lines_are_measured_one_by_one():
    lines = shapely.from_wkt(
        np.array(["LINESTRING (0 0, 0 1, 0 3)", "LINESTRING (0 0, 10 0)", "LINESTRING (0 60, 2 60)"])
    )
    degree = np.pi / 180 * MOON_M
    chord = GEOD.inv(0, 60, 2, 60)[2]
    assert lengths_m(lines, MOON_M) == pytest.approx([3 * degree, 10 * degree, chord])
    assert azimuths_deg(lines) == pytest.approx([0, 90, 90])


@pytest.mark.parametrize("lat", [0, 60, 85])
@pytest.mark.parametrize("angle", [0, 30, 45, 90, 120])
def test_width_on_an_equirectangular_map(lat, angle):
    """East-west a pixel is cos(lat) times as long: a strip's width follows from its corners on the ground."""
    east, north = np.cos(np.radians(lat)), 1.0
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    side = np.array([-along[1], along[0]]) * [east, north]
    along_on_ground = along * [east, north] / np.linalg.norm(along * [east, north])
    expected = 5 * abs(side[0] * along_on_ground[1] - side[1] * along_on_ground[0])
    lattice = degrees_lattice(1000)
    start = np.array([20_000, -lat * 1000])
    line = shapely.LineString([[*(start - along), 5], [*(start + along), 5]])
    mean, largest = widths_m(np.array([line]), lattice)
    pixel = lattice.transform.a
    assert mean / pixel == pytest.approx(expected, rel=1e-3)
    assert largest / pixel == pytest.approx(expected, rel=1e-3)


def test_widths_are_weighted_by_length():
    line = shapely.LineString([(0, 0, 4), (30, 0, 4), (40, 0, 8)])
    mean, largest = widths_m(np.array([line, shapely.LineString([(0, 0, 2), (100, 0, 4)])]), degrees_lattice(100))
    pixel = degrees_lattice(100).transform.a
    assert mean / pixel == pytest.approx([4.5, 3], rel=1e-4)
    assert largest / pixel == pytest.approx([8, 4], rel=1e-4)


def test_long_edges_are_cut():
    line = shapely.LineString([(0, 0, 1), (40, 0, 5), (41, 0, 5)])
    assert shapely.get_coordinates(densify(line), include_z=True) == pytest.approx(
        np.array([(0, 0, 1), (40 / 3, 0, 7 / 3), (80 / 3, 0, 11 / 3), (40, 0, 5), (41, 0, 5)])
    )


def test_lattice_is_the_same_for_all_scenes():
    wkt = CRS("IAU_2015:30110").to_wkt()
    one, other = (Grid(wkt, Affine(50, 0, left, 0, -50, top), 10, 10) for left, top in ((1000, 500), (3500, -2550)))
    lattices = [Lattice.of(grid, MOON_M) for grid in (one, other)]
    assert lattices[0].transform.almost_equals(lattices[1].transform)
    col, row = other.index
    expected = Ground(wkt, MOON_M).lonlat(*other.to_map(3, 4))
    assert np.array(lattices[0].lonlat(col + 3, row + 4)) == pytest.approx(np.array(expected), abs=1e-9)


@pytest.mark.parametrize(("lat", "expected"), [(0, 1), (60, 2), (-60, 2)])
def test_stretch(lat, expected):
    assert degrees_lattice(100).stretch(np.array([[500, -lat * 100]])) == pytest.approx(expected, rel=1e-3)


def test_nothing_to_measure():
    none = np.zeros(0, object)
    lattice = degrees_lattice()
    assert [len(found) for found in (lattice.to_lonlat(none), areas_m2(none, 1.0), lengths_m(none, 1.0))] == [0, 0, 0]
    assert [len(found) for found in (azimuths_deg(none), *widths_m(none, lattice))] == [0, 0, 0]
