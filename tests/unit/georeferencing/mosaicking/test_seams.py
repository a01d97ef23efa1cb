from itertools import pairwise

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strips import grid, plain_edges, row_windows_of

from orbitile.georeferencing.mosaicking.seams import seam_lines, write_seams
from orbitile.space.bodies import find_body, lies_on

small = hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 3))
images = st.builds(lambda image, times: image.repeat(times, 0).repeat(times, 1), small, st.integers(1, 3))


def seams_of(index, rows=None):
    index = np.asarray(index, np.uint8)
    height, width = index.shape
    windows = row_windows_of(width, height, rows or height)
    return seam_lines(lambda w: index[w.row : w.row + w.height, w.col : w.col + w.width], windows)


def drawn(seams):
    """[(left, right, corners)]."""
    corners = [shapely.get_coordinates(line).astype(int).tolist() for line in seams.lines]
    return [(*pair, [tuple(xy) for xy in line]) for pair, line in zip(seams.strips.tolist(), corners, strict=True)]


def edges(seams):
    """All unit edges of lines with their strips, each as often as it is drawn."""
    found = []
    for left, right, corners in drawn(seams):
        for begin, end in pairwise(corners):
            steps = int(np.abs(np.subtract(end, begin)).max())
            way = np.linspace(begin, end, steps + 1).astype(int).tolist()
            found += [(left, right, tuple(a), tuple(b)) for a, b in pairwise(way)]
    return found


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (["11", "11"], []),
        (["10", "02"], []),
        (["102", "102"], []),
        (["112", "112"], [(1, 2, [(2, 2), (2, 0)])]),
        (["221", "221"], [(1, 2, [(2, 0), (2, 2)])]),
        (["11", "22"], [(1, 2, [(0, 1), (2, 1)])]),
        (["112", "122"], [(1, 2, [(1, 2), (1, 1), (2, 1), (2, 0)])]),
        (["112", "332"], [(1, 2, [(2, 1), (2, 0)]), (1, 3, [(0, 1), (2, 1)]), (2, 3, [(2, 1), (2, 2)])]),
        (["111", "222", "203"], [(1, 2, [(0, 1), (3, 1)]), (2, 3, [(2, 2), (3, 2)])]),
        (["111", "121", "111"], [(1, 2, [(1, 1), (2, 1), (2, 2), (1, 2), (1, 1)])]),
        (["222", "212", "222"], [(1, 2, [(1, 1), (1, 2), (2, 2), (2, 1), (1, 1)])]),
        (["12", "21"], [(1, 2, [(0, 1), (1, 1), (1, 0)]), (1, 2, [(2, 1), (1, 1), (1, 2)])]),
        (["21", "12"], [(1, 2, [(1, 0), (1, 1), (2, 1)]), (1, 2, [(1, 2), (1, 1), (0, 1)])]),
    ],
)
def test_lines_along_pixel_edges(index, expected):
    assert drawn(seams_of([[int(one) for one in row] for row in index])) == expected


def test_a_line_ends_where_a_hole_begins():
    """Two strips side by side; the one below has no data in the middle."""
    found = drawn(seams_of([[1, 2], [1, 2], [1, 0], [1, 2]]))
    assert found == [(1, 2, [(1, 2), (1, 0)]), (1, 2, [(1, 4), (1, 3)])]


@given(images)
def test_every_edge_between_two_strips_once(index):
    seams = seams_of(index)
    found = edges(seams)
    assert set(found) == plain_edges(index)
    assert len(found) == len(set(found))


@given(images)
def test_lines_end_only_where_a_third_pixel_comes_between(index):
    """And turn at each of their vertices."""
    seams = seams_of(index)
    ends = [
        (left, right, xy) for left, right, line in drawn(seams) if line[0] != line[-1] for xy in (line[0], line[-1])
    ]
    assert len(ends) == len(set(ends))
    for _, _, line in drawn(seams):
        way = np.diff(line, axis=0)
        assert ((way == 0).sum(axis=1) == 1).all()
        around = way if line[0] != line[-1] else np.concatenate([way, way[:1]])
        assert ((around[1:] != 0) != (around[:-1] != 0)).all()


@given(images)
def test_lines_know_no_bands(index):
    expected = drawn(seams_of(index))
    for rows in (1, 2, 5):
        assert drawn(seams_of(index, rows)) == expected


def test_lines_of_many_strips_and_large_numbers():
    """Each of the made-up columns is a strip."""
    index = np.tile(np.arange(1, 301, dtype=np.uint16), (5, 1))
    found = seam_lines(lambda w: index[w.row : w.row + w.height], row_windows_of(300, 5, 2))
    assert found.strips.tolist() == [[n, n + 1] for n in range(1, 300)]
    assert all(shapely.length(found.lines) == 5)


@pytest.mark.parametrize("index", [[[1, 2], [1, 2]], [[1, 1], [1, 1]]])
def test_seams_on_the_map(tmp_path, index):
    seams = seams_of(index)
    write_seams(seams, ["x", "y"], grid(2, 2, 10, 20), tmp_path / "seams.parquet")
    frame = geopandas.read_parquet(tmp_path / "seams.parquet")
    assert frame.columns.tolist() == ["left", "right", "geometry"]
    assert lies_on(frame.crs, find_body("Moon"))
    found = [(*row[:2], list(row[2].coords)) for row in frame.itertuples(index=False)]
    assert found == ([("x", "y", [(1100, -2200), (1100, -2000)])] if index[0][1] == 2 else [])
