"""Reading labels: lines with a width, and polygons, from any vector file in any map of the body."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.errors import OrbitileError
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground, unit_vectors
from orbitile.tables.layers import check_map, read_layers

log = logging.getLogger(__name__)

WIDTHS = ("tiny", "small", "medium", "large", "huge")
"""Words for the width of a line: 0-5, 5-10, 10-20, 20-30 px, and 30 px or more."""
LINES, POLYGONS = ("LineString", "MultiLineString"), ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class LabelFields:
    """Which columns say what a label is.

    `width` holds a line's width as a word of WIDTHS or as a number in pixels of the scenes; polygons need
    none. `class_` holds the name of one of `classes`; it may be None where there is one class only.
    """

    width: str = "width"
    class_: str | None = None
    classes: tuple[str, ...] = ("fracture",)


@dataclass(frozen=True, eq=False)
class Layer:
    """The labels of one layer of a file, in its own map.

    `word` holds indices into WIDTHS or -1, and `width_px` the width where there is no word: 0 for
    polygons. `class_` counts from 1. Every label lies within `reach` (radians) of its unit vector `centre`
    (n, 3), as far as its vertices go.
    """

    crs_wkt: str
    geometry: np.ndarray
    word: np.ndarray
    width_px: np.ndarray
    class_: np.ndarray
    centre: np.ndarray
    reach: np.ndarray


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of any number of layers, the names of their classes, and the radius of the body in metres."""

    classes: tuple[str, ...]
    radius_m: float
    layers: tuple[Layer, ...]

    def __len__(self) -> int:
        return sum(len(layer.geometry) for layer in self.layers)


def read_labels(paths: str | Path | Sequence[str | Path], body: Body, fields: LabelFields | None = None) -> Labels:
    """Read the labels of one vector file or several, all layers of each.

    Anything GDAL reads (Shapefile, GeoPackage, GeoJSON, ...) or GeoParquet, in any map of the body. Labels
    without geometry are passed over. OrbitileError for a file that cannot be read, has no map, or one of
    another body; for no labels at all; for lines without a width, widths and classes that are unknown,
    and for anything but lines and polygons.
    """
    fields = fields or LabelFields()
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    frames = [(path, frame) for path in map(Path, paths) for frame in _load(path)]
    layers = tuple(_layer(frame, path, body, fields) for path, frame in frames if len(frame))
    if not layers:
        named = ", ".join(map(str, paths))
        raise OrbitileError(f"{named}: empty labels, no line and no polygon; draw some, or name another file")
    return Labels(fields.classes, body.radius_m, layers)


def _load(path: Path) -> list[geopandas.GeoDataFrame]:
    """The layers of a file, without what has no geometry."""
    if not path.exists():
        raise OrbitileError(f"no labels at {path}; check the path")
    return [_with_geometry(frame, path) for frame in read_layers(path).values()]


def _with_geometry(frame: geopandas.GeoDataFrame, path: Path) -> geopandas.GeoDataFrame:
    kept = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if len(kept) < len(frame):
        log.warning("%s: %d labels without geometry passed over", path, len(frame) - len(kept))
    return kept


def _layer(frame: geopandas.GeoDataFrame, path: Path, body: Body, fields: LabelFields) -> Layer:
    """A layer's labels, checked. The frame keeps the file's numbers of rows as its index."""
    check_map(frame, path, body)
    _check_kinds(frame, path)
    crs_wkt = frame.crs.to_wkt()
    geometry = shapely.force_2d(frame.geometry.to_numpy())
    return Layer(
        crs_wkt, geometry, *_widths(frame, path, fields), _classes(frame, path, fields),
        *_caps(geometry, Ground(crs_wkt, body.radius_m)),
    )  # fmt: skip


def _check_kinds(frame: geopandas.GeoDataFrame, path: Path) -> None:
    kinds = frame.geom_type
    other = kinds[~kinds.isin(LINES + POLYGONS)]
    if len(other):
        raise OrbitileError(
            f"{path}: row {other.index[0] + 1} is a {other.iloc[0]}; labels are lines or polygons: remove it"
        )


def _widths(frame: geopandas.GeoDataFrame, path: Path, fields: LabelFields) -> tuple[np.ndarray, np.ndarray]:
    """The words (indices into WIDTHS, or -1) and the numbers of the widths of labels."""
    word, number = np.full(len(frame), -1), np.zeros(len(frame))
    is_line = frame.geom_type.isin(LINES).to_numpy()
    if not is_line.any():
        return word, number
    given = _column(frame, fields.width, path, "the width of its lines")[is_line]
    words = _numbered(given, WIDTHS)
    numbers = pd.to_numeric(given, errors="coerce")
    bad = given[words.isna() & ~((numbers > 0) & np.isfinite(numbers))]
    if len(bad):
        raise OrbitileError(
            f"{path}: row {bad.index[0] + 1}: {fields.width} is {_shown(bad.iloc[0])}; "
            f"allowed are {', '.join(WIDTHS)}, or a width in pixels above 0"
        )
    word[is_line] = words.fillna(-1).to_numpy(int)
    number[is_line] = np.where(words.isna(), numbers, 0)
    return word, number


def _classes(frame: geopandas.GeoDataFrame, path: Path, fields: LabelFields) -> np.ndarray:
    """The classes of labels, counted from 1."""
    if fields.class_ is None and len(fields.classes) == 1:
        return np.ones(len(frame), np.uint8)
    if fields.class_ is None:
        raise OrbitileError(
            f"{path}: which of the classes {', '.join(fields.classes)} is each label? Name the column that says so"
        )
    given = _column(frame, fields.class_, path, "the class of its labels")
    found = _numbered(given, fields.classes)
    bad = given[found.isna()]
    if len(bad):
        raise OrbitileError(
            f"{path}: row {bad.index[0] + 1}: {fields.class_} is {_shown(bad.iloc[0])}; "
            f"the classes are {', '.join(fields.classes)}"
        )
    return (found + 1).to_numpy(np.uint8)


def _numbered(given: pd.Series, names: Sequence[str]) -> pd.Series:
    """The places of words in a list of names, whatever their case; missing where they are not in it."""
    return given.astype("string").str.strip().str.lower().map({name.lower(): i for i, name in enumerate(names)})


def _column(frame: geopandas.GeoDataFrame, name: str, path: Path, about: str) -> pd.Series:
    if name not in frame or name == frame.geometry.name:
        known = ", ".join(column for column in frame if column != frame.geometry.name) or "none"
        raise OrbitileError(f"{path}: no column {name!r} for {about}; its columns are: {known}")
    return frame[name]


def _shown(value: object) -> str:
    if pd.isna(value):
        return "empty"
    return repr(value) if isinstance(value, str) else str(value)


def _caps(geometry: np.ndarray, ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 3) amid the vertices of shapes, and the angles (n, radians) to the farthest of them."""
    places, owner = shapely.get_coordinates(geometry, return_index=True)
    points = unit_vectors(*ground.lonlat(*places.T))
    first = np.searchsorted(owner, np.arange(len(geometry)))
    centre = np.add.reduceat(points, first, axis=0)
    centre /= np.maximum(np.linalg.norm(centre, axis=1, keepdims=True), np.finfo(float).tiny)
    chord = np.linalg.norm(points - centre[owner], axis=1)
    return centre, 2 * np.arcsin(np.clip(np.maximum.reduceat(chord, first) / 2, 0, 1))
