"""Where scenes have data. All of them are made up."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.space.caps import grid_cap
from orbitile.space.ground import Ground, unit_vectors
from orbitile.tables import coverage
from orbitile.tables.coverage import Coverage
from orbitile.tables.rasters import RasterRow

RADIUS_M = 1737400.0
DEGREE_M = RADIUS_M * np.pi / 180
MAPS = {name: CRS.from_user_input(name).to_wkt() for name in ("IAU_2015:30110", "IAU_2015:30130", "IAU_2015:30135")}
"""Equirectangular, and stereographic around the north and the south pole."""


def test_all_bands_must_have_data(raster):
    """Of the last three pixels one band, the other or both have none."""
    pixels = np.array([[[1, 1, 0, 0]], [[1, 0, 1, 0]]], np.uint8)
    row = raster(pixels, nodata=0)
    x, y = row.grid.to_map(np.arange(4) + 0.5, np.full(4, 0.5))
    lon, lat = Ground(row.crs_wkt, RADIUS_M).lonlat(x, y)
    assert Coverage.of([row], RADIUS_M).holds(lon, lat).tolist() == [True, False, False, False]


def test_nothing_lies_nowhere(raster):
    assert Coverage.of([raster(np.ones((2, 2), np.uint8))], RADIUS_M).holds(np.zeros(0), np.zeros(0)).tolist() == []
    assert Coverage.of([], RADIUS_M).holds(np.zeros(1), np.zeros(1)).tolist() == [False]


@st.composite
def scenes(draw):
    """Grids of any place and size on maps; no raster is behind them."""
    name = draw(st.sampled_from(sorted(MAPS)))
    width, height = (draw(st.sampled_from([1, 3, 20, 100, 700])) for _ in range(2))
    left, top = draw(st.integers(-250, 250)), draw(st.integers(-120, 120))
    gsd = draw(st.sampled_from([0.01, 0.1, 0.5])) * DEGREE_M
    transform = list(Affine(gsd, 0, left * DEGREE_M, 0, -gsd, top * DEGREE_M))[:6]
    return RasterRow("a", 1.0, "none.tif", MAPS[name], transform, width, height, 1.0, [0.0], [1.0], "projected")


def plainly_on(scenes, lon, lat):
    """Every place tried on every scene."""
    inside = np.zeros(len(lon), bool)
    for scene in scenes:
        grid = scene.grid
        x, y = Ground(scene.crs_wkt, RADIUS_M).xy(lon, lat, *grid.middle)
        col, row = grid.to_pixel(x, y)
        inside |= (
            (np.floor(col) >= 0) & (np.floor(col) < grid.width) & (np.floor(row) >= 0) & (np.floor(row) < grid.height)
        )
    return inside


@given(st.lists(scenes(), min_size=1, max_size=6), st.integers(0, 2**32 - 1), st.sampled_from([1, 30, 400]))
def test_scenes_near_a_batch_hold_what_all_scenes_hold(scenes, seed, count):
    """Over 180 E and at the poles too: half of the places lie in a scene, as far as it lies on the body."""
    random = np.random.default_rng(seed)
    grid = scenes[0].grid
    x, y = grid.to_map(random.uniform(0, grid.width, count), random.uniform(0, grid.height, count))
    lon, lat = (np.concatenate(part) for part in zip(
        Ground(grid.crs_wkt, RADIUS_M).lonlat(x, y),
        (random.uniform(-180, 180, count), np.degrees(np.arcsin(random.uniform(-1, 1, count)))), strict=True,
    ))  # fmt: skip
    on_body = np.abs(lat) <= 90
    lon, lat = np.append(lon[on_body], [180, -180, 0, 0]), np.append(lat[on_body], [0, 0, 90, -90])
    with patch.object(coverage, "_are_valid", lambda scene, col, row: np.ones(len(col), bool)):
        assert Coverage.of(scenes, RADIUS_M).holds(lon, lat).tolist() == plainly_on(scenes, lon, lat).tolist()


def test_only_scenes_near_the_places_are_tried(raster):
    """A file that is not there is not missed where no place is near."""
    near, far = (raster(np.ones((20, 20), np.uint8), name, DEGREE_M, left=left * DEGREE_M) for name, left in
                 (("near", 0), ("far", 90)))  # fmt: skip
    far = replace(far, path=f"{far.path}.gone")
    assert Coverage.of([near, far], RADIUS_M).holds(np.array([1.5]), np.array([-1.5])).tolist() == [True]
    with pytest.raises(Exception, match="gone"):
        Coverage.of([near, far], RADIUS_M).holds(np.array([91.5]), np.array([-1.5]))


def test_where_a_scene_failed_it_holds_nothing_that_no_other_holds(raster):
    """Scenes of 20 by 20 degrees that overlap by half; the first failed in its eastern three quarters."""
    scenes = [
        raster(np.ones((20, 20), np.uint8), name, DEGREE_M, left=left * DEGREE_M)
        for name, left in (("a", 0), ("b", 10))
    ]
    failed = dict(a=shapely.box(5 * DEGREE_M, -20 * DEGREE_M, 20 * DEGREE_M, 0))
    lon, lat = np.array([1.0, 7, 15, 25, 35]), np.full(5, -9.0)
    assert Coverage.of(scenes, RADIUS_M, failed).holds(lon, lat).tolist() == [True, False, True, True, False]
    unread = [replace(scene, path="missing.tif") for scene in scenes]
    everywhere = dict.fromkeys("ab", shapely.box(-1, -21 * DEGREE_M, 31 * DEGREE_M, 1))
    assert not Coverage.of(unread, RADIUS_M, everywhere).holds(lon, lat).any()


@given(scenes())
def test_a_cap_holds_the_scene(scene):
    grid = scene.grid
    col, row = np.meshgrid(np.linspace(0, grid.width, 40), np.linspace(0, grid.height, 40))
    lon, lat = Ground(grid.crs_wkt, RADIUS_M).lonlat(*grid.to_map(col, row))
    finite = np.isfinite(lon) & np.isfinite(lat)
    gaps = grid_cap(grid, RADIUS_M).gaps_to(unit_vectors(lon[finite], lat[finite]))
    assert gaps.max(initial=0) == 0
