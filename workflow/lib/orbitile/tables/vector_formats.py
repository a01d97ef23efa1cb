"""Which files are opened as vectors: those of a few formats, by name and content, whatever else GDAL could open.

Some of GDAL's formats run SQL, fetch addresses, or are lists of other files; which format a file is of, GDAL decides by
its content. So this is looked at first, without GDAL.
"""

import json
import re
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import FileAccess
from orbitile.base.versions import FileVersions

FORMAT_NAMES = "GeoPackage, Shapefile, GeoJSON, FlatGeobuf, GeoParquet"
MAX_GEOJSON_BYTES = 1 << 29
MAX_HEADER_BYTES = 1 << 20
SQL_STEPS = 10_000_000
"""Instructions of SQLite that looking into a GeoPackage takes at most; a real one takes thousands."""
TABLES = "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view')"
FILES_OF_CRS = re.compile(r"grids|PARAMETERFILE", re.IGNORECASE)
"""In the definition of a reference system: files that PROJ opens as soon as GDAL looks at it."""
ADDRESS_OF_CRS = re.compile(r"init\s*=|://|^\W*/", re.IGNORECASE)
"""In the name of one: a file with definitions, an address."""
OPENGIS = re.compile(r"^https?://www\.opengis\.net/def/", re.IGNORECASE)
"""Names that look like addresses, and that GDAL knows without asking."""


@dataclass(frozen=True)
class VectorFormat:
    """A format: the first bytes of its files, and what makes GDAL take its driver and no other."""

    signature: bytes = b""
    prefix: str = ""


GEOJSON = VectorFormat(prefix="GeoJSON:")
GEOPACKAGE = VectorFormat(b"SQLite format 3\0")
GEOPARQUET = VectorFormat(b"PAR1")
SHAPEFILE = VectorFormat(b"\x00\x00\x27\x0a")
FLATGEOBUF = VectorFormat(b"fgb\x03")
FORMATS = {
    ".gpkg": GEOPACKAGE, ".shp": SHAPEFILE, ".geojson": GEOJSON, ".json": GEOJSON, ".fgb": FLATGEOBUF,
    ".parquet": GEOPARQUET, ".geoparquet": GEOPARQUET,
}  # fmt: skip
"""Formats by suffix."""


def vector_format(path: str | Path) -> VectorFormat:
    """The format of a vector file.

    OrbitileError for any that is not in FORMATS, whose content is not what its suffix says, that is no regular file or
    has parts that are none, and for layers of a GeoPackage that are views or virtual tables.
    """
    path = Path(path)
    file_format = FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise OrbitileError(
            f"{path}: holds no shapes in a format that is read, which are {FORMAT_NAMES}; "
            "save it as one of them (in QGIS: Export, Save Features As)"
        )
    _check_regular(path)
    if _bytes_at(path, 0, len(file_format.signature)) != file_format.signature:
        raise _unreadable(path, f"its content is not that of a {path.suffix} file")
    if file_format in CHECKS:
        CHECKS[file_format](path)
    return file_format


def _unreadable(path: Path, reason: str) -> OrbitileError:
    return OrbitileError(f"{path}: cannot be read as vectors ({reason}); is it a complete vector file?")


def _check_regular(path: Path) -> None:
    """OrbitileError where a file or one that is read with it is missing, no regular file, or lies in another folder."""
    if not path.exists():
        raise _unreadable(path, "there is no such file")
    access = FileAccess().around(path)
    for part in [str(path), *FileVersions().companions(str(path))]:
        access.check(Path(part), path)


def _check_shapefile(path: Path) -> None:
    """OrbitileError for a Shapefile that was cut off, or whose parts are not of one file.

    The length in 16-bit words stands at byte 24 (ESRI Shapefile Technical Description, 1998); the index has a header of
    100 bytes and 8 for each shape.
    """
    _check_length(path, path, 2 * int.from_bytes(_bytes_at(path, 24), "big"))
    beside = {part.suffix.lower(): part for part in map(Path, FileVersions().companions(str(path)))}
    if ".prj" in beside:
        _check_definition(path, beside[".prj"].read_text(errors="replace"))
    if ".dbf" in beside:
        rows = _dbase_rows(beside[".dbf"], path)
        shapes = (beside[".shx"].stat().st_size - 100) // 8 if ".shx" in beside else rows
        if shapes != rows:
            raise _unreadable(path, f"it has {shapes} shapes, but {rows} rows in {beside['.dbf'].name}")


def _dbase_rows(table: Path, path: Path) -> int:
    """The number of a dBASE table's rows, which stands at byte 4, before the lengths of header and rows."""
    header = _bytes_at(table, 0, 32)
    rows, header_length, row_length = struct.unpack("<IHH", header[4:12]) if len(header) == 32 else (0, 32, 0)
    _check_length(table, path, header_length + rows * row_length)
    return rows


def _check_length(part: Path, path: Path, stated: int) -> None:
    if part.stat().st_size < stated:
        raise _unreadable(path, f"{part.name} states {stated} bytes and has {part.stat().st_size}")


def _check_flatgeobuf(path: Path) -> None:
    """OrbitileError for the definition in the header, whose length stands at byte 8 (flatgeobuf.org)."""
    length = min(int.from_bytes(_bytes_at(path, 8), "little"), MAX_HEADER_BYTES)
    _check_definition(path, _bytes_at(path, 12, length).decode(errors="replace"))


def _check_definition(path: Path, crs: str) -> None:
    if names_files(crs):
        raise _unreadable(path, "its coordinate reference system refers to other files")


def _bytes_at(path: Path, start: int, count: int = 4) -> bytes:
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(count)


def _check_geojson(path: Path) -> None:
    """OrbitileError for a file too large, and for one whose reference system is an address that GDAL would fetch."""
    if path.stat().st_size > MAX_GEOJSON_BYTES:
        raise OrbitileError(f"{path}: GeoJSON of more than {MAX_GEOJSON_BYTES >> 20} MB; save it as a GeoPackage")
    try:
        json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_without_address)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error


def _without_address(pairs: list[tuple[str, Any]]) -> dict:
    for key, value in pairs:
        if key == "crs" and isinstance(value, dict):
            _check_crs_member(value)
    return dict(pairs)


def _check_crs_member(crs: dict) -> None:
    if str(crs.get("type", "name")).lower() != "name":
        raise ValueError(f"its coordinate reference system is a {crs['type']!r}, not a name")
    properties = crs.get("properties")
    name = str(properties.get("name", "")) if isinstance(properties, dict) else ""
    if names_files(name) or ADDRESS_OF_CRS.search(OPENGIS.sub("", name)):
        raise ValueError("its coordinate reference system is the name of a file or an address")


def names_files(crs: str) -> bool:
    """Tell whether the definition of a reference system has PROJ open files, such as grids."""
    return FILES_OF_CRS.search(crs) is not None


def _check_geopackage(path: Path) -> None:
    """OrbitileError for layers that are anything but tables: to read a view is to run its SQL."""
    with _opened_database(path) as database:
        tables = {name.lower(): _kind(kind, sql) for name, kind, sql in database.execute(TABLES)}
        if views := [name for name in tables if tables[name] == "view" and name.startswith(("gpkg_", "rtree_"))]:
            raise _unreadable(path, f"its table {views[0]} is a view")
        layers = [str(name) for (name,) in database.execute("SELECT table_name FROM gpkg_geometry_columns")]
        for row in database.execute("SELECT * FROM gpkg_spatial_ref_sys"):
            _check_definition(path, " ".join(map(str, row)))
    for layer in layers:
        if (kind := tables.get(layer.lower(), "missing table")) != "table":
            raise OrbitileError(f"{path}: layer {layer} is a {kind}; save it as a layer of its own")


def _kind(kind: str, sql: str | None) -> str:
    return "virtual table" if (sql or "").upper().split()[:2] == ["CREATE", "VIRTUAL"] else kind


@contextmanager
def _opened_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A GeoPackage as a database that can be read only, and that gives up soon."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
            database.set_progress_handler(lambda: 1, SQL_STEPS)
            yield database
    except (sqlite3.Error, UnicodeError) as error:
        raise _unreadable(path, str(error)) from error


CHECKS: dict[VectorFormat, Callable[[Path], None]] = {
    GEOJSON: _check_geojson, GEOPACKAGE: _check_geopackage, SHAPEFILE: _check_shapefile, FLATGEOBUF: _check_flatgeobuf,
}  # fmt: skip
