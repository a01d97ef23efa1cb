from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from orbitile.detections.tiling import (
    TRUNCATED_PX,
    SizeLimits,
    TilePlacement,
    TileSize,
    scene_tiles,
    spans_of_map,
    spans_of_scene,
    touch_nodata,
)
from orbitile.space.grids import Window

INF = np.inf
SLACK_PX = 4


def cut(width, height, tile, overlap):
    """The tiles of a scene that stands alone."""
    size = TileSize(tile, overlap)
    return list(scene_tiles(spans_of_scene(width, size), spans_of_scene(height, size)))


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "expected"),
    [
        (1, 10, 4, [0]), (10, 10, 4, [0]), (11, 10, 4, [0, 1]), (16, 10, 4, [0, 6]), (17, 10, 4, [0, 6, 7]),
        (30, 10, 0, [0, 10, 20]), (31, 10, 0, [0, 10, 20, 21]), (22, 10, 5, [0, 5, 10, 12]),
    ],
)  # fmt: skip
def test_where_the_tiles_of_a_scene_begin(length, tile, overlap, expected):
    spans = spans_of_scene(length, TileSize(tile, overlap))
    assert [span.begin for span in spans] == expected
    assert [span.end for span in spans] == [min(begin + tile, length) for begin in expected]


@pytest.mark.parametrize(
    ("length", "expected"),
    [(7, [(-INF, INF)]), (10, [(-INF, INF)]), (16, [(-INF, 8), (8, INF)]), (17, [(-INF, 8), (8, 11.5), (11.5, INF)])],
)
def test_cores_of_a_scene(length, expected):
    assert [(span.core_begin, span.core_end) for span in spans_of_scene(length, TileSize(10, 4))] == expected


def test_tiles_are_numbered_row_by_row():
    found = cut(17, 12, 10, 4)
    assert [t.number for t in found] == list(range(6))
    assert found[0].window == Window(0, 0, 10, 10)
    assert found[5].window == Window(7, 2, 10, 10)
    assert found[4].core == (8, 6, 11.5, INF)


def test_a_small_scene_is_one_tile():
    (only,) = cut(7, 5, 10, 4)
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
    width, height, tile, _ = grid
    seen = np.zeros((height, width), bool)
    for one in cut(*grid):
        w = one.window
        assert w.col >= 0 and w.row >= 0 and w.col + w.width <= width and w.row + w.height <= height
        assert (w.width, w.height) == (min(tile, width), min(tile, height))
        seen[w.row : w.row + w.height, w.col : w.col + w.width] = True
    assert seen.all()


def owners(found, x, y):
    """The tiles whose cores hold a place."""
    return [one for one in found if one.core[0] <= x < one.core[2] and one.core[1] <= y < one.core[3]]


@given(grids(), st.lists(st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2)), min_size=1, max_size=20))
def test_cores_partition_the_plane(grid, places):
    width, height, _, _ = grid
    found = cut(*grid)
    assert [len(owners(found, x * width, y * height)) for x, y in places] == [1] * len(places)


@given(grids())
def test_cores_partition_the_pixels(grid):
    """Also at the places where a core ends: pixel borders and their halves."""
    width, _, tile, overlap = grid
    found = cut(width, 1, tile, overlap)
    assert [len(owners(found, x / 2, 0)) for x in range(2 * width)] == [1] * (2 * width)


@given(grids(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_responsible_tile_sees_objects_whole(grid, x, y, wide, high):
    """Objects up to the overlap less twice the slack, as far as they lie in the scene."""
    width, height, _, overlap = grid
    slack = min(SLACK_PX, overlap / 2)
    x, y = x * width, y * height
    half_wide, half_high = wide * (overlap - 2 * slack) / 2, high * (overlap - 2 * slack) / 2
    (one,) = owners(cut(*grid), x, y)
    w = one.window
    assert w.col + slack <= x - half_wide or w.col == 0
    assert w.row + slack <= y - half_high or w.row == 0
    assert x + half_wide <= w.col + w.width - slack or w.col + w.width == width
    assert y + half_high <= w.row + w.height - slack or w.row + w.height == height


def place_of(one, size):
    """Where a tile of a scene of a size (width, height) lies, as for one box."""
    w = one.window
    window = [w.col, w.row, w.col + w.width, w.row + w.height]
    return TilePlacement(*(np.array([v], float) for v in (one.core, window)), np.array(size))


def kept(duty, one, box, size):
    return duty.is_reported(np.array([box], float), place_of(one, size))[0]


@given(grids(), st.floats(0, 0.999), st.floats(0, 0.999), st.floats(0, 1), st.booleans())
def test_every_object_is_kept_by_its_tile(grid, x, y, share, is_coarsest):
    """A square of any size up to the largest, cut at the scene's border as a network would."""
    width, height, _, overlap = grid
    largest = overlap - 2 * SLACK_PX
    x, y, half = x * width, y * height, share * max(largest, 0) / 2
    box = [x - half, y - half, x + half, y + half]
    (one,) = owners(cut(*grid), x, y)
    assert kept(SizeLimits(SLACK_PX, 0, max(largest, 0), is_coarsest), one, box, (width, height)) or largest < 0


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([20, 20, 30, 30], True),
        ([20, 20, 24, 24], False),
        ([20, 20, 25, 25], True),
        ([20, 20, 21, 25], True),
        ([10, 10, 30, 30], True),
        ([10, 10, 31, 31], False),
        ([10, 12, 31, 31], False),
        ([10, 20, 30, 21], True),
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
    first, _ = cut(112, 40, 64, 16)
    assert first.core == (-INF, -INF, 56, INF)
    assert kept(SizeLimits(SLACK_PX, 5, 20, is_coarsest=False), first, box, (112, 40)) == expected


@pytest.mark.parametrize(
    ("is_coarsest", "kept_ones"), [(False, [False, True, True, False, False]), (True, [False, True, True, True, True])]
)
def test_the_coarsest_scale_keeps_what_is_larger_than_it_answers_for(is_coarsest, kept_ones):
    duty = SizeLimits(SLACK_PX, 5, 20, is_coarsest)
    boxes = np.array([[20, 10, 20 + width, 14] for width in (4.9, 5, 20, 20.1, 30)])
    (one,) = cut(64, 40, 64, 16)
    assert duty.is_reported(boxes, place_of(one, (64, 40))).tolist() == kept_ones
    assert duty.is_too_large(boxes).tolist() == [False, False, False, True, True]


EDGE = TilePlacement(np.array([[0, -INF, 6, INF]]), np.array([[-2, 0, 8, 10]]), np.array([20, 10]))
"""A made-up tile that goes on to the left and the right of its core, and ends with the scene above and below."""


@pytest.mark.parametrize(
    ("centre", "expected"),
    [
        ((-2, 5), True), ((-2.1, 5), False), ((7.9, 5), True), ((8, 5), False),
        ((3, 0), True), ((3, -0.1), False), ((3, 9.9), True), ((3, 10), False),
    ],
)  # fmt: skip
def test_which_centres_a_tile_holds(centre, expected):
    assert EDGE.contains(np.array([centre], float), 2).tolist() == [expected]


@pytest.mark.parametrize(
    ("box", "inner", "outer"),
    [
        ([0, 3, 6, 7], False, False), ([-1, 3, 2, 7], True, False), ([-0.9, 3, 2, 7], False, False),
        ([3, 3, 7, 7], True, False), ([3, 3, 6.9, 7], False, False), ([3, 2, 6, 7], False, True),
        ([3, 2.1, 6, 7.9], False, False), ([3, 3, 6, 8], False, True), ([-2, 0, 8, 10], True, True),
    ],
)  # fmt: skip
def test_which_edges_cut_a_box(box, inner, outer):
    assert EDGE.touch_inner_edge(np.array([box], float)).tolist() == [inner]
    assert EDGE.touch_outer_edge(np.array([box], float)).tolist() == [outer]


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "index", "expected"),
    [
        (12, 10, 4, 0, [(-2, 8, 0, 6), (4, 14, 6, 12)]),
        (12, 10, 4, 3, [(-5, 5, 0, 3), (1, 11, 3, 9), (7, 17, 9, 12)]),
        (1, 10, 4, 5, [(-7, 3, 0, 1)]),
        (1, 10, 4, 6, [(-2, 8, 0, 1)]),
        (4, 10, 4, -4, [(-4, 6, 0, 4)]),
        (5, 10, 5, 0, [(-2, 8, 0, 5)]),
        (12, 10, 0, 0, [(0, 10, 0, 10), (10, 20, 10, 12)]),
    ],
)
def test_tiles_of_a_map(length, tile, overlap, index, expected):
    spans = spans_of_map(length, TileSize(tile, overlap), index)
    assert [(span.begin, span.end, span.core_begin, span.core_end) for span in spans] == expected


@st.composite
def strips(draw):
    """Length of a mosaic's axis, tile size, number of its first pixel on the map, and where it is cut into scenes."""
    tile = draw(st.integers(2, 64))
    size = TileSize(tile, draw(st.integers(0, tile - 1)))
    length, index = draw(st.integers(1, 200)), draw(st.integers(-300, 300))
    inner = draw(st.sets(st.integers(1, max(length - 1, 1)), max_size=4)) - {length}
    return length, size, index, [0, *sorted(inner), length]


def on_the_map(spans, index):
    """Windows and cores of a scene whose first pixel is number `index`, in pixels of the map."""
    return [tuple(index + edge for edge in vars(span).values()) for span in spans]


@given(strips())
def test_cores_on_the_map_partition_the_scene(strip):
    length, size, index, _ = strip
    spans = spans_of_map(length, size, index)
    assert (spans[0].core_begin, spans[-1].core_end) == (0, length)
    assert all(one.core_end == other.core_begin for one, other in pairwise(spans))
    assert all(one.core_begin < one.core_end for one in spans)
    assert {span.end - span.begin for span in spans} == {size.tile_px}


@given(strips())
def test_tiles_of_a_map_are_those_of_the_uncut_mosaic(strip):
    """However it is cut into scenes: the same windows, and cores that are parts of the same cores."""
    length, size, index, edges = strip
    whole = on_the_map(spans_of_map(length, size, index), index)
    parts = [
        one
        for begin, end in pairwise(edges)
        for one in on_the_map(spans_of_map(end - begin, size, index + begin), index + begin)
    ]
    assert {one[:2] for one in parts} == {one[:2] for one in whole}
    for begin, end, core_begin, core_end in whole:
        cores = [one[2:] for one in parts if one[:2] == (begin, end)]
        assert (cores[0][0], cores[-1][1]) == (core_begin, core_end)


@given(strips())
def test_blended_tiles_are_all_those_of_the_map_that_reach_into_the_scene(strip):
    """Cores still partition the scene, those that lie outside are empty; so what is blended knows no scene borders."""
    _, size, index, edges = strip
    for begin, end in pairwise(edges):
        first = index + begin
        spans = spans_of_map(end - begin, TileSize(size.tile_px, size.overlap_px, blended=True), first)
        numbers = range((first - 500) // size.step_px - 100, (first + 700) // size.step_px + 100)
        begins = [number * size.step_px - size.overlap_px // 2 - first for number in numbers]
        assert [span.begin for span in spans] == [at for at in begins if -size.tile_px < at < end - begin]
        cores = [span for span in spans if span.core_begin < span.core_end]
        plain = spans_of_map(end - begin, size, first)
        assert cores == plain
        assert all(0 <= span.core_begin <= span.core_end <= end - begin for span in spans)


@given(strips(), st.floats(0, 0.999), st.floats(0, 1))
def test_every_object_of_a_mosaic_is_kept_by_its_tile(strip, x, share):
    """Also where the scene ends: its tiles reach beyond it."""
    length, size, index, _ = strip
    largest = size.overlap_px - 2 * SLACK_PX
    x, half = x * length, share * max(largest, 0) / 2
    spans = spans_of_map(length, size, index)
    (one,) = owners(scene_tiles(spans, spans), x, x)
    duty = SizeLimits(SLACK_PX, 0, max(largest, 0), is_coarsest=False)
    assert kept(duty, one, [x - half, x - half, x + half, x + half], (length, length)) or largest < 0


quarters = st.integers(-12, 44).map(lambda n: n / 4)


def is_near(box, pixel):
    """Whether the space between a box and a pixel (row, column) is less than TRUNCATED_PX."""
    (left, top, right, bottom), (row, col) = box, pixel
    return max(col - right, left - (col + 1), row - bottom, top - (row + 1)) < TRUNCATED_PX


@given(
    st.integers(1, 3).flatmap(lambda n: hnp.arrays(bool, (n, 8, 8), elements=st.sampled_from([True] * 15 + [False]))),
    st.lists(st.tuples(quarters, quarters, quarters, quarters, st.integers(0, 2)), max_size=8),
)
def test_boxes_that_touch_nodata_are_those_of_a_loop(valid, rows):
    corners = np.array([[*np.sort([a, c]), *np.sort([b, d])] for a, b, c, d, _ in rows]).reshape(-1, 4)[:, [0, 2, 1, 3]]
    tile = np.array([number % len(valid) for *_, number in rows], int)
    expected = [
        any(is_near(box, pixel) for pixel in np.argwhere(~valid[number]))
        for box, number in zip(corners, tile, strict=True)
    ]
    incomplete = {number: one for number, one in enumerate(valid) if not one.all()}
    assert touch_nodata(corners, tile, incomplete).tolist() == expected


@pytest.mark.parametrize("axis", [0, 1])
def test_how_close_a_box_may_come_to_nodata(axis):
    """Boxes of one pixel move over a tile that lacks pixel (4, 4), in steps of a quarter."""
    valid = np.ones((1, 9, 9), bool)
    valid[0, 4, 4] = False
    begin = np.arange(-2, 11, 0.25)
    corners = np.full((len(begin), 4), [4.0, 4.0, 5.0, 5.0])
    corners[:, axis], corners[:, axis + 2] = begin, begin + 1
    touched = begin[touch_nodata(corners, np.zeros(len(begin), int), {0: valid[0]})]
    assert touched.tolist() == np.arange(1.25, 7, 0.25).tolist()
