from dataclasses import dataclass

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground
from orbitile.training.split import SPLITS, choose_squares, split_of, square_numbers, squares_of, window_outline

MOON_M = 1737400.0
lons, lats = st.floats(-180, 180), st.floats(-90, 90)


@dataclass(frozen=True)
class Blocks:
    block_deg: float = 2.0
    validation_share: float = 0.4
    seed: int = 2


@given(lons, lats, st.floats(0.5, 90), st.integers(0, 9))
def test_a_place_has_one_split(lon, lat, block_deg, seed):
    blocks = Blocks(block_deg=block_deg, seed=seed)
    split = split_of(np.array([lon, lon]), np.array([lat, lat]), blocks)
    assert split in SPLITS
    assert split_of(np.array([lon]), np.array([lat]), blocks) == split


@given(st.integers(-6, 5), st.integers(-3, 2), st.floats(0, 29.99), st.floats(0, 29.99))
def test_a_square_has_one_split(column, row, east, north):
    lon, lat = np.array([30 * column, 30 * column + east]), np.array([30 * row, 30 * row + north])
    assert split_of(lon, lat, Blocks(block_deg=30)) in SPLITS
    assert len(squares_of(lon, lat, 30)) == 1


@given(st.lists(st.tuples(lons, lats), min_size=1, max_size=9))
def test_tiles_of_two_splits_have_none(places):
    lon, lat = np.array(places).T
    each = {split_of(lon[[k]], lat[[k]], Blocks()) for k in range(len(lon))}
    assert split_of(lon, lat, Blocks()) == (each.pop() if len(each) == 1 else None)


@given(lons, lats)
def test_both_sides_of_the_antimeridian_are_one_place(lon, lat):
    east, west = (square_numbers(np.array([edge]), np.array([lat]), 2) for edge in (180.0, -180.0))
    assert east.tolist() == west.tolist()


@pytest.mark.parametrize(("share", "expected"), [(0, {"train"}), (1, {"val"}), (0.5, {"train", "val"})])
def test_validation_share(share, expected):
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(-180, 180, 10.0), np.arange(-90, 90, 10.0)))
    chosen = Blocks(validation_share=share, block_deg=10)
    assert {split_of(lon[[k]], lat[[k]], chosen) for k in range(len(lon))} == expected


@pytest.mark.parametrize(
    ("lon", "lat", "number"),
    [(-180, -90, 0), (-151, -90, 0), (-150, -90, 1), (179, -61, 11), (-180, -60, 12), (0, 0, 42)],
)
def test_squares_are_numbered_from_the_south_west(lon, lat, number):
    assert squares_of(np.array([lon]), np.array([lat]), 30) == [number]


@given(st.sets(st.integers(0, 9999), min_size=2, max_size=60), st.floats(0, 1), st.integers(0, 99))
def test_at_least_one_square_is_chosen_and_never_all(squares, share, seed):
    chosen = choose_squares(sorted(squares), share, seed)
    assert chosen == choose_squares(sorted(squares, reverse=True), share, seed)
    assert len(set(chosen)) == min(max(1, round(share * len(squares))), len(squares) - 1)
    assert set(chosen) < squares


def test_another_seed_chooses_other_squares():
    assert len({tuple(choose_squares(range(100), 0.1, seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("points", [5, 9])
def test_outlines_go_from_the_first_pixel_to_the_last(points):
    wkt = CRS("IAU_2015:30110").to_wkt()
    degree_m = MOON_M * np.pi / 180
    grid, ground = Grid(wkt, Affine(degree_m, 0, 0, 0, -degree_m, 0), 40, 40), Ground(wkt, MOON_M)
    lon, lat = window_outline(grid, ground, Window(10, 5, 9, 5), points)
    assert len(lon) == len(lat) == points**2
    assert (lon.min(), lon.max()) == pytest.approx((10.5, 18.5))
    assert (lat.max(), lat.min()) == pytest.approx((-5.5, -9.5))
