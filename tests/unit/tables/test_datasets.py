import errno
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orbitile.tables.crater_parts import write_part
from orbitile.tables.datasets import describe_part, published_parts
from orbitile.tables.parquet import write_arrow


@pytest.fixture
def tables(tmp_path):
    """Two made-up tables, of one row and of two."""
    (tmp_path / "suppressed").mkdir()
    paths = {name: tmp_path / "suppressed" / f"{name}.parquet" for name in "ab"}
    for rows, path in enumerate(paths.values(), start=1):
        write_arrow(pa.table(dict(number=list(range(rows)))), path)
    return {name: str(path) for name, path in paths.items()}


def rows_of(path):
    return pq.read_metadata(path).num_rows


def published(tables, folder):
    with published_parts(tables, folder):
        pass


def test_parts_are_the_tables_themselves(tables, tmp_path):
    folder = tmp_path / "catalogue" / "craters"
    published(tables, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["a.parquet", "b.parquet"]
    assert rows_of(folder / "b.parquet") == 2
    assert (folder / "a.parquet").samefile(tables["a"])


def test_a_table_that_is_made_anew_leaves_its_part(tables, tmp_path):
    folder = tmp_path / "craters"
    published(tables, folder)
    write_arrow(pa.table(dict(number=[1, 2, 3])), tables["a"])
    assert rows_of(folder / "a.parquet") == 1


def test_parts_of_former_groups_go(tables, tmp_path):
    folder = tmp_path / "craters"
    published(tables, folder)
    del tables["b"]
    published(tables, folder)
    assert [path.name for path in folder.iterdir()] == ["a.parquet"]


def test_after_an_error_all_is_as_before(tables, tmp_path):
    folder = tmp_path / "craters"
    published(tables, folder)
    del tables["b"]
    with pytest.raises(RuntimeError), published_parts(tables, folder):
        raise RuntimeError
    assert len(list(folder.iterdir())) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["craters", "suppressed"]


def test_what_a_killed_job_left_goes(tables, tmp_path):
    (tmp_path / ".craters.0123abcd").mkdir()
    published(tables, tmp_path / "craters")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["craters", "suppressed"]


def test_where_there_are_no_links_tables_are_copied(tables, tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    published(tables, tmp_path / "craters")
    assert (tmp_path / "craters" / "b.parquet").read_bytes() == (tmp_path / "suppressed" / "b.parquet").read_bytes()


def test_a_table_that_is_not_there(tables, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"c\.parquet"):
        published(tables | dict(c=str(tmp_path / "c.parquet")), tmp_path / "craters")


@pytest.mark.parametrize("count", [0, 2])
def test_a_part_as_a_manifest_names_it(detections, moon, tmp_path, count):
    table = detections([10, -20][:count], [1, -2][:count], 5000, [0.9, 0.8][:count])
    path = tmp_path / "craters" / "g.parquet"
    write_part(table, dict(a=dict(georef_method="projected", error_m=None)), moon, 1, path)
    assert describe_part(path) == dict(
        group="g", path="craters/g.parquet", rows=count, bytes=path.stat().st_size,
        bounds=[-20, -2, 10, 1] if count else None,
    )  # fmt: skip
