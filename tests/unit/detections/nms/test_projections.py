"""Circles on the ground, drawn on maps of every kind and measured back. Every crater is made up."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import paired_iou
from orbitile.space.bodies import find_body
from orbitile.space.footprints import grid_outline, outline_centre
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, distance, ground_ellipses, unit_vectors, wrap_longitude

MOON_M = 1737400.0
SCALED_AT_60 = "+proj=eqc +R=1737400 +lat_ts=60"
SCALED_AT_33 = "+proj=eqc +R=1737400 +lat_ts=-33 +lon_0=100"
TURNED_NORTH = "+proj=stere +R=1737400 +lat_0=90 +lat_ts=70 +lon_0=30"


class Map(NamedTuple):
    """A map and where it is of use: latitudes, and degrees of longitude either way of its meridian."""

    crs: str
    body: str
    south: float
    north: float
    meridian: float
    reach: float


def cylinder(crs, name="Moon", meridian=0):
    return Map(crs, name, -85, 85, meridian, 180)


def sinusoid(crs, name="Moon", meridian=0):
    return Map(crs, name, -70, 70, meridian, 60)


def north(crs, name="Moon"):
    return Map(crs, name, 60, 90, 0, 180)


def south(crs, name="Moon"):
    return Map(crs, name, -90, -60, 0, 180)


CYLINDERS = [
    cylinder("IAU_2015:30110"), cylinder("IAU_2015:30115", meridian=180), cylinder("IAU_2015:49910", "Mars"),
    cylinder("IAU_2015:49915", "Mars", 180), cylinder("IAU_2015:19910", "Mercury"),
    cylinder("IAU_2015:50215", "Europa", 180), cylinder(SCALED_AT_60), cylinder(SCALED_AT_33, meridian=100),
    cylinder("+proj=eqc +R=1737400 +lat_0=20 +lat_ts=20 +lon_0=-171", meridian=-171),
]  # fmt: skip
MAPS = [
    *CYLINDERS,
    sinusoid("IAU_2015:30120"), sinusoid("IAU_2015:30125", meridian=180), sinusoid("IAU_2015:49920", "Mars"),
    sinusoid("IAU_2015:49925", "Mars", 180), sinusoid("IAU_2015:19920", "Mercury"),
    sinusoid("IAU_2015:50225", "Europa", 180), sinusoid("+proj=sinu +R=1737400 +lon_0=-140", meridian=-140),
    north("IAU_2015:30130"), north("IAU_2015:49930", "Mars"), north("IAU_2015:19930", "Mercury"),
    north("IAU_2015:50230", "Europa"), north(TURNED_NORTH), south("IAU_2015:30135"),
    south("IAU_2015:49935", "Mars"), south("IAU_2015:19935", "Mercury"), south("IAU_2015:50235", "Europa"),
    south("+proj=stere +R=1737400 +lat_0=-90 +lat_ts=-71 +lon_0=-120"),
    Map("IAU_2015:30140", "Moon", -60, 60, 0, 60), Map("IAU_2015:30160", "Moon", -80, 80, 0, 20),
    Map("IAU_2015:30180", "Moon", -60, 60, 0, 60), Map("IAU_2015:30190", "Moon", -70, 70, 0, 180),
]  # fmt: skip
maps = pytest.mark.parametrize("where", MAPS, ids=lambda where: where.crs)


@cache
def ground(crs, name="Moon"):
    return Ground(CRS(crs).to_wkt(), find_body(name).radius_m)


def lattice(where):
    """Places all over a map and on its limits, those beside a pole among them."""
    lats = np.linspace(where.south, where.north, 11)
    beside = [0.001, 0.1, 0.3, 1] if where.north == 90 or where.south == -90 else []
    pole = np.sign(where.south + where.north) * 90
    lats = np.concatenate([lats, pole - np.sign(pole) * beside])
    lon, lat = np.meshgrid(where.meridian + np.linspace(-where.reach, where.reach, 17), lats)
    return lon.ravel(), lat.ravel()


def boxes_of(where, lon, lat, diameter_m):
    g = ground(where.crs, where.body)
    near = g.xy(np.array([where.meridian]), np.array([where.south + where.north]) / 2, 0, 0)
    return g.circle_boxes(lon, lat, np.full(len(lon), float(diameter_m)), float(near[0][0]), float(near[1][0]))


def errors(where, lon, lat, diameter_m):
    """How far a circle's centre, width and height are off as measured from its map box, in diameters."""
    g = ground(where.crs, where.body)
    found_lon, found_lat, width, height = g.measure(boxes_of(where, lon, lat, diameter_m))
    assert np.all((found_lon >= -180) & (found_lon < 180))
    off = distance(found_lon, found_lat, lon, lat) * g.radius_m
    return [np.max(one) for one in (off / diameter_m, np.abs(width / diameter_m - 1), np.abs(height / diameter_m - 1))]


@maps
@pytest.mark.parametrize(("diameter_m", "tolerance"), [(1e3, 1e-3), (5e3, 1e-3), (2e4, 1e-3), (2e5, 2e-2)])
def test_circles_are_measured_right(where, diameter_m, tolerance):
    assert max(errors(where, *lattice(where), diameter_m)) < tolerance


@given(st.sampled_from(MAPS), st.floats(0, 1), st.floats(-1, 1), st.floats(1e3, 2e4))
def test_circles_anywhere_are_measured_right(where, up, aside, diameter_m):
    lat = np.array([where.south + up * (where.north - where.south)])
    lon = np.array([where.meridian + aside * where.reach])
    assert max(errors(where, lon, lat, diameter_m)) < 1e-3


@maps
def test_boxes_of_circles_touch_them_everywhere(where):
    """They agree with rings of very many points."""
    g, (lon, lat) = ground(where.crs, where.body), lattice(where)
    found = boxes_of(where, lon, lat, 2e4)
    ring_lon, ring_lat = ground_ellipses(lon, lat, *np.full((2, len(lon)), 2e4), g.radius_m, vertices=3000)
    near_x, _ = g.xy(np.array([where.meridian]), np.array([where.south + where.north]) / 2, 0, 0)
    x, y = g.xy(ring_lon, ring_lat, float(near_x[0]), 0)
    expected = np.column_stack([x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)])
    size = (expected[:, 2:] - expected[:, :2]).min(axis=1, keepdims=True)
    assert np.abs(found - expected).max(axis=1, keepdims=True) / size == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("near", [(0.0, 0.0), (5e6, 1e6)])
def test_a_circle_around_the_pole_of_a_cylindrical_map_stays_on_it(near):
    box = ground("IAU_2015:30110").circle_boxes(np.array([0.0]), np.array([89.9]), np.array([2e4]), *near)[0]
    assert box[2] - box[0] <= 2 * np.pi * MOON_M * 1.001


@pytest.mark.parametrize(
    ("one", "other", "lon", "lat"),
    [
        ("IAU_2015:30110", "IAU_2015:30115", 179.9, 0), ("IAU_2015:30110", "IAU_2015:30115", -180, 80),
        ("IAU_2015:30110", "IAU_2015:30115", 0, -85), ("IAU_2015:30110", SCALED_AT_60, 12, 70),
        ("IAU_2015:30110", SCALED_AT_33, 101, -33), ("IAU_2015:30115", SCALED_AT_33, -79.99, 40),
        ("IAU_2015:30110", "IAU_2015:30120", 60, 65), ("IAU_2015:30115", "IAU_2015:30125", 179.99, -60),
        ("IAU_2015:30110", "IAU_2015:30130", 45, 65), ("IAU_2015:30110", "IAU_2015:30135", -180, -75),
        ("IAU_2015:30115", TURNED_NORTH, 135, 84.9), ("IAU_2015:30120", "IAU_2015:30130", 50, 68),
        ("IAU_2015:30120", "IAU_2015:30135", -37, -62), ("IAU_2015:30130", TURNED_NORTH, 77, 89.95),
        ("IAU_2015:30130", TURNED_NORTH, 0, 90), ("IAU_2015:30110", "IAU_2015:30160", 20, 75),
        ("IAU_2015:30120", "IAU_2015:30190", -55, 61), ("IAU_2015:30180", "IAU_2015:30140", 60, 50),
    ],
)  # fmt: skip
@pytest.mark.parametrize("diameter_m", [1e3, 2e4])
def test_neighbours_on_different_maps_agree(one, other, lon, lat, diameter_m):
    place = np.array([float(lon)]), np.array([float(lat)])
    maps = (next(where for where in MAPS if where.crs == crs) for crs in (one, other))
    first, second = (ground(where.crs).measure(boxes_of(where, *place, diameter_m)) for where in maps)
    assert distance(*first[:2], *second[:2]) * MOON_M < 1e-3 * diameter_m
    assert np.array(first[2:]) == pytest.approx(np.array(second[2:]), rel=1e-3)
    boxes = [GroundBoxes(lon, lat, width / MOON_M, height / MOON_M) for lon, lat, width, height in (first, second)]
    assert paired_iou(boxes[0], np.array([0]), boxes[1], np.array([0]))[0] > 0.995


@pytest.mark.parametrize("lat", [60, 75, 89])
@pytest.mark.parametrize(("lon", "expected"), [(0, (10, 6)), (90, (10, 6)), (180, (10, 6)), (-90, (10, 6))])
def test_width_is_east_west_on_polar_maps(lon, lat, expected):
    """An ellipse 10 km wide and 6 km high; at 90 E the map's y runs east."""
    box = ring_box(ground("IAU_2015:30130"), lon, lat, 10_000, 6_000)
    _, _, width, height = ground("IAU_2015:30130").measure(box)
    assert (width[0] / 1000, height[0] / 1000) == pytest.approx(expected, rel=5e-3 if lat == 89 else 1e-3)


def test_a_box_across_the_compass_does_not_tell_width_from_height():
    """At 45 E on a polar map: both are the root mean square of the axes."""
    box = ring_box(ground("IAU_2015:30130"), 45, 70, 10_000, 6_000)
    _, _, width, height = ground("IAU_2015:30130").measure(box)
    assert (width[0], height[0]) == pytest.approx([np.hypot(10_000, 6_000) / np.sqrt(2)] * 2, rel=1e-3)


def ring_box(g, lon, lat, width_m, height_m):
    lon, lat, width, height = (np.array([float(one)]) for one in (lon, lat, width_m, height_m))
    x, y = g.xy(*ground_ellipses(lon, lat, width, height, g.radius_m, vertices=3000), 0, 0)
    return np.column_stack([x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)])


sizes = st.floats(10, 3e5)


@given(st.sampled_from(CYLINDERS), st.floats(-1, 1), st.floats(-1, 1), sizes, sizes)
def test_upright_boxes_are_as_long_as_their_midlines(where, aside, up, width, height):
    """However large: longitude and latitude of the middle, and great circles along the midlines."""
    g = ground(where.crs, where.body)
    x, y = g.xy(np.array([where.meridian + aside * where.reach]), np.array([up * 78]), 0, 0)
    box = np.column_stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    west, east, south, north = ((box[:, 0], y), (box[:, 2], y), (x, box[:, 1]), (x, box[:, 3]))
    lon, lat, found_width, found_height = g.measure(box)
    assert distance(lon, lat, *g.lonlat(x, y)) == pytest.approx(0, abs=1e-9)
    assert found_width == pytest.approx(distance(*g.lonlat(*west), *g.lonlat(*east)) * g.radius_m, rel=1e-9)
    assert found_height == pytest.approx(distance(*g.lonlat(*south), *g.lonlat(*north)) * g.radius_m, rel=1e-9)


@maps
def test_boxes_without_width_or_height_are_numbers(where):
    g = ground(where.crs, where.body)
    x, y = (float(one[0]) for one in g.xy(np.array([where.meridian + 10.0]), np.array([where.north - 5.0]), 0, 0))
    found = g.measure(np.array([[x, y, x, y], [x, y, x + 1000, y], [x, y, x, y + 1000]]))
    assert np.isfinite(found).all()
    assert np.array(found[2:])[:, 0] == pytest.approx(0)


@pytest.mark.parametrize(
    ("box", "width", "height"), [([0, 0, 1000, 0], 1000, 0), ([0, 0, 0, 1000], 0, 1000), ([5, 5, 5, 5], 0, 0)]
)
def test_a_line_has_a_length(box, width, height):
    _, _, found_width, found_height = ground("IAU_2015:30110").measure(np.array([box], float))
    assert (found_width[0], found_height[0]) == pytest.approx((width, height), rel=1e-6)


def test_no_boxes():
    assert [len(one) for one in ground("IAU_2015:30130").measure(np.empty((0, 4)))] == [0] * 4


@pytest.mark.parametrize("crs", ["IAU_2015:30130", "IAU_2015:30135"])
@pytest.mark.parametrize(
    "box",
    [
        (-10, -10, 10, 10), (0, -10, 20, 10), (-10, 0, 10, 20), (0, 0, 20, 20), (-20, -20, 0, 0), (-1, -19, 19, 1),
        (-1e-9, -10, 20, 10), (-13, -10, 7, 10),
    ],
)  # fmt: skip
def test_boxes_on_the_pole(crs, box):
    """The pole in a box, on its side or its corner, in km: the circle in it is 20 km wide."""
    lon, lat, width, height = ground(crs).measure(np.array([box]) * 1000.0)
    middle_lon, middle_lat = ground(crs).lonlat((box[0] + box[2]) * 500.0, (box[1] + box[3]) * 500.0)
    assert (width[0], height[0]) == pytest.approx((20_000, 20_000), rel=1e-4)
    assert distance(lon, lat, middle_lon, middle_lat)[0] * MOON_M == pytest.approx(0, abs=1)


@pytest.mark.parametrize("crs", ["IAU_2015:30110", "IAU_2015:30120", "IAU_2015:30190"])
@pytest.mark.parametrize("lat", [89.9, 90, -90])
def test_boxes_on_the_pole_of_other_maps_are_numbers(crs, lat):
    y = np.radians(lat) * MOON_M
    found = ground(crs).measure(np.array([[-1e4, y - 1e4, 1e4, y + 1e4], [0, y - 1e4, 0, y]]))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("crs", ["IAU_2015:30110", "IAU_2015:30115", "IAU_2015:30120", "IAU_2015:30125"])
@pytest.mark.parametrize("lat", [-75, 0, 89.999])
@pytest.mark.parametrize("lon", [-180, -179.999, 0, 179.999, 180])
@pytest.mark.parametrize("turn", [-360, 0, 360])
def test_there_and_back_at_the_antimeridian(crs, lon, lat, turn):
    """Wherever the scene lies, and whichever turn a longitude is given in."""
    g = ground(crs)
    for near in (-170.0, 0.0, 170.0):
        near_x, near_y = (float(one[0]) for one in g.xy(np.array([near]), np.array([0.0]), 0, 0))
        back = g.lonlat(*g.xy(np.array([lon + turn]), np.array([lat]), near_x, near_y))
        assert distance(*back, lon, lat) * MOON_M == pytest.approx(0, abs=1e-3)
        assert -180 <= back[0] < 180


@pytest.mark.parametrize(("crs", "pole"), [("IAU_2015:30130", 90), ("IAU_2015:30135", -90), ("IAU_2015:49930", 90)])
@pytest.mark.parametrize("off", [0, 1e-9, 1e-4, 0.1, 20])
@pytest.mark.parametrize("lon", [-180, -100, 0, 33, 179.999])
def test_there_and_back_at_the_pole(crs, pole, off, lon):
    lat = pole - np.sign(pole) * off
    back = ground(crs).lonlat(*ground(crs).xy(np.array([lon]), np.array([lat]), 1e5, 1e5))
    assert distance(*back, lon, lat) * MOON_M == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("crs", "pole"), [("IAU_2015:30130", 90), ("IAU_2015:30135", -90)])
@pytest.mark.parametrize(("left", "top"), [(-100, 100), (-150, 60), (0, 100), (-200, 0)])
def test_the_outline_of_a_scene_with_a_pole(crs, pole, left, top):
    """Scenes of 200 x 200 km with the pole inside, on a side and on a corner."""
    grid = Grid(CRS(crs).to_wkt(), Affine(1000, 0, left * 1000, 0, -1000, top * 1000), 200, 200)
    lon, lat = grid_outline(grid, ground(crs))
    centre = ground(crs).lonlat(*grid.to_map(100, 100))
    assert np.isfinite(lon).all() and np.isfinite(lat).all()
    assert np.all(pole * lat > 0)
    assert distance(lon, lat, *centre) * MOON_M == pytest.approx(np.hypot(100_000, 100_000), rel=0.3)
    assert np.linalg.norm(outline_centre(lon, lat) - unit_vectors(*centre)) * MOON_M < 200
    inside = -200 < left < 0 < top < 200
    turns = np.abs(wrap_longitude(np.diff(np.append(lon, lon[0])))).sum()
    assert turns == pytest.approx(360, abs=1e-6) if inside else turns > 0
