"""Vector files: GeoParquet, GeoPackage and Shapefile from one table."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import geopandas
import pandas as pd
import pyogrio
from pyproj import CRS

from orbitile.base.files import atomic, publish, write_text
from orbitile.tables.parquet import explained_damage

SHAPEFILE_NAMES = dict(
    diameter_km="diam_km", azimuth_deg="azimuth", width_max_m="width_max", probability="probabil",
    georef_method="georef",
)  # fmt: skip
"""Shorter names of columns whose names have more than the ten characters that a Shapefile holds."""
GEOREF_COLUMNS = ["georef_method", "error_m"]
"""How a scene was georeferenced, and how far off positions may be in metres (missing where unknown)."""
SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg", ".shp")


def add_georef_methods(frame: geopandas.GeoDataFrame, methods: Mapping[str, Mapping]) -> geopandas.GeoDataFrame:
    """A frame with the columns GEOREF_COLUMNS, by its scenes (see orbitile.tables.plan.read_georef_methods)."""
    values = {name: [methods[scene][name] for scene in frame["scene"]] for name in GEOREF_COLUMNS}
    columns = dict(
        georef_method=pd.Series(values["georef_method"], frame.index, dtype=object),
        error_m=pd.Series(values["error_m"], frame.index, dtype=float),
    )
    shapes = frame.geometry
    return frame.drop(columns="geometry").assign(**columns).set_geometry(shapes)


def count_georef_methods(methods: Mapping[str, Mapping]) -> dict[str, int]:
    """How many scenes were georeferenced by each method, by its name."""
    return dict(sorted(Counter(scene["georef_method"] for scene in methods.values()).items()))


def write_vectors(
    frame: geopandas.GeoDataFrame, stem: str | Path, metadata: dict[str, str] | None = None, kind: str = "Polygon"
) -> None:
    """Write a frame as stem.parquet, stem.gpkg and stem.shp, the last with its table of aliases.

    All geometries are of a `kind`, Polygon or LineString; they may have several parts. Each file is written completely
    or not at all. `metadata` goes into the GeoPackage and the GeoParquet.
    """
    stem = str(stem)
    write_geoparquet(frame, f"{stem}.parquet", metadata)
    with atomic(f"{stem}.gpkg") as temporary:
        pyogrio.write_dataframe(
            _with_anonymous_crs(frame), temporary, driver="GPKG", layer=Path(stem).name,
            geometry_type=f"Multi{kind}", promote_to_multi=True,
            dataset_metadata=metadata, dataset_options={"VERSION": "1.2"},  # read by older GDALs without a warning
        )  # fmt: skip
    _write_shapefile(frame, stem, kind)


def _with_anonymous_crs(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """A frame whose coordinate reference system states its full definition, but no authority.

    GDAL writes PROJ's IAU_2015 as the organisation IAU, and QGIS, which finds no such authority in PROJ, drops the
    definition beside it: layers lie at (0, 0).
    """
    return frame.set_crs(_without_identifiers(CRS(frame.crs)), allow_override=True)


def _without_identifiers(crs: CRS) -> CRS:
    return CRS.from_json(json.dumps(json.loads(crs.to_json(), object_hook=_without_identifier)))


def _without_identifier(part: dict) -> dict:
    return {key: value for key, value in part.items() if key not in ("id", "ids")}


def read_geoparquet(path: str | Path) -> geopandas.GeoDataFrame:
    """Read GeoParquet of the run; OrbitileError for a file that is no readable table, which counts as missing then."""
    with explained_damage(path):
        return geopandas.read_parquet(path)


def write_geoparquet(frame: geopandas.GeoDataFrame, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a frame as GeoParquet, with metadata of the table; the file is written completely or not at all."""
    import pyarrow.parquet as pq

    with atomic(path) as temporary:
        frame.to_parquet(temporary, index=False)
        table = pq.read_table(temporary)
        described = {**(table.schema.metadata or {}), **{k.encode(): v.encode() for k, v in (metadata or {}).items()}}
        pq.write_table(table.replace_schema_metadata(described), temporary)


def _write_shapefile(frame: geopandas.GeoDataFrame, stem: str, kind: str) -> None:
    """Write the parts of a Shapefile into a temporary folder next to it, then move them; .shp comes last."""
    with tempfile.TemporaryDirectory(dir=Path(stem).parent, prefix=".shapefile-") as folder:
        path = Path(folder) / "shapes.shp"
        pyogrio.write_dataframe(frame.rename(columns=SHAPEFILE_NAMES), path, driver="ESRI Shapefile", encoding="UTF-8",
                                geometry_type=kind)  # fmt: skip
        publish({path.with_suffix(part): Path(f"{stem}{part}") for part in SHAPEFILE_PARTS})
    aliases = [f"{SHAPEFILE_NAMES.get(name, name)},{name}" for name in frame.columns if name != "geometry"]
    write_text(f"{stem}.shp.names.csv", "\n".join(["field,column", *aliases, ""]))
