"""Vector files: GeoParquet, GeoPackage and Shapefile from one table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import geopandas
import pandas as pd
from pyproj import CRS

from orbitile.base.files import atomic
from orbitile.tables.vector_writers import VectorFile, VectorLayer, write_aliases, write_layer

GEOREF_COLUMNS = ["georef_method", "error_m"]
"""How a scene was georeferenced, and how far off positions may be in metres (missing where unknown)."""
VECTOR_FORMATS = ("gpkg", "shp", "parquet")


def add_georef_methods(frame: geopandas.GeoDataFrame, methods: Mapping[str, Mapping]) -> geopandas.GeoDataFrame:
    """A frame with the columns GEOREF_COLUMNS, by its scenes (see orbitile.tables.plan.read_georef_methods)."""
    rows, scenes = pd.factorize(frame["scene"])
    columns = {
        name: pd.Series([methods[scene][name] for scene in scenes], dtype=dtype).take(rows).set_axis(frame.index)
        for name, dtype in zip(GEOREF_COLUMNS, (object, float), strict=True)
    }
    shapes = frame.geometry
    return frame.drop(columns="geometry").assign(**columns).set_geometry(shapes)


def count_georef_methods(methods: Mapping[str, Mapping]) -> dict[str, int]:
    """How many scenes were georeferenced by each method, by its name."""
    return dict(sorted(Counter(scene["georef_method"] for scene in methods.values()).items()))


def write_vectors(
    frames: geopandas.GeoDataFrame | Iterable[geopandas.GeoDataFrame],
    stem: str | Path,
    metadata: Mapping[str, str] | None = None,
    kind: str = "Polygon",
    formats: Sequence[str] = VECTOR_FORMATS,
    styles: Mapping[str, str] | None = None,
) -> list[VectorFile]:
    """Write a frame, or frames with the same columns (at least one) as one table, to stem.parquet, .gpkg and .shp.

    A Shapefile has a table of aliases, stem.shp.names.csv. All geometries are of a `kind`, Polygon or LineString; they
    may have several parts. Each file is written completely or not at all. `metadata` goes into the GeoPackage and the
    GeoParquet, `styles` (see VectorLayer) into the GeoPackage.
    """
    batches = iter([frames] if isinstance(frames, geopandas.GeoDataFrame) else frames)
    first = _plain(next(batches))
    layer = VectorLayer(str(stem), kind, CRS(first.crs), metadata or {}, styles or {})
    files = write_layer(chain([first], map(_plain, batches)), layer, formats)
    if "shp" in formats:
        write_aliases(list(first.columns), layer.stem)
    return files


def _plain(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """A frame with texts instead of categories."""
    names = frame.columns[frame.dtypes == "category"]
    return frame.astype({name: frame[name].cat.categories.dtype for name in names})


def write_geoparquet(frame: geopandas.GeoDataFrame, path: str | Path) -> None:
    """Write a frame as GeoParquet, completely or not at all."""
    with atomic(path) as temporary:
        frame.to_parquet(temporary, index=False)
