from functools import cache

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.space.grids import Grid, has_degrees
from orbitile.space.ground import (
    Ground,
    destination,
    distance,
    ground_boxes,
    ground_ellipses,
    lonlat_of_points,
    unit_vectors,
    wrap_longitude,
    wrap_width,
)

MOON_M, MARS_M = 1737400.0, 3396190.0
DEGREE_M = MOON_M * np.pi / 180
lons, lats = st.floats(-180, 179.999), st.floats(-89, 89)


@cache
def ground(crs, radius_m=MOON_M):
    return Ground(CRS(crs).to_wkt(), radius_m)


@pytest.mark.parametrize(
    ("lon", "wrapped"), [(0, 0), (180, -180), (-180, -180), (190, -170), (-190, 170), (540, -180), (359.5, -0.5)]
)
def test_wrap(lon, wrapped):
    assert wrap_longitude(lon) == pytest.approx(wrapped)


@given(lons, lats, st.sampled_from([1e-3, 1, MOON_M]))
def test_places_are_where_their_points_came_from(lon, lat, length):
    """Whatever the shape of an array of points."""
    points = length * unit_vectors(np.full((2, 1), lon), np.full((2, 1), lat))
    assert np.array(lonlat_of_points(points)) == pytest.approx(
        np.array([lon, lat])[:, None, None].repeat(2, 1), abs=1e-9
    )


@pytest.mark.parametrize(
    "lon", [180, -180, 540, np.nextafter(-180, -181), np.nextafter(180, 0), np.nextafter(180, 181)]
)
def test_wrapped_longitudes_never_reach_180(lon):
    assert -180 <= wrap_longitude(lon) < 180
    assert abs(wrap_longitude(lon)) == pytest.approx(180)


@pytest.mark.parametrize(
    ("crs", "lat_limit"),
    [
        ("IAU_2015:30100", 90),
        ("IAU_2015:30110", 90),
        ("IAU_2015:30115", 90),
        ("IAU_2015:30120", 89),
        ("IAU_2015:30125", 89),
        ("IAU_2015:30130", 80),
        ("IAU_2015:30135", 80),
        ("IAU_2015:30190", 85),
        ("IAU_2015:49910", 90),
        ("IAU_2015:60620", 89),
        ("+proj=eqc +a=3396190 +b=3376200", 90),
        ("+proj=stere +lat_0=90 +a=3396190 +b=3376200", 60),
    ],
)
@given(lon=lons, lat_share=st.floats(-1, 1))
def test_lonlat_round_trip(crs, lat_limit, lon, lat_share):
    lon, lat = np.array([lon]), np.array([lat_share * lat_limit])
    assert distance(*ground(crs).lonlat(*ground(crs).xy(lon, lat, 0.0, 0.0)), lon, lat)[0] < 1e-7


@pytest.mark.parametrize(
    ("crs", "x_deg", "y_deg", "lon", "lat"),
    [
        ("IAU_2015:49910", 10, 45, 10, 45),
        ("IAU_2015:49915", 10, 45, -170, 45),
        ("+proj=eqc +a=3396190 +b=3376200", 10, 45, 10, 44.66176805),
        ("IAU_2015:49912", 10, 45, 10, 44.66176805),
        ("IAU_2015:49911", 10, 45, -10, 44.66176805),
        ("IAU_2015:49917", 10, 0, -170, 0),
        ("IAU_2015:49916", 10, 0, 170, 0),
    ],
)
def test_lonlat_is_planetocentric_and_east(crs, x_deg, y_deg, lon, lat):
    """tan(planetocentric) = (b/a)^2 tan(planetographic); x counts west in ographic IAU maps."""
    degree = MARS_M * np.pi / 180
    lonlat = ground(crs, MARS_M).lonlat(np.array([x_deg * degree]), np.array([y_deg * degree]))
    assert np.ravel(lonlat) == pytest.approx([lon, lat], abs=1e-6)


@pytest.mark.parametrize(
    ("crs", "lon", "lat"),
    [("IAU_2015:49900", 10, 45), ("IAU_2015:49902", 10, 45), ("+proj=longlat +a=3396190 +b=3376200", 10, 44.66176805)],
)
def test_lonlat_of_maps_in_degrees(crs, lon, lat):
    lonlat = ground(crs, MARS_M).lonlat(np.array([10.0]), np.array([45.0]))
    assert np.ravel(lonlat) == pytest.approx([lon, lat], abs=1e-6)


@pytest.mark.parametrize(("lon", "near_lon", "x_deg"), [(-179, 179, 181), (179, -179, -181), (179, 0, 179)])
def test_xy_unwraps_towards_a_point(lon, near_lon, x_deg):
    x, _ = ground("IAU_2015:30110").xy(np.array([lon]), np.array([0]), near_lon * DEGREE_M, 0)
    assert x[0] == pytest.approx(x_deg * DEGREE_M)


@pytest.mark.parametrize(("lat", "stretch"), [(0, 1), (60, 2), (-60, 2)])
def test_measure_undoes_the_projection(lat, stretch):
    box = np.array([[-500 * stretch, lat * DEGREE_M - 300, 500 * stretch, lat * DEGREE_M + 300]])
    lon, found_lat, width, height = ground("IAU_2015:30110").measure(box)
    assert (lon[0], found_lat[0]) == pytest.approx((0, lat))
    assert (width[0], height[0]) == pytest.approx((1000, 600), rel=1e-6)


@pytest.mark.parametrize("code", [49900, 49902, 49910, 49912])
@pytest.mark.parametrize("name", ["m.gpkg", "m.shp", "m.geojson", "m.fgb", "m.tif"])
def test_latitudes_are_those_of_a_system_whatever_a_file_keeps_of_it(code, name, tmp_path):
    crs = CRS.from_authority("IAU_2015", code)
    if name.endswith("tif"):
        profile = dict(driver="GTiff", width=2, height=2, count=1, dtype="uint8", transform=Affine(1, 0, 20, 0, -1, 45))
        rasterio.open(tmp_path / name, "w", crs=crs.to_wkt(), **profile).close()
        with rasterio.open(tmp_path / name) as raster:
            wkt = raster.crs.to_wkt()
    else:
        frame = geopandas.GeoDataFrame(dict(n=[1]), geometry=[shapely.Point(20, 45)], crs=crs)
        frame.to_file(tmp_path / name)
        wkt = geopandas.read_file(tmp_path / name).crs.to_wkt()
    unit = 1 if has_degrees(crs) else MARS_M * np.pi / 180
    place = np.array([20.0 * unit]), np.array([45.0 * unit])
    expected = np.stack(Ground(crs.to_wkt(), MARS_M).lonlat(*place))
    assert np.stack(Ground(wkt, MARS_M).lonlat(*place)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("code", "metres"), [(49900, None), (49901, None), (49902, None), (49910, 1), (49912, 1)])
def test_a_degree_of_any_kind_is_measured_on_the_equator(code, metres):
    grid = Grid(CRS.from_authority("IAU_2015", code).to_wkt(), Affine.identity(), 1, 1)
    assert grid.metres_per_unit == pytest.approx(metres or MARS_M * np.pi / 180)


def test_measure_across_the_antimeridian():
    box = np.array([[179 * DEGREE_M, -DEGREE_M, 183 * DEGREE_M, DEGREE_M]])
    lon, lat, width, height = ground("IAU_2015:30110").measure(box)
    assert (lon[0], lat[0]) == pytest.approx((-179, 0))
    assert (width[0], height[0]) == pytest.approx((4 * DEGREE_M, 2 * DEGREE_M))


@pytest.mark.parametrize(("lat", "width"), [(0, 10_000), (60, 20_000)])
def test_circle_boxes(lat, width):
    x = 100 * DEGREE_M
    box = ground("IAU_2015:30110").circle_boxes(np.array([100.0]), np.array([lat]), np.array([10_000.0]), x, 0)[0]
    assert box[[0, 2]] == pytest.approx([x - width / 2, x + width / 2], abs=5)
    assert box[[1, 3]] == pytest.approx([lat * DEGREE_M - 5000, lat * DEGREE_M + 5000], abs=5)


@pytest.mark.parametrize("near_lon", [179, 0])
def test_circle_boxes_on_the_antimeridian(near_lon):
    """A circle cut by the edge of a world map is as wide as any other."""
    lon, lat, diameter = np.array([179.99]), np.array([0.0]), np.array([30_000.0])
    box = ground("IAU_2015:30110").circle_boxes(lon, lat, diameter, near_lon * DEGREE_M, 0)[0]
    assert box[2] - box[0] == pytest.approx(30_000, rel=0.01)


@pytest.mark.parametrize(
    ("a", "b", "angle"),
    [
        ((0, 0), (90, 0), 90), ((0, 0), (0, -45), 45), ((179, 0), (-179, 0), 2), ((0, 89), (180, 89), 2),
        ((10, 90), (200, 90), 0), ((0, 0), (180, 0), 180), ((5, 5), (5, 5), 0),
    ],
)  # fmt: skip
def test_distance(a, b, angle):
    assert np.degrees(distance(*a, *b)) == pytest.approx(angle, abs=1e-9)


@given(lons, lats, lons, lats)
def test_distance_agrees_with_unit_vectors(lon0, lat0, lon1, lat1):
    chord = np.linalg.norm(unit_vectors(lon0, lat0) - unit_vectors(lon1, lat1))
    assert 2 * np.sin(distance(lon0, lat0, lon1, lat1) / 2) == pytest.approx(chord, abs=1e-9)


@pytest.mark.parametrize(
    ("start", "east", "north", "end"),
    [
        ((0, 0), 90, 0, (90, 0)), ((0, 0), 0, 90, (0, 90)), ((20, 80), 0, 20, (200, 80)), ((0, 60), 0, -60, (0, 0)),
        ((170, 0), 20, 0, (190, 0)), ((7, 8), 0, 0, (7, 8)),
    ],
)  # fmt: skip
def test_destination(start, east, north, end):
    lon, lat = destination(*start, east * DEGREE_M, north * DEGREE_M, MOON_M)
    assert distance(lon, lat, *end) == pytest.approx(0, abs=1e-9)


@given(st.floats(-180, 180), st.floats(-90, 90), st.integers(1, 40), st.integers(0, 9))
def test_destinations_are_those_computed_with_vectors(lon, lat, count, seed):
    """To the last bit: sizes and shapes of catalogues stay what they are."""
    east, north = np.random.default_rng(seed).normal(0, 1e5, (2, count))
    up = unit_vectors(lon, lat)
    eastward = np.array([-np.sin(np.radians(lon)), np.cos(np.radians(lon)), 0])
    vector = east[:, None] * eastward + north[:, None] * np.cross(up, eastward)
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    end = up * np.cos(length / MOON_M) + vector / np.maximum(length, np.finfo(float).tiny) * np.sin(length / MOON_M)
    end_lon, end_lat = lonlat_of_points(end)
    new_lon, new_lat = destination(lon, lat, east, north, MOON_M)
    assert np.array_equal(new_lat, end_lat)
    assert np.array_equal(new_lon, lon + wrap_longitude(end_lon - lon))


def test_destination_is_unwrapped_around_the_start():
    assert destination(170, 0, 20 * DEGREE_M, 0, MOON_M)[0] == pytest.approx(190)


@given(lons, st.floats(-90, 90), st.floats(100, 1e6))
def test_circles_have_one_radius(lon, lat, diameter):
    ring = ground_ellipses([lon], [lat], [diameter], [diameter], MOON_M)
    assert np.allclose(distance(lon, lat, *ring) * MOON_M, diameter / 2, rtol=1e-6)


@given(lons, st.floats(-80, 80), st.floats(100, 1e4), st.floats(100, 1e4))
def test_ellipses_have_their_axes(lon, lat, width, height):
    ring_lon, ring_lat = (ring[0] for ring in ground_ellipses([lon], [lat], [width], [height], MOON_M, vertices=4))
    east, north, west, south = zip(ring_lon, ring_lat, strict=True)
    assert distance(*east, *west) * MOON_M == pytest.approx(width, rel=1e-4)
    assert distance(*north, *south) * MOON_M == pytest.approx(height, rel=1e-4)


@pytest.mark.parametrize("vertices", [100, 101, 128])
def test_boxes_touch_their_four_sides(vertices):
    lon, lat = ground_boxes([0], [0], [20_000], [10_000], MOON_M, vertices)
    assert lon.shape == (1, -(-vertices // 4) * 4)
    assert np.array([lon.min(), lon.max()]) * DEGREE_M == pytest.approx([-10_000, 10_000], rel=1e-4)
    assert np.array([lat.min(), lat.max()]) * DEGREE_M == pytest.approx([-5_000, 5_000], rel=1e-4)


TURN_M = 2 * np.pi * 1737400


@pytest.mark.parametrize(
    ("crs", "width"),
    [
        ("IAU_2015:30110", TURN_M),
        ("IAU_2015:30115", TURN_M),
        ("+proj=eqc +R=1737400 +lat_ts=40 +lon_0=100", TURN_M * np.cos(np.radians(40))),
        ("+proj=eqc +R=1737400 +units=km", TURN_M / 1000),
        ("+proj=merc +R=1737400", TURN_M),
        ("+proj=merc +R=1737400 +lat_ts=60", TURN_M / 2),
        ("IAU_2015:30100", 360),
        ("IAU_2015:30120", 0),
        ("IAU_2015:30130", 0),
        ("IAU_2015:30135", 0),
        ("+proj=ortho +R=1737400", 0),
        ("+proj=tmerc +R=1737400", 0),
    ],
)
def test_the_width_of_a_turn_around_the_body(crs, width):
    assert wrap_width(CRS(crs).to_wkt()) == pytest.approx(width)
