"""Layers of the vector files that users give: labels, areas."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS
from pyproj.exceptions import ProjError

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.file_access import restrict_gdal
from orbitile.space.bodies import Body, lies_on
from orbitile.space.ground import geodetic_crs
from orbitile.tables.layer_rows import refuse_rows, rows_text
from orbitile.tables.vector_formats import GEOPACKAGE, GEOPARQUET, VectorFormat, names_files, vector_format

restrict_gdal()
log = logging.getLogger(__name__)

READING_ERRORS = (
    ValueError, OSError, RuntimeError, TypeError, LookupError, ArithmeticError, MemoryError,
    shapely.errors.ShapelyError,
)  # fmt: skip
"""What GDAL, GEOS and Arrow raise for files that are not what they say."""
DEGREE = np.pi / 180
LONGEST_TEXT = 200


def read_layers(path: str | Path) -> dict[str, geopandas.GeoDataFrame]:
    """All layers of a vector file that hold shapes, by their names; rows are numbered from 0 as in the file.

    Curves become lines with many vertices; rings that are not closed are closed, with a warning. OrbitileError for what
    cannot be read, and for files of other formats (see orbitile.tables.vector_formats).
    """
    file_format = vector_format(path)
    try:
        with _logged_warnings(path):
            return _layers(path, file_format)
    except READING_ERRORS as error:
        raise OrbitileError(
            f"{path}: cannot be read as vectors ({first_line(error)}); is it a complete vector file?"
        ) from error


def read_layer_columns(path: str | Path) -> pd.DataFrame:
    """The columns of the first layer of a vector file, without its shapes; OrbitileError as of `read_layers`."""
    layers = read_layers(path)
    if not layers:
        raise OrbitileError(f"{path}: the file holds no layer with shapes; give another file")
    frame = next(iter(layers.values()))
    return pd.DataFrame(frame.drop(columns=frame.geometry.name))


def _layers(path: str | Path, file_format: VectorFormat) -> dict[str, geopandas.GeoDataFrame]:
    if file_format is GEOPARQUET:
        return {Path(path).stem: _read_geoparquet(path)}
    source = f"{file_format.prefix}{path}"
    names = [name for name, kind in pyogrio.list_layers(source) if kind is not None]
    return {name: _read_layer(source, name, path, file_format) for name in names}


def _read_layer(source: str, name: str, path: str | Path, file_format: VectorFormat) -> geopandas.GeoDataFrame:
    options = {"LIST_ALL_TABLES": "NO"} if file_format is GEOPACKAGE else {}
    about, _, geometry, columns = pyogrio.raw.read(source, layer=name, **options)
    frame = pd.DataFrame(dict(zip(about["fields"], columns, strict=True)), index=range(len(geometry)))
    if names_files(about["crs"] or ""):
        raise ValueError("its coordinate reference system refers to other files")
    return geopandas.GeoDataFrame(frame, geometry=_shapes(geometry, path), crs=about["crs"])


def _read_geoparquet(path: str | Path) -> geopandas.GeoDataFrame:
    try:
        return geopandas.read_parquet(path).reset_index(drop=True)
    except shapely.errors.ShapelyError:
        columns = pd.read_parquet(path).select_dtypes(object)
        for name in [name for name in columns if isinstance(next(iter(columns[name].dropna()), None), bytes)]:
            _shapes(columns[name].to_numpy(object), path)  # names the row
        raise


def _shapes(geometry: np.ndarray, path: str | Path) -> np.ndarray:
    """Shapes of WKB; rings that are not closed are closed."""
    shapes = shapely.from_wkb(geometry, on_invalid="ignore")
    is_broken = np.array([value is not None for value in geometry], bool) & shapely.is_missing(shapes)
    if is_broken.any():
        shapes[is_broken] = shapely.from_wkb(geometry[is_broken], on_invalid="fix")
        is_lost, rows = shapely.is_missing(shapes) & is_broken, np.arange(len(shapes))
        refuse_rows(is_lost, rows, path, "cannot be read as a line or polygon")
        log.warning("%s: rings that were not closed were closed: %s", path, rows_text(np.flatnonzero(is_broken)))
    return shapes


@contextmanager
def _logged_warnings(path: str | Path) -> Iterator[None]:
    """What GDAL and GEOS warn of while a file is read, in its log and by its name, each warning once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    # Their advice on options is none for users, and shapes with infinite coordinates are refused by row.
    texts = {first_line(str(warning.message)).partition(". To ")[0] for warning in caught}
    for text in sorted(text for text in texts if "invalid value encountered" not in text):
        log.warning("%s: %s", path, text[:LONGEST_TEXT])


def layer_map(layer: geopandas.GeoDataFrame, path: str | Path, body: Body) -> str:
    """The coordinate reference system (WKT) of a layer of a file.

    OrbitileError for a layer without one, with one of another body, or with one that is not of degrees or a map.
    """
    if layer.crs is not None and names_files(layer.crs.to_wkt()):
        raise OrbitileError(f"{path}: its coordinate reference system refers to other files; assign one of {body.name}")
    if layer.crs is None:
        raise OrbitileError(
            f"{path}: has no coordinate reference system; assign one of {body.name} (in QGIS: Set Layer CRS)"
        )
    if not _lies_on(layer.crs, body):
        raise OrbitileError(
            f"{path}: its coordinate reference system {layer.crs.name!r} is not one of {body.name}; "
            "assign the right one, or change body"
        )
    return layer.crs.to_wkt()


def _lies_on(crs: CRS, body: Body) -> bool:
    try:
        return lies_on(crs, body) and not crs.is_geocentric and _in_degrees(geodetic_crs(crs))
    except (OrbitileError, ProjError):
        return False


def _in_degrees(crs: CRS) -> bool:
    return all(abs(axis.unit_conversion_factor / DEGREE - 1) < 1e-6 for axis in crs.axis_info[:2])
