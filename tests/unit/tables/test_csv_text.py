import logging

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables import csv_text
from orbitile.tables.csv_text import read_text_columns


@pytest.fixture
def read(tmp_path):
    def from_text(text, wanted=None):
        (tmp_path / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_text_columns(tmp_path / "t.csv", wanted)

    return from_text


def test_rows_keep_the_numbers_of_their_lines(read):
    table = read('# made up\n\na,b\n1,"x\n# y"\n# 3\n\n2,#3\n')
    assert table.columns["a"].to_pylist() == ["1", "2"]
    assert table.columns["b"].to_pylist() == ["x\n# y", "#3"]
    assert list(table.lines) == [4, 8]


def test_only_wanted_columns_are_read(read):
    table = read("a,b,c\n1,2,3\n", {"c"})
    assert (list(table.columns), table.header) == (["c"], ["a", "b", "c"])


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7])
def test_pieces_are_joined(read, monkeypatch, rows):
    monkeypatch.setattr(csv_text, "ROWS_AT_ONCE", 3)
    table = read("a,b\n" + "".join(f"{n},{n + 1}\n" for n in range(rows)))
    assert table.columns["b"].to_pylist() == [str(n + 1) for n in range(rows)]
    assert list(table.lines) == [n + 2 for n in range(rows)]


def test_comments_that_look_like_rows_are_told(read, caplog):
    with caplog.at_level(logging.WARNING):
        read("a,b\n#7,1\n# note\n2,3\n")
    assert "also 1 that look like rows, the first in line 2" in caplog.text


def test_lines_have_a_bound(read, monkeypatch):
    monkeypatch.setattr(csv_text, "LONGEST_LINE", 10)
    with pytest.raises(OrbitileError, match=r"t\.csv: line 2 is longer than 10 characters"):
        read("a,b\n12345,678901\n")
