"""Images of which only corners or control points are known. All are made up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from straight_flight import Painted, StraightFlight

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.camera import to_ground
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.georeferencing.projection.choose_crs import choose_crs, grid_around
from orbitile.georeferencing.projection.control_point_camera import (
    ControlPoints,
    Projective,
    Splines,
    control_point_camera,
)
from orbitile.georeferencing.projection.footprint import footprint
from orbitile.georeferencing.projection.remap import remap_image
from orbitile.space.bodies import find_body
from orbitile.space.ground import lonlat_of_points

MOON = find_body("Moon")
SPHERE = Ellipsoid(MOON.radius_m, MOON.radius_m)
SIZE = (300, 500)


def flight(**options):
    return StraightFlight(*SIZE, **options)


def seen(camera, col, row, decimals=None):
    """Control points where a camera sees them, their degrees rounded."""
    lon, lat = lonlat_of_points(to_ground(camera, SPHERE, np.asarray(col, float), np.asarray(row, float)))
    if decimals is not None:
        lon, lat = lon.round(decimals), lat.round(decimals)
    return ControlPoints(np.asarray(col, float), np.asarray(row, float), lon, lat, decimals)


def corners(camera, decimals=None):
    width, height = SIZE
    return seen(camera, [0, width, width, 0], [0, 0, height, height], decimals)


def lattice(count):
    col, row = np.meshgrid(np.linspace(0, SIZE[0], count), np.linspace(0, SIZE[1], count))
    return col.ravel(), row.ravel()


def offset_m(camera, other):
    """The largest distance on the ground between where two cameras see the same pixels."""
    col, row = lattice(9)
    return np.linalg.norm(to_ground(camera, SPHERE, col, row) - to_ground(other, SPHERE, col, row), axis=-1).max()


CASES = [
    dict(),
    dict(lon=179.95, lat=30, azimuth=40),
    dict(lat=89.9, lon=20),
    dict(lat=-60, azimuth=200, mirrored=True),
    dict(lat=10, roll=20),
]


@pytest.mark.parametrize("options", CASES)
def test_corners_are_met(options):
    points = corners(flight(**options))
    camera = control_point_camera(points, SIZE, MOON.radius_m)
    lon, lat = lonlat_of_points(to_ground(camera, SPHERE, points.col, points.row))
    np.testing.assert_allclose((lon - points.lon + 180) % 360 - 180, 0, atol=1e-9)
    np.testing.assert_allclose(lat, points.lat, atol=1e-9)
    assert camera.expected_error_m < 1e-3


@pytest.mark.parametrize("options", CASES)
def test_pixels_there_and_back(options):
    camera = control_point_camera(corners(flight(**options)), SIZE, MOON.radius_m)
    col, row = lattice(7)
    found = camera.to_image(to_ground(camera, Ellipsoid(1738000, 1730000), col, row))
    np.testing.assert_allclose(found, [col, row], atol=1e-6)


@pytest.mark.parametrize("options", CASES)
def test_splines_are_nearer_than_corners(options):
    """What a line scanner sees is no plane: 50 km of the Moon in 500 px."""
    camera = flight(**options)
    by_corners = control_point_camera(corners(camera), SIZE, MOON.radius_m)
    by_splines = control_point_camera(seen(camera, *lattice(5)), SIZE, MOON.radius_m)
    assert offset_m(camera, by_splines) < max(20, offset_m(camera, by_corners) / 2)
    assert offset_m(camera, by_splines) < 5 * by_splines.expected_error_m + 1


@pytest.mark.parametrize("options", CASES)
def test_splines_there_and_back(options):
    camera = control_point_camera(seen(flight(**options), *lattice(5)), SIZE, MOON.radius_m)
    col, row = lattice(9)
    found = camera.to_image(to_ground(camera, SPHERE, col, row))
    np.testing.assert_allclose(found, [col, row], atol=0.3)


@pytest.mark.parametrize(("decimals", "metres"), [(1, 2144.1), (2, 214.41), (3, 21.441), (5, 0.21441)])
@pytest.mark.parametrize("points", [4, 25])
def test_rounded_degrees_are_in_the_error(decimals, metres, points):
    """Half a unit of the last digit in longitude and in latitude: on the equator 1516 m each for one decimal."""
    camera = flight()
    made = corners(camera, decimals) if points == 4 else seen(camera, *lattice(5), decimals)
    found = control_point_camera(made, SIZE, MOON.radius_m).expected_error_m
    assert found == pytest.approx(metres, rel=1e-3) if points == 4 else found > metres


def test_splines_tell_how_wrong_their_points_are():
    """A point that is 1 km off among 49."""
    points = seen(flight(), *lattice(7))
    wrong = points.lat + np.where(np.arange(49) == 24, 1000 / MOON.radius_m * 180 / np.pi, 0)
    good = control_point_camera(points, SIZE, MOON.radius_m).expected_error_m
    bad = control_point_camera(replace(points, lat=wrong), SIZE, MOON.radius_m).expected_error_m
    assert good < 5
    assert bad > 1000 / 7


def test_many_points_use_those_nearby():
    camera = flight(lat=20, azimuth=30)
    by_points = control_point_camera(seen(camera, *lattice(20)), SIZE, MOON.radius_m)
    assert offset_m(camera, by_points) < 1


@given(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(-0.2, 0.2), st.floats(0.5, 2))
def test_projective_maps_are_found(tilt, shear, slope, scale):
    matrix = np.array([[scale, shear, 3], [slope, 1 / scale, -1], [tilt / 9, shear / 9, 1]])
    known = Projective(matrix)
    pixels = np.array([[0, 0], [4, 0], [4, 3], [0, 3]], float)
    found = Projective.through(pixels, known.to_plane(pixels))
    inside = np.array([[2, 1.5], [1, 1], [3.5, 0.1]])
    np.testing.assert_allclose(found.to_plane(inside), known.to_plane(inside), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.to_pixels(found.to_plane(inside)), inside, rtol=1e-8, atol=1e-9)


def test_beyond_the_horizon_there_are_no_pixels():
    plane = Projective(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0.1, 1]]))
    assert plane.to_plane(np.array([[5.0, -9.9]])).tolist() == [pytest.approx([500, -990])]
    assert np.isnan(plane.to_plane(np.array([[5.0, -10.1]]))).all()


def test_splines_pass_through_their_points():
    rng = np.random.default_rng(0)
    pixels, plane = rng.uniform(0, 500, (30, 2)), rng.uniform(-0.01, 0.01, (30, 2))
    fit = Splines.through(pixels, plane)
    np.testing.assert_allclose(fit.to_plane(pixels), plane, atol=1e-9)
    np.testing.assert_allclose(fit.to_pixels(plane), pixels, atol=1e-4)


def test_the_far_side_is_not_seen():
    camera = control_point_camera(corners(flight()), SIZE, MOON.radius_m)
    col, row = camera.to_image(SPHERE.at(np.array([0.0, 59, 62, 180]), np.zeros(4)))
    assert np.isfinite(col).tolist() == np.isfinite(row).tolist() == [True, True, False, False]


def test_corners_in_order():
    """Upper left, upper right, lower right, lower left."""
    points = ControlPoints.of_corners((20, 30), np.array([1, 2, 2, 1]), np.array([5, 5, 3, 3]), 1)
    assert points.pixels.tolist() == [[0, 0], [20, 0], [20, 30], [0, 30]]
    camera = control_point_camera(points, (20, 30), MOON.radius_m)
    lon, lat = lonlat_of_points(to_ground(camera, SPHERE, np.array([10.0]), np.array([15.0])))
    assert (lon[0], lat[0]) == (pytest.approx(1.5), pytest.approx(4, abs=2e-3))


@pytest.mark.parametrize(
    ("lon", "lat", "reason"),
    [
        ([1, 2, 1, 2], [5, 5, 3, 3], "crossed"),
        ([1, 2, 3, 4], [5, 5, 5, 5], "on a line"),
        ([1, 1, 2, 2], [5, 5, 3, 3], "on a line"),
        ([1, 2, 1.2, 1], [5, 5, 4.9, 3], "another order"),
        ([1, 2, 2, np.nan], [5, 5, 3, 3], "not a number"),
        ([1, 2, 2], [5, 5, 3], "3 points, but at least 4"),
    ],
)
def test_corners_that_make_no_image_are_refused(lon, lat, reason):
    col, row = np.array([0.0, 20, 20, 0])[: len(lon)], np.array([0.0, 0, 30, 30])[: len(lon)]
    with pytest.raises(OrbitileError, match=rf"^control points: .*{reason}.*give "):
        control_point_camera(
            ControlPoints(col, row, np.array(lon, float), np.array(lat, float)), (20, 30), MOON.radius_m
        )


@pytest.mark.parametrize("col", [np.zeros(8), np.repeat([0.0, 9], 4)])
def test_points_on_a_line_or_given_twice_are_refused(col):
    row = np.arange(8.0) if not col.any() else np.tile([0.0, 5], 4)
    with pytest.raises(OrbitileError, match=r"the 8 points cannot be fitted|8 of the points lie on a line"):
        control_point_camera(ControlPoints(col, row, 1 + col / 100, row / 100), (20, 30), MOON.radius_m)


LINE = [(0.0, 0.0), (75.0, 125.0), (150.0, 250.0), (225.0, 375.0), (300.0, 500.0)]


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(LINE, id="five on a line"),
        pytest.param([*LINE[:4], (300.0, 0.0)], id="four of five on a line"),
        pytest.param([(0.0, 0.0), (0.0, 0.0), (300.0, 0.0), (300.0, 0.0), (0.0, 500.0)], id="three places"),
        pytest.param([*LINE, (300.0, 500.0), (30.0, 50.0)], id="seven on a line"),
        pytest.param([*LINE, (30.0, 50.0), (300.0, 0.0)], id="six of seven on a line"),
        pytest.param([(c + 0.01 * (-1) ** n, r) for n, (c, r) in enumerate([*LINE, (30.0, 50.0)])], id="nearly a line"),
    ],
)
def test_points_that_leave_the_image_open_are_refused(places):
    with pytest.raises(OrbitileError, match=r"control points: .* line"):
        control_point_camera(seen(flight(), *zip(*places, strict=True)), SIZE, MOON.radius_m)


@pytest.mark.parametrize("extra", [(150.0, 250.0), (0.0, 0.0), (150.0, 0.0)], ids=["middle", "again", "side"])
def test_five_points_with_all_four_corners(extra):
    col, row = [0.0, 300, 300, 0, extra[0]], [0.0, 0, 500, 500, extra[1]]
    camera = flight()
    assert offset_m(camera, control_point_camera(seen(camera, col, row), SIZE, MOON.radius_m)) < 50


def test_six_points_are_enough():
    camera = flight()
    fit = control_point_camera(
        seen(camera, [0, 300, 300, 0, 150, 140], [0, 0, 500, 500, 100, 390]), SIZE, MOON.radius_m
    )
    assert offset_m(camera, fit) < 10 * fit.expected_error_m < 10_000


def test_an_image_far_larger_than_its_points_is_expected_further_off():
    """Points in a tenth of the image, each off by some metres."""
    camera, random = flight(), np.random.default_rng(1)
    points = seen(camera, *(axis / 10 for axis in lattice(3)))
    noise = np.degrees(random.normal(0, 20, 9) / MOON.radius_m)
    fit = control_point_camera(replace(points, lat=points.lat + noise), SIZE, MOON.radius_m)
    assert 0.2 * offset_m(camera, fit) < fit.expected_error_m < 5 * offset_m(camera, fit)


def test_images_go_onto_a_map_by_their_corners():
    """Beside where their camera puts them: as far off as the two differ."""
    camera = flight(lat=30, azimuth=200)
    by_corners = control_point_camera(corners(camera), SIZE, MOON.radius_m)
    outline = footprint(by_corners, SPHERE, 32)
    grid = grid_around(*outline, choose_crs(*outline, MOON), 100, MOON.radius_m)
    results = []
    for one in (camera, by_corners):
        projected = remap_image(one, SPHERE, Painted(*SIZE, lambda col, row: row), grid, MOON.radius_m)
        assert projected.error_px <= 0.1
        results += [
            (np.concatenate([p for _, p, _ in projected.blocks]), np.concatenate([v for *_, v in projected.blocks]))
        ]
    (pixels, valid), (other, other_valid) = results
    both = valid & other_valid
    assert both.sum() > 0.95 * valid.sum()
    assert np.abs(pixels - other)[both].max() * 100 < offset_m(camera, by_corners) + 20
