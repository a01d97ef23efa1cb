"""Circles of outlines: where and how large what was drawn is, anywhere on the body."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.on_body import ring_polygons
from orbitile.review.outlines import circle_of_polygon, circles_of_outlines
from orbitile.space.bodies import find_body
from orbitile.space.ground import distance, ground_ellipses

MOON = find_body("Moon")


def outline(lon, lat, diameter_km):
    size_m = np.array([1000.0 * diameter_km])
    rings = ground_ellipses(np.array([lon]), np.array([lat]), size_m, size_m, MOON.radius_m, 128)
    return ring_polygons(*rings)[0]


@settings(max_examples=60)
@given(st.floats(-180, 180), st.floats(-89.999, 89.999), st.floats(0.5, 300))
def test_the_circle_of_a_crater_s_outline_is_the_crater(lon, lat, diameter_km):
    """Also across 180 degrees and around poles; 128 vertices of a circle hold 0.9996 of its area."""
    east, north, size_km = circle_of_polygon(outline(lon, lat, diameter_km), MOON)
    off_km = float(distance(np.array(lon), np.array(lat), np.array(east), np.array(north))) * MOON.radius_m / 1000
    assert off_km < 2e-3 * diameter_km
    assert size_km == pytest.approx(diameter_km, rel=3e-3)


def test_points_have_a_place_and_no_size():
    lon, lat, diameter_km = circles_of_outlines(np.array([shapely.Point(3, 4)]), np.array([0]), Path("a.gpkg"), MOON)
    assert (lon[0], lat[0]) == (3, 4) and np.isnan(diameter_km[0])


@pytest.mark.parametrize("shape", [shapely.box(0, 0, 1e6, 1), shapely.Point(0, 91)])
def test_shapes_beyond_the_body_are_refused(shape):
    with pytest.raises(
        OrbitileError, match=r"a\.gpkg: row 1: its shape reaches beyond the body; is its map that of Moon"
    ):
        circles_of_outlines(np.array([shape]), np.array([0]), Path("a.gpkg"), MOON)


@pytest.mark.parametrize("shape", [shapely.LineString([(0, 0), (1, 1)]), shapely.Polygon()])
def test_other_shapes_are_refused_by_their_row(shape):
    with pytest.raises(OrbitileError, match=r"a\.gpkg: row 8: its shape is no polygon with an area"):
        circles_of_outlines(np.array([shape]), np.array([7]), Path("a.gpkg"), MOON)
