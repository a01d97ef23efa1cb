"""Part of a catalogue as a file of its own, in bounded memory: `python -m orbitile export`."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import geopandas
import pyarrow as pa
import pyogrio
from pyarrow import csv
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyproj import CRS
from tqdm import tqdm

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.catalogue import ATTRIBUTES, PLAN, Catalogue, check_outside, with_shapes
from orbitile.tables.crater_parts import STORED
from orbitile.tables.plan import read_columns, read_unplanned
from orbitile.tables.vector_parts import rows_that_fit
from orbitile.tables.vectors import write_vectors

SHAPES = ("point", "ellipse", "circle", "box")
VERTICES = 128
ROWS_PER_BATCH = 20_000
"""Rows that are in memory at once: polygons take some 5 kB each."""
SCHEMA = pa.schema([STORED.field(name) for name in ATTRIBUTES])
Frames = Iterable[geopandas.GeoDataFrame]


def export_craters(catalogue: Catalogue, path: Path, shape: str) -> int:
    """Write a catalogue, or what was selected of it, to a file in the format of its suffix; returns the rows.

    Shapes are SHAPES, on the ground; a CSV has none. The file is written completely or not at all. OrbitileError for a
    suffix without a format, a path inside the dataset, and more rows than surely fit into a Shapefile.
    """
    write = _writer(path)
    check_outside(path, catalogue)
    rows = len(catalogue)
    if path.suffix == ".shp":
        _check_shapefile(path, rows, shape)
    with tqdm(total=rows, unit=" craters", unit_scale=True, disable=None) as bar, _explained_failure(path):
        write(_counted(_frames(catalogue, "point" if path.suffix == ".csv" else shape), bar), path, shape)
    return rows


def check_scenes(catalogue: Catalogue, scenes: Iterable[str]) -> None:
    """OrbitileError for names that no scene of the catalogue's run has; none where there is no plan to tell."""
    plan = catalogue.manifest.parent.parent / PLAN
    if not plan.is_file():
        return
    planned = read_columns(plan, ["scene"])["scene"]
    names = {*planned, *(scene.scene for scene in read_unplanned(plan))}
    if unknown := sorted(set(scenes) - names):
        nearest = ", ".join(difflib.get_close_matches(unknown[0], sorted(names), 5, 0))
        raise OrbitileError(
            f"{plan}: the run has no scene {unknown[0]!r}; of its {len(names):,} the names most like it are {nearest}"
        )


@contextmanager
def _explained_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataSourceError, DataLayerError, FeatureError) as error:
        reason = " ".join(str(error).split())
        raise OrbitileError(
            f"{path}: GDAL cannot write it ({reason}); is there room, and may you write there?"
        ) from error


def _frames(catalogue: Catalogue, shape: str) -> Iterator[geopandas.GeoDataFrame]:
    """The rows in frames of bounded size, at least one; names are texts."""
    for rows in _tables(catalogue):
        yield with_shapes(rows, None if shape == "point" else shape, VERTICES, catalogue.body)


def _tables(catalogue: Catalogue) -> Iterator[pa.Table]:
    """All rows in tables of ROWS_PER_BATCH, the last one smaller, maybe without any."""
    waiting = SCHEMA.empty_table()
    for batch in catalogue.batches(ATTRIBUTES):
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch]).cast(SCHEMA)])
        while len(waiting) > ROWS_PER_BATCH:
            yield waiting.slice(0, ROWS_PER_BATCH)
            waiting = waiting.slice(ROWS_PER_BATCH)
    yield waiting


def _counted(frames: Frames, bar: tqdm) -> Iterator[geopandas.GeoDataFrame]:
    for frame in frames:
        yield frame
        bar.update(len(frame))


def _write_vectors(frames: Frames, path: Path, shape: str) -> None:
    kind = "Point" if shape == "point" else "Polygon"
    write_vectors(frames, path.with_suffix(""), kind=kind, formats=[path.suffix[1:]])


def _write_flatgeobuf(frames: Frames, path: Path, shape: str) -> None:
    """GDAL takes all rows as a stream, for a file of this format cannot grow."""
    waiting = iter(frames)
    first = next(waiting)
    tables = _Counter(pa.table(frame.to_arrow(index=False)) for frame in chain([first], waiting))
    schema = pa.table(first[:0].to_arrow(index=False)).schema
    stream = pa.RecordBatchReader.from_batches(schema, chain.from_iterable(table.to_batches() for table in tables))
    kind = "Point" if shape == "point" else "Unknown"  # polygons that cross 180 degrees have several parts
    with atomic(path) as temporary:
        pyogrio.write_arrow(
            stream, temporary, driver="FlatGeobuf", geometry_type=kind, geometry_name="geometry",
            crs=CRS(first.crs).to_wkt(),
        )  # fmt: skip
        if pyogrio.read_info(temporary, force_feature_count=True)["features"] != tables.rows:
            raise DataSourceError("not all rows are in it")


@dataclass
class _Counter:
    """Tables that are counted while they pass."""

    tables: Iterable[pa.Table]
    rows: int = 0

    def __iter__(self) -> Iterator[pa.Table]:
        for table in self.tables:
            self.rows += len(table)
            yield table


def _write_csv(frames: Frames, path: Path, shape: str) -> None:
    with atomic(path) as temporary, csv.CSVWriter(temporary, SCHEMA) as file:
        for frame in frames:
            file.write_table(pa.Table.from_pandas(frame[ATTRIBUTES], SCHEMA, preserve_index=False))


WRITERS: dict[str, Callable[[Frames, Path, str], None]] = {
    ".gpkg": _write_vectors, ".shp": _write_vectors, ".parquet": _write_vectors, ".fgb": _write_flatgeobuf,
    ".csv": _write_csv,
}  # fmt: skip
"""By the suffix of their files."""


def _writer(path: Path) -> Callable[[Frames, Path, str], None]:
    if path.suffix not in WRITERS:
        raise OrbitileError(f"{path}: no format has the suffix {path.suffix!r}; write one of {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise OrbitileError(f"{path}: there is no folder {path.parent}; make it first")
    return WRITERS[path.suffix]


def _check_shapefile(path: Path, rows: int, shape: str) -> None:
    most = rows_that_fit(rows, ["shp"], SCHEMA, 0 if shape == "point" else VERTICES)
    if rows > most:
        raise OrbitileError(
            f"{path}: {rows} craters do not surely fit into the 2 GB that programs read of a Shapefile, but {most}; "
            "select fewer, or write a .gpkg"
        )
