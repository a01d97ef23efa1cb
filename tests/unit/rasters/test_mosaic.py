"""Rasters read as one, and what is averaged across their borders."""

from contextlib import ExitStack
from itertools import pairwise

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyproj import CRS

from orbitile.rasters.mosaic import Mosaic, RasterPart, opened_mosaic
from orbitile.rasters.resample import averages_by_factor
from orbitile.space.grids import Grid, Window

MOON_MAP = CRS("IAU_2015:30110").to_wkt()


def grid(width, height, col=0, row=0):
    return Grid(MOON_MAP, Affine(100, 0, col * 100, 0, -100, -row * 100), width, height)


def mosaic(stack, parts):
    """A mosaic in memory of (column, row, pixels); value 0 is nodata."""
    described, sources = [], []
    for col, row, pixels in parts:
        height, width = pixels.shape
        memory = stack.enter_context(rasterio.MemoryFile())
        place = dict(crs=MOON_MAP, transform=grid(width, height, col, row).transform)
        with memory.open(
            driver="GTiff", width=width, height=height, count=1, dtype=pixels.dtype, nodata=0, **place
        ) as f:
            f.write(pixels, 1)
        sources.append(stack.enter_context(memory.open()))
        described.append(RasterPart(memory.name, col, row, width, height))
    return Mosaic(described, sources)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(0, 0, 9, 9), Window(2, 3, 4, 5)), (Window(4, 5, 9, 9), Window(4, 5, 2, 3)),
        (Window(-9, -9, 12, 13), Window(2, 3, 1, 1)), (Window(3, 4, 1, 1), Window(3, 4, 1, 1)),
        (Window(6, 3, 9, 9), None), (Window(0, 0, 2, 9), None), (Window(2, 8, 4, 1), None), (Window(0, 0, 9, 3), None),
    ],
)  # fmt: skip
def test_what_a_part_and_a_window_share(window, expected):
    assert RasterPart("a.tif", 2, 3, 4, 5).intersection(window) == expected


def test_a_window_beyond_all_parts_holds_nothing(geotiff):
    path = geotiff(np.ones((2, 3), np.int16))
    with opened_mosaic([RasterPart(path, 0, 0, 3, 2)]) as found:
        pixels, valid = found.read(Window(-5, 7, 4, 3))
    assert (pixels.shape, pixels.dtype) == ((3, 4), np.int16)
    assert not valid.any()


def test_the_first_part_counts_and_the_second_fills_its_gaps(geotiff):
    """Made-up parts of 3 and 4 columns that share one; the second reaches farther."""
    one = geotiff(np.array([[1, 0, 3]], np.uint8), "one.tif", nodata=0)
    other = geotiff(np.array([[5, 6, 7, 0]], np.uint8), "other.tif", nodata=0)
    parts = [RasterPart(one, 0, 0, 3, 1), RasterPart(other, 1, 0, 4, 1)]
    with opened_mosaic(parts) as found:
        pixels, valid = found.read(Window(-1, 0, 7, 1))
    assert pixels[valid].tolist() == [1, 5, 3, 7]
    assert valid.tolist() == [[False, True, True, True, True, False, False]]
    with opened_mosaic(parts[::-1]) as found:
        pixels, valid = found.read(Window(-1, 0, 7, 1))
    assert pixels[valid].tolist() == [1, 5, 6, 7]


sides, places = st.integers(1, 6), st.integers(-6, 6)
pieces = st.tuples(sides, sides).flatmap(lambda shape: hnp.arrays(np.uint8, shape, elements=st.integers(0, 3)))


@given(
    st.lists(st.tuples(places, places, pieces), min_size=1, max_size=4), st.builds(Window, places, places, sides, sides)
)
def test_a_mosaic_is_read_as_one_array(parts, window):
    """Reference: the parts pasted one over the other, the first of them last. Value 0 is nodata."""
    pasted = np.zeros((40, 40), np.uint8)
    for col, row, pixels in reversed(parts):
        there = pasted[row + 12 : row + 12 + pixels.shape[0], col + 12 : col + 12 + pixels.shape[1]]
        there[:] = np.where(pixels > 0, pixels, there)
    top, left = window.row + 12, window.col + 12
    expected = pasted[top : top + window.height, left : left + window.width]
    with ExitStack() as stack:
        pixels, valid = mosaic(stack, parts).read(window)
    assert np.array_equal(valid, expected > 0)
    assert np.array_equal(np.where(valid, pixels, 0), expected)


@st.composite
def cut_images(draw):
    """Pixels, of which 0 has no data, and the columns and rows at which they are cut, in four at most."""
    height, width = draw(st.integers(2, 14)), draw(st.integers(2, 14))
    dtype = draw(st.sampled_from(["uint8", "int16", "float32"]))
    noise = np.random.default_rng(draw(st.integers(0, 99)))
    pixels = np.where(noise.random((height, width)) < 0.2, 0, noise.uniform(1, 99, (height, width))).astype(dtype)
    return pixels, draw(st.integers(1, width - 1)), draw(st.integers(1, height - 1))


@given(cut_images(), st.integers(2, 5), st.integers(-7, 7), st.integers(-7, 7))
def test_averages_across_borders_are_those_of_the_uncut_mosaic(image, factor, col, row):
    """Bit for bit, wherever the borders lie between the coarse pixels; `col`, `row` is the image's place on the map."""
    pixels, middle_col, middle_row = image
    height, width = pixels.shape
    fine = grid(width, height, col, row)
    windows = [
        Window(left, top, right - left, bottom - top)
        for left, right in pairwise([0, middle_col, width])
        for top, bottom in pairwise([0, middle_row, height])
    ]
    scenes = [(w.col, w.row, pixels[w.row : w.row + w.height, w.col : w.col + w.width]) for w in windows]
    with ExitStack() as stack:
        ((_, (_, averaged, enough)),) = averages_by_factor(mosaic(stack, [(0, 0, pixels)]), fine, [factor])
    for number, w in enumerate(windows):
        own = grid(w.width, w.height, col + w.col, row + w.row)
        order = [scenes[number], *scenes[:number], *scenes[number + 1 :]]
        moved = [(left - w.col, top - w.row, some) for left, top, some in order]
        with ExitStack() as stack:
            ((_, (_, found, valid)),) = averages_by_factor(mosaic(stack, moved), own, [factor])
        first = np.subtract(own.coarser(factor).index, fine.coarser(factor).index)
        there = np.s_[first[1] : first[1] + found.shape[0], first[0] : first[0] + found.shape[1]]
        assert np.array_equal(valid, enough[there])
        assert found[valid].tobytes() == averaged[there][valid].tobytes()
