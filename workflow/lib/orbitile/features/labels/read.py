"""Reading labels: lines with a width, and polygons, from any vector file in any map of the body."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground, unit_vectors
from orbitile.tables.layers import check_map, read_layers

log = logging.getLogger(__name__)

WIDTH_CLASSES = ("tiny", "small", "medium", "large", "huge")
"""Classes of the width of a line: 0-5, 5-10, 10-20, 20-30 px, and 30 px or more."""
LINES, POLYGONS = ("LineString", "MultiLineString"), ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class LabelFields:
    """Which columns hold a label's width and class.

    `width` is the column of a line's width: a word of WIDTH_CLASSES, or a number in pixels of the scenes; polygons need
    none. `class_` is the column with the name of one of `classes`; it may be None where there is only one class.
    """

    width_field: str = "width"
    class_field: str | None = None
    classes: tuple[str, ...] = ("fracture",)


@dataclass(frozen=True, eq=False)
class LabelLayer:
    """The labels of one layer of a file, in its map.

    `width_class` (n) holds indices into WIDTH_CLASSES or -1, `width_px` (n) the width where there is no class: 0 for
    polygons. `class_` (n) counts from 1. All vertices of a label lie within `reach` (n, radians) of its unit vector
    `centre` (n, 3).
    """

    crs_wkt: str
    geometry: np.ndarray
    width_class: np.ndarray
    width_px: np.ndarray
    class_: np.ndarray
    centre: np.ndarray
    reach: np.ndarray


@dataclass(frozen=True, eq=False)
class VectorLabels:
    """Labels of any number of layers, the names of their classes, and the radius of the body in metres."""

    classes: tuple[str, ...]
    radius_m: float
    layers: tuple[LabelLayer, ...]

    def __len__(self) -> int:
        return sum(len(layer.geometry) for layer in self.layers)


def read_labels(
    paths: str | Path | Sequence[str | Path], body: Body, fields: LabelFields | None = None
) -> VectorLabels:
    """Read the labels of one vector file or several, all layers of each.

    Anything GDAL reads (Shapefile, GeoPackage, GeoJSON, ...) or GeoParquet, in any map of the body. Labels without
    geometry are skipped. OrbitileError for a file that cannot be read, has no coordinate reference system, or one of
    another body; for files without labels; for lines without a width; for unknown widths and classes; for anything but
    lines and polygons.
    """
    fields = fields or LabelFields()
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    frames = [(path, frame) for path in map(Path, paths) for frame in _load(path)]
    layers = tuple(_layer(frame, path, body, fields) for path, frame in frames if len(frame))
    if not layers:
        path_list = ", ".join(map(str, paths))
        raise OrbitileError(f"{path_list}: empty labels, no line and no polygon; draw labels, or give another file")
    return VectorLabels(fields.classes, body.radius_m, layers)


def _load(path: Path) -> list[geopandas.GeoDataFrame]:
    """The layers of a file, without rows that have no geometry."""
    if not path.exists():
        raise OrbitileError(f"no labels at {path}; check the path")
    return [_with_geometry(frame, path) for frame in read_layers(path).values()]


def _with_geometry(frame: geopandas.GeoDataFrame, path: Path) -> geopandas.GeoDataFrame:
    with_geometry = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if len(with_geometry) < len(frame):
        log.warning("%s: %d labels without geometry skipped", path, len(frame) - len(with_geometry))
    return with_geometry


def _layer(frame: geopandas.GeoDataFrame, path: Path, body: Body, fields: LabelFields) -> LabelLayer:
    """A layer's labels, checked. The frame keeps the file's numbers of rows as its index."""
    crs_wkt = check_map(frame, path, body)
    _check_geometry_types(frame, path)
    geometry = shapely.force_2d(frame.geometry.to_numpy())
    return LabelLayer(
        crs_wkt, geometry, *_widths(frame, path, fields), _classes(frame, path, fields),
        *_bounding_circles(geometry, Ground(crs_wkt, body.radius_m)),
    )  # fmt: skip


def _check_geometry_types(frame: geopandas.GeoDataFrame, path: Path) -> None:
    types = frame.geom_type
    unsupported = types[~types.isin(LINES + POLYGONS)]
    if len(unsupported):
        raise OrbitileError(
            f"{path}: row {unsupported.index[0] + 1} is a {unsupported.iloc[0]}; labels are lines or polygons: "
            "remove it"
        )


def _widths(frame: geopandas.GeoDataFrame, path: Path, fields: LabelFields) -> tuple[np.ndarray, np.ndarray]:
    """The width classes (indices into WIDTH_CLASSES, or -1) and the widths in pixels of labels."""
    width_class, width_px = np.full(len(frame), -1), np.zeros(len(frame))
    is_line = frame.geom_type.isin(LINES).to_numpy()
    if not is_line.any():
        return width_class, width_px
    widths = _column(frame, fields.width_field, path, "the width of its lines")[is_line]
    class_numbers = _class_numbers(widths, WIDTH_CLASSES)
    widths_px = pd.to_numeric(widths, errors="coerce")
    invalid = widths[class_numbers.isna() & ~((widths_px > 0) & np.isfinite(widths_px))]
    if len(invalid):
        raise OrbitileError(
            f"{path}: row {invalid.index[0] + 1}: {fields.width_field} is {_value_text(invalid.iloc[0])}; "
            f"allowed are {', '.join(WIDTH_CLASSES)}, or a width in pixels above 0"
        )
    width_class[is_line] = class_numbers.fillna(-1).to_numpy(int)
    width_px[is_line] = np.where(class_numbers.isna(), widths_px, 0)
    return width_class, width_px


def _classes(frame: geopandas.GeoDataFrame, path: Path, fields: LabelFields) -> np.ndarray:
    """The classes of labels, counted from 1."""
    if fields.class_field is None and len(fields.classes) == 1:
        return np.ones(len(frame), np.uint8)
    if fields.class_field is None:
        raise OrbitileError(
            f"{path}: labels may be of the classes {', '.join(fields.classes)}; "
            "give the name of the column that holds each label's class"
        )
    names = _column(frame, fields.class_field, path, "the class of its labels")
    numbers = _class_numbers(names, fields.classes)
    invalid = names[numbers.isna()]
    if len(invalid):
        raise OrbitileError(
            f"{path}: row {invalid.index[0] + 1}: {fields.class_field} is {_value_text(invalid.iloc[0])}; "
            f"the classes are {', '.join(fields.classes)}"
        )
    return (numbers + 1).to_numpy(np.uint8)


def _class_numbers(column: pd.Series, names: Sequence[str]) -> pd.Series:
    """The indices of names in a list, in upper or lower case; missing where they are not in it."""
    return column.astype("string").str.strip().str.lower().map({name.lower(): i for i, name in enumerate(names)})


def _column(frame: geopandas.GeoDataFrame, name: str, path: Path, about: str) -> pd.Series:
    if name not in frame or name == frame.geometry.name:
        names = ", ".join(str(column) for column in frame if column != frame.geometry.name) or "none"
        raise OrbitileError(f"{path}: no column {name!r} for {about}; its columns are: {names}")
    return frame[name]


def _value_text(value: str | float | None) -> str:
    if pd.isna(value):
        return "empty"
    return repr(value) if isinstance(value, str) else str(value)


def _bounding_circles(geometry: np.ndarray, ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """Centres of shapes as unit vectors (n, 3), and the angles (n, radians) to their farthest vertices."""
    places, owner = shapely.get_coordinates(geometry, return_index=True)
    points = unit_vectors(*ground.lonlat(*places.T))
    first = np.searchsorted(owner, np.arange(len(geometry)))
    centre = np.add.reduceat(points, first, axis=0)
    centre /= np.maximum(np.linalg.norm(centre, axis=1, keepdims=True), np.finfo(float).tiny)
    chord = np.linalg.norm(points - centre[owner], axis=1)
    return centre, 2 * np.arcsin(np.clip(np.maximum.reduceat(chord, first) / 2, 0, 1))
