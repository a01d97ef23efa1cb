"""Counts of areas as files: a table of the craters of each area, one of its draws, the manifest that names them."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.base.manifests import read_manifest
from orbitile.counting.area_count import COLUMNS, AreaCount
from orbitile.tables.parquet import read_arrow, read_metadata, write_arrow

CRATERS, DRAWS, REFERENCE = "craters.parquet", "draws.parquet", "reference.parquet"
"""The tables in the folder of an area; the last where craters of a table are counted beside those of the catalogue."""
COUNTED = pa.schema(
    [
        pa.field("lon", pa.float64(), metadata={"unit": "degree", "about": "centre, east, -180..180"}),
        pa.field("lat", pa.float64(), metadata={"unit": "degree", "about": "centre, planetocentric"}),
        pa.field("diameter_km", pa.float64(), metadata={"unit": "km"}),
        pa.field("weight", pa.float64(), metadata={"about": "true craters that a detection stands for, if it is true"}),
        pa.field("area_km2", pa.float64(), metadata={"unit": "km2", "about": "ground on which its like would count"}),
        pa.field("probability", pa.float64(), metadata={"about": "of being a true crater; 1 where nothing tells it"}),
        pa.field("counted", pa.bool_(), metadata={"about": "false: beyond the diameters that frequencies hold for"}),
    ]
)
DRAWN = pa.schema(
    [
        pa.field("draw", pa.int32(), metadata={"about": "number of the draw, from 0"}),
        pa.field("row", pa.int32(), metadata={"about": f"row of {CRATERS}, from 0"}),
        pa.field("diameter_km", pa.float64(), metadata={"unit": "km"}),
        pa.field("weight", pa.float64()),
        pa.field("area_km2", pa.float64(), metadata={"unit": "km2"}),
    ]
)


def write_count(count: AreaCount, counted: np.ndarray, path: str | Path) -> None:
    """Write the craters of an area; those that are not counted (n; bool) stand in the table, too."""
    columns = {name: getattr(count, name) for name in COLUMNS} | dict(counted=counted)
    shape = shapely.to_wkb(count.shape, hex=True)
    metadata = dict(name=count.name, searched_km2=repr(float(count.searched_km2)), shape=shape)
    write_arrow(pa.table(columns, COUNTED), path, metadata)


def read_count(path: str | Path) -> tuple[AreaCount, np.ndarray]:
    """The craters of an area as `write_count` wrote them, and which of them are counted (n; bool).

    OrbitileError for a file that is no such table.
    """
    table, about = read_arrow(path), read_metadata(path)
    try:
        columns = {name: table[name].to_numpy() for name in (*COLUMNS, "counted")}
        counted = columns.pop("counted")
        count = AreaCount(about["name"], shapely.from_wkb(about["shape"]), float(about["searched_km2"]), **columns)
    except (KeyError, ValueError, shapely.errors.ShapelyError) as error:
        raise OrbitileError(f"{path}: is no table of counted craters ({error}); run the target count again") from error
    return count, counted


def read_counts(manifest: str | Path) -> list[AreaCount]:
    """The counts of all areas that counts.json names, in its order: the craters that frequencies are made of.

    OrbitileError where the manifest or a table that it names is missing or no such file.
    """
    counts = (read_count(path) for path in _paths(manifest, CRATERS))
    return [count.taking(counted) for count, counted in counts]


def read_reference_counts(manifest: str | Path) -> dict[str, AreaCount]:
    """The counts of the table beside the catalogue, by the names of areas; none where there is no table.

    OrbitileError as of `read_counts`.
    """
    counts = (read_count(path) for path in _paths(manifest, REFERENCE) if path.is_file())
    return {count.name: count.taking(counted) for count, counted in counts}


def write_draws(draws: Iterator[tuple[np.ndarray, AreaCount]], path: str | Path) -> None:
    """Write draws: of each the rows of the area's table (m) that were drawn, and the count that they make."""
    with atomic(path) as temporary, pq.ParquetWriter(temporary, DRAWN, write_page_checksum=True) as writer:
        for number, (rows, count) in enumerate(draws):
            columns = dict(draw=np.full(len(rows), number), row=rows, diameter_km=count.diameter_km)
            columns |= dict(weight=count.weight, area_km2=count.area_km2)
            writer.write_table(
                pa.table({name: pa.array(columns[name], DRAWN.field(name).type) for name in DRAWN.names})
            )


def read_draws(manifest: str | Path) -> dict[str, list[AreaCount]]:
    """The counts that were drawn for each area by its name: with other diameters, and without what may be false.

    Their probabilities are 1: what is likely false is in fewer draws. OrbitileError as of `read_counts`.
    """
    number = read_manifest(Path(manifest))["settings"]["draws"]
    tables = zip(_paths(manifest, CRATERS), _paths(manifest, DRAWS), strict=True)
    counts = ((read_count(craters)[0], read_arrow(draws)) for craters, draws in tables)
    return {count.name: list(_drawn(count, table, number)) for count, table in counts}


def _drawn(count: AreaCount, table: pa.Table, number: int) -> Iterator[AreaCount]:
    columns = {name: table[name].to_numpy() for name in DRAWN.names}
    starts = np.searchsorted(columns["draw"], np.arange(number + 1))
    for first, last in pairwise(starts):
        part = {name: column[first:last] for name, column in columns.items()}
        row = part["row"]
        yield AreaCount(
            count.name, count.shape, count.searched_km2, count.lon[row], count.lat[row],
            part["diameter_km"], part["weight"], part["area_km2"], np.ones(len(row)),
        )  # fmt: skip


def _paths(manifest: str | Path, name: str) -> list[Path]:
    """The table of this name of each area."""
    try:
        areas: list[dict[str, Any]] = read_manifest(Path(manifest))["areas"]
        return [Path(manifest).parent / area["folder"] / name for area in areas]
    except (KeyError, TypeError) as error:
        raise OrbitileError(
            f"{manifest}: names no areas ({json.dumps(str(error))}); run the target count again"
        ) from None
