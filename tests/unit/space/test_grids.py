import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.space.grids import Grid
from orbitile.space.scales import whole_factor

MOON_MAP = CRS("IAU_2015:30110").to_wkt()
pixels = st.floats(-1e5, 1e5)


def grid(left=0.0, top=0.0, gsd=100.0, width=10, height=8, crs=MOON_MAP):
    return Grid(crs, Affine(gsd, 0, left, 0, -gsd, top), width, height)


def bounds(g):
    left, top = g.to_map(0, 0)
    right, bottom = g.to_map(g.width, g.height)
    return left, bottom, right, top


@given(pixels, pixels, st.floats(0.1, 1000), pixels, pixels)
def test_pixel_round_trip(left, top, gsd, col, row):
    g = grid(left, top, gsd)
    assert g.to_pixel(*g.to_map(col, row)) == pytest.approx((col, row), abs=1e-4)


def test_first_pixel_corner_is_the_origin():
    assert grid(300, 700).to_map(0, 0) == (300, 700)
    assert grid(300, 700).to_map(1, 2) == (400, 500)
    assert grid(300, 700).to_pixel(400, 500) == pytest.approx((1, 2))
    assert grid(300, 700).middle == (800, 300)


def test_boxes_to_map():
    boxes = np.array([[0, 0, 1, 2], [3, 4, 5, 6]])
    assert grid().boxes_to_map(boxes).tolist() == [[0, -200, 100, 0], [300, -600, 500, -400]]


@given(st.lists(st.tuples(pixels, pixels, st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=5))
def test_boxes_round_trip(corners_and_sizes):
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in corners_and_sizes])
    g = grid(1234, -567)
    assert np.allclose(g.boxes_to_pixel(g.boxes_to_map(boxes)), boxes, atol=1e-6)


@pytest.mark.parametrize(
    ("crs", "step", "gsd_m"),
    [
        ("IAU_2015:30110", 100, 100),
        ("+proj=eqc +R=1737400 +units=km", 0.1, 100),
        ("IAU_2015:30100", 1, 1737400 * np.pi / 180),
    ],
)
def test_ground_sample_distance(crs, step, gsd_m):
    assert grid(gsd=step, crs=CRS(crs).to_wkt()).gsd_m == pytest.approx(gsd_m)


@pytest.mark.parametrize(
    ("fine", "coarse", "factor"),
    [
        (100, 100, 1), (100, 200, 2), (118.45, 474, 4), (473.80, 474, 1), (100, 150, None), (100, 50, None),
        (100, 102, None), (100, 100.9, 1), (100, 30, None), (1, 1000, 1000),
    ],
)  # fmt: skip
def test_factor_between(fine, coarse, factor):
    assert whole_factor(fine, coarse) == factor


@given(st.integers(-500, 500), st.integers(-500, 500), st.integers(1, 99), st.integers(1, 99), st.integers(1, 16))
def test_coarser_covers_and_aligns(col, row, width, height, factor):
    fine = grid(col * 100.0, row * 100.0, 100.0, width, height)
    coarse = fine.coarser(factor)
    step = 100.0 * factor
    beyond = (np.array(bounds(coarse)) - bounds(fine)) * [-1, -1, 1, 1]
    assert coarse.gsd_m == step
    assert np.all(np.array(bounds(coarse)) % step == 0)
    assert np.all((beyond >= 0) & (beyond < step))


def test_neighbours_share_coarse_borders():
    """Two made-up scenes that meet at x = 1000 m, within a coarse pixel."""
    west, east = grid(0).coarser(4), grid(1000).coarser(4)
    assert bounds(west)[2] == 1200
    assert bounds(east)[0] == 800
    assert (bounds(west)[2] - bounds(east)[0]) % 400 == 0


@pytest.mark.parametrize(
    ("left", "top", "index", "fraction"),
    [
        (0, 0, (0, 0), (0, 0)), (300, 700, (3, -7), (0, 0)), (350, 750, (3, -8), (0.5, 0.5)),
        (-350, -750, (-4, 7), (0.5, 0.5)), (310, -790, (3, 8), (0.1, -0.1)), (-1e-9, 1e-9, (0, 0), (0, 0)),
        (374, 0, (3, 0), (0.74, 0)), (375, 0, (4, 0), (-0.25, 0)),
    ],
)  # fmt: skip
def test_place_on_the_lattice(left, top, index, fraction):
    """Columns count to the right and rows down, so 750 m above the origin is row -7.5."""
    assert grid(left, top).index == index
    assert grid(left, top).fraction == pytest.approx(fraction, abs=1e-9)


fractions = st.sampled_from([0, 0.5, 1 / 3, 0.1, -0.2, 0.7]) | st.floats(-0.24, 0.74)


@given(st.integers(-500, 500), st.integers(-500, 500), fractions, fractions, st.sampled_from([100, 473.8, 0.25]),
       st.integers(1, 16))  # fmt: skip
def test_coarser_keeps_the_borders_of_pixels(col, row, right, down, gsd, factor):
    fine = grid((col + right) * gsd, -(row + down) * gsd, gsd, 37, 23)
    coarse = fine.coarser(factor)
    first = fine.to_pixel(*coarse.to_map(0, 0))
    last = fine.to_pixel(*coarse.to_map(coarse.width, coarse.height))
    assert first == pytest.approx((-(col % factor), -(row % factor)), abs=1e-5)
    assert 0 <= round(last[0]) - 37 < factor
    assert 0 <= round(last[1]) - 23 < factor


@given(st.integers(-500, 500), st.integers(1, 99), fractions | st.just(0.75), st.integers(1, 16))
def test_neighbours_share_coarse_pixels_whatever_the_fraction(col, apart, right, factor):
    first = grid((col + right) * 473.8, 0, 473.8).coarser(factor)
    second = grid((col + apart + right) * 473.8, 0, 473.8).coarser(factor)
    steps = (second.transform.c - first.transform.c) / first.transform.a
    assert steps == pytest.approx(round(steps), abs=1e-9)


def literal_coarser(fine, factor):
    """Reference: multiples of the coarse pixel size, for scenes that lie whole pixels from the origin."""
    size = fine.transform.a * factor
    left, bottom, right, top = np.round(np.array(bounds(fine)) / size, 3)
    first_col, first_row = np.floor(left), np.floor(-top)
    width, height = np.ceil(right) - first_col, np.ceil(-bottom) - first_row
    return Affine(size, 0, first_col * size, 0, -size, first_row * -size), width, height


@given(st.integers(-500, 500), st.integers(-500, 500), st.sampled_from([100.0, 473.8, 0.25]), st.integers(1, 16))
def test_coarser_at_whole_pixels_lies_on_multiples(col, row, gsd, factor):
    fine = grid(col * gsd, row * gsd, gsd, 37, 23)
    coarse = fine.coarser(factor)
    assert (coarse.transform, coarse.width, coarse.height) == literal_coarser(fine, factor)
