"""Named areas in which craters are counted: the polygons of a vector file, in degrees on the body."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.base.names import LONGEST_NAME
from orbitile.features.shapes.lonlat_shapes import polygons_in_degrees, united
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground
from orbitile.tables.column_names import listed_names, plain_name
from orbitile.tables.layer_geometry import POLYGONS, checked_geometry
from orbitile.tables.layers import layer_map, read_layers

log = logging.getLogger(__name__)

NAME = "name"
"""The column of names where the settings name none."""


@dataclass(frozen=True, eq=False)
class NamedArea:
    """A polygon in degrees inside -180..180, its name, and what was mended of it, if anything."""

    name: str
    shape: shapely.Geometry
    note: str | None = None


class RefusedArea(NamedTuple):
    """An area that nothing is counted in, and why, in one line."""

    name: str
    reason: str


class AreaFile(NamedTuple):
    """The areas of a file, in its order, and those that were refused."""

    areas: list[NamedArea]
    refused: list[RefusedArea]


def read_areas(path: str | Path, body: Body, name_column: str | None = None) -> AreaFile:
    """Read the areas of a vector file, all its layers; features of one name are one area.

    Names stand in `name_column`, or in the column "name" where there is one; else areas are called area-1, area-2 ...
    by their rows. An area that cannot be used is refused by itself. OrbitileError for a file that cannot be read, has
    no such column, or holds no area that can be used.
    """
    features = [
        feature for frame in read_layers(path).values() for feature in _features(frame, path, body, name_column)
    ]
    refused = [feature for feature in features if isinstance(feature, RefusedArea)]
    areas = _joined([feature for feature in features if isinstance(feature, NamedArea)])
    for area in refused:
        log.warning("area %s: left out: %s", area.name, area.reason)
    if not areas:
        more = f" (and {len(refused) - 1} areas more)" if len(refused) > 1 else ""
        reason = f"{refused[0].reason}{more}" if refused else "it holds no polygon; draw areas, or give another file"
        raise OrbitileError(reason if str(path) in reason else f"{path}: {reason}")
    return AreaFile(areas, refused)


def read_polygons_as_one(path: str | Path, body: Body) -> shapely.Geometry:
    """The polygons of all layers of a vector file, as one shape in degrees; OrbitileError as of `checked_geometry`."""
    shapes = [_in_degrees(checked_geometry(frame, path, body), path, body) for frame in read_layers(path).values()]
    return united(np.array(shapes, object))


def folder_names(names: Sequence[str]) -> list[str]:
    """A name for the folder of each area (n): letters, digits, dashes and underscores, none twice."""
    folders: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")[: LONGEST_NAME // 2] or "area"
        candidates = [plain, *(f"{plain}-{number}" for number in range(2, len(names) + 2))]
        taken = {folder.lower() for folder in folders}
        folders.append(next(candidate for candidate in candidates if candidate.lower() not in taken))
    return folders


def _features(
    frame: geopandas.GeoDataFrame, path: str | Path, body: Body, name_column: str | None
) -> Iterator[NamedArea | RefusedArea]:
    names = _names(frame, path, name_column)
    for number, name in enumerate(names):
        try:
            yield _area(frame.iloc[[number]], name, path, body)
        except OrbitileError as error:
            yield RefusedArea(name, str(error))


def _names(frame: geopandas.GeoDataFrame, path: str | Path, name_column: str | None) -> list[str]:
    """A name for each row (n)."""
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]
    chosen = next((column for column in columns if plain_name(column) == plain_name(name_column or NAME)), None)
    if name_column and chosen is None:
        raise OrbitileError(
            f"{path}: no column {name_column!r}, which counting.name_column names; it has {listed_names(columns)}"
        )
    values = frame[chosen] if chosen else [None] * len(frame)
    return [
        f"area-{row + 1}" if pd.isna(value) or not str(value).strip() else " ".join(str(value).split())
        for row, value in zip(frame.index, values, strict=True)
    ]


def _area(row: geopandas.GeoDataFrame, name: str, path: str | Path, body: Body) -> NamedArea:
    """The area of a row; OrbitileError where it is none."""
    shape = row.geometry.iloc[0]
    if shape is None or shape.is_empty:
        raise OrbitileError(f"{path}: the feature in row {row.index[0] + 1} has no geometry; draw it, or delete it")
    if shape.geom_type not in POLYGONS:
        raise OrbitileError(
            f"{path}: the feature in row {row.index[0] + 1} is a {shape.geom_type}; areas are polygons: remove it"
        )
    fault = None if shape.is_valid else shapely.is_valid_reason(shape)
    checked = checked_geometry(row, path, body)
    if not len(checked):
        raise OrbitileError(f"{path}: the feature in row {row.index[0] + 1} has no extent; draw it, or delete it")
    note = f"it crosses itself and was mended ({fault}): look at its outline" if fault else None
    return NamedArea(name, _in_degrees(checked, path, body), note)


def _in_degrees(frame: geopandas.GeoDataFrame, path: str | Path, body: Body) -> shapely.Geometry:
    if not len(frame):
        return shapely.MultiPolygon()
    ground = Ground(layer_map(frame, path, body), body.radius_m)
    return united(polygons_in_degrees(frame.geometry.to_numpy(), ground))


def _joined(areas: Sequence[NamedArea]) -> list[NamedArea]:
    """Areas of which those of one name are one."""
    by_name: dict[str, list[NamedArea]] = {}
    for area in areas:
        by_name.setdefault(area.name, []).append(area)
    joined = []
    for name, parts in by_name.items():
        if len(parts) > 1:
            log.info("area %s: %d features of this name are one area", name, len(parts))
        note = next((part.note for part in parts if part.note), None)
        joined.append(NamedArea(name, united(np.array([part.shape for part in parts], object)), note))
    return joined
