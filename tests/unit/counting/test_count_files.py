import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.counting.area_count import COLUMNS, AreaCount
from orbitile.counting.count_files import read_count, read_counts, read_draws, write_count, write_draws

SHAPE = shapely.MultiPolygon([shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)])


def count(size, name="Mare Ä"):
    size = np.asarray(size, float)
    return AreaCount(name, SHAPE, 1234.5678901234, size + 1, size + 2, size, size + 3, size + 4, size / 10)


@pytest.fixture
def manifest(tmp_path):
    """Two areas, the second without a crater, each with three draws."""
    path = tmp_path / "counts.json"
    path.write_text(json.dumps(dict(areas=[dict(folder="a"), dict(folder="b")], settings=dict(draws=3))))
    for folder, sizes in (("a", [1.0, 2.0, 3.0]), ("b", [])):
        (tmp_path / folder).mkdir()
        area = count(sizes, folder)
        write_count(area, area.diameter_km < 3, tmp_path / folder / "craters.parquet")
        draws = [(np.arange(len(area))[:k], area.taking(np.arange(len(area))[:k])) for k in (2, 0, 1)]
        write_draws(iter(draws), tmp_path / folder / "draws.parquet")
    return path


def test_a_count_comes_back_as_it_was(tmp_path):
    write_count(count([1.0, 2.0]), np.array([True, False]), tmp_path / "craters.parquet")
    read, counted = read_count(tmp_path / "craters.parquet")
    assert (read.name, read.searched_km2, counted.tolist()) == ("Mare Ä", 1234.5678901234, [True, False])
    assert read.shape.equals_exact(SHAPE)
    assert all((getattr(read, name) == getattr(count([1.0, 2.0]), name)).all() for name in COLUMNS)


def test_counts_hold_what_is_counted_in_the_order_of_the_manifest(manifest):
    counts = read_counts(manifest)
    assert [(area.name, area.diameter_km.tolist()) for area in counts] == [("a", [1, 2]), ("b", [])]


def test_draws_come_back_area_by_area(manifest):
    draws = read_draws(manifest)
    assert list(draws) == ["a", "b"]
    assert [draw.diameter_km.tolist() for draw in draws["a"]] == [[1, 2], [], [1]]
    assert draws["a"][0].lon.tolist() == [2, 3] and draws["a"][0].probability.tolist() == [1, 1]
    assert [len(draw) for draw in draws["b"]] == [0, 0, 0]


@pytest.mark.parametrize("content", ["{}", '{"areas": [{}]}', '{"areas": 3}'])
def test_another_manifest_is_refused(tmp_path, content):
    (tmp_path / "counts.json").write_text(content)
    with pytest.raises(OrbitileError, match=r"counts.json: names no areas"):
        read_counts(tmp_path / "counts.json")


def test_another_table_is_refused(manifest):
    pq.write_table(pa.table(dict(lon=[1.0])), manifest.parent / "a" / "craters.parquet")
    with pytest.raises(OrbitileError, match="is no table of counted craters"):
        read_counts(manifest)


def test_a_missing_table_is_refused(manifest):
    (manifest.parent / "b" / "craters.parquet").unlink()
    with pytest.raises(OrbitileError, match="not a readable table"):
        read_counts(manifest)
