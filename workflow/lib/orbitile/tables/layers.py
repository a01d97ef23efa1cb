"""Layers of the vector files that users give: labels, areas."""

from pathlib import Path

import geopandas
import pyogrio

from orbitile.base.errors import OrbitileError, first_line
from orbitile.space.bodies import Body, lies_on

GEOPARQUET = (".parquet", ".geoparquet")
"""Suffixes of files that are read without GDAL: the GDAL in pyogrio's wheels has no driver for them."""


def read_layers(path: str | Path) -> dict[str, geopandas.GeoDataFrame]:
    """All layers of a vector file that hold shapes, by their names; rows are numbered from 0 as in the file.

    Anything GDAL reads (Shapefile, GeoPackage, GeoJSON, ...) or GeoParquet. OrbitileError for what cannot be read.
    """
    try:
        return _layers(path)
    except (ValueError, OSError, RuntimeError) as error:
        raise OrbitileError(
            f"{path}: cannot be read as vectors ({first_line(error)}); is it a complete vector file?"
        ) from error


def _layers(path: str | Path) -> dict[str, geopandas.GeoDataFrame]:
    if Path(path).suffix in GEOPARQUET:
        return {Path(path).stem: geopandas.read_parquet(path).reset_index(drop=True)}
    names = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    return {name: pyogrio.read_dataframe(path, layer=name) for name in names}


def check_map(layer: geopandas.GeoDataFrame, path: str | Path, body: Body) -> str:
    """The coordinate reference system (WKT) of a layer of a file.

    OrbitileError for a layer without one, or with one of another body.
    """
    if layer.crs is None:
        raise OrbitileError(
            f"{path}: has no coordinate reference system; assign one of {body.name} (in QGIS: Set Layer CRS)"
        )
    if not lies_on(layer.crs, body):
        raise OrbitileError(
            f"{path}: its coordinate reference system {layer.crs.name!r} is not one of {body.name}; "
            "assign the right one, or change body"
        )
    return layer.crs.to_wkt()
