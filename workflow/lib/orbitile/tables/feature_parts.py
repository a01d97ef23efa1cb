"""Parts of a map: the polygons or the lines of a group, as GeoParquet 1.1, near ones near each other."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from orbitile.base.files import atomic
from orbitile.base.manifests import read_manifest
from orbitile.base.provenance import provenance
from orbitile.space.bodies import Body
from orbitile.space.hilbert import hilbert_numbers
from orbitile.space.lonlat_boxes import LonLatBox
from orbitile.tables.crater_parts import BBOX, NAME
from orbitile.tables.features import ABOUT, KINDS, NAMES, TYPES
from orbitile.tables.parquet import explained_damage
from orbitile.tables.vectors import GEOREF_COLUMNS

ROWS_PER_GROUP = 2_048
"""Rows of a row group, the least that a reader of a small box reads: some 2 MB, for outlines have many vertices."""
GEOMETRY_TYPES = dict(polygons=["Polygon", "MultiPolygon"], lines=["LineString", "MultiLineString"])


def _field(name: str) -> pa.Field:
    types = {object: pa.string(), int: pa.int64(), float: pa.float64()}
    return pa.field(name, types[TYPES[name]], metadata={"about": ABOUT[name]})


CONTENT = {
    kind: pa.schema([*map(_field, names), pa.field("geometry", pa.binary(), metadata={"about": "WKB, degrees"})])
    for kind, names in KINDS.items()
}
"""What the rows of a map are: how they are numbered and hashed."""


def part_schema(kind: str) -> pa.Schema:
    """The columns of a part of polygons or lines."""
    *columns, geometry = CONTENT[kind]
    georef = [pa.field(name, pa.float64() if name == "error_m" else pa.string()) for name in GEOREF_COLUMNS]
    fields = [field.with_type(NAME) if field.name in NAMES else field for field in (*columns, *georef)]
    return pa.schema([*fields, geometry, pa.field("bbox", BBOX)])


def write_features(rows: pa.Table, kind: str, methods: Mapping[str, Mapping], body: Body, path: Path) -> None:
    """Write rows (the columns CONTENT of a kind) along a Hilbert curve.

    `methods` gives georef_method and error_m of each scene (see orbitile.tables.plan.read_georef_methods).
    """
    numbers = hilbert_numbers(rows["lon"].to_numpy(), rows["lat"].to_numpy())
    table = _final_form(rows.take(np.lexsort([rows["feature"].to_numpy(), numbers])), kind, methods)
    described = {b"geo": json.dumps(_geo_metadata(table, kind, body)).encode()}
    described |= {name.encode(): text.encode() for name, text in provenance().items()}
    with atomic(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(described), temporary, row_group_size=ROWS_PER_GROUP, compression="zstd",
            write_page_checksum=True,
        )  # fmt: skip


def _final_form(rows: pa.Table, kind: str, methods: Mapping[str, Mapping]) -> pa.Table:
    rows = rows.combine_chunks()
    scenes = rows["scene"].combine_chunks().dictionary_encode()
    of_scenes = [methods[scene] for scene in scenes.dictionary.to_pylist()]
    schema = part_schema(kind)
    columns = {name: rows[name] for name in rows.column_names} | {"bbox": _boxes(rows["geometry"])}
    for name in GEOREF_COLUMNS:
        value_type = pa.float64() if name == "error_m" else pa.string()
        columns[name] = pa.array([method[name] for method in of_scenes], value_type).take(scenes.indices)
    encoded = {name: pc.dictionary_encode(column) if name in NAMES else column for name, column in columns.items()}
    return pa.table([encoded[name] for name in schema.names], schema=schema)


def _boxes(geometry: pa.ChunkedArray) -> pa.Array:
    """The bounds of shapes (n) in WKB."""
    bounds = shapely.bounds(shapely.from_wkb(geometry.to_numpy())).reshape(-1, len(BBOX))
    return pa.StructArray.from_arrays([pa.array(side) for side in bounds.T], fields=list(BBOX))


def _geo_metadata(table: pa.Table, kind: str, body: Body) -> dict:
    """The metadata "geo" of GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/)."""
    column = dict(
        encoding="WKB", geometry_types=GEOMETRY_TYPES[kind], crs=body.crs.to_json_dict(), edges="planar",
        covering={"bbox": {field.name: ["bbox", field.name] for field in BBOX}},
    )  # fmt: skip
    if len(table):
        column["bbox"] = bounds_of(table)
    return dict(version="1.1.0", primary_column="geometry", columns={"geometry": column})


def bounds_of(table: pa.Table) -> list[float]:
    """West, south, east and north of the rows of a part, of which there must be at least one."""
    sides = table["bbox"].combine_chunks().flatten()
    west, south, east, north = (pc.min_max(side) for side in sides)
    return [west["min"].as_py(), south["min"].as_py(), east["max"].as_py(), north["max"].as_py()]


def read_part_bounds(path: str | Path) -> list[float] | None:
    """West, south, east and north of a part; None for one without rows."""
    with explained_damage(path):
        geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    return geo["columns"]["geometry"].get("bbox")


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
