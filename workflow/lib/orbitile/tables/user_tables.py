"""Tables that users write, as text, Parquet or vector files, read strictly: faults name file, row and column."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.messages import shortened
from orbitile.tables.column_names import column_places, table_place
from orbitile.tables.csv_text import read_text_columns

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".tab", ".dat")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)
NO_NUMBER = ", not a number; write numbers with a decimal point, and units into the column's name"
WEST_LIMIT, EAST_LIMIT = -360, 540
"""Longitudes are counted from -180, from 0, or westwards; a scene across 180 E may go on beyond."""
ROUNDING_DEG = 1e-9
NO_VALUES = frozenset(
    ("", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "-nan", "1.#qnan", "-1.#ind", "1.#ind", "#na", "-1.#qnan")
)
"""Words of programs for an empty cell, in lower case."""


@dataclass(frozen=True, eq=False)
class UserTable:
    """Columns (by plain name) of a user's table; `header` holds all its names, `numbers` the rows' lines or numbers.

    `unit` says what is numbered: "line" of a text, else "row".
    """

    path: Path
    columns: dict[str, pa.ChunkedArray]
    header: list[str]
    numbers: Sequence[int]
    unit: str

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, chosen: np.ndarray) -> "UserTable":
        """The rows that a boolean array (n) selects."""
        columns = {name: column.filter(pa.array(chosen)) for name, column in self.columns.items()}
        return replace(self, columns=columns, numbers=np.asarray(self.numbers)[chosen].tolist())

    def place(self, index: int) -> str:
        """A row's file and line, or row, by its index."""
        return table_place(self.path, self.unit, self.numbers[index])

    def refuse(self, invalid: np.ndarray, name: str, message: str) -> None:
        """Raise OrbitileError for the first row that a boolean array (n) marks, with its cell and a message."""
        rows = np.flatnonzero(invalid)
        if not len(rows):
            return
        more = f" (and in {len(rows) - 1} more rows)" if len(rows) > 1 else ""
        cell = _cell_text(self.columns[name][int(rows[0])].as_py())
        raise OrbitileError(f"{self.place(int(rows[0]))}: column {name} is {cell}{more}{message}")

    def refuse_off_body(self, lon: np.ndarray, lat: np.ndarray, names: tuple[str, str]) -> None:
        """Raise OrbitileError for the first row whose longitude or latitude (n, degrees), by column name, cannot be."""
        swapped = "; latitudes lie in -90..90 degrees; are longitude and latitude swapped?"
        self.refuse(np.abs(lat) > 90 + ROUNDING_DEG, names[1], swapped)
        is_off = (lon < WEST_LIMIT) | (lon > EAST_LIMIT)
        self.refuse(is_off, names[0], f"; longitudes lie in {WEST_LIMIT}..{EAST_LIMIT} degrees")

    def numeric(self, names: Sequence[str]) -> list[np.ndarray]:
        """Columns of finite numbers, each (n). OrbitileError for the first cell that holds none.

        Decimal commas are read where no cell has a point, and at least one cannot be a group of thousands.
        """
        columns = {name: self._parsed(name) for name in names}
        texts = {name: column for name, column in columns.items() if isinstance(column, list)}
        if texts:
            cells = [cell for column in texts.values() for cell in column if "," in cell or "." in cell]
            comma = _has_decimal_commas(cells)
            columns |= {name: _floats(column, comma) for name, column in texts.items()}
        for name, column in columns.items():
            self.refuse(~np.isfinite(column), name, NO_NUMBER)
        return [np.asarray(columns[name], float) for name in names]

    def texts(self, name: str) -> list[str]:
        """A column of texts and whole numbers as texts without surrounding blanks, "" for empty cells."""
        column = self._plain_column(name)
        if pa.types.is_floating(column.type):
            values = column.to_pylist()
            return ["" if v is None or v != v else str(int(v) if v.is_integer() else v) for v in values]
        if not (_is_text(column.type) or pa.types.is_integer(column.type) or pa.types.is_null(column.type)):
            self._refuse_type(name, "texts and numbers")
        return ["" if value is None else str(value).strip() for value in self._values(name, column)]

    def _parsed(self, name: str) -> np.ndarray | list[str]:
        """A column as numbers where it is of such a type or all its texts are numbers with a point; else its texts."""
        column = self._plain_column(name)
        if _is_text(column.type):
            trimmed = pc.utf8_trim_whitespace(column)
            try:
                return trimmed.cast(pa.float64()).to_numpy()
            except pa.ArrowInvalid:
                return self._values(name, trimmed.fill_null(""))
        kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
        if not any(is_kind(column.type) for is_kind in kinds):
            self._refuse_type(name, "numbers")
        return column.cast(pa.float64(), safe=False).to_numpy()

    def _plain_column(self, name: str) -> pa.ChunkedArray:
        column = self.columns[name]
        return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column

    def _values(self, name: str, column: pa.ChunkedArray) -> list:
        """A column's values; OrbitileError for bytes that are no text, as of a damaged file."""
        try:
            return column.to_pylist()
        except UnicodeDecodeError as error:
            raise OrbitileError(
                f"{self.path}: column {name} holds bytes that are no text; is the file damaged?"
            ) from error

    def _refuse_type(self, name: str, allowed: str) -> None:
        column = self.columns[name]
        cell = _cell_text(column[0].as_py()) if len(column) else "empty"
        raise OrbitileError(
            f"{self.path}: column {name} holds values of type {column.type} (row 1: {cell}); allowed are {allowed}"
        )


def read_user_table(path: Path, wanted: Collection[str] | None = None) -> UserTable:
    """Read the wanted columns (plain names; None: all) of a text, a Parquet or a vector file, by the file's suffix.

    Suffixes count in upper or lower case; a file of any other suffix than those of texts and Parquet is read as a
    vector file. OrbitileError with file and row for what cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path, wanted)
    return read_text_table(path, wanted) if suffix in TEXT_SUFFIXES else _read_vectors(path, wanted)


def read_text_table(path: Path, wanted: Collection[str] | None = None) -> UserTable:
    """Read the wanted columns of a table as text, whatever its suffix (see orbitile.tables.csv_text)."""
    text = read_text_columns(path, wanted)
    return UserTable(path, text.columns, text.header, text.lines, "line")


def _read_parquet(path: Path, wanted: Collection[str] | None) -> UserTable:
    try:
        file = pq.ParquetFile(path)
        header = file.schema_arrow.names
        places = column_places(header, wanted, str(path))
        table = file.read([header[index] for index in places.values()])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise OrbitileError(f"{path}: not a readable Parquet file ({shortened(first_line(error), 200)})") from error
    columns = {name: table.column(header[index]) for name, index in places.items()}
    return UserTable(path, columns, header, range(1, file.metadata.num_rows + 1), "row")


def _read_vectors(path: Path, wanted: Collection[str] | None) -> UserTable:
    from orbitile.tables.layers import read_layer_columns  # imports geopandas, which text needs not

    frame = read_layer_columns(path)
    header = [str(name) for name in frame.columns]
    places = column_places(header, wanted, str(path))
    try:
        columns = {name: pa.chunked_array([pa.array(frame.iloc[:, index])]) for name, index in places.items()}
    except pa.ArrowException as error:
        reason = shortened(first_line(error), 200)
        raise OrbitileError(f"{path}: a column holds values of several types ({reason})") from error
    return UserTable(path, columns, header, range(1, len(frame) + 1), "row")


def is_empty_cell(text: str) -> bool:
    """Whether a cell is empty, or holds a word that programs write for an empty one."""
    return text.lower() in NO_VALUES


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _has_decimal_commas(cells: Sequence[str]) -> bool:
    """Whether commas in cells can only be decimal ones."""
    commas = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell)]
    return not any("." in cell for cell in cells) and any(not THOUSANDS.fullmatch(cell) for cell in commas)


def _floats(cells: Sequence[str], comma: bool) -> np.ndarray:
    """Texts as numbers, NaN for those that are none."""
    if comma:
        cells = [cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]
    return np.array([float(cell) if NUMBER.fullmatch(cell) else np.nan for cell in cells], float)


def _cell_text(value: object) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return "empty"
    return repr(shortened(value)) if isinstance(value, str) else shortened(str(value))
