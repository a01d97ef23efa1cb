from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from hills import HILL_M, hill
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.elevation import ElevationSurface, read_heights
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid
from orbitile.space.ground import destination, lonlat_of_points

MARS = Ellipsoid(3396190.0, 3376200.0)
MOON = find_body("Moon")


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(1e3, 1e7), st.floats(0, 60), st.floats(0, 360))
def test_rays_meet_the_ellipsoid_where_it_is(lon, lat, above_m, slant_deg, azimuth_deg):
    ground = MARS.at(np.array([lon]), np.array([lat]))
    assert np.hypot(*(ground[0, :2] / MARS.equatorial_m)) ** 2 + (ground[0, 2] / MARS.polar_m) ** 2 == pytest.approx(1)
    up = ground[0] / np.linalg.norm(ground[0])
    east = np.cross([0.0, 0.0, 1.0], up) if abs(lat) < 89 else np.array([1.0, 0.0, 0.0])
    east /= np.linalg.norm(east)
    side = np.cos(np.radians(azimuth_deg)) * east + np.sin(np.radians(azimuth_deg)) * np.cross(up, east)
    way = np.cos(np.radians(slant_deg)) * up + np.sin(np.radians(slant_deg)) * side
    way /= np.linalg.norm(way)
    found = MARS.hit(ground + above_m * way, -way[None])
    np.testing.assert_allclose(found, ground, atol=1e-3)


def test_rays_past_the_body_or_away_from_it_meet_nothing():
    origin = np.array([[4e6, 0, 0]] * 2)
    assert np.isnan(MARS.hit(origin, np.array([[0.0, 1, 0], [1.0, 0, 0]]))).all()


def test_places_are_planetocentric():
    lon, lat = lonlat_of_points(MARS.at(np.array([10.0, 200.0]), np.array([45.0, -30.0])))
    np.testing.assert_allclose(lon, [10, -160])
    np.testing.assert_allclose(lat, [45, -30])


def look_at(target, slant_deg, range_m=100e3):
    """A ray from a made-up camera at a range, which sees a point (3) so many degrees off its vertical."""
    up = target / np.linalg.norm(target)
    east = np.cross([0.0, 0.0, 1.0], up)
    east /= np.linalg.norm(east)
    away = np.cos(np.radians(slant_deg)) * up + np.sin(np.radians(slant_deg)) * east
    return target + range_m * away, -away


@pytest.mark.parametrize("slant_deg", [0, 30, 60])
def test_the_top_of_a_hill_is_met_where_it_is(slant_deg):
    heights = hill()
    top = heights.at(np.array([20.0]), np.array([10.0]))
    assert np.linalg.norm(top) - MOON.radius_m == pytest.approx(HILL_M, abs=1)
    origin, way = look_at(top[0], slant_deg)
    np.testing.assert_allclose(heights.hit(origin[None], way[None]), top, atol=0.5)


def test_on_the_sphere_the_top_of_the_hill_would_be_seen_1_15_km_off():
    """What the elevation model is for: 2 km times tan 30 degrees."""
    heights = hill()
    top = heights.at(np.array([20.0]), np.array([10.0]))
    origin, way = look_at(top[0], 30)
    sphere = Ellipsoid(MOON.radius_m, MOON.radius_m).hit(origin[None], way[None])
    off = np.linalg.norm(sphere / np.linalg.norm(sphere) - top / np.linalg.norm(top)) * MOON.radius_m
    assert off == pytest.approx(HILL_M * np.tan(np.radians(30)), rel=0.01)


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(0, 45))
def test_rays_meet_the_slopes_of_a_hill(east_km, north_km, slant_deg):
    heights = hill()
    lon, lat = destination(np.array([20.0]), np.array([10.0]), [east_km * 1e3], [north_km * 1e3], MOON.radius_m)
    point = heights.at(lon, lat)
    origin, way = look_at(point[0], slant_deg)
    np.testing.assert_allclose(heights.hit(origin[None], way[None]), point, atol=1)


def test_a_ray_meets_the_hill_that_hides_what_lies_behind_it():
    """Over a cliff of 2 km, seen 60 degrees off the vertical, what lies close behind it is hidden."""
    heights = hill()
    cliff = ElevationSurface(
        heights.grid, np.where(np.arange(1200) < 600, 0, HILL_M)[None].repeat(1200, 0), MOON.radius_m
    )
    behind = cliff.at(np.array([20.0 - 0.02]), np.array([10.0]))
    origin, way = look_at(behind[0], 60)
    found = cliff.hit(origin[None], way[None])
    lon, _ = lonlat_of_points(found)
    assert lon[0] > 20 - 0.003
    assert np.linalg.norm(found - behind) > 500


def write(path, heights, **changes):
    profile = dict(
        driver="GTiff", width=1200, height=1200, count=1, dtype="float32", crs=heights.grid.crs_wkt,
        transform=heights.grid.transform, nodata=-9999,
    )  # fmt: skip
    with rasterio.open(path, "w", **profile | changes) as sink:
        sink.write(heights.heights.astype(np.float32), 1)
    return path


AROUND = np.array([19.9, 20.1, 20.1, 19.9]), np.array([10.1, 10.1, 9.9, 9.9])


def test_a_part_of_a_model_is_the_whole_of_it_around_a_footprint(tmp_path):
    heights = hill()
    part = read_heights(write(tmp_path / "dem.tif", heights), MOON, *AROUND)
    assert part.grid.width < 700
    lon, lat = np.array([19.95, 20.0, 20.07]), np.array([10.0, 9.93, 10.05])
    np.testing.assert_allclose(part.at(lon, lat), heights.at(lon, lat), atol=1e-3)


@pytest.mark.parametrize("turn_deg", [0, 30, 90, 200])
def test_models_that_are_turned_or_mirrored_on_their_map(turn_deg, tmp_path):
    """A made-up slope of 20 m to the east and 30 m to the north, each in 1 km."""
    size, middle = 120, np.array([20.0, 10.0]) * np.pi / 180 * MOON.radius_m
    cos, sin = 500 * np.cos(np.radians(turn_deg)), 500 * np.sin(np.radians(turn_deg))
    transform = Affine(cos, sin, middle[0] - 60 * (cos + sin), sin, -cos, middle[1] - 60 * (sin - cos))
    grid = Grid(CRS("IAU_2015:30110").to_wkt(), transform, size, size)
    x, y = grid.to_map(*np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5))
    slope = ((x - middle[0]) * 0.02 + (y - middle[1]) * 0.03).astype("float32")
    profile = dict(driver="GTiff", width=size, height=size, count=1, dtype="float32")
    with rasterio.open(tmp_path / "dem.tif", "w", crs=grid.crs_wkt, transform=transform, **profile) as sink:
        sink.write(slope, 1)
    part = read_heights(tmp_path / "dem.tif", MOON, *AROUND)
    lon, lat = np.array([19.95, 20.0, 20.07]), np.array([10.0, 9.93, 10.05])
    east, north = np.radians([lon - 20, lat - 10]) * MOON.radius_m
    np.testing.assert_allclose(part.height(lon, lat), east * 0.02 + north * 0.03, atol=0.1)


@pytest.mark.parametrize("left", [-180, 0])
@pytest.mark.parametrize(
    "around",
    [
        pytest.param((np.array([179.0, -179, -179, 179]), np.array([2.0, 2, -2, -2])), id="180 E"),
        pytest.param((np.array([-1.0, 1, 1, -1]), np.array([2.0, 2, -2, -2])), id="0 E"),
        pytest.param((np.array([0.0, 90, 180, -90]), np.full(4, 88.0)), id="north pole"),
        pytest.param((np.array([0.0, -90, 180, 90]), np.full(4, -88.0)), id="south pole"),
    ],
)
def test_models_all_around_the_body_have_no_gap_at_their_edges(left, around, tmp_path):
    """A made-up body that is higher in the north and in the east."""
    transform = Affine(1, 0, left, 0, -1, 90)
    lon, lat = np.radians(np.meshgrid(left + np.arange(360) + 0.5, 89.5 - np.arange(180)))
    profile = dict(driver="GTiff", width=360, height=180, count=1, dtype="float32")
    with rasterio.open(tmp_path / "dem.tif", "w", crs="IAU_2015:30100", transform=transform, **profile) as sink:
        sink.write((1000 * np.sin(lat) + 1000 * np.cos(lat) * np.sin(lon)).astype("float32"), 1)
    part = read_heights(tmp_path / "dem.tif", MOON, *around)
    lon, lat = np.meshgrid(
        np.linspace(-1, 1, 21) + around[0][0].round(-1), np.linspace(around[1].min(), around[1].max(), 9)
    )
    if abs(around[1].mean()) > 80:
        lon, lat = np.meshgrid(np.linspace(-180, 180, 37), np.copysign(np.linspace(88, 90, 9), around[1][0]))
    expected = 1000 * np.sin(np.radians(lat)) + 1000 * np.cos(np.radians(lat)) * np.sin(np.radians(lon))
    np.testing.assert_allclose(part.height(lon.ravel(), lat.ravel()), expected.ravel(), atol=10)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_models_in_kilometres_are_refused(scale, tmp_path):
    path = write(tmp_path / "dem.tif", hill())
    with rasterio.open(path, "r+") as sink:
        sink.units, sink.scales = ("km",), (scale,)
    with pytest.raises(OrbitileError, match=r"dem\.tif: its heights are in 'km'; give an elevation model in metres"):
        read_heights(path, MOON, *AROUND)


def test_radii_in_kilometres_are_refused(tmp_path):
    heights = hill()
    path = write(tmp_path / "dem.tif", replace(heights, heights=(MOON.radius_m + heights.heights) / 1000))
    with pytest.raises(OrbitileError, match="look like kilometres"):
        read_heights(path, MOON, *AROUND)


def test_heights_of_a_thousandth_of_a_radius_are_heights(tmp_path):
    heights = hill()
    path = write(tmp_path / "dem.tif", replace(heights, heights=heights.heights + 1737))
    lon, lat = np.array([20.07]), np.array([10.05])
    found = read_heights(path, MOON, *AROUND).height(lon, lat)
    np.testing.assert_allclose(found, heights.height(lon, lat) + 1737, atol=0.5)


@pytest.mark.parametrize("value", [-32768, 1e20])
def test_undeclared_nodata_is_no_ground(value, tmp_path):
    heights = hill()
    pixels = heights.heights.copy()
    pixels[600, 600] = value
    with pytest.raises(OrbitileError, match="is no elevation in metres and not declared as nodata"):
        read_heights(write(tmp_path / "dem.tif", replace(heights, heights=pixels)), MOON, *AROUND)


@pytest.mark.parametrize("offset", [0.0, MOON.radius_m])
def test_scaled_heights_and_radii_are_heights_in_metres(offset, tmp_path):
    """As LOLA's are: in steps of half a metre over the sphere, or from the middle of the Moon."""
    heights = hill()
    half_metres = replace(heights, heights=np.rint(heights.heights * 2))
    path = write(tmp_path / "dem.tif", half_metres, dtype="int16")
    with rasterio.open(path, "r+") as sink:
        sink.scales, sink.offsets = (0.5,), (offset,)
    part = read_heights(path, MOON, *AROUND)
    lon, lat = np.array([19.95, 20.0, 20.07]), np.array([10.0, 9.93, 10.05])
    np.testing.assert_allclose(part.height(lon, lat), heights.height(lon, lat), atol=0.5)


@pytest.mark.parametrize(
    ("changes", "around", "message"),
    [
        (dict(), (AROUND[0] + 5, AROUND[1]), "does not cover longitude 24.9"),
        (dict(crs=None), AROUND, "no georeferencing"),
        (dict(crs="IAU_2015:49910"), AROUND, "lies on"),
    ],
)
def test_models_of_another_place_are_refused(changes, around, message, tmp_path):
    path = write(tmp_path / "dem.tif", hill(), **changes)
    with pytest.raises(OrbitileError, match=message):
        read_heights(path, MOON, *around)
