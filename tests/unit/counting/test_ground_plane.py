import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.counting.ground_plane import GroundPlane
from orbitile.features.shapes.ground import areas_m2
from orbitile.features.shapes.on_body import ring_polygon
from orbitile.space.bodies import find_body
from orbitile.space.ground import ground_ellipses

MOON = find_body("Moon")
SPHERE_KM2 = 4 * np.pi * 1737.4**2


def zone(west, south, east, north):
    """The share of the sphere between meridians and parallels."""
    return (east - west) / 360 * (np.sin(np.radians(north)) - np.sin(np.radians(south))) / 2


def circle(lon, lat, diameter_km):
    ring = ground_ellipses(*np.array([[lon], [lat], [1000 * diameter_km], [1000 * diameter_km]]), MOON.radius_m, 256)
    return ring_polygon(ring[0][0], ring[1][0])


@pytest.mark.parametrize(
    ("boxes", "share", "middle"),
    [
        ([(-180, -90, 180, 90)], 1, 0),
        ([(-180, -90, 0, 90), (0, -90, 180, 90)], 1, 0),
        ([(10, 20, 40, 50)], zone(10, 20, 40, 50), 25),
        ([(10, 20, 40, 50), (20, 30, 50, 50)], zone(10, 20, 40, 50) + zone(40, 30, 50, 50), 30),  # counts once
        ([(170, -10, 180, 10), (-180, -10, -160, 10)], zone(0, -10, 30, 10), -175),
        ([(-180, 80, 180, 90)], zone(-180, 80, 180, 90), 0),
        ([(100, 0, 110, 10), (-110, 0, -100, 10)], 2 * zone(0, 0, 10, 10), -180),
    ],
)
def test_areas_and_the_middle_meridian(boxes, share, middle):
    ground = GroundPlane.of([shapely.box(*box) for box in boxes], MOON)
    assert ground.area_km2 == pytest.approx(share * SPHERE_KM2, rel=1e-9)
    assert ground.middle_deg == pytest.approx(middle)


@pytest.mark.parametrize(("lon", "lat"), [(0, 0), (50, 60), (179, 85), (0, 90), (-179.5, -20)])
def test_a_circle_has_its_area_anywhere(lon, lat):
    shape = circle(lon, lat, 400)
    ground = GroundPlane.of([shape], MOON)
    assert ground.area_km2 == pytest.approx(float(areas_m2(np.array([shape]), MOON.radius_m)[0]) / 1e6, rel=2e-4)
    assert ground.area_km2 == pytest.approx(4 * np.pi * (1737.4 * np.sin(100 / 1737.4)) ** 2, rel=1e-3)


@settings(deadline=None, max_examples=40)
@given(st.floats(-180, 180), st.floats(-89, 89), st.floats(5, 900))
def test_points_lie_on_the_ground_and_parts_of_boxes_add_up(lon, lat, diameter_km):
    ground = GroundPlane.of([circle(lon, lat, diameter_km)], MOON)
    x, y = ground.random_points(200, np.random.default_rng(0))
    assert ground.contains(x, y).all()
    lons, lats = ground.lonlat(x, y)
    assert np.allclose(ground.place(lons, lats), (x, y))
    west, south, east, north = ground.bounds
    x_edges, y_edges = np.linspace(west, east, 5), np.linspace(south, north, 4)
    boxes = [(x_edges[i], y_edges[j], x_edges[i + 1], y_edges[j + 1]) for i in range(4) for j in range(3)]
    assert ground.areas_in_boxes_km2(np.array(boxes)).sum() == pytest.approx(ground.area_km2, rel=1e-6)


def test_random_points_are_even():
    """Halves of the ground hold halves of the points, within 4 standard deviations."""
    ground = GroundPlane.of([shapely.box(-20, 50, 60, 88).difference(shapely.box(0, 60, 20, 80))], MOON)
    x, y = ground.random_points(20_000, np.random.default_rng(1))
    boxes = np.array([[-1, 0, 0, 1], [0, 0, 1, 1], [-1, 0, 1, 0.9], [-0.2, 0.95, 0.2, 1]], float)
    expected = ground.areas_in_boxes_km2(boxes) / ground.area_km2
    inside = [((x > b[0]) & (x < b[2]) & (y > b[1]) & (y < b[3])).mean() for b in boxes]
    assert np.all(np.abs(inside - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000))


def test_the_same_ground_in_other_pieces_is_the_same():
    shape = circle(30, 40, 800)
    west, east = shape.intersection(shapely.box(-180, -90, 28, 90)), shape.intersection(shapely.box(28, -90, 180, 90))
    assert GroundPlane.of([west, east], MOON).area_km2 == pytest.approx(GroundPlane.of([shape], MOON).area_km2)
    assert GroundPlane.of([east, west], MOON).bounds == pytest.approx(GroundPlane.of([shape], MOON).bounds)


def test_no_ground_is_refused():
    with pytest.raises(OrbitileError, match="searched ground: no footprint covers any"):
        GroundPlane.of([shapely.Polygon()], MOON)
