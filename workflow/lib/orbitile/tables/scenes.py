"""The scene table that a user writes: which images a run is made of."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.names import is_plain_name, parse_band
from orbitile.tables.georef_methods import GEOREF_METHODS


class SceneEntry(NamedTuple):
    """A row of the scene table; None for empty cells. `incidence` is in degrees."""

    scene: str
    path: str
    body: str | None
    group: str | None
    georef_method: str | None
    kernels: str | None
    corners: str | None
    mosaic: str | None
    incidence: float | None
    bands: tuple[int | str, ...] | None


COLUMNS = list(SceneEntry._fields)
"""All columns; only scene and path are required."""

TEXTS = ("group", "georef_method", "kernels", "corners", "mosaic")
"""Columns of plain text."""


def read_scene_table(path: Path) -> pd.DataFrame:
    """Read and check a scene table (CSV or Parquet): columns scene and path, and others of COLUMNS.

    Relative paths, also of kernels and files of control points, count from the table's folder and come back complete.
    Bands come back as tuples of numbers (from 1) and names. Empty cells are None. OrbitileError names the table, the
    row and the way out.
    """
    table = _load(path)
    missing = {"scene", "path"} - set(table.columns)
    unknown = set(table.columns) - set(COLUMNS)
    _refuse(missing, path, f"column {_listed(missing)} is missing; scene and path are required")
    _refuse(unknown, path, f"column {_listed(unknown)} is unknown; allowed are {', '.join(COLUMNS)}")
    _refuse(table.empty, path, "has no rows; add a scene")
    table = table.assign(scene=table["scene"].fillna("").astype(str), path=table["path"].fillna("").astype(str))
    for column in TEXTS:
        table[column] = _texts(table, column)
    table["body"], table["incidence"] = _integers_as_text(table, "body"), _numbers(table, "incidence", path)
    table["bands"] = _bands(table, path)
    _check_names(table, path)
    _check_georef_methods(table, path)
    table["path"] = [str(path.parent / image) for image in table["path"]]
    table["kernels"] = _complete_paths(table["kernels"], path, lambda _: True)
    table["corners"] = _complete_paths(table["corners"], path, is_points_file)
    for scene, image in zip(table["scene"], table["path"], strict=True):
        has_bad_letters = re.search(r"[{}\x00-\x1f]", image)
        _refuse(has_bad_letters, path, f"scene {scene}: path {image!r} contains braces or line breaks; rename the file")
    return table.sort_values("scene", ignore_index=True)[COLUMNS]


def is_points_file(corners: str) -> bool:
    """Whether the column corners names a file of control points instead of the corners themselves."""
    return corners.lower().endswith(".csv")


def _complete_paths(column: pd.Series, table: Path, is_path: Callable[[str], bool]) -> pd.Series:
    """A column whose paths count from the table's folder; as objects, because pandas makes NaN of None in texts."""
    cells = [str(table.parent / cell) if cell and is_path(cell) else cell for cell in column]
    return pd.Series(cells, dtype=object)


def _texts(table: pd.DataFrame, column: str) -> pd.Series:
    """A column as text; None for empty cells."""
    cells = table.get(column, [None] * len(table))
    return pd.Series([str(cell).strip() or None if pd.notna(cell) else None for cell in cells], dtype=object)


def _numbers(table: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """A column of numbers; None for empty cells."""
    texts = _texts(table, column)
    numbers = pd.to_numeric(texts, errors="coerce")
    invalid = texts[numbers.isna() & texts.notna()].tolist()
    _refuse(invalid, path, f"{column} {invalid[:1]} is not a number")
    return pd.Series([None if pd.isna(number) else float(number) for number in numbers], dtype=object)


def _bands(table: pd.DataFrame, path: Path) -> pd.Series:
    """The column bands, as tuples of band numbers and names; None for empty cells."""
    cells = []
    for scene, text in zip(table["scene"], _integers_as_text(table, "bands"), strict=True):
        try:
            cells.append(tuple(parse_band(word) for word in re.split(r"[\s;,+]+", text) if word) if text else None)
        except ValueError as error:
            raise OrbitileError(f"{path}: scene {scene}: bands {text!r}: {error}") from error
    return pd.Series([cell or None for cell in cells], dtype=object)


def _check_georef_methods(table: pd.DataFrame, path: Path) -> None:
    unknown = [method for method in table["georef_method"] if method not in (None, *GEOREF_METHODS)]
    _refuse(
        unknown,
        path,
        f"georef_method {unknown[:1]} is unknown; allowed are {', '.join(GEOREF_METHODS)}, or an empty cell for the "
        "best that is possible",
    )
    ambiguous = sorted(set(table["mosaic"].dropna()) & set(table["scene"]))
    _refuse(ambiguous, path, f"{ambiguous[:1]} is the name of a scene and of a mosaic; give the mosaic another name")
    for mosaic, strips in table.groupby("mosaic"):
        groups = set(strips["group"])
        _refuse(len(groups) > 1, path, f"mosaic {mosaic}: its strips are in different groups; name the same for all")


def _integers_as_text(table: pd.DataFrame, column: str) -> pd.Series:
    """A column of names or whole numbers as text, None for empty cells; Parquet turns numbers into floats there."""
    cells = table.get(column, [None] * len(table))
    integers = [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in cells]
    return pd.Series([str(cell) if pd.notna(cell) else None for cell in integers], dtype=object)


def _load(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise OrbitileError(f"scenes: there is no scene table at {path}")
    try:
        read = pd.read_parquet if path.suffix == ".parquet" else _read_csv
        return read(path)
    except (ValueError, OSError) as error:
        raise OrbitileError(f"{path}: is not a readable scene table ({first_line(error)})") from error


def _read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, comment="#", skipinitialspace=True)


def _check_names(table: pd.DataFrame, path: Path) -> None:
    for column in ("scene", "group", "mosaic"):
        invalid = [name for name in table[column] if name is not None and not is_plain_name(str(name))]
        allowed = "allowed are letters, digits, '.', '_' and '-', but no '..', and no '.' or '-' at the beginning"
        _refuse(invalid, path, f"{column} {invalid[:1]} is not a plain name; {allowed}")
    repeated = table["scene"][table["scene"].duplicated()].tolist()
    _refuse(repeated, path, f"scene {repeated[:1]} is listed more than once; give every row an id of its own")


def _refuse(fault: object, path: Path, message: str) -> None:
    if fault:
        raise OrbitileError(f"{path}: {message}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
