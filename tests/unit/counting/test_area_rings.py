"""Areas as rings of short great circles: sizes, borders, 180 degrees, poles, and rims of craters."""

import numpy as np
import pytest
import shapely
from counted_areas import SHAPES, exact_km2
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.counting.area_rings import AreaRings, contains_pole, ring_points
from orbitile.features.shapes.ground import areas_m2
from orbitile.space.ground import angles_between, unit_vectors

QUARTERED = {"north pole", "south pole", "off the pole", "around the pole", "belt", "half", "body"}


@pytest.mark.parametrize("name", SHAPES)
def test_rings_surround_the_area(name):
    rings = AreaRings.of(SHAPES[name])
    assert rings.solid_angle == pytest.approx(exact_km2(SHAPES[name], 1.0), rel=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_rings_are_closed_without_equal_neighbours(name):
    for ring in AreaRings.of(SHAPES[name]).rings:
        vectors = unit_vectors(*ring.T)
        assert (ring[0] == ring[-1]).all()
        assert angles_between(vectors[:-1], vectors[1:]).min() > 1e-10


@pytest.mark.parametrize("name", sorted(set(SHAPES) - QUARTERED))
def test_parts_are_whole(name):
    parts = AreaRings.of(SHAPES[name]).parts
    assert len(parts) == (2 if name == "two parts" else 1)
    assert [len(part.holes) for part in parts].count(1) == (name == "hole")


@pytest.mark.parametrize("name", sorted(QUARTERED))
def test_what_reaches_around_is_quartered(name):
    lon = [ring[:, 0] for ring in AreaRings.of(SHAPES[name]).rings]
    assert max(np.ptp(ring) for ring in lon) <= 90


def test_a_ring_over_180_degrees_goes_on_beyond():
    (ring,) = AreaRings.of(SHAPES["over 180"]).rings
    assert [ring[:, 0].min(), ring[:, 0].max()] == [170, 190]


@pytest.mark.parametrize(
    ("name", "degrees"),
    [
        ("equator", 4 + 6 * np.cos(np.radians(1))),
        ("over 180", 20 + 20 * (1 + np.cos(np.radians(10)))),
        ("north pole", 360 * np.cos(np.radians(80))),
        ("around the pole", 360 * (np.cos(np.radians(80)) + np.cos(np.radians(70)))),
        ("body", 0),
    ],
)
def test_the_border_is_as_long_as_the_area_s(name, degrees):
    expected = np.radians(degrees)
    assert AreaRings.of(SHAPES[name]).perimeter == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("name", "pole"), [("north pole", 1), ("south pole", -1), ("equator", 0), ("body", 0)])
def test_the_pole_is_the_one_inside(name, pole):
    assert AreaRings.of(SHAPES[name]).pole == pole


@pytest.mark.parametrize("shape", [shapely.Polygon(), shapely.Point(1, 2), shapely.box(0, 0, 0, 5)])
def test_no_area_is_one_line(shape):
    with pytest.raises(OrbitileError, match="without extent"):
        AreaRings.of(shape)


@given(lon=st.floats(-180, 180), lat=st.floats(-90, 90), radius=st.floats(1e-6, 1.0))
def test_rims_surround_what_circles_do(lon, lat, radius):
    (ring,) = ring_points(np.array([lon]), np.array([lat]), np.array([radius]), 120)
    measured = areas_m2(np.array([shapely.Polygon(ring)], object), 1.0)[0]
    # The check's edges are straight on a plane, not great circles.
    assert measured == pytest.approx(4 * np.pi * np.sin(radius / 2) ** 2, rel=1e-6 + 5e-4 * radius**2)


@given(lon=st.floats(-180, 180), lat=st.floats(-89, 89))
def test_rims_lie_at_one_distance_from_their_centre(lon, lat):
    (ring,) = ring_points(np.array([lon]), np.array([lat]), np.array([0.01]), 120)
    away = angles_between(unit_vectors(*ring.T), unit_vectors(np.array(lon), np.array(lat)))
    assert np.ptp(away) < 1e-12
    assert np.abs(ring[:, 0] - lon).max() <= 180


def test_rims_hold_a_pole_within_their_radius():
    radius = np.radians([1.0, 1.0, 1.0])
    assert contains_pole(np.zeros(3), np.array([89.5, 88.5, -89.5]), radius).tolist() == [True, False, True]
