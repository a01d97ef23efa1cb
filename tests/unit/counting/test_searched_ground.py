from dataclasses import replace

import numpy as np
import pytest
import shapely
from planted_craters import MOON, box_km2, searched_box

from orbitile.counting.searched_ground import DiameterRange, SearchedGround
from orbitile.features.shapes.lonlat_shapes import area_on_sphere_km2
from orbitile.space.grids import Window
from orbitile.tables.tile_areas import tile_area_text

FINE, COARSE = 100.0, 200.0
RANGES = {FINE: DiameterRange(1, 10), COARSE: DiameterRange(2, 20)}
EVERYWHERE = shapely.box(-10, -10, 10, 10)


@pytest.fixture
def rasters(raster):
    """A scene of 25.6 by 25.6 km at two scales; a quarter of it without data."""
    valid = np.full((256, 256), 255, np.uint8)
    valid[:128, :128] = 0
    pixels = np.ones((256, 256), np.uint8)
    return [
        raster(pixels, "a", FINE, valid=valid),
        raster(pixels[::2, ::2].copy(), "a", COARSE, valid=valid[::2, ::2].copy()),
    ]


def test_only_valid_pixels_are_searched(rasters):
    ground = SearchedGround.of(rasters, RANGES, MOON).within(EVERYWHERE)
    assert [(size.from_km, size.to_km) for size in ground.sizes] == [(1, 2), (2, 10), (10, 20)]
    assert [size.area_km2 for size in ground.sizes] == pytest.approx([0.75 * 25.6**2] * 3, rel=5e-3)
    assert ground.area_km2 == pytest.approx(0.75 * 25.6**2, rel=5e-3)
    assert ground.limits == (1, 20)


def test_a_scene_without_data_has_no_ground(rasters, raster):
    empty = raster(np.ones((64, 64), np.uint8), "b", FINE, valid=np.zeros((64, 64), np.uint8))
    ground = SearchedGround.of([*rasters, empty], RANGES, MOON).within(EVERYWHERE)
    assert ground.area_km2 == SearchedGround.of(rasters, RANGES, MOON).within(EVERYWHERE).area_km2


def test_what_failed_was_not_searched(rasters):
    def areas(**piece):
        ground = SearchedGround.of(rasters, RANGES, MOON, [dict(dict(scene="a", detail="", reason=""), **piece)])
        return [round(size.area_km2) for size in ground.within(EVERYWHERE).sizes]

    searched = round(SearchedGround.of(rasters, RANGES, MOON).within(EVERYWHERE).area_km2)
    assert areas() == []
    assert areas(detail="200 m/px") == [searched]  # of 1 to 10 km
    assert areas(scene="b") == [searched] * 3


@pytest.mark.parametrize(
    ("scale_m", "window", "lost", "sizes"),
    [
        (FINE, Window(128, 0, 64, 200), 6.4 * 20, [1, 0, 0]),
        (FINE, Window(0, 0, 64, 64), 0, [1, 1, 1]),  # where there are no data
        (COARSE, Window(64, 64, 64, 64), 12.8**2, [0, 0, 1]),
        (COARSE, Window(96, 96, 64, 64), 6.4**2, [0, 0, 1]),  # beyond the end of the scene
    ],
)
def test_tiles_that_failed_were_not_searched_at_their_scale(rasters, scale_m, window, lost, sizes):
    """Other scales that hold a diameter were."""
    failed = [dict(scene="a", detail=tile_area_text(scale_m, [0, 3], window), reason="no memory")]
    ground = SearchedGround.of(rasters, RANGES, MOON, failed).within(EVERYWHERE)
    everything = 0.75 * 25.6**2
    assert [size.area_km2 for size in ground.sizes] == pytest.approx([everything - lost * n for n in sizes], rel=5e-3)


def test_craters_on_tiles_that_failed_do_not_count(rasters):
    failed = [dict(scene="a", detail=tile_area_text(COARSE, [3], Window(64, 64, 64, 64)), reason="no memory")]
    ground = SearchedGround.of(rasters, RANGES, MOON, failed).within(EVERYWHERE)
    lon, lat = (np.degrees(np.array([20e3, 20e3, 20e3]) / MOON.radius_m) * sign for sign in (1, -1))
    assert ground.holds(lon, lat, np.array([1.5, 5, 15])).tolist() == [True, True, False]


def test_ground_that_another_scene_shows_was_searched(rasters):
    """Tiles of the other scene, on the same ground, did not fail."""
    failed = [dict(scene="a", detail=tile_area_text(FINE, [0], Window(0, 0, 256, 256)), reason="no memory")]
    both = [*rasters, *(replace(row, scene="b") for row in rasters)]
    grounds = [SearchedGround.of(rows, RANGES, MOON, failed).within(EVERYWHERE) for rows in (rasters, both)]
    areas = [ground.areas_km2(np.array([1.5]))[0] for ground in grounds]
    assert areas == [0, pytest.approx(0.75 * 25.6**2, rel=5e-3)]


def test_all_tiles_that_failed_leave_no_sliver_and_are_not_read(raster):
    """Of a scale whose pixels reach beyond those of the scale that failed."""
    rows = [raster(np.ones((101, 101), np.uint8), "a", FINE), raster(np.ones((51, 51), np.uint8), "a", COARSE)]
    windows = [Window(0, 0, 101, 64), Window(0, 37, 101, 64)]
    failed = [dict(scene="a", detail=tile_area_text(FINE, [0, 1], window), reason="no memory") for window in windows]
    missing = [replace(rows[0], path="missing.tif"), rows[1]]
    ground = SearchedGround.of(missing, RANGES, MOON, failed).within(EVERYWHERE)
    assert ground.limits == RANGES[COARSE]


def test_a_scale_that_is_searched_in_enlarged_pixels_has_the_ground_of_its_rasters(rasters):
    ranges, enlarged = {FINE / 2: DiameterRange(0.5, 5), COARSE: RANGES[COARSE]}, {FINE / 2: 2}
    ground = SearchedGround.of(rasters, ranges, MOON, enlarged=enlarged).within(EVERYWHERE)
    assert [(size.from_km, size.to_km) for size in ground.sizes] == [(0.5, 2), (2, 5), (5, 20)]
    assert [size.area_km2 for size in ground.sizes] == pytest.approx([0.75 * 25.6**2] * 3, rel=5e-3)
    failed = [dict(scene="a", detail=tile_area_text(FINE / 2, [1], Window(256, 0, 128, 400)), reason="no memory")]
    ground = SearchedGround.of(rasters, ranges, MOON, failed, enlarged=enlarged).within(EVERYWHERE)
    assert ground.sizes[0].area_km2 == pytest.approx(0.75 * 25.6**2 - 6.4 * 20, rel=5e-3)
    failed = [dict(scene="a", detail="50 m/px", reason="no memory")]
    assert SearchedGround.of(rasters, ranges, MOON, failed, enlarged=enlarged).within(EVERYWHERE).limits == (2, 20)


def test_tiles_that_failed_around_a_pole_were_not_searched(raster):
    scene = raster(np.ones((256, 256), np.uint8), "a", 1000.0, left=-128e3, top=128e3, crs=POLAR)
    cap = shapely.box(-180, 89, 180, 90)
    failed = [dict(scene="a", detail=tile_area_text(1000, [3], Window(128, 0, 128, 256)), reason="no memory")]
    ground = SearchedGround.of([scene], {1000.0: DiameterRange(1, 10)}, MOON, failed).within(cap)
    assert ground.area_km2 == pytest.approx(area_on_sphere_km2(cap, MOON.radius_m) / 2, rel=2e-3)


def test_nothing_is_searched_without_scenes():
    ground = SearchedGround.of([], RANGES, MOON).within(EVERYWHERE)
    assert ground.area_km2 == 0 and np.isnan(ground.limits.least_km)
    assert ground.areas_km2(np.array([1.0])).tolist() == [0]
    assert ground.holds(np.zeros(1), np.zeros(1), np.ones(1)).tolist() == [False]


def test_areas_go_by_size_and_by_the_scales_that_hold_it():
    west, all_of_it = shapely.box(0, 0, 1, 2), shapely.box(0, 0, 2, 2)
    ground = SearchedGround({FINE: np.array([west]), COARSE: np.array([all_of_it])}, RANGES, None, MOON).within(
        EVERYWHERE
    )
    whole, half = box_km2(0, 0, 2, 2), box_km2(0, 0, 1, 2)
    sizes = np.array([0.5, 1, 1.99, 2, 9, 15, 20, 20.1])
    assert ground.areas_km2(sizes) == pytest.approx([0, half, half, whole, whole, whole, whole, 0], rel=1e-4)
    is_held = ground.holds(np.full(8, 1.5), np.ones(8), sizes)
    assert is_held.tolist() == [False, False, False, True, True, True, True, False]


def test_excluded_ground_was_not_searched():
    searched = searched_box((0, 0, 4, 4), excluded=shapely.box(0, 0, 4, 1))
    ground = searched.within(shapely.box(0, 0, 2, 2))
    assert ground.area_km2 == pytest.approx(box_km2(0, 1, 2, 2), rel=1e-4)


def test_ground_over_180_degrees_is_searched_on_either_side():
    footprints = np.array([shapely.box(170, 0, 180, 10), shapely.box(-180, 0, -170, 10)], object)
    searched = SearchedGround({FINE: footprints}, {FINE: DiameterRange(1, 10)}, None, MOON)
    area = shapely.MultiPolygon([shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)])
    ground = searched.within(area)
    assert ground.area_km2 == pytest.approx(area_on_sphere_km2(area, MOON.radius_m), rel=1e-6)
    assert ground.holds(np.array([180.0, -180.0]), np.full(2, 0.5), np.full(2, 5.0)).all()


POLAR = "IAU_2015:30130"


@pytest.mark.parametrize(
    ("left", "top", "share"), [(-128e3, 128e3, 1), (0, 128e3, 1 / 2), (-256e3, 0, 1 / 4), (-256e3, 128e3, 1 / 2)]
)
def test_scenes_on_a_polar_map_are_searched_up_to_the_pole(raster, left, top, share):
    """Around it, with an edge through it, and with a corner there."""
    scene = raster(np.ones((256, 256), np.uint8), "a", 1000.0, left=left, top=top, crs=POLAR)
    cap = shapely.box(-180, 89, 180, 90)
    ground = SearchedGround.of([scene], {1000.0: DiameterRange(1, 10)}, MOON).within(cap)
    assert ground.area_km2 == pytest.approx(share * area_on_sphere_km2(cap, MOON.radius_m), rel=2e-3)


@pytest.mark.parametrize("left_lon", [-180, 0, 180])
def test_a_scene_of_the_entire_body_is_searched_all_over(raster, left_lon):
    metres = np.radians(1) * MOON.radius_m
    pixels = np.ones((180, 360), np.uint8)
    scene = raster(pixels, "a", metres, left=left_lon * metres, top=90 * metres)
    ground = SearchedGround.of([scene], {metres: DiameterRange(1, 10)}, MOON).within(shapely.box(-180, -90, 180, 90))
    assert ground.area_km2 == pytest.approx(4 * np.pi * (MOON.radius_m / 1000) ** 2, rel=1e-3)
