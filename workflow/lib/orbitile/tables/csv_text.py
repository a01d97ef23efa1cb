"""Tables as text: separated by commas, semicolons, tabs or bars, in any Unicode; each line stands for itself."""

import codecs
import csv
import io
import logging
import re
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.tables.column_names import column_places, table_place

log = logging.getLogger(__name__)

SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""Encodings by the mark that a file begins with; without a mark it is UTF-8."""
OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel file or a zip archive", b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x1f\x8b": "compressed", b"PAR1": "Parquet", b"SQLite format 3": "a database", b"%PDF": "a PDF",
}  # fmt: skip
"""What files are that are no text, by their first bytes."""
LONGEST_LINE = 10_000_000
ROWS_AT_ONCE = 2000
Row = tuple[int, list[str]]
"""A line's number and its fields."""


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows, by column, as comma-separated text with a line of names.

    What a row lacks is empty; what it has beside the columns is left out.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@dataclass(frozen=True)
class TextColumns:
    """The columns (texts, by plain name) of a table, its header, and the numbers (from 1) of its rows' lines."""

    columns: dict[str, pa.ChunkedArray]
    header: list[str]
    lines: Sequence[int]


def read_text_columns(path: Path, wanted: Collection[str] | None = None) -> TextColumns:
    """Read the wanted columns of a table by their plain names (None: all); lines that begin with # are comments.

    OrbitileError with file and line where fields are missing or left over, quotes are not closed, two wanted columns
    have one name, or a wanted cell is no Unicode; for an empty file, and for what is no text.
    """
    with _opened(path) as file:
        lines = _numbered_lines(file, path)
        header_line, text = _first_line(lines, path)
        if mark := re.fullmatch(r"sep=(.)\s*", text):  # as Excel writes it
            header_line, text = _first_line(lines, path)
        separator = mark[1] if mark else _separator(text)
        header = [name.strip() for name in _fields(header_line, text, lines, separator, path)]
        while len(header) > 1 and not header[-1]:
            header.pop()
        places = column_places(header, wanted, table_place(path, "line", header_line))
        records = _Records(lines, separator, len(header), path)
        return TextColumns(_columns(records, places, path), header, records.numbers)


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as file:
        start = file.read(16)
    for signature, name in OTHER_FORMATS.items():
        if start.startswith(signature):
            raise OrbitileError(f"{path}: is {name}; save the table as CSV (.csv) or Parquet (.parquet)")
    encoding = next((name for mark, name in ENCODINGS.items() if start.startswith(mark)), "utf-8")
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    return path.open(encoding=encoding, errors=errors)


def _numbered_lines(file: IO[str], path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise OrbitileError(f"{path}: line {number} is longer than {LONGEST_LINE} characters; is it a table?")
            if "\0" in line:
                raise OrbitileError(
                    f"{path}: line {number} holds bytes that are no text (NUL); save the table as CSV in UTF-8"
                )
            yield number, line
    except UnicodeError as error:
        raise OrbitileError(f"{path}: line {number + 1} is no Unicode text; save the table as UTF-8") from error


def _first_line(lines: Iterator[tuple[int, str]], path: Path) -> tuple[int, str]:
    """The first line that is neither empty nor a comment."""
    for number, line in lines:
        if line.strip() and not line.startswith("#"):
            return number, line
    raise OrbitileError(f"{path}: is empty; a table begins with a line of column names")


def _separator(header: str) -> str:
    """What separates most fields of a header."""
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(SEPARATORS, key=unquoted.count)


def _fields(number: int, line: str, lines: Iterator[tuple[int, str]], separator: str, path: Path) -> list[str]:
    """The fields of a row that begins in a line; only what is quoted may go on in the next ones."""
    if '"' not in line:
        return line.rstrip("\n").split(separator)
    rest = chain([line], (text for _, text in lines))
    try:
        return next(csv.reader(rest, delimiter=separator, strict=True, skipinitialspace=separator != "\t"))
    except (csv.Error, StopIteration) as error:
        raise OrbitileError(
            f"{path}: line {number}: its quotes are not in order ({error}); quote entire fields, with quotes in them "
            "doubled"
        ) from error


class _Records:
    """The rows after the header, without comments and empty lines, all of the header's length."""

    def __init__(self, lines: Iterator[tuple[int, str]], separator: str, width: int, path: Path) -> None:
        self._lines, self._separator, self._width, self._path = lines, separator, width, path
        self.numbers = array("q")

    def __iter__(self) -> Iterator[list[str]]:
        comments = array("q")
        for number, line in self._lines:
            if line.startswith("#"):
                if line.count(self._separator) == self._width - 1 > 0:
                    comments.append(number)
                continue
            fields = _fields(number, line, self._lines, self._separator, self._path)
            if not fields[0].strip() and not any(map(str.strip, fields)):
                continue
            if len(fields) != self._width:
                self._check_width(number, fields)
            self.numbers.append(number)
            yield fields
        if comments:
            log.warning(
                "%s: lines that begin with # are comments, also %d that look like rows, the first in line %d; quote "
                "the first field of those that are rows", self._path, len(comments), comments[0],
            )  # fmt: skip

    def _check_width(self, number: int, fields: list[str]) -> None:
        if len(fields) < self._width or any(map(str.strip, fields[self._width :])):
            raise OrbitileError(
                f"{self._path}: line {number} has {len(fields)} fields, but the header names {self._width} columns; "
                "write one field for each column, and quote those with separators in them"
            )


def _columns(records: _Records, places: dict[str, int], path: Path) -> dict[str, pa.ChunkedArray]:
    """The columns at some places, by name; gathered piece by piece, because Arrow's texts take less memory."""
    pieces: list[list[pa.Array]] = [[] for _ in places]
    rows: list[list[str]] = []
    indices = list(places.values())

    def gather() -> None:
        for name, piece, cells in zip(places, pieces, zip(*rows, strict=True), strict=False):
            first = len(records.numbers) - len(rows)
            piece.append(_arrow_texts(cells, name, path, records.numbers[first:]))
        rows.clear()

    for fields in records:
        rows.append([fields[index] for index in indices])
        if len(rows) >= ROWS_AT_ONCE:
            gather()
    gather()
    return {name: pa.chunked_array(piece, pa.string()) for name, piece in zip(places, pieces, strict=True)}


def _arrow_texts(cells: Sequence[str], name: str, path: Path, lines: Sequence[int]) -> pa.Array:
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        bad = next(i for i, cell in enumerate(cells) if any("\ud800" <= letter <= "\udfff" for letter in cell))
        raise OrbitileError(
            f"{table_place(path, 'line', lines[bad])}: column {name}: {shortened(cells[bad])} is not UTF-8; save the "
            "table as UTF-8"
        ) from None
