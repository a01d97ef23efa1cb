"""Densities of made-up objects in frames on the Moon."""

import numpy as np
import pytest
from pyproj import CRS

from orbitile.pictures.density import CELL_PX, DensityGrid
from orbitile.pictures.scene_picture import LONGER_SIDE_PX, Frame

MOON_M = 1737400.0
HALF_TURN_M = np.pi * MOON_M
SPHERE_KM2 = 4 * np.pi * (MOON_M / 1000) ** 2
CYLINDER, NORTH = (CRS.from_user_input(name).to_wkt() for name in ("IAU_2015:30110", "IAU_2015:30130"))
WORLD = Frame(CYLINDER, -HALF_TURN_M, -HALF_TURN_M / 2, HALF_TURN_M, HALF_TURN_M / 2)


def test_cells_of_a_world_have_its_area():
    grid = DensityGrid(WORLD, MOON_M)
    assert (
        grid.areas_km2.shape == (grid.rows, grid.columns) == (LONGER_SIDE_PX // 2 // CELL_PX, LONGER_SIDE_PX // CELL_PX)
    )
    assert grid.areas_km2.sum() == pytest.approx(SPHERE_KM2, rel=1e-3)


def test_counts_are_those_of_histogram2d():
    random = np.random.default_rng(1)
    lon, lat = random.uniform(-180, 180, 5000), np.degrees(np.arcsin(random.uniform(-1, 1, 5000)))
    grid = DensityGrid(WORLD, MOON_M)
    for part in np.array_split(np.arange(5000), 7):
        grid.add(lon[part], lat[part])
    edges = np.linspace(-90, 90, grid.rows + 1), np.linspace(-180, 180, grid.columns + 1)
    assert (grid.counts == np.histogram2d(lat, lon, bins=edges)[0]).all()


@pytest.mark.parametrize(
    ("frame", "lon", "lat", "counted"),
    [
        (WORLD, [0, 180, -180, 0], [0, 10, -10, -90], 4),
        (Frame(CYLINDER, 0, 0, HALF_TURN_M / 18, HALF_TURN_M / 18), [5, -5, 5], [5, 5, -5], 1),
        (Frame(CYLINDER, HALF_TURN_M * 0.9, 0, HALF_TURN_M * 1.1, HALF_TURN_M / 9), [170, -170, 150], [5, 5, 5], 2),
        (Frame(NORTH, -1e6, -1e6, 1e6, 1e6), [0, 90, 0], [90, 80, 0], 2),
        (WORLD, [], [], 0),
    ],
)
def test_objects_outside_of_the_frame_do_not_count(frame, lon, lat, counted):
    grid = DensityGrid(frame, MOON_M)
    grid.add(np.array(lon, float), np.array(lat, float))
    assert grid.counts.sum() == counted


def test_the_side_of_a_pixel():
    frame = Frame(CYLINDER, 0, -50_000, 100_000, 50_000)
    assert DensityGrid(frame, MOON_M).pixel_m == pytest.approx(100_000 / LONGER_SIDE_PX, rel=1e-3)
