"""Reading labels: lines with a width, and polygons, from any vector file in any map of the body."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground
from orbitile.tables.column_names import plain_name
from orbitile.tables.layer_geometry import LINES, checked_geometry, checked_points
from orbitile.tables.layers import layer_map, read_layers
from orbitile.tables.wide_shapes import bounding_circles

log = logging.getLogger(__name__)

WIDTH_CLASSES = ("tiny", "small", "medium", "large", "huge")
"""Classes of the width of a line: 0-5, 5-10, 10-20, 20-30 px, and 30 px or more."""
MAX_WIDTH_PX = 10_000
BACKGROUND_LABEL = "background"
"""Class of points at places that are known to be of no class."""


@dataclass(frozen=True)
class LabelFields:
    """Which columns hold a label's width and class.

    `width` is the column of a line's width: a word of WIDTH_CLASSES, or a number in pixels of the scenes; polygons need
    none. `class_` is the column with the name of one of `classes`; it may be None where there is only one class. A run
    in pixel coordinates has a number of `unmapped_scenes`; of more than one, labels name theirs in the column scene.
    """

    width_field: str = "width"
    class_field: str | None = None
    classes: tuple[str, ...] = ("fracture",)
    unmapped_scenes: int = 0


@dataclass(frozen=True, eq=False)
class LabelLayer:
    """The labels of one layer of a file, in its map.

    `width_class` (n) holds indices into WIDTH_CLASSES or -1, `width_px` (n) the width where there is no class: 0 for
    polygons. `class_` (n) counts from 1. All vertices of a label lie within `reach` (n, radians) of its unit vector
    `centre` (n, 3). `scene` (n) names the scene of each, where positions do not tell.
    """

    crs_wkt: str
    geometry: np.ndarray
    width_class: np.ndarray
    width_px: np.ndarray
    class_: np.ndarray
    centre: np.ndarray
    reach: np.ndarray
    scene: np.ndarray | None = None

    def of_scene(self, scene: str) -> "LabelLayer":
        """The labels of a scene; all of them where they name no scenes."""
        if self.scene is None:
            return self
        arrays = {name: column[self.scene == scene] for name, column in vars(self).items() if name != "crs_wkt"}
        return LabelLayer(self.crs_wkt, **arrays)


@dataclass(frozen=True, eq=False)
class VectorLabels:
    """Labels of any number of layers, the names of their classes, and the radius of the body in metres."""

    classes: tuple[str, ...]
    radius_m: float
    layers: tuple[LabelLayer, ...]

    def __len__(self) -> int:
        return sum(len(layer.geometry) for layer in self.layers)

    def of_scene(self, scene: str) -> "VectorLabels":
        """The labels of a scene; all of them where they name no scenes."""
        return VectorLabels(self.classes, self.radius_m, tuple(layer.of_scene(scene) for layer in self.layers))


def read_labels(
    paths: str | Path | Sequence[str | Path], body: Body, fields: LabelFields | None = None
) -> VectorLabels:
    """Read the labels of one vector file or several, all layers of each.

    GeoPackage, Shapefile, GeoJSON, FlatGeobuf or GeoParquet, in any map of the body. Labels without geometry or extent
    are skipped, self-crossing ones mended (see orbitile.tables.layer_geometry). OrbitileError for a file that cannot be
    read, has no coordinate reference system, or one of another body; for files without labels; for lines without a
    width; for unknown widths and classes; for anything but lines and polygons on the body.
    """
    fields = fields or LabelFields()
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    frames = [(path, frame) for path in map(Path, paths) for frame in _load(path, body)]
    layers = tuple(_layer(frame, path, body, fields) for path, frame in frames if len(frame))
    if not layers:
        path_list = ", ".join(map(str, paths))
        raise OrbitileError(f"{path_list}: empty labels, no line and no polygon; draw labels, or give another file")
    return VectorLabels(fields.classes, body.radius_m, layers)


def read_point_labels(paths: Sequence[str | Path], body: Body, fields: LabelFields, radius_px: float) -> VectorLabels:
    """Read points whose class is known, of vector files, as discs of a radius in pixels of the scenes.

    Their classes are those of `fields` after BACKGROUND_LABEL, for places that are of none: counted from 1, so that 1
    is the background. OrbitileError as of `read_labels`, and for anything but points.
    """
    with_background = replace(fields, classes=(BACKGROUND_LABEL, *fields.classes))
    layers = []
    for path in map(Path, paths):
        _check_exists(path)
        frames = [checked_points(frame, path, body) for frame in read_layers(path).values()]
        layers += [_point_layer(frame, path, body, with_background, radius_px) for frame in frames if len(frame)]
    if not layers:
        raise OrbitileError(f"{', '.join(map(str, paths))}: no point; mark places, or leave points out")
    return VectorLabels(with_background.classes, body.radius_m, tuple(layers))


def _point_layer(
    frame: geopandas.GeoDataFrame, path: Path, body: Body, fields: LabelFields, radius_px: float
) -> LabelLayer:
    """A layer's points; where there is no column of classes, all are of the only one."""
    crs_wkt, geometry = layer_map(frame, path, body), frame.geometry.to_numpy()
    is_single = fields.class_field is None and len(fields.classes) == 2
    class_ = np.full(len(frame), len(fields.classes), np.uint8) if is_single else _classes(frame, path, fields)
    return LabelLayer(
        crs_wkt, geometry, np.full(len(frame), -1), np.full(len(frame), 2 * radius_px), class_,
        *bounding_circles(geometry, Ground(crs_wkt, body.radius_m)), _scenes(frame, path, fields),
    )  # fmt: skip


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise OrbitileError(f"no labels at {path}; check the path")


def _load(path: Path, body: Body) -> list[geopandas.GeoDataFrame]:
    """The layers of a file with their checked geometry; the index keeps the file's numbers of rows."""
    _check_exists(path)
    return [checked_geometry(frame, path, body) for frame in read_layers(path).values()]


def _layer(frame: geopandas.GeoDataFrame, path: Path, body: Body, fields: LabelFields) -> LabelLayer:
    """A layer's labels, checked."""
    crs_wkt, geometry = layer_map(frame, path, body), frame.geometry.to_numpy()
    return LabelLayer(
        crs_wkt, geometry, *_widths(frame, path, fields), _classes(frame, path, fields),
        *bounding_circles(geometry, Ground(crs_wkt, body.radius_m)), _scenes(frame, path, fields),
    )  # fmt: skip


def _scenes(frame: geopandas.GeoDataFrame, path: Path, fields: LabelFields) -> np.ndarray | None:
    """The scenes of labels; None where a run has a map, or a single scene."""
    name = next((column for column in frame.columns if plain_name(column) == "scene"), None)
    if not fields.unmapped_scenes or (name is None and fields.unmapped_scenes == 1):
        return None
    if name is None:
        raise OrbitileError(
            f"{path}: has no column scene, but the {fields.unmapped_scenes} images of this run have no map and all lie "
            "at one place; add the column scene with the name of the image that each label lies on"
        )
    scenes = frame[name].astype("string").str.strip().fillna("")
    if (scenes == "").any():
        raise OrbitileError(f"{path}: row {scenes.index[scenes == ''][0] + 1}: {name} is empty; name the label's scene")
    return scenes.to_numpy(object)


def _widths(frame: geopandas.GeoDataFrame, path: Path, fields: LabelFields) -> tuple[np.ndarray, np.ndarray]:
    """The width classes (indices into WIDTH_CLASSES, or -1) and the widths in pixels of labels."""
    width_class, width_px = np.full(len(frame), -1), np.zeros(len(frame))
    is_line = frame.geom_type.isin(LINES).to_numpy()
    if not is_line.any():
        return width_class, width_px
    widths = _column(frame, fields.width_field, path, "the width of its lines")[is_line]
    class_numbers = _class_numbers(widths, WIDTH_CLASSES)
    widths_px = pd.to_numeric(widths, errors="coerce")
    invalid = widths[class_numbers.isna() & ~((widths_px > 0) & (widths_px <= MAX_WIDTH_PX))]
    if len(invalid):
        raise OrbitileError(
            f"{path}: row {invalid.index[0] + 1}: {fields.width_field} is {_value_text(invalid.iloc[0])}; "
            f"allowed are {', '.join(WIDTH_CLASSES)}, or a width in pixels above 0, up to {MAX_WIDTH_PX}"
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
