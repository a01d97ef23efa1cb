import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.web.blocks import CELLS, block_places, blocks_by_size


@pytest.mark.parametrize(
    ("lon", "lat", "level", "place"),
    [(-180, 90, 0, (0, 0)), (0, 0, 0, (1, 0)), (180, -90, 0, (1, 0)), (-180, 0, 1, (0, 1)), (179, 1, 3, (15, 3))],
)
def test_places_of_blocks(lon, lat, level, place):
    column, row = block_places(np.array([lon]), np.array([lat]), level)
    assert (column[0], row[0]) == place


@given(seed=st.integers(0, 1000), count=st.integers(0, 300), block_rows=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_every_object_is_in_one_block_below_larger_ones(seed, count, block_rows):
    random = np.random.default_rng(seed)
    lon, lat, size = random.uniform(-180, 180, count), random.uniform(-90, 90, count), random.integers(1, 9, count)
    blocks = {(b.level, b.column, b.row): b for b in blocks_by_size(lon, lat, size, block_rows)}
    assert sorted(np.concatenate([np.zeros(0, int), *(b.rows for b in blocks.values())]).tolist()) == list(range(count))
    for (level, column, row), block in blocks.items():
        assert len(block.rows) <= block_rows
        assert set(zip(*block_places(lon[block.rows], lat[block.rows], level), strict=True)) == {(column, row)}
        below = [
            b for (deeper, c, r), b in blocks.items()
            if deeper > level and (c >> (deeper - level), r >> (deeper - level)) == (column, row)
        ]  # fmt: skip
        assert block.deeper.sum() == sum(len(b.rows) for b in below)
        assert all(size[b.rows].max() <= size[block.rows].min() for b in below)


def test_cells_tell_where_smaller_objects_lie():
    lon, lat = np.array([-179.0, -179.0, -1.0]), np.array([89.0, 89.0, -89.0])
    first = next(iter(blocks_by_size(lon, lat, np.array([3.0, 2.0, 1.0]), 1)))
    assert first.rows.tolist() == [0]
    assert first.deeper_cells() == dict(cells=[0, CELLS**2 - 1], rows=[1, 1])


def test_many_objects_at_one_place_are_all_kept():
    lon, lat = np.full(100, 12.0), np.full(100, 34.0)
    assert sum(len(block.rows) for block in blocks_by_size(lon, lat, np.arange(100.0), 3)) == 100
