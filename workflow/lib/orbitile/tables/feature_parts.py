"""Parts of a map: the polygons or the lines of a group, as GeoParquet 1.1, near ones near each other."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from orbitile.base.manifests import read_manifest
from orbitile.space.bodies import Body
from orbitile.space.hilbert import hilbert_numbers
from orbitile.space.lonlat_boxes import LonLatBox
from orbitile.tables.features import ABOUT, KINDS, NAMES, TYPES, UNITS
from orbitile.tables.geoparquet import (
    BBOX,
    BOUNDS_FIELD,
    GEOREF_FIELDS,
    NAME,
    PartLayout,
    georef_columns,
    write_geoparquet_part,
)
from orbitile.tables.object_ids import ID, ObjectPlaces, object_ids
from orbitile.tables.parquet import explained_damage

ROWS_PER_GROUP = 2_048
"""Rows of a row group, the least that a reader of a small box reads: some 2 MB, for outlines have many vertices."""
GEOMETRY_TYPES = dict(polygons=["Polygon", "MultiPolygon"], lines=["LineString", "MultiLineString"])


def _field(name: str) -> pa.Field:
    types = {object: pa.string(), int: pa.int64(), float: pa.float64()}
    unit = dict(unit=UNITS[name]) if name in UNITS else {}
    return pa.field(name, types[TYPES[name]], metadata=unit | dict(about=ABOUT[name]))


CONTENT = {
    kind: pa.schema([*map(_field, names), pa.field("geometry", pa.binary(), metadata={"about": "WKB, degrees"})])
    for kind, names in KINDS.items()
}
"""What the rows of a map are: how they are numbered and hashed."""


def part_schema(kind: str) -> pa.Schema:
    """The columns of a part of polygons or lines."""
    *columns, geometry = CONTENT[kind]
    fields = [field.with_type(NAME) if field.name in NAMES else field for field in (*columns, *GEOREF_FIELDS)]
    return pa.schema([ID, *fields, geometry, BOUNDS_FIELD])


def feature_ids(rows: pa.Table | pd.DataFrame, kind: str, body: Body, scenes_apart: bool = False) -> pa.Array:
    """The ids of rows (the columns CONTENT of a kind) by a point in each, and its area or, of lines, its length.

    `scenes_apart`: of runs in plain pixel coordinates.
    """
    places = ObjectPlaces(*(np.asarray(rows[name]) for name in ("scene", "class", "scale_m", "lon", "lat")))
    size_m = np.asarray(rows["length_m"]) if kind == "lines" else np.sqrt(np.asarray(rows["area_m2"]))
    return object_ids(places, [size_m], body, scenes_apart)


def write_features(
    rows: pa.Table, kind: str, methods: Mapping[str, Mapping], body: Body, path: Path, scenes_apart: bool = False
) -> None:
    """Write rows (the columns CONTENT of a kind) along a Hilbert curve.

    `methods` gives georef_method and error_m of each scene (see orbitile.tables.plan.read_georef_methods), and
    `scenes_apart` marks runs in plain pixel coordinates.
    """
    rows = rows.append_column(ID, feature_ids(rows, kind, body, scenes_apart))
    numbers = hilbert_numbers(rows["lon"].to_numpy(), rows["lat"].to_numpy())
    table = _final_form(rows.take(np.lexsort([rows["feature"].to_numpy(), numbers])), kind, methods)
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type) and field.name != "scale_m"]
    layout = PartLayout(
        GEOMETRY_TYPES[kind],
        rows_per_group=ROWS_PER_GROUP,
        conditions=["scene", "lon", "lat", "length_m"],
        numbers=floats,
    )
    write_geoparquet_part(table, layout, body, path)


def _final_form(rows: pa.Table, kind: str, methods: Mapping[str, Mapping]) -> pa.Table:
    schema, rows = part_schema(kind), rows.combine_chunks()
    columns = {name: rows[name] for name in rows.column_names}
    columns |= {name: pc.dictionary_encode(column) for name, column in columns.items() if name in NAMES}
    columns |= georef_columns(columns["scene"].combine_chunks(), methods) | dict(bbox=_boxes(rows["geometry"]))
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _boxes(geometry: pa.ChunkedArray) -> pa.Array:
    """The bounds of shapes (n) in WKB."""
    bounds = shapely.bounds(shapely.from_wkb(geometry.to_numpy())).reshape(-1, len(BBOX))
    return pa.StructArray.from_arrays([pa.array(side) for side in bounds.T], fields=list(BBOX))


def read_features(
    manifest: str | Path, kind: str, columns: Sequence[str], boxes: Sequence[LonLatBox] | None = None
) -> Iterator[pa.Table]:
    """Columns of a map's polygons or lines, in tables of one row group: all, or those whose bounds meet any box.

    `manifest` is the map's polygons.json. OrbitileError where there is none, and for a part that is no readable table,
    which counts as missing then.
    """
    for part in read_manifest(Path(manifest))["parts"]:
        if part["kind"] == kind and part["rows"] and _meets_any(part["bounds"], boxes):
            for table in read_part_rows(Path(manifest).parent / part["path"], [*columns, "bbox"], boxes):
                yield table.drop_columns("bbox")


def read_part_rows(path: Path, columns: Sequence[str], boxes: Sequence[LonLatBox] | None = None) -> Iterator[pa.Table]:
    """Columns of a part, `bbox` among them, in tables of one row group: all, or those whose bounds meet any box."""
    with explained_damage(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            if boxes is None or _meets_any(_bounds_of_row_group(file.metadata.row_group(group)), boxes):
                yield _rows_in(file.read_row_group(group, columns=list(columns)), boxes)


def _bounds_of_row_group(row_group: pq.RowGroupMetaData) -> list[float]:
    """West, south, east and north, by the statistics of the file."""
    columns = [row_group.column(n) for n in range(row_group.num_columns)]
    sides = {
        column.path_in_schema: column.statistics for column in columns if column.path_in_schema.startswith("bbox.")
    }
    return [sides["bbox.xmin"].min, sides["bbox.ymin"].min, sides["bbox.xmax"].max, sides["bbox.ymax"].max]


def _meets_any(bounds: Sequence[float], boxes: Sequence[LonLatBox] | None) -> bool:
    return boxes is None or any(bool(_meet(np.array(bounds), box)) for box in boxes)


def _meet(bounds: np.ndarray, box: LonLatBox) -> np.ndarray:
    """Whether bounds (4, ...: west, south, east, north) share a point with a box."""
    west, south, east, north = box
    return (bounds[0] <= east) & (bounds[1] <= north) & (bounds[2] >= west) & (bounds[3] >= south)


def _rows_in(table: pa.Table, boxes: Sequence[LonLatBox] | None) -> pa.Table:
    """The rows whose bounds meet any of the boxes."""
    if boxes is None:
        return table
    bounds = np.array([side.to_numpy() for side in table["bbox"].combine_chunks().flatten()])
    return table.filter(pa.array(np.any([_meet(bounds, box) for box in boxes], axis=0)))


def with_multiple_parts(table: pa.Table) -> pa.Table:
    """Rows whose shapes are all multipolygons, or all lines of several parts."""
    parts, row = shapely.get_parts(shapely.from_wkb(table["geometry"].to_numpy()), return_index=True)
    is_polygon = len(parts) > 0 and parts[0].geom_type == "Polygon"
    shapes = (shapely.multipolygons if is_polygon else shapely.multilinestrings)(parts, indices=row)
    return table.set_column(
        table.column_names.index("geometry"), "geometry", pa.array(shapely.to_wkb(shapes), pa.binary())
    )


def plain_rows(frame: pd.DataFrame, geometry: np.ndarray, kind: str) -> pa.Table:
    """Rows as CONTENT of a kind, of a frame of numbers and texts and the shapes (n), with all other columns."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    wkb = pa.array(shapely.to_wkb(geometry), pa.binary())
    typed = {name: table[name].cast(CONTENT[kind].field(name).type) for name in KINDS[kind]}
    return pa.table(
        typed | {name: table[name] for name in table.column_names if name not in typed} | dict(geometry=wkb)
    )
