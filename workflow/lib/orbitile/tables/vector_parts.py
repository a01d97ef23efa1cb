"""Points in parts: GeoPackages and Shapefiles of a bounded number of rows, with an index and a view of all of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import pyarrow as pa
import pyogrio
import shapely

from orbitile.base.files import atomic
from orbitile.tables.datasets import published_folder
from orbitile.tables.geoparquet import stored_schema
from orbitile.tables.object_ids import ID
from orbitile.tables.vector_writers import (
    SHAPEFILE_BYTES,
    VectorFile,
    VectorLayer,
    anonymous_crs,
    write_aliases,
    write_layer,
)

PART_FORMATS = ("gpkg", "shp")
"""Formats of parts; a dataset of GeoParquet has its own."""
INDEX, VIEW = "index", "all.vrt"
SIDES = ("XMin", "YMin", "XMax", "YMax")
TEXT_BYTES, NUMBER_BYTES, ID_BYTES = 254, 24, 80
"""The widest fields of a Shapefile, and the one of short texts, which GDAL makes no narrower."""
HEADER_BYTES, POINT_BYTES, CUT_POINTS = 8 + 44 + 3 * 4, 16, 16
"""Of a polygon in a Shapefile: record without points, with up to three parts; a point; points that cuts add at most."""


def rows_that_fit(rows_per_file: int, formats: Sequence[str], columns: pa.Schema, vertices: int = 0) -> int:
    """At most `rows_per_file`, and no more than surely fit into the 2 GB of a Shapefile, where that is written.

    `vertices` are those of polygons, 0 for points. Sizes are those of https://www.esri.com/content/dam/esrisites/
    sitecore-archive/Files/Pdfs/library/whitepapers/pdfs/shapefile.pdf.
    """
    if "shp" not in formats:
        return rows_per_file
    table_row = 1 + sum(map(_field_bytes, columns))
    shape = HEADER_BYTES + (vertices + CUT_POINTS) * POINT_BYTES if vertices else 28
    return min(rows_per_file, (SHAPEFILE_BYTES - 1000) // max(table_row, shape))


def write_parts(
    batches: Iterable[pa.RecordBatch], folder: Path, layer: VectorLayer, rows_per_file: int, formats: Sequence[str]
) -> list[VectorFile]:
    """Write rows with points (WKB in the column `geometry`), at least one, to files of at most `rows_per_file` rows.

    For a `layer` called "craters" the folder, which appears completely or not at all, holds craters-0001.gpkg,
    craters-0001.shp, craters-0002.gpkg ... for those of `formats` that are PART_FORMATS, the aliases of a Shapefile's
    fields, the index of all parts (their bounds as polygons, with rows and location), and all.vrt, which programs open
    as a single layer. Returns the files, parts first. Batches are as those of a catalogue; one of them is in memory.
    """
    suffixes = [suffix for suffix in PART_FORMATS if suffix in formats]
    parts: list[VectorFile] = []
    tables = map(_plain_table, batches)
    first = next(tables)
    with published_folder(folder) as temporary:
        for number, pieces in groupby(_numbered_pieces(chain([first], tables), rows_per_file), key=itemgetter(0)):
            stem = f"{temporary}/{layer.stem}-{number:04d}"
            parts += write_layer((piece for _, piece in pieces), replace(layer, stem=stem), suffixes)
        if "shp" in suffixes:
            write_aliases(first.column_names, f"{temporary}/{layer.stem}")
        files = [*parts, *_write_index(parts, temporary, layer), _write_view(parts, temporary, layer)]
    return [file._replace(path=folder / file.path.name) for file in files]


def _numbered_pieces(tables: Iterable[pa.Table], rows_per_file: int) -> Iterator[tuple[int, pa.Table]]:
    """Pieces of tables, with the number of the file, from 1, that they belong to."""
    before = 0
    for rest in tables:
        while len(rest):
            number, first = divmod(before, rows_per_file)
            piece = rest.slice(0, rows_per_file - first)
            yield number + 1, piece
            before += len(piece)
            rest = rest.slice(len(piece))


def _plain_table(batch: pa.RecordBatch) -> pa.Table:
    """A batch with texts instead of categories, without the column of bounds."""
    table = pa.Table.from_batches([batch]).select([name for name in batch.schema.names if name != "bbox"])
    return table.cast(stored_schema(table.schema))


def _field_bytes(column: pa.Field) -> int:
    if column.name == ID.name:
        return ID_BYTES
    return TEXT_BYTES if _is_text(column.type) else NUMBER_BYTES


def _is_text(data_type: pa.DataType) -> bool:
    value_type = data_type.value_type if pa.types.is_dictionary(data_type) else data_type
    return pa.types.is_string(value_type) or pa.types.is_large_string(value_type)


def _write_index(files: Sequence[VectorFile], folder: Path, layer: VectorLayer) -> list[VectorFile]:
    """Write the bounds of files as polygons, with their rows and their paths in the column `location`."""
    frame = geopandas.GeoDataFrame(
        dict(
            location=[file.path.name for file in files],
            format=[file.path.suffix[1:] for file in files],
            rows=[file.rows for file in files],
            bytes=[file.bytes for file in files],
        ),
        geometry=[_bounds(file.path) for file in files],
        crs=layer.crs,
    )
    return write_layer([frame], replace(layer, stem=f"{folder}/{INDEX}", kind="Polygon"), ["gpkg"])


def _write_view(files: Sequence[VectorFile], folder: Path, layer: VectorLayer) -> VectorFile:
    """Write a layer made of the files of the first format (https://gdal.org/drivers/vector/vrt.html)."""
    parts = [file for file in files if file.path.suffix == files[0].path.suffix]
    bounds = shapely.union_all([_bounds(file.path) for file in parts]).bounds
    source = ET.Element("OGRVRTDataSource")
    union = ET.SubElement(source, "OGRVRTUnionLayer", name=layer.stem)
    for file in parts:
        member = ET.SubElement(union, "OGRVRTLayer", name=file.path.stem)
        ET.SubElement(member, "SrcDataSource", relativeToVRT="1", shared="0").text = file.path.name
    facts = _facts(layer, sum(file.rows for file in parts), bounds)
    for name, value in facts.items():
        ET.SubElement(union, name).text = value
    with atomic(folder / VIEW) as temporary:
        ET.ElementTree(source).write(temporary, encoding="utf-8")
    return VectorFile(folder / VIEW, sum(file.rows for file in parts), (folder / VIEW).stat().st_size)


def _facts(layer: VectorLayer, rows: int, bounds: Sequence[float]) -> dict[str, str]:
    """What a program would else open all files to know."""
    return dict(
        FieldStrategy="FirstLayer",
        GeometryType="wkbPoint" if layer.kind == "Point" else f"wkbMulti{layer.kind}",
        LayerSRS=anonymous_crs(layer.crs).to_wkt("WKT1_GDAL"),
        FeatureCount=str(rows),
        **{f"Extent{side}": repr(float(bound)) for side, bound in zip(SIDES, bounds, strict=True)},
    )


def _bounds(path: Path) -> shapely.Polygon:
    """The box around the points of a file."""
    return shapely.box(*pyogrio.read_info(path, force_total_bounds=True)["total_bounds"])
