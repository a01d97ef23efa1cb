"""Vector files: GeoParquet, GeoPackage and Shapefile from one table."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import geopandas
import pandas as pd
import pyogrio

from orbitile.base.files import atomic, write_text

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
            frame, temporary, driver="GPKG", layer=Path(stem).name, geometry_type=f"Multi{kind}", promote_to_multi=True,
            dataset_metadata=metadata, dataset_options={"VERSION": "1.2"},  # read by older GDALs without a warning
        )  # fmt: skip
    _write_shapefile(frame, stem, kind)


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
        for part in SHAPEFILE_PARTS:
            path.with_suffix(part).replace(f"{stem}{part}")
    aliases = [f"{SHAPEFILE_NAMES.get(name, name)},{name}" for name in frame.columns if name != "geometry"]
    write_text(f"{stem}.shp.names.csv", "\n".join(["field,column", *aliases, ""]))
