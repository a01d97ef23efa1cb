"""Parts of datasets as GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/), in small row groups of near rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.base.provenance import provenance
from orbitile.space.bodies import Body
from orbitile.tables.object_ids import ID
from orbitile.tables.parquet import explained_damage

NAME = pa.dictionary(pa.int32(), pa.string())
"""The type of columns of few different texts, in memory. Stored they are texts: GDAL takes dictionaries for numbers."""
BBOX = pa.struct([pa.field(side, pa.float64(), nullable=False) for side in ("xmin", "ymin", "xmax", "ymax")])
GEOREF_FIELDS = (
    pa.field("georef_method", NAME, metadata={"about": "how the scene was georeferenced"}),
    pa.field("error_m", pa.float64(), metadata={"unit": "m", "about": "expected error of positions, where known"}),
)
BOUNDS_FIELD = pa.field(
    "bbox", BBOX, metadata={"unit": "degree", "about": "bounds of the geometry, by which readers leave out row groups"}
)
BOUNDS = [f"bbox.{side.name}" for side in BBOX]
GEO = b"geo"


@dataclass(frozen=True)
class PartLayout:
    """How the parts of a dataset are stored.

    `geometry_types` are those of GeoParquet. A row group, the least that a reader of a small box reads, has
    `rows_per_group` rows. Readers leave out row groups by the limits of `conditions` and of the bounds. The columns of
    numbers whose values are all different, `numbers`, are stored byte by byte, first of all rows the first one ...: so
    they compress better; all others as dictionaries.
    """

    geometry_types: Sequence[str]
    rows_per_group: int
    conditions: Sequence[str]
    numbers: Sequence[str]


def write_geoparquet_part(
    table: pa.Table, layout: PartLayout, body: Body, path: str | Path, metadata: Mapping[bytes, bytes] | None = None
) -> None:
    """Write a table with the columns geometry (WKB) and bbox; `metadata` stand beside those of GeoParquet."""
    described = {GEO: json.dumps(_geo_metadata(table, layout, body)).encode()} | dict(metadata or {})
    described |= {name.encode(): text.encode() for name, text in provenance().items()}
    split = [*layout.numbers, *BOUNDS]
    different = (*layout.numbers, ID.name, "geometry", "bbox")
    few_values = [name for name in table.column_names if name not in different]
    with atomic(path) as temporary:
        pq.write_table(
            table.cast(stored_schema(table.schema)).replace_schema_metadata(described), temporary,
            row_group_size=layout.rows_per_group, compression="zstd", use_dictionary=few_values,
            use_byte_stream_split=split, write_statistics=[*layout.conditions, *BOUNDS], write_page_checksum=True,
        )  # fmt: skip


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """A schema with texts in place of dictionaries."""
    return pa.schema([field.with_type(field.type.value_type) if _is_dictionary(field) else field for field in schema])


def _is_dictionary(field: pa.Field) -> bool:
    return pa.types.is_dictionary(field.type)


def read_geo_metadata(path: str | Path) -> dict:
    """What the metadata "geo" of a part says of its geometry: crs, bbox (missing without rows) ...

    OrbitileError for a file that is no readable table, which counts as missing then, and for one without metadata.
    """
    return json.loads(read_metadata_entry(path, GEO))["columns"]["geometry"]


def read_metadata_entry(path: str | Path, key: bytes) -> bytes:
    """An entry of the metadata of a part; OrbitileError as of `read_geo_metadata`."""
    with explained_damage(path):
        metadata = pq.read_schema(path).metadata or {}
    if key not in metadata:
        name = key.decode()
        raise OrbitileError(f"{path}: has no metadata {name!r}, so another program wrote it; delete it and run again")
    return metadata[key]


def georef_columns(scene: pa.DictionaryArray, methods: Mapping[str, Mapping]) -> dict[str, pa.Array]:
    """The columns georef_method (NAME) and error_m of rows with these scenes (n).

    `methods` gives both for each scene (see orbitile.tables.plan.read_georef_methods).
    """
    of_scenes = [methods[name] for name in scene.dictionary.to_pylist()]
    texts = pa.array([method["georef_method"] for method in of_scenes], pa.string())
    errors = pa.array([method["error_m"] for method in of_scenes], pa.float64())
    return dict(georef_method=texts.take(scene.indices).dictionary_encode(), error_m=errors.take(scene.indices))


def _geo_metadata(table: pa.Table, layout: PartLayout, body: Body) -> dict:
    column = dict(
        encoding="WKB", geometry_types=list(layout.geometry_types), crs=body.crs.to_json_dict(), edges="planar",
        covering={"bbox": {side.name: ["bbox", side.name] for side in BBOX}},
    )  # fmt: skip
    if len(table):
        west, south, east, north = table["bbox"].combine_chunks().flatten()
        column["bbox"] = [side.as_py() for side in (pc.min(west), pc.min(south), pc.max(east), pc.max(north))]
    return dict(version="1.1.0", primary_column="geometry", columns={"geometry": column})
