import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables.user_tables import read_user_table


@pytest.fixture
def column(tmp_path):
    """Reads a table of one column, of texts or of a Parquet type."""

    def read(cells, suffix="csv"):
        path = tmp_path / f"t.{suffix}"
        if suffix == "parquet":
            pq.write_table(pa.table(dict(a=cells)), path)
        else:
            path.write_text("\n".join(["a;b", *(f"{cell};x" for cell in cells)]))
        return read_user_table(path)

    return read


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", " 2.5 ", "+3", "-.5", "1e3", "4."], [1, 2.5, 3, -0.5, 1000, 4]),
        (["1,5", "2", "1,234"], [1.5, 2, 1.234]),
        (["1,2345"], [1.2345]),
        (["0,123"], [0.123]),
    ],
)
def test_numbers(column, cells, expected):
    assert column(cells).numeric(["a"])[0].tolist() == expected


@pytest.mark.parametrize("cells", [["1,234"], ["1,5", "2.5"], ["1.234,5"], ["1_0"], ["１"], ["0x1"], ["1 km"], ["inf"]])  # noqa: RUF001
def test_what_may_be_no_number(column, cells):
    with pytest.raises(OrbitileError, match=r"t\.csv: line 2: column a is '.*', not a number"):
        column(cells).numeric(["a"])


@pytest.mark.parametrize("cells", [pa.array([1, 2]), pa.array([1.0, 2.0], pa.float32()), pa.array(["1", "2"])])
def test_types_of_numbers(column, cells):
    table = column(cells, "parquet")
    assert table.numeric(["a"])[0].tolist() == [1, 2]
    assert table.texts("a") == ["1", "2"]


@pytest.mark.parametrize("cells", [pa.array([[1], [2]]), pa.array([True]), pa.array([dict(a=1)])])
def test_other_types_are_refused(column, cells):
    for read in (lambda table: table.numeric(["a"]), lambda table: table.texts("a")):
        with pytest.raises(OrbitileError, match=r"t\.parquet: column a holds values of type .* \(row 1: "):
            read(column(cells, "parquet"))


def test_a_null_is_no_number(column):
    with pytest.raises(OrbitileError, match=r"t\.parquet: row 2: column a is empty, not a number"):
        column(pa.array([1.0, None]), "parquet").numeric(["a"])


def test_selected_rows_keep_their_numbers(column):
    table = column(["1", "x", "3"]).select(np.array([True, False, True]))
    assert (len(table), table.place(1).endswith("t.csv: line 4")) == (2, True)
    assert table.numeric(["a"])[0].tolist() == [1, 3]
