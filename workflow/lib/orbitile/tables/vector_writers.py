"""Writers of vector files, batch by batch: GeoParquet, GeoPackage, Shapefile; each appears completely or not at all.

Batches are frames, or tables of Arrow with points as WKB in the column `geometry`, which GDAL takes twice as fast.
"""

import io
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import geopandas
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic, publish, write_text

SHAPEFILE_NAMES = dict(
    diameter_km="diam_km", azimuth_deg="azimuth", width_max_m="width_max", probability="probabil",
    georef_method="georef", complete_50_km="compl50_km", complete_90_km="compl90_km",
)  # fmt: skip
"""Shorter names of columns whose names have more than the ten characters that a Shapefile holds."""
SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg", ".shp")
SHAPEFILE_BYTES = 2**31 - 1
"""The largest .shp or .dbf that all programs read."""
STYLES_TIME = "2000-01-01T00:00:00.000Z"
"""Always the same, so that the file is, too."""
STYLES_TABLE = """CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME
)"""
"""As QGIS makes it."""
Rows: TypeAlias = geopandas.GeoDataFrame | pa.Table
Append = Callable[[Rows], None]


class VectorFile(NamedTuple):
    """A file that was written: its path (of a Shapefile that of its .shp), its rows, its bytes (with all its parts)."""

    path: Path
    rows: int
    bytes: int


@dataclass(frozen=True)
class VectorLayer:
    """What the files of a layer have in common.

    Their path without suffix, the kind of geometries (Point, LineString, Polygon), the coordinate reference system,
    metadata, which a Shapefile cannot hold, and styles of QGIS by name (texts), of which the first is the default one.
    """

    stem: str
    kind: str
    crs: CRS
    metadata: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, str] = field(default_factory=dict)


def write_layer(batches: Iterable[Rows], layer: VectorLayer, formats: Sequence[str]) -> list[VectorFile]:
    """Write batches of rows, at least one, which may be empty, to a file for each of `formats` (see WRITERS).

    All batches have the same columns. OrbitileError where a Shapefile would become larger than programs read.
    """
    rows = 0
    with ExitStack() as stack:
        writers = [stack.enter_context(WRITERS[suffix](layer)) for suffix in formats]
        for batch in batches:
            for append in writers:
                append(batch)
            rows += len(batch)
    return [VectorFile(path, rows, _file_bytes(path)) for path in (Path(f"{layer.stem}.{s}") for s in formats)]


def write_aliases(columns: Sequence[str], stem: str) -> None:
    """Write stem.shp.names.csv: which field of a Shapefile holds which column."""
    aliases = [f"{SHAPEFILE_NAMES.get(name, name)},{name}" for name in columns if name != "geometry"]
    write_text(f"{stem}.shp.names.csv", "\n".join(["field,column", *aliases, ""]))


@contextmanager
def geopackage_writer(layer: VectorLayer) -> Iterator[Append]:
    """Write stem.gpkg, whose layer has the file's name."""
    multi = "" if layer.kind == "Point" else "Multi"
    with atomic(f"{layer.stem}.gpkg") as temporary:
        file = _LayerFile(
            temporary, anonymous_crs(layer.crs),
            dict(driver="GPKG", layer=Path(layer.stem).name, geometry_type=multi + layer.kind),
            dict(dataset_metadata=dict(layer.metadata), dataset_options={"VERSION": "1.2"}),  # no warning of old GDALs
        )  # fmt: skip
        yield file.append
        file.check()
        _add_styles(temporary, layer)


@contextmanager
def shapefile_writer(layer: VectorLayer) -> Iterator[Append]:
    """Write the parts of a Shapefile into a temporary folder next to stem.shp, then move them; .shp comes last."""
    with tempfile.TemporaryDirectory(dir=Path(layer.stem).parent, prefix=".shapefile-") as folder:
        path = Path(folder) / "shapes.shp"
        options = dict(driver="ESRI Shapefile", encoding="UTF-8", geometry_type=layer.kind)
        file = _LayerFile(path, layer.crs, options)

        def append(batch: Rows) -> None:
            file.append(_with_short_names(batch))
            _check_size(path, layer.stem)

        yield append
        file.check()
        publish({path.with_suffix(part): Path(f"{layer.stem}{part}") for part in SHAPEFILE_PARTS})


@contextmanager
def geoparquet_writer(layer: VectorLayer) -> Iterator[Append]:
    """Write stem.parquet, a row group for each batch, which is a frame."""
    with atomic(f"{layer.stem}.parquet") as temporary, ExitStack() as stack:
        writers: list[pq.ParquetWriter] = []

        def append(frame: geopandas.GeoDataFrame) -> None:
            table = pa.table(frame.to_arrow(index=False))
            if not writers:
                schema = table.schema.with_metadata(_geoparquet_metadata(frame, layer))
                writers.append(stack.enter_context(pq.ParquetWriter(temporary, schema, compression="zstd")))
            writers[0].write_table(table)

        yield append
        stack.close()


WRITERS: Mapping[str, Callable[[VectorLayer], AbstractContextManager[Append]]] = dict(
    gpkg=geopackage_writer, shp=shapefile_writer, parquet=geoparquet_writer
)
"""By the suffix of their files."""


def anonymous_crs(crs: CRS) -> CRS:
    """A coordinate reference system that states its full definition, but no authority.

    GDAL writes PROJ's IAU_2015 as the organisation IAU, and QGIS, which finds no such authority in PROJ, drops the
    definition beside it: layers lie at (0, 0).
    """
    return CRS.from_json(json.dumps(json.loads(crs.to_json(), object_hook=_without_identifier)))


@dataclass
class _LayerFile:
    """A file of a driver of GDAL that grows batch by batch; `creation` holds options that only the first needs."""

    path: Path
    crs: CRS
    options: Mapping[str, Any]
    creation: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0

    def append(self, batch: Rows) -> None:
        exists = self.path.exists()
        if exists and not len(batch):
            return
        options = {**self.options, **({} if exists else self.creation), "append": exists}
        if isinstance(batch, pa.Table):
            crs = self.crs.to_wkt("WKT1_GDAL")
            pyogrio.write_arrow(batch, self.path, crs=crs, geometry_name="geometry", **options)
        else:
            multi = options["geometry_type"].startswith("Multi") or None
            frame = batch.set_crs(self.crs, allow_override=True)
            pyogrio.write_dataframe(frame, self.path, promote_to_multi=multi, **options)
        self.rows += len(batch)

    def check(self) -> None:
        features = pyogrio.read_info(self.path, force_feature_count=True)["features"]
        if features != self.rows:
            raise RuntimeError(f"{self.path}: GDAL wrote {features} of {self.rows} rows")


def _add_styles(path: Path, layer: VectorLayer) -> None:
    """Add the table in which QGIS looks for styles of a GeoPackage; it is no layer, so that readers see but one."""
    if not layer.styles:
        return
    name = Path(layer.stem).name
    rows = [(name, style, text, number == 0) for number, (style, text) in enumerate(layer.styles.items())]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(STYLES_TABLE)
        database.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, useAsDefault, description, owner, update_time) "
            f"VALUES ('', '', ?, 'geom', ?, ?, ?, '', '', '{STYLES_TIME}')", rows,
        )  # fmt: skip


def _geoparquet_metadata(frame: geopandas.GeoDataFrame, layer: VectorLayer) -> dict[bytes, bytes]:
    """What GeoPandas would write of a frame, but for the bounds, which the first batch does not know."""
    empty = io.BytesIO()
    frame[:0].to_parquet(empty, index=False)
    geo = json.loads(pq.read_schema(empty).metadata[b"geo"])
    geo["columns"]["geometry"] |= dict(geometry_types=sorted([layer.kind, f"Multi{layer.kind}"]))
    geo["columns"]["geometry"].pop("bbox", None)
    pandas = pa.Schema.from_pandas(frame.drop(columns="geometry")).metadata
    return pandas | {b"geo": json.dumps(geo).encode()} | {k.encode(): v.encode() for k, v in layer.metadata.items()}


def _with_short_names(batch: Rows) -> Rows:
    if isinstance(batch, pa.Table):
        short = batch.rename_columns([SHAPEFILE_NAMES.get(name, name) for name in batch.column_names])
        return short.cast(pa.schema([_with_width(field, short[field.name]) for field in short.schema]))
    return batch.rename(columns=SHAPEFILE_NAMES)


def _with_width(field: pa.Field, values: pa.ChunkedArray) -> pa.Field:
    """A field of texts as wide as the first batch needs, instead of 80; GDAL widens it for longer ones."""
    if not pa.types.is_string(field.type) or not len(values):
        return field
    width = pc.max(pc.binary_length(values)).as_py() or 1
    return field.with_metadata({"GDAL:OGR:width": str(width)})


def _check_size(shapefile: Path, stem: str) -> None:
    """Raise OrbitileError for a Shapefile too large to be read."""
    for part in (".shp", ".dbf"):
        if shapefile.with_suffix(part).stat().st_size > SHAPEFILE_BYTES:
            raise OrbitileError(
                f"{stem}{part}: it would be larger than the 2 GB that programs read of a Shapefile; lower "
                "vectors.rows_per_file, or leave shp out of vectors.formats"
            )


def _file_bytes(path: Path) -> int:
    """The bytes of a file, of a Shapefile those of all its parts."""
    parts = [path.with_suffix(part) for part in SHAPEFILE_PARTS] if path.suffix == ".shp" else [path]
    return sum(part.stat().st_size for part in parts)


def _without_identifier(part: dict) -> dict:
    return {key: value for key, value in part.items() if key not in ("id", "ids")}
