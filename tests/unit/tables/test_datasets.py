import errno
import os

import pyarrow as pa
import pytest

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


def published(tables, folder):
    with published_parts(tables, folder):
        pass


def test_parts_are_the_tables_themselves(tables, tmp_path):
    folder = tmp_path / "catalogue" / "craters"
    published(tables, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["a.parquet", "b.parquet"]
    assert describe_part(folder / "b.parquet")["rows"] == 2
    assert (folder / "a.parquet").samefile(tables["a"])


def test_a_table_that_is_made_anew_leaves_its_part(tables, tmp_path):
    folder = tmp_path / "craters"
    published(tables, folder)
    write_arrow(pa.table(dict(number=[1, 2, 3])), tables["a"])
    assert describe_part(folder / "a.parquet")["rows"] == 1


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
    assert describe_part(tmp_path / "craters" / "b.parquet") == describe_part(tmp_path / "suppressed" / "b.parquet")


def test_a_table_that_is_not_there(tables, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"c\.parquet"):
        published(tables | dict(c=str(tmp_path / "c.parquet")), tmp_path / "craters")
