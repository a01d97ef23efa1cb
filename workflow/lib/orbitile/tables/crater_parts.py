"""Parts of a catalogue: the craters of a group in their final form, with their centres as points."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import Body
from orbitile.space.hilbert import hilbert_numbers
from orbitile.tables.detections import DETECTIONS, ORDER
from orbitile.tables.geoparquet import (
    BBOX,
    BOUNDS_FIELD,
    GEOREF_FIELDS,
    NAME,
    PartLayout,
    georef_columns,
    read_metadata_entry,
    stored_schema,
    write_geoparquet_part,
)
from orbitile.tables.object_ids import ID, ObjectPlaces, object_ids
from orbitile.tables.parquet import explained_damage

NAMES = ("scene", "class")
CONFIDENCE_COLUMNS = ("probability", "fdr_rank")
"""Columns that only rows have of which a calibration knows something."""
CRATERS = pa.schema(
    [
        ID,
        *(field.with_type(NAME) if field.name in NAMES else field for field in DETECTIONS),
        pa.field("probability", pa.float32(), metadata={"about": "of being a true object, by calibration"}),
        pa.field("fdr_rank", pa.float64(), metadata={"about": "least bound of false rows at which this row is in"}),
        *GEOREF_FIELDS,
        pa.field("geometry", pa.binary(), metadata={"about": "centre, degrees on the body, as a WKB point"}),
        BOUNDS_FIELD,
    ]
)
ATTRIBUTES = [name for name in CRATERS.names if name not in ("geometry", "bbox")]
"""All columns but shapes."""
DICTIONARIES = [field.name for field in CRATERS if field.type == NAME]
"""Columns that a dataset gives as dictionaries."""
STORED = stored_schema(CRATERS)
FEW_VALUES = ("scale_m", "fdr_rank")
"""Columns of few different numbers."""
LAYOUT = PartLayout(
    geometry_types=["Point"],
    rows_per_group=10_000,  # some 1 MB; with fewer, readers that look at the ends of all parts first read more there
    conditions=["scene", "lon", "lat", "diameter_km", "score"],
    numbers=[field.name for field in CRATERS if pa.types.is_floating(field.type) and field.name not in FEW_VALUES],
)
LITTLE_ENDIAN, POINT = 1, 1
WKB_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
CHAIN_KEY = b"longest_chain"


def write_part(
    survivors: pd.DataFrame, methods: Mapping[str, Mapping], body: Body, longest_chain: int, path: str | Path,
    scenes_apart: bool = False,
) -> None:  # fmt: skip
    """Write the survivors of a group (columns of DETECTIONS, perhaps CONFIDENCE_COLUMNS), near ones near each other.

    `methods` gives georef_method and error_m of each scene (see orbitile.tables.plan.read_georef_methods). The longest
    chain of overlaps among the detections that decided about them becomes part of the metadata. `scenes_apart`: of runs
    in plain pixel coordinates.
    """
    table = _final_form(_along_curve(_identified(survivors, body, scenes_apart)), methods)
    write_geoparquet_part(table, LAYOUT, body, path, {CHAIN_KEY: str(longest_chain).encode()})


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
        stored = pa.schema([STORED.field(name) for name in columns])
        return file.read(columns=list(columns), use_threads=False).select(columns).cast(stored)


def read_survivors(path: str | Path, columns: Sequence[str] = tuple(DETECTIONS.names)) -> pd.DataFrame:
    """Read columns of a part as a data frame, with names as texts; OrbitileError as of `read_part`."""
    return read_part(path, columns).to_pandas()


def read_longest_chain(path: str | Path) -> int:
    """The longest chain of overlaps that a part states; OrbitileError as of `read_part`."""
    return int(read_metadata_entry(path, CHAIN_KEY))


def diameter_range(paths: Sequence[str | Path]) -> tuple[float, float]:
    """The smallest and the largest diameter (km) in parts, by what they state of themselves; 1 and 1 without rows."""
    limits: list[float] = []
    for path in paths:
        with explained_damage(path):
            metadata = pq.read_metadata(path)
        column = metadata.schema.names.index("diameter_km")
        groups = [metadata.row_group(number).column(column) for number in range(metadata.num_row_groups)]
        limits += [end for group in groups if group.num_values for end in (group.statistics.min, group.statistics.max)]
    return (min(limits), max(limits)) if limits else (1.0, 1.0)


def _identified(survivors: pd.DataFrame, body: Body, scenes_apart: bool) -> pd.DataFrame:
    """The rows by ORDER, with the column `id`."""
    rows = survivors.sort_values(ORDER, ignore_index=True)
    places = ObjectPlaces(*(rows[name].to_numpy() for name in ("scene", "class", "scale_m", "lon", "lat")))
    sizes_m = [rows[name].to_numpy(float) for name in ("width_m", "height_m")]
    return rows.assign(id=object_ids(places, sizes_m, body, scenes_apart).to_numpy(zero_copy_only=False))


def _along_curve(ordered: pd.DataFrame) -> pd.DataFrame:
    """The rows, which are by ORDER, along a Hilbert curve; those of one cell of it stay by ORDER."""
    numbers = hilbert_numbers(ordered["lon"].to_numpy(float), ordered["lat"].to_numpy(float))
    return ordered.iloc[np.argsort(numbers, kind="stable")]


def _final_form(survivors: pd.DataFrame, methods: Mapping[str, Mapping]) -> pa.Table:
    """The columns of CRATERS."""
    plain = pa.Table.from_pandas(survivors[DETECTIONS.names], DETECTIONS, preserve_index=False)
    columns: dict[str, pa.Array] = {name: plain[name].combine_chunks() for name in DETECTIONS.names}
    columns |= {name: columns[name].dictionary_encode() for name in NAMES}
    columns |= {ID.name: pa.array(survivors[ID.name], ID.type)}
    unknown = np.full(len(survivors), np.nan)
    columns |= {
        name: pa.array(survivors.get(name, unknown), CRATERS.field(name).type, from_pandas=True)
        for name in CONFIDENCE_COLUMNS
    }
    lon, lat = columns["lon"], columns["lat"]
    columns |= georef_columns(columns["scene"], methods) | dict(
        geometry=_wkb_points(lon.to_numpy(), lat.to_numpy()),
        bbox=pa.StructArray.from_arrays([lon, lat, lon, lat], fields=list(BBOX)),
    )
    return pa.Table.from_arrays([columns[name] for name in CRATERS.names], schema=CRATERS)


def _wkb_points(lon: np.ndarray, lat: np.ndarray) -> pa.Array:
    """Points (n) in well-known binary, as ISO 19125-1 defines it."""
    records = np.zeros(len(lon), WKB_POINT)
    records["order"], records["type"], records["lon"], records["lat"] = LITTLE_ENDIAN, POINT, lon, lat
    offsets = np.arange(len(lon) + 1, dtype=np.int32) * WKB_POINT.itemsize
    return pa.BinaryArray.from_buffers(pa.binary(), len(lon), [None, pa.py_buffer(offsets), pa.py_buffer(records)])
