"""Maps that fit images, and grids on them. Outlines are made up."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from straight_flight import StraightFlight

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.georeferencing.projection.choose_crs import choose_crs, grid_around
from orbitile.georeferencing.projection.footprint import footprint, ground_sample_distances
from orbitile.space.bodies import find_body, lies_on
from orbitile.space.footprints import azimuthal, from_azimuthal, outline_centre
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, unit_vectors

MOON, MARS = find_body("Moon"), find_body("Mars")
SPHERE = Ellipsoid(MOON.radius_m, MOON.radius_m)
EQUATOR = CRS("IAU_2015:30110").to_wkt()
NORTH = CRS("IAU_2015:30130").to_wkt()


def square(lon, lat, half=1.0):
    """An outline of eight points, degrees."""
    x = np.array([-1, 0, 1, 1, 1, 0, -1, -1]) * half
    y = np.array([1, 1, 1, 0, -1, -1, -1, 0]) * half
    return (lon + x + 180) % 360 - 180, lat + y


def parameters(wkt):
    """Standard parallel, central meridian."""
    found = {one.name: one.value for one in CRS.from_wkt(wkt).coordinate_operation.params}
    return found["Latitude of 1st standard parallel"], found["Longitude of natural origin"]


@pytest.mark.parametrize(
    ("lon", "lat", "expected"),
    [
        (0, 0, (0, 0)),
        (20, 33, (35, 0)),
        (20, -32, (-30, 0)),
        (-179.5, 64, (65, 180)),
        (179.5, -11, (-10, 180)),
        (178.9, 0, (0, 0)),
        (-178.9, 0, (0, 0)),
    ],
)
def test_equirectangular_maps_fit(lon, lat, expected):
    assert parameters(choose_crs(*square(lon, lat), MOON)) == expected


@pytest.mark.parametrize(("lat", "code"), [(65.1, 30130), (-65.1, 30135), (89.9, 30130), (-89.9, 30135)])
def test_polar_maps_fit(lat, code):
    lon, ring_lat = square(20, lat)
    assert CRS.from_wkt(choose_crs(lon, ring_lat.clip(-90, 90), MOON)) == CRS(f"IAU_2015:{code}")


def test_where_polar_maps_begin_can_be_chosen():
    assert "North Polar" in choose_crs(*square(20, 50), MOON, polar_latitude=45)


def test_an_outline_around_a_pole_gets_its_map():
    """From 10 degrees beyond the pole to 50 on this side of it: the middle lies at 70, but 75 is asked for."""
    plane = np.radians([[-30, 10], [30, 10], [30, -50], [-30, -50]])
    x, y, z = from_azimuthal(plane, np.array([0.0, 0, 1])).T
    lon, lat = np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z))
    assert "North Polar" in choose_crs(lon, lat, MOON, polar_latitude=75)


@pytest.mark.parametrize("where", [MOON, MARS, find_body("Europa"), find_body("Mercury")])
@pytest.mark.parametrize("lat", [12, 80])
def test_maps_keep_their_body(where, lat, tmp_path):
    """Through a GeoTIFF, too."""
    wkt = choose_crs(*square(20, lat), where)
    profile = dict(driver="GTiff", width=1, height=1, count=1, dtype="uint8", transform=Affine(9, 0, 0, 0, -9, 0))
    with rasterio.open(tmp_path / "a.tif", "w", crs=wkt, **profile):
        pass
    with rasterio.open(tmp_path / "a.tif") as source:
        kept = source.crs.to_wkt()
    one, other = (Ground(text, where.radius_m).xy(np.array([21.0]), np.array([lat]), 0, 0) for text in (wkt, kept))
    np.testing.assert_allclose(one, other)
    for text in (wkt, kept):
        assert lies_on(CRS.from_wkt(text), where)
        assert not lies_on(CRS.from_wkt(text), find_body("Venus"))


def test_what_lies_off_the_body_is_left_out():
    lon, lat = square(20, 33)
    lon, lat = np.append(lon, np.nan), np.append(lat, np.nan)
    assert parameters(choose_crs(lon, lat, MOON)) == (35, 0)
    assert grid_around(lon, lat, EQUATOR, 100, MOON.radius_m) == grid_around(
        *square(20, 33), EQUATOR, 100, MOON.radius_m
    )


def test_nothing_on_the_body():
    with pytest.raises(OrbitileError, match="border sees the body"):
        choose_crs(np.array([np.nan]), np.array([np.nan]), MOON)


def test_maps_that_cannot_show_a_place_are_named():
    gnomonic = CRS("+proj=gnom +R=1737400 +lon_0=0 +type=crs").to_wkt()
    with pytest.raises(OrbitileError, match=r"cannot show longitudes 119\.00 to 121\.00, latitudes 19\.00 to 21\.0"):
        grid_around(*square(120, 20), gnomonic, 100, MOON.radius_m)


@pytest.mark.parametrize(
    ("wkt", "bounds", "expected"),
    [
        (EQUATOR, (0, 0, 1000, 500), (0, 500, 10, 5)),
        (EQUATOR, (-1, -1, 1000, 500), (-100, 500, 11, 6)),
        (EQUATOR, (-250, 120, -150, 180), (-300, 200, 2, 1)),
    ],
)
def test_grids_lie_on_the_common_lattice(wkt, bounds, expected):
    left, top, width, height = expected
    assert Grid.on_lattice(wkt, 100, bounds) == Grid(wkt, Affine(100, 0, left, 0, -100, top), width, height)


@pytest.mark.parametrize("lon", [0, 90, 179.7, -179.7])
@pytest.mark.parametrize("meridian", [0, 180])
def test_grids_lie_around_outlines(lon, meridian):
    """Across the antimeridian, too, they are no wider than elsewhere."""
    wkt = CRS(f"IAU_2015:{30110 if meridian == 0 else 30115}").to_wkt()
    grid = grid_around(*square(lon, 30), wkt, 1000, MOON.radius_m)
    degree = MOON.radius_m * np.pi / 180 / 1000
    assert (grid.width, grid.height) == pytest.approx((2 * degree, 2 * degree), abs=2.5)
    x, y = grid.middle
    lon_found, lat_found = Ground(wkt, MOON.radius_m).lonlat(np.array([x]), np.array([y]))
    assert abs((lon_found[0] - lon + 180) % 360 - 180) < 0.05
    assert lat_found[0] == pytest.approx(30, abs=0.05)


def test_a_grid_around_a_pole():
    lon, lat = np.arange(0.0, 360, 10), np.full(36, 89.0)
    grid = grid_around(lon, lat, NORTH, 1000, MOON.radius_m)
    side = 2 * MOON.radius_m * np.radians(1) / 1000
    assert (grid.width, grid.height) == pytest.approx((side, side), abs=2.5)
    assert grid.to_pixel(0, 0) == pytest.approx((grid.width / 2, grid.height / 2), abs=1)


def test_a_grid_around_a_pole_on_a_cylindrical_map_reaches_it():
    grid = grid_around(np.arange(0.0, 360, 10), np.full(36, 80.0), EQUATOR, 1000, MOON.radius_m)
    turn = 2 * np.pi * MOON.radius_m / 1000
    assert (grid.width, grid.height) == pytest.approx((turn, turn / 36), abs=2.5)
    assert grid.transform.f == pytest.approx(turn / 4 * 1000, abs=1000)


@given(st.floats(-180, 180), st.floats(-64, 64), st.floats(0, 360), st.integers(1, 30))
def test_fitting_grids_hold_the_whole_image(lon, lat, azimuth, height):
    camera = StraightFlight(200, 40 * height, lon=lon, lat=lat, azimuth=azimuth)
    outline = footprint(camera, SPHERE, 16)
    grid = grid_around(*outline, choose_crs(*outline, MOON), 100, MOON.radius_m)
    x, y = Ground(grid.crs_wkt, MOON.radius_m).xy(*footprint(camera, SPHERE, 100), *grid.middle)
    col, row = grid.to_pixel(x, y)
    assert col.min() > -0.5
    assert row.min() > -0.5
    assert col.max() < grid.width + 0.5
    assert row.max() < grid.height + 0.5


def test_footprints_go_around_the_image():
    camera = StraightFlight(20, 40, azimuth=90)
    lon, lat = footprint(camera, SPHERE)
    assert lon.shape == lat.shape == (32,)
    corners = np.array([lon, lat])[:, ::8] * MOON.radius_m * np.pi / 180
    np.testing.assert_allclose(corners, [[0, 0, 4000, 4000], [1000, -1000, -1000, 1000]], atol=1)


def test_footprints_beside_the_body_are_not_numbers():
    lon, lat = footprint(StraightFlight(20, 40, roll=80), SPHERE)
    assert np.isnan(lon).all()
    assert np.isnan(lat).all()


@pytest.mark.parametrize(("roll", "across"), [(0, 100), (30, 135.3)])
def test_ground_sample_distances(roll, across):
    """30 degrees off nadir: seen under 30.96 degrees from 58.0 km, by the law of sines; 0.002 * 58.0 km / cos 30.96."""
    found = ground_sample_distances(StraightFlight(20, 40, roll=roll), SPHERE)
    assert found == pytest.approx((across, 100), rel=1e-3)


def test_ground_sample_distances_beside_the_body():
    assert np.isnan(ground_sample_distances(StraightFlight(20, 40, roll=80), SPHERE)).all()


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(-3, 3), st.floats(-0.1, 0.1))
def test_azimuthal_coordinates_there_and_back(lon, lat, x, y):
    centre, plane = unit_vectors(lon, lat), np.array([[x, y], [y, x]])
    np.testing.assert_allclose(azimuthal(from_azimuthal(plane, centre), centre), plane, atol=1e-7)
    np.testing.assert_allclose(outline_centre([lon], [lat]), centre, atol=1e-12)
