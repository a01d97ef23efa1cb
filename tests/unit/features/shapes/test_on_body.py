"""Shapes across the antimeridian and around the poles."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from orbitile.features.shapes.on_body import drawing_points, lines_on_body, polygons_on_body, ring_polygon
from orbitile.space.ground import wrap_longitude


def wrapped(shape):
    """A shape whose longitudes may be of any turn, each vertex wrapped on its own."""
    return shapely.transform(shape, lambda xy: np.column_stack([wrap_longitude(xy[:, 0]), xy[:, 1]]))


def mended(shape):
    shape = wrapped(shape)
    mend = lines_on_body if shape.geom_type == "LineString" else polygons_on_body
    (found,) = mend(np.array([shape]))
    return found


@pytest.mark.parametrize(
    ("torn", "expected"),
    [
        ("POLYGON ((170 0, 190 0, 190 10, 170 10, 170 0))",
         "MULTIPOLYGON (((170 0, 180 0, 180 10, 170 10, 170 0)), ((-180 0, -170 0, -170 10, -180 10, -180 0)))"),
        ("POLYGON ((-190 0, -170 0, -170 10, -190 10, -190 0))",
         "MULTIPOLYGON (((170 0, 180 0, 180 10, 170 10, 170 0)), ((-180 0, -170 0, -170 10, -180 10, -180 0)))"),
        ("POLYGON ((170 0, 180 0, 180 10, 170 10, 170 0))", "POLYGON ((170 0, 180 0, 180 10, 170 10, 170 0))"),
        ("POLYGON ((180 0, 190 0, 190 10, 180 10, 180 0))", "POLYGON ((-180 0, -170 0, -170 10, -180 10, -180 0))"),
        ("POLYGON ((10 0, 20 0, 20 10, 10 10, 10 0))", "POLYGON ((10 0, 20 0, 20 10, 10 10, 10 0))"),
        ("POLYGON ((170 0, 190 0, 190 10, 170 10, 170 0), (175 4, 185 4, 185 6, 175 6, 175 4))",
         "MULTIPOLYGON (((170 0, 180 0, 180 4, 175 4, 175 6, 180 6, 180 10, 170 10, 170 0)), "
         "((-180 0, -170 0, -170 10, -180 10, -180 6, -175 6, -175 4, -180 4, -180 0)))"),
        ("POLYGON ((170 0, 190 0, 190 10, 170 10, 170 0), (172 4, 174 4, 174 6, 172 6, 172 4))",
         "MULTIPOLYGON (((170 0, 180 0, 180 10, 170 10, 170 0), (172 4, 174 4, 174 6, 172 6, 172 4)), "
         "((-180 0, -170 0, -170 10, -180 10, -180 0)))"),
        ("MULTIPOLYGON (((170 0, 190 0, 190 5, 170 5, 170 0)), ((150 0, 160 0, 160 5, 150 5, 150 0)))",
         "MULTIPOLYGON (((170 0, 180 0, 180 5, 170 5, 170 0)), ((-180 0, -170 0, -170 5, -180 5, -180 0)), "
         "((150 0, 160 0, 160 5, 150 5, 150 0)))"),
        ("LINESTRING (170 0, 190 10)", "MULTILINESTRING ((170 0, 180 5), (-180 5, -170 10))"),
        ("LINESTRING (170 0, 180 5)", "LINESTRING (170 0, 180 5)"),
        ("LINESTRING (10 0, 20 5)", "LINESTRING (10 0, 20 5)"),
    ],
)  # fmt: skip
def test_shapes_are_cut_where_they_cross_the_antimeridian(torn, expected):
    found = mended(shapely.from_wkt(torn))
    assert found.is_valid
    assert shapely.normalize(found).equals_exact(shapely.normalize(shapely.from_wkt(expected)), 1e-9)


def test_shapes_elsewhere_stay_as_they_are():
    """To the last bit, whatever else is there."""
    shapes = shapely.from_wkt(["POLYGON ((1 1, 2 1, 2 2, 1 1))", "POLYGON ((170 0, -170 0, -170 9, 170 0))"])
    found = polygons_on_body(shapes)
    assert found[0] is shapes[0]
    assert found[1].geom_type == "MultiPolygon"
    assert shapes[1].geom_type == "Polygon"


@pytest.mark.parametrize("pole", [90, -90])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_ring_around_a_pole_is_closed_along_it(pole, turn):
    """A cap beyond 80 degrees, drawn either way round."""
    lon = wrap_longitude(np.arange(7, 367, 10))[::turn]
    cap = ring_polygon(lon, np.full(36, pole * 8 / 9))
    assert cap.is_valid
    assert shapely.contains_xy(cap, [-179.9, -90, 0, 90, 179.9], np.sign(pole) * 85).all()
    assert not shapely.contains_xy(cap, [-179.9, -90, 0, 90, 179.9], np.sign(pole) * 75).any()
    assert cap.area == pytest.approx(3600)
    assert cap.bounds == pytest.approx((-180, min(80, pole) if pole > 0 else -90, 180, 90 if pole > 0 else -80))


@pytest.mark.parametrize("start", range(12))
@pytest.mark.parametrize("pole", [1, -1])
def test_a_ring_around_a_pole_may_wind_back_on_itself(start, pole):
    """An arm from a cap beyond 80 degrees runs back around it, at 75 to 77 degrees."""
    lon = np.array([10, 100, 190, 280, 350, 350, 250, 150, 150, 250, 360, 360])
    lat = np.array([80, 80, 80, 80, 80, 77, 77, 77, 75, 75, 75, 80])
    shape = ring_polygon(wrap_longitude(np.roll(lon, start)), pole * np.roll(lat, start))
    assert shape.is_valid
    assert shape.area == pytest.approx(3600 + 10 * 5 + 200 * 2)


def test_a_belt_around_a_pole_has_the_cap_as_its_hole():
    lon = wrap_longitude(np.arange(0, 360, 10))
    shell, hole = (np.column_stack([lon, np.full(36, lat)]) for lat in (70.0, 80.0))
    (belt,) = polygons_on_body(np.array([shapely.Polygon(shell, [hole])]))
    assert belt.is_valid
    assert belt.area == pytest.approx(3600)
    assert shapely.contains_xy(belt, [-100, 100], 75).all()
    assert not shapely.contains_xy(belt, [-100, 100], 85).any()


@given(st.floats(-180, 180), st.floats(-60, 60), st.floats(0.5, 80), st.integers(3, 20), st.integers(0, 9))
def test_cutting_keeps_area_and_length(lon, lat, radius, vertices, seed):
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    reach = radius * np.random.default_rng(seed).uniform(0.5, 1, vertices)
    ring = np.column_stack([lon + reach * np.cos(angle), lat + reach / 4 * np.sin(angle)])
    for whole, measure in ((shapely.Polygon(ring), shapely.area), (shapely.LineString(ring), shapely.length)):
        found = mended(whole)
        west, _, east, _ = found.bounds
        assert west >= -180
        assert east <= 180
        assert measure(found) == pytest.approx(measure(whole), rel=1e-9)


def test_outlines_are_the_rings_and_lines_one_after_the_other():
    shapes = shapely.from_wkt([
        "LINESTRING (0 0, 1 1)", "POLYGON ((0 0, 9 0, 9 9, 0 0), (5 1, 6 1, 6 2, 5 1))",
        "MULTILINESTRING ((2 2, 3 3, 4 4), (5 5, 6 6))",
    ])  # fmt: skip
    points, starts = drawing_points(shapes)
    assert starts.tolist() == [0, 2, 5, 7, 11]
    assert points[[0, 2, 5, 7, 11]].tolist() == [[0, 0], [2, 2], [5, 5], [0, 0], [5, 1]]


@pytest.mark.parametrize("none", [np.zeros(0, object), np.array([shapely.Polygon()])])
def test_nothing(none):
    points, starts = drawing_points(none)
    assert (points.shape, len(starts)) == ((0, 2), 0)
    assert len(polygons_on_body(none[:0])) == len(lines_on_body(none[:0])) == 0
