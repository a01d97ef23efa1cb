import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod
from scipy import ndimage

from orbitile.features.shapes.ground import PIXEL_EDGE_PX, Lattice
from orbitile.features.shapes.lonlat_shapes import (
    area_on_sphere_km2,
    contains_places,
    only_polygons,
    polygons_in_degrees,
    polygons_of_map,
    united,
)
from orbitile.features.shapes.polygons import PieceLayers, mask_polygons
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground, ground_ellipses

MOON = find_body("Moon")
R = MOON.radius_m
GEOD = Geod(a=R, b=R)
DEGREES = Ground(MOON.crs.to_wkt(), R)
NORTH = Ground(CRS("IAU_2015:30130").to_wkt(), R)
SOUTH = Ground(CRS("IAU_2015:30135").to_wkt(), R)
MERIDIAN_180 = Ground(CRS("IAU_2015:30115").to_wkt(), R)


def in_degrees(shape, ground=DEGREES):
    return polygons_in_degrees(np.array([shape], object), ground)[0]


def circle(lon, lat, diameter_m, vertices=720):
    """A circle on the ground, and its area by pyproj's geodesics."""
    size = np.array([float(diameter_m)])
    ring_lon, ring_lat = (part[0] for part in ground_ellipses([lon], [lat], size, size, R, vertices))
    return ring_lon, ring_lat, abs(GEOD.polygon_area_perimeter(ring_lon, ring_lat)[0]) / 1e6


def on_map(ground, lon, lat):
    return shapely.Polygon(np.column_stack(ground.xy(lon, lat, np.zeros_like(lon), np.zeros_like(lat))))


@pytest.mark.parametrize("lon", [10.0, 180.0])
@pytest.mark.parametrize(
    ("lat", "diameter_m"), [(0, 1e3), (0, 6e5), (60, 1e3), (60, 5e4), (60, 6e5), (85, 1e3), (85, 5e4), (-85, 5e4)]
)
def test_areas_are_those_of_geodesics(lon, lat, diameter_m):
    ring_lon, ring_lat, expected = circle(lon, lat, diameter_m)
    shape = in_degrees(shapely.Polygon(np.column_stack([ring_lon, ring_lat])))
    assert area_on_sphere_km2(shape, R) == pytest.approx(expected, rel=1e-4)
    assert shapely.bounds(shape)[0] >= -180 and shapely.bounds(shape)[2] <= 180


@pytest.mark.parametrize(
    ("ground", "lat"), [(NORTH, 90.0), (NORTH, 89.0), (NORTH, 85.0), (SOUTH, -90.0), (SOUTH, -88.5)]
)
@pytest.mark.parametrize("diameter_m", [2e4, 5e5])
def test_areas_around_poles_are_those_of_geodesics(ground, lat, diameter_m):
    ring_lon, ring_lat, expected = circle(33.0, lat, diameter_m)
    shape = in_degrees(on_map(ground, ring_lon, ring_lat), ground)
    assert shape.is_valid
    assert area_on_sphere_km2(shape, R) == pytest.approx(expected, rel=1e-3)


def test_a_quarter_with_its_corner_at_a_pole_goes_up_to_it():
    x = NORTH.xy(np.array([0.0]), np.array([80.0]), np.zeros(1), np.zeros(1))
    far = float(np.hypot(*x)[0])
    quarter = shapely.intersection(shapely.Point(0, 0).buffer(far, quad_segs=200), shapely.box(0, 0, far, far))
    assert area_on_sphere_km2(in_degrees(quarter, NORTH), R) == pytest.approx(
        area_on_sphere_km2(shapely.box(0, 80, 90, 90), R), rel=1e-3
    )


def test_an_edge_over_a_pole_cuts_a_disc_in_halves():
    far = float(np.hypot(*NORTH.xy(np.array([0.0]), np.array([80.0]), np.zeros(1), np.zeros(1)))[0])
    half = shapely.intersection(shapely.Point(0, 0).buffer(far, quad_segs=200), shapely.box(-far, 0, far, far))
    assert area_on_sphere_km2(in_degrees(half, NORTH), R) == pytest.approx(
        area_on_sphere_km2(shapely.box(0, 80, 180, 90), R), rel=1e-3
    )


@pytest.mark.parametrize(
    ("box", "share"),
    [((-180, -90, 180, 90), 1.0), ((-180, 0, 180, 90), 0.5), ((-180, -30, 180, 30), 0.5), ((0, -90, 90, 90), 0.25),
     ((-180, 60, 180, 90), (1 - np.sin(np.radians(60))) / 2)],
)  # fmt: skip
def test_areas_of_boxes_however_large(box, share):
    assert area_on_sphere_km2(shapely.box(*box), R) == pytest.approx(4 * np.pi * (R / 1000) ** 2 * share, rel=1e-5)


@given(st.floats(-170, 170), st.floats(-80, 70), st.floats(0.01, 9.9), st.floats(0.01, 9.9))
def test_boxes_have_the_areas_of_zones(west, south, width, height):
    low, high = np.sin(np.radians([south, south + height]))
    expected = np.radians(width) * (high - low) * (R / 1000) ** 2
    box = shapely.box(west, south, west + width, south + height)
    assert area_on_sphere_km2(box, R) == pytest.approx(expected, rel=1e-4)


def test_holes_do_not_count():
    ring = shapely.box(0, 0, 10, 10).difference(shapely.box(2, 2, 4, 4))
    whole, hole = (area_on_sphere_km2(shapely.box(*box), R) for box in ((0, 0, 10, 10), (2, 2, 4, 4)))
    assert area_on_sphere_km2(ring, R) == pytest.approx(whole - hole, rel=1e-6)
    assert area_on_sphere_km2(shapely.Polygon(), R) == 0


def test_a_shape_over_180_degrees_is_cut_there():
    shape = in_degrees(shapely.box(178, -1, 183, 1))
    assert shape.geom_type == "MultiPolygon"
    assert area_on_sphere_km2(shape, R) == pytest.approx(area_on_sphere_km2(shapely.box(0, -1, 5, 1), R), rel=1e-6)
    inside = contains_places(shape, np.array([179.0, -178.0, 180.0, 0.0]), np.zeros(4))
    assert inside.tolist() == [True, True, True, False]


def test_a_map_across_180_degrees_gives_the_same_as_degrees():
    lon, lat = np.array([178.0, 183, 183, 178]), np.array([-1.0, -1, 1, 1])
    on_180 = shapely.Polygon(np.column_stack(MERIDIAN_180.xy(lon, lat, np.zeros(4), np.zeros(4))))
    difference = shapely.symmetric_difference(
        in_degrees(on_180, MERIDIAN_180), in_degrees(shapely.box(178, -1, 183, 1))
    )
    assert area_on_sphere_km2(only_polygons(difference), R) < 1e-3


@pytest.mark.parametrize("crs", ["IAU_2015:30130", "IAU_2015:30135"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("origin", [0.0, 0.3])
def test_polygons_of_a_mask_around_a_pole_keep_their_areas_and_stay_neighbours(crs, seed, origin):
    """Made-up classes of a hundred by a hundred pixels of 100 m, with the pole at a corner of pixels or inside one."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((100, 100)), [1, 3, 6][seed % 3])
    lattice = Lattice(Ground(CRS(crs).to_wkt(), R), Affine(100, 0, 100 * origin, 0, -100, 100 * origin))
    shapes = []
    for mask in (noise > np.median(noise), noise <= np.median(noise)):
        polygons = mask_polygons(PieceLayers(mask), -50, -50).polygons
        on_body = polygons_of_map(lattice.to_map(polygons, PIXEL_EDGE_PX), lattice.ground)
        areas_km2 = np.array([area_on_sphere_km2(shape, R) for shape in on_body])
        assert shapely.is_valid(on_body).all()
        assert areas_km2 == pytest.approx(shapely.area(polygons) / 100, rel=0.01)
        shapes.append(united(on_body))
    shared, both = shapely.intersection(*shapes), shapely.union(*shapes)
    assert area_on_sphere_km2(only_polygons(shared), R) < 1e-6
    assert area_on_sphere_km2(both, R) == pytest.approx(100.0, rel=1e-3)


def test_only_polygons_stay():
    line, box = shapely.LineString([(0, 0), (1, 1)]), shapely.box(0, 0, 1, 1)
    assert only_polygons(shapely.GeometryCollection([line, box])).equals(box)
    assert only_polygons(line).is_empty
    assert united(np.array([box, shapely.box(1, 0, 2, 1)], object)).equals(shapely.box(0, 0, 2, 1))
    assert united(np.zeros(0, object)).is_empty
