"""The scene table a user writes: which images a run is made of."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from orbitile.errors import OrbitileError, first_line
from orbitile.settings import is_plain_name
from orbitile.tables.ways import WAYS

COLUMNS = ["scene", "path", "body", "group", "way", "kernels", "corners", "mosaic", "incidence"]
"""All columns; only scene and path are needed."""


def read_scene_table(path: Path) -> pd.DataFrame:
    """Read and check a scene table (CSV or Parquet): columns scene and path, and others of COLUMNS.

    Relative paths, of kernels and files of control points too, count from the table's folder and come back complete.
    What the table does not say is None. OrbitileError names the table, the row and the way out.
    """
    table = _load(path)
    missing = {"scene", "path"} - set(table.columns)
    unknown = set(table.columns) - set(COLUMNS)
    _refuse(missing, path, f"column {_listed(missing)} missing; needed are scene and path")
    _refuse(unknown, path, f"column {_listed(unknown)} unknown; allowed are {', '.join(COLUMNS)}")
    _refuse(table.empty, path, "has no rows; add a scene")
    table = table.assign(scene=table["scene"].fillna("").astype(str), path=table["path"].fillna("").astype(str))
    for column in ("group", "way", "kernels", "corners", "mosaic"):
        table[column] = _texts(table, column)
    table["body"], table["incidence"] = _bodies(table), _numbers(table, "incidence", path)
    _check_names(table, path)
    _check_ways(table, path)
    table["path"] = [str(path.parent / p) for p in table["path"]]
    table["kernels"] = _complete(table["kernels"], path, lambda _: True)
    table["corners"] = _complete(table["corners"], path, is_points_file)
    for scene, file in zip(table["scene"], table["path"], strict=True):
        _refuse(
            re.search(r"[{}\x00-\x1f]", file),
            path,
            f"scene {scene}: path {file!r} holds braces or line breaks; rename it",
        )
    return table.sort_values("scene", ignore_index=True)[COLUMNS]


def is_points_file(corners: str) -> bool:
    """Whether corners are not told themselves, but by a file of control points."""
    return corners.lower().endswith(".csv")


def _complete(column: pd.Series, table: Path, is_path: Callable[[str], bool]) -> pd.Series:
    """A column whose paths count from the table's folder; as objects, because pandas makes NaN of None in texts."""
    return pd.Series([str(table.parent / one) if one and is_path(one) else one for one in column], dtype=object)


def _texts(table: pd.DataFrame, column: str) -> pd.Series:
    """A column as text, None where it says nothing."""
    given = table.get(column, [None] * len(table))
    return pd.Series([str(one).strip() or None if pd.notna(one) else None for one in given], dtype=object)


def _numbers(table: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """A column of numbers, None where it says nothing."""
    texts = _texts(table, column)
    numbers = pd.to_numeric(texts, errors="coerce")
    odd = texts[numbers.isna() & texts.notna()].tolist()
    _refuse(odd, path, f"{column} {odd[:1]} is not a number")
    return pd.Series([None if pd.isna(one) else float(one) for one in numbers], dtype=object)


def _check_ways(table: pd.DataFrame, path: Path) -> None:
    odd = [way for way in table["way"] if way not in (None, *WAYS)]
    _refuse(odd, path, f"way {odd[:1]} unknown; allowed are {', '.join(WAYS)}, or nothing: the best that can be gone")
    both = sorted(set(table["mosaic"].dropna()) & set(table["scene"]))
    _refuse(both, path, f"{both[:1]} is a scene and a mosaic; give the mosaic another name")
    for mosaic, strips in table.groupby("mosaic"):
        groups = set(strips["group"])
        _refuse(len(groups) > 1, path, f"mosaic {mosaic}: its strips are in several groups; name one")


def _bodies(table: pd.DataFrame) -> pd.Series:
    """Names or codes as text, None where there are none; Parquet turns codes into floats where some are missing."""
    given = table.get("body", [None] * len(table))
    whole = [int(one) if isinstance(one, float) and one.is_integer() else one for one in given]
    return pd.Series([str(one) if pd.notna(one) else None for one in whole], dtype=object)


def _load(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise OrbitileError(f"scenes: no scene table at {path}")
    try:
        read = pd.read_parquet if path.suffix == ".parquet" else _read_csv
        return read(path)
    except (ValueError, OSError) as error:
        raise OrbitileError(f"{path}: not a readable scene table ({first_line(error)})") from error


def _read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, comment="#", skipinitialspace=True)


def _check_names(table: pd.DataFrame, path: Path) -> None:
    for column in ("scene", "group", "mosaic"):
        bad = [name for name in table[column] if name is not None and not is_plain_name(str(name))]
        allowed = "allowed are letters, digits, '.', '_' and '-', not '..', not a leading '.' or '-'"
        _refuse(bad, path, f"{column} {bad[:1]} is not a plain name; {allowed}")
    twice = table["scene"][table["scene"].duplicated()].tolist()
    _refuse(twice, path, f"scene {twice[:1]} is listed more than once; give every row its own id")


def _refuse(fault: object, path: Path, message: str) -> None:
    if fault:
        raise OrbitileError(f"{path}: {message}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
