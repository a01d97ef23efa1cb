"""Craters of known shape come back within twice their stated errors in 19 of 20 cases, wherever they are."""

import numpy as np
import pytest
from made_terrain import PIXEL_M, MadeCrater, made_craters, raster_around, terrain_of, write_elevation
from scipy.stats import binom

from orbitile.counting.crater_shape import NO_DATA, NO_RIM, OK, QUANTITIES, SHALLOW, TILTED, Uncertainty, measure_shape
from orbitile.counting.elevation_model import opened_elevation
from orbitile.counting.elevation_profiles import TerrainPatch
from orbitile.space.bodies import find_body

MOON = find_body("Moon")
ERRORS = Uncertainty(3.0, PIXEL_M, 0.03, 0.05)
PLACES = {
    "equator": ("IAU_2015:30110", 10.0, 0.0),
    "60 N": ("IAU_2015:30100", 100.0, 60.0),
    "85 N": ("IAU_2015:30130", 30.0, 85.0),
    "pole": ("IAU_2015:30130", 0.0, 90.0),
    "antimeridian": ("+proj=eqc +lon_0=180 +R=1737400 +no_defs", 180.0, -20.0),
}


def measured(path, craters, errors=ERRORS):
    """The shapes of craters by what is catalogued of them."""
    with opened_elevation(path, MOON) as model:
        for crater in craters:
            lon, lat, diameter_km = crater.catalogued
            pixel_m = float(model.pixel_m(np.array([lon]), np.array([lat]))[0])
            patch = TerrainPatch.around(model, lon, lat, diameter_km * 500, pixel_m)
            yield measure_shape(patch, diameter_km * 500, errors, 10)


def agreement(shapes, craters):
    """Of each quantity, how many are within twice their error of the truth."""
    inside = dict.fromkeys(craters[0].truth, 0)
    for shape, crater in zip(shapes, craters, strict=True):
        for name, value in crater.truth.items():
            inside[name] += abs(shape.values[name] - value) <= 2 * shape.errors[name]
    return inside


@pytest.mark.parametrize("place", PLACES)
def test_known_shapes_come_back_within_their_errors(place, tmp_path):
    random = np.random.default_rng(7)
    grid = raster_around(*PLACES[place])
    craters = made_craters(grid, random)
    path = write_elevation(tmp_path / "dem.tif", grid, terrain_of(grid, craters, random))
    shapes = list(measured(path, craters))
    assert {shape.quality for shape in shapes} == {OK}
    inside = agreement(shapes, craters)
    assert min(inside.values()) >= binom.ppf(0.01, len(craters), 0.95), inside
    assert sum(inside.values()) >= 0.95 * len(craters) * len(inside), inside
    tilts = [shape.values["tilt_deg"] for shape in shapes]
    assert all(0 < shape.roughness_m < shape.errors["depth_m"] for shape in shapes)
    assert np.mean(tilts) == pytest.approx(np.degrees(np.arctan(0.05)), abs=0.3)


def patch_of(heights_at, radius_m=3000.0, spacing_m=75.0):
    """A patch of heights by distances east and north in radii."""
    half = int(np.ceil(3.1 * radius_m / spacing_m))
    offset = np.arange(-half, half + 1) * spacing_m / radius_m
    north, east = np.meshgrid(offset, offset, indexing="ij")
    return TerrainPatch(np.asarray(heights_at(east, north), float), spacing_m)


def bowl(east, north, depth_m=1000.0):
    step = np.hypot(east, north)
    return np.where(step < 1, depth_m * (step**2 - 0.8), 0.2 * depth_m * np.maximum(step, 1) ** -3)


def central_peak(east, north):
    step = np.hypot(east, north)
    return np.maximum(np.where(step < 1, np.maximum(bowl(east, north), -400), bowl(east, north)), 300 - 3000 * step)


@pytest.mark.parametrize(
    ("heights_at", "quality"),
    [
        (bowl, OK),
        (lambda east, north: np.where(east > 0.5, np.nan, bowl(east, north)), NO_DATA),
        (lambda east, north: bowl(east, north) + 3000 * 0.3 * east, TILTED),
        (lambda east, north: np.random.default_rng(0).normal(0, 5, east.shape), NO_RIM),
        (lambda east, north: np.zeros_like(east), NO_RIM),
        (lambda east, north: bowl(east * 0.6, north * 0.6), NO_RIM),
    ],
)
def test_what_cannot_be_measured_has_a_reason(heights_at, quality):
    shape = measure_shape(patch_of(heights_at), 3000.0, Uncertainty(1.0, 75.0, 0.03, 0.05), 10)
    assert shape.quality == quality
    assert (set(shape.values) == set(QUANTITIES)) == (quality == OK)


def test_a_depth_below_twice_its_error_is_shallow():
    shape = measure_shape(patch_of(lambda e, n: bowl(e, n, 50.0)), 3000.0, Uncertainty(60.0, 900.0, 0.03, 0.05), 10)
    assert shape.quality == SHALLOW and shape.values["depth_m"] < 2 * shape.errors["depth_m"]


def test_the_floor_lies_around_a_central_peak():
    shape = measure_shape(patch_of(central_peak), 3000.0, Uncertainty(1.0, 75.0, 0.03, 0.05), 10)
    assert shape.values["depth_m"] == pytest.approx(600, abs=2 * shape.errors["depth_m"])
    assert shape.values["floor_m"] == pytest.approx(-400, abs=15)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_crater_has_the_same_shape(turns):
    def lopsided(east, north):
        return bowl(east, north) * (1 + 0.1 * east) + 40 * np.sin(3 * north)

    patch = patch_of(lopsided)
    turned = TerrainPatch(np.rot90(patch.heights, turns).copy(), patch.spacing_m)
    errors = Uncertainty(1.0, 75.0, 0.03, 0.05)
    shapes = [measure_shape(each, 3000.0, errors, 10) for each in (patch, turned)]
    for name in QUANTITIES:
        assert shapes[1].values[name] == pytest.approx(shapes[0].values[name], rel=0.02, abs=1), name


def test_a_higher_datum_changes_elevations_alone():
    errors = Uncertainty(1.0, 75.0, 0.03, 0.05)
    low, high = (measure_shape(patch_of(lambda e, n, d=d: bowl(e, n) + d), 3000.0, errors, 10) for d in (0, 5000))
    for name in QUANTITIES:
        shift = 5000 if name in ("rim_m", "floor_m", "surroundings_m") else 0
        assert high.values[name] == pytest.approx(low.values[name] + shift, abs=1e-3), name


def test_twice_the_error_of_the_model_makes_larger_errors():
    shapes = [measure_shape(patch_of(bowl), 3000.0, Uncertainty(m, 300.0, 0.03, 0.05), 10) for m in (10.0, 100.0)]
    assert all(shapes[1].errors[name] > shapes[0].errors[name] for name in ("depth_m", "rim_m", "wall_slope_deg"))


def test_truth_is_that_of_the_definitions():
    truth = MadeCrater(0, 0, 1000.0, 400.0, 80.0).truth
    assert truth["depth_to_diameter"] == 0.2 and truth["rim_height_m"] == pytest.approx(80 * (1 - 0.1296), rel=2e-3)
