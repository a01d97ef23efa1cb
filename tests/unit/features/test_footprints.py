import numpy as np
import pytest
import shapely

from orbitile.features.footprints import searched_footprints, united_area_km2
from orbitile.space.bodies import find_body

MOON = find_body("Moon")
DEGREE_M = MOON.radius_m * np.pi / 180


def sphere_km2(west, south, east, north):
    """The area between meridians and parallels (degrees)."""
    sines = np.diff(np.sin(np.radians([south, north])))[0]
    return np.radians(east - west) * sines * MOON.radius_m**2 / 1e6


@pytest.fixture
def scene(raster):
    """A made-up scene of valid pixels of 0.1 degrees, from a place on."""

    def make(valid, name="a", west=0.0, north=2.0):
        return raster(
            np.where(valid, 7, 0).astype(np.uint8), name, scale_m=DEGREE_M / 10, left=west * DEGREE_M,
            top=north * DEGREE_M, nodata=0,
        )  # fmt: skip

    return make


def test_a_scene_full_of_data(scene):
    footprints = searched_footprints([scene(np.ones((40, 80), bool))], MOON)
    assert footprints["scene"].tolist() == ["a"]
    assert footprints.total_bounds == pytest.approx([0, -2, 8, 2], abs=1e-6)
    assert footprints["area_km2"].iloc[0] == pytest.approx(sphere_km2(0, -2, 8, 2), rel=1e-4)


def test_only_where_there_are_data(scene):
    """The left half, with a hole of ten by ten pixels in it."""
    valid = np.zeros((40, 80), bool)
    valid[:, :40] = True
    valid[10:20, 10:20] = False
    footprints = searched_footprints([scene(valid)], MOON)
    expected = sphere_km2(0, -2, 4, 2) - sphere_km2(1, 0, 2, 1)
    assert footprints["area_km2"].iloc[0] == pytest.approx(expected, rel=1e-3)
    assert not footprints.contains(shapely.Point(1.5, 0.5)).any()


def test_a_scene_across_the_antimeridian_and_without_data(scene):
    footprints = searched_footprints(
        [scene(np.ones((40, 80), bool), "over", west=176), scene(np.zeros((40, 80), bool), "empty")], MOON
    )
    assert footprints["scene"].tolist() == ["over"]
    assert footprints.total_bounds == pytest.approx([-180, -2, 180, 2], abs=1e-6)
    assert footprints["area_km2"].iloc[0] == pytest.approx(sphere_km2(0, -2, 8, 2), rel=1e-4)


def test_what_two_scenes_show_counts_once(scene):
    full = np.ones((40, 80), bool)
    footprints = searched_footprints([scene(full, "b", west=4), scene(full)], MOON)
    assert footprints["scene"].tolist() == ["a", "b"]
    assert united_area_km2(footprints, MOON) == pytest.approx(sphere_km2(0, -2, 12, 2), rel=1e-4)
    assert united_area_km2(footprints[:0], MOON) == 0


def test_borders_of_large_scenes_have_few_vertices(scene):
    """A made-up scene whose data lie turned in it, as those of projected images do."""
    rows, columns = np.mgrid[:900, :1200]
    valid = np.abs((rows - 450) * 0.9 + (columns - 600) * 0.3) < 200
    footprints = searched_footprints([scene(valid, west=-60, north=45)], MOON)
    cell_km2 = sphere_km2(0, 0, 0.1, 0.1)
    exact = cell_km2 * (valid * np.cos(np.radians(45 - (rows + 0.5) / 10))).sum()
    assert footprints["area_km2"].iloc[0] == pytest.approx(exact, rel=5e-3)
    assert shapely.get_num_coordinates(footprints.geometry.iloc[0]) < 500


@pytest.mark.parametrize("lat", [60, 90])
@pytest.mark.parametrize("columns", [1, 2, 8])
def test_scenes_around_the_body(raster, lat, columns):
    """Belts of all longitudes, and all of the body, in one scene and in several."""
    width = 720 // columns
    scenes = [
        raster(np.full((4 * lat, width), 7, np.uint8), f"s{number}", scale_m=DEGREE_M / 2,
               left=(number * width / 2 - 180) * DEGREE_M, top=lat * DEGREE_M, nodata=0)
        for number in range(columns)
    ]  # fmt: skip
    footprints = searched_footprints(scenes, MOON)
    expected = sphere_km2(-180, -lat, 180, lat)
    assert footprints["area_km2"].to_numpy() == pytest.approx(np.full(columns, expected / columns), rel=1e-4)
    assert united_area_km2(footprints, MOON) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("centre", [(0, 0), (7, 2), (-20, 13)])
def test_a_scene_around_a_pole(raster, centre):
    """A disc of data with a hole on a polar map, around the pole or beside it."""
    rows, columns = np.mgrid[:100, :100] + 0.5 - 50
    distance = np.hypot(columns - centre[0], rows - centre[1])
    valid = (distance < 25) & (distance > 6)
    scene = raster(np.where(valid, 7, 0).astype(np.uint8), scale_m=1000, left=-50_000, top=50_000, nodata=0,
                   crs="IAU_2015:30130")  # fmt: skip
    footprints = searched_footprints([scene], MOON)
    assert footprints.geometry.is_valid.all()
    assert footprints["area_km2"].iloc[0] == pytest.approx(valid.sum(), rel=0.01)
    assert united_area_km2(footprints, MOON) == pytest.approx(valid.sum(), rel=0.01)
