"""Judgements of a catalogue's craters that reviewers saved, one file each, read strictly: CSV, or a layer of QGIS."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.review.outlines import circles_of_outlines
from orbitile.review.verdicts import FALSE, RIGHT, UNSURE
from orbitile.space.bodies import Body
from orbitile.space.ground import wrap_longitude
from orbitile.tables.column_names import column_places, listed_names
from orbitile.tables.craters import LARGEST_KM
from orbitile.tables.layers import layer_map, read_layers
from orbitile.tables.user_tables import UserTable, is_empty_cell, read_text_table

MOVED, ADDED = "moved", "added"
VERDICTS = (RIGHT, FALSE, UNSURE, MOVED, ADDED)
"""What a reviewer may say of a row: that it is a crater, that it is none, that nobody can tell, that the crater has
another place or size; and of a crater without a row that it was missed."""
COLUMNS = ("id", "verdict", "lon", "lat", "diameter_km", "scene", "reviewer", "judged_at", "catalogue")
NOTE = "note"
LIST, SAMPLE, FILTER = "list", "sample", "filter"
"""Column that says by which list a row was judged: the random sample, or one that filters made; or nothing, where the
file does not tell."""
LAYER = "judge"
"""The layer of a GeoPackage that is read, where there is one of this name."""
LAYER_SUFFIXES = (".gpkg",)
CIRCLE = ("lon", "lat", "diameter_km")
FILE = "file"
"""Column that names file and line of a judgement."""


def read_judgements(paths: Sequence[Path], sha256: str | None, body: Body) -> pd.DataFrame:
    """The judgements of all files (columns COLUMNS, NOTE, LIST and FILE), of repeated ones of a reviewer the last.

    `sha256` is that of the catalogue, which all must be about; `judged_at` are times with a zone. OrbitileError with
    file and line for what is no judgement, and for judgements of another catalogue.
    """
    frames = [_read(path, sha256, body) for path in paths]
    if not frames:
        return pd.DataFrame({name: [] for name in (*COLUMNS, NOTE, LIST, FILE)})
    return _last_of_repeats(pd.concat(frames, ignore_index=True))


def _read(path: Path, sha256: str | None, body: Body) -> pd.DataFrame:
    if not path.is_file():
        raise OrbitileError(f"{path}: there is no such file of judgements")
    table = _layer_table(path, body) if path.suffix.lower() in LAYER_SUFFIXES else read_text_table(path)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise OrbitileError(
            f"{path}: no column {missing[0]}; judgements have {', '.join(COLUMNS)}, and this file has "
            f"{listed_names(table.header)}"
        )
    table = table.select(np.array([not is_empty_cell(text) for text in table.texts("verdict")], bool))
    texts = {name: table.texts(name) for name in COLUMNS if name not in (*CIRCLE, "judged_at")}
    verdict = [text.lower() for text in texts["verdict"]]
    _check_texts(table, texts, np.array(verdict, object), sha256)
    circle = dict(zip(CIRCLE, _circles(table), strict=True))
    extra = {
        NOTE: _optional(table, NOTE),
        LIST: _optional(table, LIST),
        FILE: [table.place(row) for row in range(len(table))],
    }
    frame = pd.DataFrame(texts | dict(verdict=verdict) | circle | dict(judged_at=_times(table)) | extra)
    is_unknown = ~frame[LIST].isin(("", SAMPLE, FILTER)).to_numpy(bool)
    table.refuse(is_unknown, LIST, f"; write {SAMPLE} or {FILTER}, or leave it empty")
    return frame[[*COLUMNS, NOTE, LIST, FILE]]


def _optional(table: UserTable, name: str) -> list[str]:
    """The texts of a column; empty ones where there is none."""
    return table.texts(name) if name in table.columns else [""] * len(table)


def _check_texts(table: UserTable, texts: dict[str, list[str]], verdict: np.ndarray, sha256: str | None) -> None:
    """OrbitileError for the first row whose words cannot be right."""
    table.refuse(~np.isin(verdict, VERDICTS), "verdict", f"; write {', '.join(VERDICTS[:-1])} or {ADDED}")
    is_other = np.array([text != (sha256 or "") for text in texts["catalogue"]], bool)
    table.refuse(
        is_other, "catalogue", f", but the catalogue of this run is {sha256}: judge that one, or leave the file out"
    )
    has_id = np.array([not is_empty_cell(text) for text in texts["id"]], bool)
    is_added = verdict == ADDED
    table.refuse(has_id & is_added, "id", f", but the verdict is {ADDED}; a crater that the catalogue lacks has no id")
    table.refuse(~has_id & ~is_added, "id", f"; give the id of the row, or write {ADDED} for a crater without a row")
    no_name = np.array([is_empty_cell(text) for text in texts["reviewer"]], bool)
    table.refuse(no_name, "reviewer", "; write who judged")


def _circles(table: UserTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitudes, latitudes and diameters in km (n each); OrbitileError for those that cannot be."""
    lon, lat, diameter_km = table.numeric(CIRCLE)
    table.refuse_off_body(lon, lat, ("lon", "lat"))
    is_invalid = (diameter_km <= 0) | (diameter_km > LARGEST_KM)
    table.refuse(is_invalid, "diameter_km", f"; diameters are above 0 and at most {LARGEST_KM} km")
    return wrap_longitude(lon), np.clip(lat, -90, 90), diameter_km


def _times(table: UserTable) -> list[datetime]:
    """The column judged_at as times; those without a zone are UTC."""
    times = [_time(text) for text in table.texts("judged_at")]
    is_none = np.array([time is None for time in times], bool)
    table.refuse(is_none, "judged_at", ", no time; write it such as 2026-05-31T14:05:00Z")
    return [time for time in times if time is not None]


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _layer_table(path: Path, body: Body) -> UserTable:
    """A layer of a GeoPackage: of craters that were moved and added, the outlines say where and how large they are."""
    layers = read_layers(path)
    if not layers:
        raise OrbitileError(f"{path}: the file holds no layer with shapes; give another file")
    frame = layers.get(LAYER, next(iter(layers.values())))
    layer_map(frame, path, body)  # refuses maps of other bodies
    if frame.crs is not None and not frame.crs.is_geographic:
        frame = frame.to_crs(body.crs)
    header = [str(name) for name in frame.columns if name != frame.geometry.name]
    columns = {name: frame[header[index]] for name, index in column_places(header, None, str(path)).items()}
    if {"verdict", *CIRCLE} <= set(columns):
        columns |= _with_outlines(frame, columns, path, body)
    arrays = {name: pa.chunked_array([_plain_array(column)]) for name, column in columns.items()}
    return UserTable(path, arrays, header, range(1, len(frame) + 1), "row")


def _with_outlines(
    frame: geopandas.GeoDataFrame, columns: dict[str, pd.Series], path: Path, body: Body
) -> dict[str, pd.Series]:
    """The circles of a layer's rows, of which those that were moved and added have those of their outlines."""
    verdict = columns["verdict"].astype(object).where(columns["verdict"].notna(), "").astype(str)
    chosen = np.flatnonzero(verdict.str.strip().str.lower().isin((MOVED, ADDED)) & ~frame.geometry.isna())
    circles = circles_of_outlines(frame.geometry.to_numpy()[chosen], chosen, path, body)
    changed = {}
    for name, values in zip(CIRCLE, circles, strict=True):
        column = pd.to_numeric(columns[name], errors="coerce").to_numpy(float).copy()
        is_outline = np.isfinite(values)
        column[chosen[is_outline]] = values[is_outline]
        changed[name] = pd.Series(column, index=frame.index)
    return changed


def _plain_array(column: pd.Series) -> pa.Array:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = column.dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object).where(column.notna(), None)
    return pa.array(column, from_pandas=True)


def _last_of_repeats(judgements: pd.DataFrame) -> pd.DataFrame:
    """Each reviewer's last judgement of each row; additions are repeated where place and size are the same."""
    is_added = (judgements["verdict"] == ADDED).to_numpy()
    lon, lat, diameter_km, scene = (judgements[name].astype(str) for name in (*CIRCLE, "scene"))
    key = judgements["id"].where(~is_added, lon + "/" + lat + "/" + diameter_km + "/" + scene)
    keyed = judgements.assign(_key=key, _added=is_added).sort_values("judged_at", kind="stable")
    kept = keyed.drop_duplicates(["reviewer", "_added", "_key"], keep="last").sort_index()
    return kept.drop(columns=["_key", "_added"]).reset_index(drop=True)
