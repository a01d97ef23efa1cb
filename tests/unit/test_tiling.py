import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.space.grids import Window
from orbitile.tiling import Responsibility, cores, starts, tiles

INF = np.inf
SLACK_PX = 4


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "expected"),
    [
        (1, 10, 4, [0]), (10, 10, 4, [0]), (11, 10, 4, [0, 1]), (16, 10, 4, [0, 6]), (17, 10, 4, [0, 6, 7]),
        (30, 10, 0, [0, 10, 20]), (31, 10, 0, [0, 10, 20, 21]), (22, 10, 5, [0, 5, 10, 12]),
    ],
)  # fmt: skip
def test_starts(length, tile, overlap, expected):
    assert starts(length, tile, overlap) == expected


@pytest.mark.parametrize(
    ("first", "expected"),
    [([0], [(-INF, INF)]), ([0, 6], [(-INF, 8), (8, INF)]), ([0, 6, 7], [(-INF, 8), (8, 11.5), (11.5, INF)])],
)
def test_cores(first, expected):
    assert cores(first, 10) == expected


def test_tiles_are_numbered_row_by_row():
    cut = list(tiles(17, 12, 10, 4))
    assert [t.number for t in cut] == list(range(6))
    assert cut[0].window == Window(0, 0, 10, 10)
    assert cut[5].window == Window(7, 2, 10, 10)
    assert cut[4].core == (8, 6, 11.5, INF)


def test_a_small_scene_is_one_tile():
    (only,) = tiles(7, 5, 10, 4)
    assert only.window == Window(0, 0, 7, 5)
    assert only.core == (-INF, -INF, INF, INF)


@st.composite
def grids(draw):
    """Width, height, tile and overlap in pixels; scenes may be smaller than a tile."""
    tile = draw(st.integers(2, 64))
    overlap = draw(st.integers(0, tile - 1))
    return draw(st.integers(1, 200)), draw(st.integers(1, 200)), tile, overlap


@given(grids())
def test_windows_cover_the_grid(grid):
    width, height, tile, overlap = grid
    seen = np.zeros((height, width), bool)
    for one in tiles(width, height, tile, overlap):
        w = one.window
        assert w.col >= 0 and w.row >= 0 and w.col + w.width <= width and w.row + w.height <= height
        assert (w.width, w.height) == (min(tile, width), min(tile, height))
        seen[w.row : w.row + w.height, w.col : w.col + w.width] = True
    assert seen.all()


def owners(cut, x, y):
    """The tiles whose cores hold a place."""
    return [one for one in cut if one.core[0] <= x < one.core[2] and one.core[1] <= y < one.core[3]]


@given(grids(), st.lists(st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2)), min_size=1, max_size=20))
def test_cores_partition_the_plane(grid, places):
    width, height, tile, overlap = grid
    cut = list(tiles(width, height, tile, overlap))
    assert [len(owners(cut, x * width, y * height)) for x, y in places] == [1] * len(places)


@given(grids())
def test_cores_partition_the_pixels(grid):
    """Also at the places where a core ends: pixel borders and their halves."""
    width, _, tile, overlap = grid
    cut = list(tiles(width, 1, tile, overlap))
    assert [len(owners(cut, x / 2, 0)) for x in range(2 * width)] == [1] * (2 * width)


@given(grids(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_responsible_tile_sees_objects_whole(grid, x, y, wide, high):
    """Objects up to the overlap less twice the slack, as far as they lie in the scene."""
    width, height, tile, overlap = grid
    slack = min(SLACK_PX, overlap / 2)
    x, y = x * width, y * height
    half_wide, half_high = wide * (overlap - 2 * slack) / 2, high * (overlap - 2 * slack) / 2
    (one,) = owners(tiles(width, height, tile, overlap), x, y)
    w = one.window
    assert w.col + slack <= x - half_wide or w.col == 0
    assert w.row + slack <= y - half_high or w.row == 0
    assert x + half_wide <= w.col + w.width - slack or w.col + w.width == width
    assert y + half_high <= w.row + w.height - slack or w.row + w.height == height


def kept(duty, one, box, size):
    w = one.window
    window = [w.col, w.row, w.col + w.width, w.row + w.height]
    return duty.keeps(*(np.array([v], float) for v in (box, one.core, window)), np.array(size))[0]


@given(grids(), st.floats(0, 0.999), st.floats(0, 0.999), st.floats(0, 1))
def test_every_object_is_kept_by_its_tile(grid, x, y, share):
    """A square of any size up to the largest, cut at the scene's border as a network would."""
    width, height, tile, overlap = grid
    largest = overlap - 2 * SLACK_PX
    x, y, half = x * width, y * height, share * max(largest, 0) / 2
    box = [x - half, y - half, x + half, y + half]
    (one,) = owners(tiles(width, height, tile, overlap), x, y)
    assert kept(Responsibility(SLACK_PX, 0, max(largest, 0)), one, box, (width, height)) or largest < 0


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([20, 20, 30, 30], True),
        ([20, 20, 24, 24], False),
        ([20, 20, 25, 25], True),
        ([10, 10, 30, 30], True),
        ([10, 10, 31, 31], False),
        ([10, 12, 31, 31], True),
        ([-4, -4, 6, 6], True),
        ([-6, -6, 4, 4], False),
        ([50, 20, 60, 30], True),
        ([54, 20, 63, 30], False),
        ([54, 20, 62.9, 30], True),
        ([56, 20, 66, 30], False),
        ([20, 26, 30, 36], True),
        ([20, 35, 30, 45], False),
    ],
)
def test_what_a_tile_keeps(box, expected):
    """The first of two tiles of 64 px over 112 x 40 px: its core ends at 56, the scene at row 40."""
    first, _ = tiles(112, 40, 64, 16)
    assert first.core == (-INF, -INF, 56, INF)
    assert kept(Responsibility(SLACK_PX, 5, 20), first, box, (112, 40)) == expected
