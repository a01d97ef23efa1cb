"""Parts of a catalogue: the craters of a group in their final form, as GeoParquet 1.1 with their centres as points."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.base.provenance import provenance
from orbitile.space.bodies import Body
from orbitile.space.hilbert import hilbert_numbers
from orbitile.tables.detections import DETECTIONS, ORDER
from orbitile.tables.parquet import explained_damage

ROWS_PER_GROUP = 10_000
"""Rows of a row group, the least that a reader of a small box reads: some 1 MB. With fewer, readers that look at the
ends of all parts first would read more there."""
NAME = pa.dictionary(pa.int32(), pa.string())
BBOX = pa.struct([pa.field(side, pa.float64(), nullable=False) for side in ("xmin", "ymin", "xmax", "ymax")])
NAMES = ("scene", "class")
"""Columns of few different texts."""
CRATERS = pa.schema(
    [
        *(field.with_type(NAME) if field.name in NAMES else field for field in DETECTIONS),
        pa.field("georef_method", NAME, metadata={"about": "how the scene was georeferenced"}),
        pa.field("error_m", pa.float64(), metadata={"unit": "m", "about": "expected error of positions, where known"}),
        pa.field("geometry", pa.binary(), metadata={"about": "centre, degrees on the body, as a WKB point"}),
        pa.field("bbox", BBOX, metadata={"about": "bounds of the geometry, by which readers leave out row groups"}),
    ]
)
DICTIONARIES = [field.name for field in CRATERS if field.type == NAME]
"""Columns that a dataset gives as dictionaries. They are stored as texts: GDAL takes such dictionaries for numbers."""
PLAIN = pa.schema([field.with_type(pa.string()) if field.type == NAME else field for field in CRATERS])
"""As they are stored."""
FEW_VALUES = [*DICTIONARIES, "scale_m"]
"""Columns that are stored as dictionaries; of others, whose values are all different, these would be larger."""
NUMBERS = [field.name for field in CRATERS if pa.types.is_floating(field.type) and field.name not in FEW_VALUES]
"""Columns whose bytes are stored apart, the first of all values, then the second ...: so they compress better."""
BOUNDS = [f"bbox.{side.name}" for side in BBOX]
CONDITIONS = ["scene", "lon", "lat", "diameter_km", "score"]
"""Columns by whose limits readers leave out row groups."""
LITTLE_ENDIAN, POINT = 1, 1
WKB_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
CHAIN_KEY = b"longest_chain"


def write_part(
    survivors: pd.DataFrame, methods: Mapping[str, Mapping], body: Body, longest_chain: int, path: str | Path
) -> None:
    """Write the survivors of a group (columns of DETECTIONS), near ones near each other.

    `methods` gives georef_method and error_m of each scene (see orbitile.tables.plan.read_georef_methods). The longest
    chain of overlaps among the detections that decided about them becomes part of the metadata.
    """
    table = _final_form(_along_curve(survivors), methods)
    described = {b"geo": json.dumps(_geo_metadata(table, body)).encode(), CHAIN_KEY: str(longest_chain).encode()}
    described |= {name.encode(): text.encode() for name, text in provenance().items()}
    with atomic(path) as temporary:
        pq.write_table(
            table.cast(PLAIN).replace_schema_metadata(described), temporary, row_group_size=ROWS_PER_GROUP,
            compression="zstd", use_dictionary=FEW_VALUES, use_byte_stream_split=[*NUMBERS, *BOUNDS],
            write_statistics=[*CONDITIONS, *BOUNDS], write_page_checksum=True,
        )  # fmt: skip


def read_part(path: str | Path, columns: Sequence[str] = tuple(DETECTIONS.names)) -> pa.Table:
    """Read columns of a part, with names as texts.

    OrbitileError for a file that is no readable table, which counts as missing then, and for one without the columns.
    """
    with explained_damage(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        missing = sorted(set(columns) - set(file.schema_arrow.names))
        if missing:
            raise OrbitileError(
                f"{path}: has no column {missing[0]}, so another program wrote it; delete it and run again"
            )
        plain = pa.schema([PLAIN.field(name) for name in columns])
        return file.read(columns=list(columns), use_threads=False).select(columns).cast(plain)


def count_rows(path: str | Path) -> int:
    """The number of rows of a table, from its metadata; OrbitileError as of `read_part`."""
    with explained_damage(path):
        return pq.read_metadata(path).num_rows


def read_survivors(path: str | Path, columns: Sequence[str] = tuple(DETECTIONS.names)) -> pd.DataFrame:
    """Read columns of a part as a data frame, with names as texts; OrbitileError as of `read_part`."""
    return read_part(path, columns).to_pandas()


def read_geo_metadata(path: str | Path) -> dict:
    """What the metadata "geo" of a part says of its geometry: crs, bbox (missing without rows) ..."""
    return json.loads(_metadata(path, b"geo"))["columns"]["geometry"]


def read_longest_chain(path: str | Path) -> int:
    """The longest chain of overlaps that a part states."""
    return int(_metadata(path, CHAIN_KEY))


def _metadata(path: str | Path, key: bytes) -> bytes:
    with explained_damage(path):
        metadata = pq.read_schema(path).metadata or {}
    if key not in metadata:
        raise OrbitileError(
            f"{path}: has no metadata {key.decode()!r}, so another program wrote it; delete it and run again"
        )
    return metadata[key]


def _along_curve(survivors: pd.DataFrame) -> pd.DataFrame:
    """The rows along a Hilbert curve, those of one cell of it by ORDER."""
    ordered = survivors.sort_values(ORDER, ignore_index=True)
    numbers = hilbert_numbers(ordered["lon"].to_numpy(float), ordered["lat"].to_numpy(float))
    return ordered.iloc[np.argsort(numbers, kind="stable")]


def _final_form(survivors: pd.DataFrame, methods: Mapping[str, Mapping]) -> pa.Table:
    """The columns of CRATERS."""
    plain = pa.Table.from_pandas(survivors[DETECTIONS.names], DETECTIONS, preserve_index=False).combine_chunks()
    lon, lat = (plain[name].combine_chunks() for name in ("lon", "lat"))
    scene = plain["scene"].combine_chunks().dictionary_encode()
    by_scene = [methods[name] for name in scene.dictionary.to_pylist()]
    columns = {name: plain[name].combine_chunks() for name in DETECTIONS.names} | {
        "scene": scene,
        "class": plain["class"].combine_chunks().dictionary_encode(),
        "georef_method": _of_scene(scene, [method["georef_method"] for method in by_scene], pa.string())
        .dictionary_encode(),
        "error_m": _of_scene(scene, [method["error_m"] for method in by_scene], pa.float64()),
        "geometry": _wkb_points(lon.to_numpy(), lat.to_numpy()),
        "bbox": pa.StructArray.from_arrays([lon, lat, lon, lat], fields=list(BBOX)),
    }  # fmt: skip
    return pa.Table.from_arrays([columns[name] for name in CRATERS.names], schema=CRATERS)


def _of_scene(scene: pa.DictionaryArray, values: list, value_type: pa.DataType) -> pa.Array:
    """For each row the value of its scene; `values` are in the order of the scenes' dictionary."""
    return pa.array(values, value_type).take(scene.indices)


def _wkb_points(lon: np.ndarray, lat: np.ndarray) -> pa.Array:
    """Points (n) in well-known binary, as ISO 19125-1 defines it."""
    records = np.zeros(len(lon), WKB_POINT)
    records["order"], records["type"], records["lon"], records["lat"] = LITTLE_ENDIAN, POINT, lon, lat
    offsets = np.arange(len(lon) + 1, dtype=np.int32) * WKB_POINT.itemsize
    return pa.BinaryArray.from_buffers(pa.binary(), len(lon), [None, pa.py_buffer(offsets), pa.py_buffer(records)])


def _geo_metadata(table: pa.Table, body: Body) -> dict:
    """The metadata "geo" of GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/)."""
    column = dict(
        encoding="WKB", geometry_types=["Point"], crs=body.crs.to_json_dict(), edges="planar",
        covering={"bbox": {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}},
    )  # fmt: skip
    if len(table):
        lon, lat = (table[name].to_numpy() for name in ("lon", "lat"))
        column["bbox"] = [float(bound) for bound in (lon.min(), lat.min(), lon.max(), lat.max())]
    return dict(version="1.1.0", primary_column="geometry", columns={"geometry": column})
