"""The parts of a catalogue in the programs of others that pip installs; tests/clients has those of Debian."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
from made_up_catalogue import MARS, write_catalogue
from pyproj import CRS

from orbitile.tables import crater_parts
from orbitile.tables.vectors import write_vectors

NAMES = ["scene", "class", "georef_method"]
VALIDATOR = Path(sys.executable).with_name("geoparquet-validator")
BOX = (10.0, 5.0, 30.0, 25.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The parts of a catalogue, with many small groups of rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crater_parts, "LAYOUT", replace(crater_parts.LAYOUT, rows_per_group=250))
        return write_catalogue(tmp_path_factory.mktemp("catalogue"), 2, 2, 20_000) / "craters"


def faults(part):
    """The rules that the validator finds broken."""
    done = subprocess.run([VALIDATOR, "check", "--json", part], capture_output=True, text=True)
    outcomes = json.loads(done.stdout)["outcomes"]
    assert len(outcomes) > 20
    return [outcome["id"] for outcome in outcomes if outcome["status"] not in ("pass", "skip")]


def test_parts_are_what_the_specification_says(folder):
    assert faults(folder / "group000.parquet") == []


def test_a_part_without_rows_is_what_the_specification_says(folder):
    """It has no extent that statistics could give."""
    assert faults(folder / "nothing.parquet") == ["/conf/distribution/geospatial-statistics"]


def test_a_single_file_is_what_the_core_of_the_specification_says(folder, tmp_path):
    """The file beside the dataset has no column of boxes, which the rules of distribution advise."""
    frame = geopandas.read_parquet(folder / "group000.parquet").drop(columns="bbox", errors="ignore")
    write_vectors(frame, tmp_path / "craters", kind="Point", formats=["parquet"])
    assert all(fault.startswith("/conf/distribution/") for fault in faults(tmp_path / "craters.parquet"))
    ((crs,),) = duckdb.sql(f"SELECT DISTINCT ST_CRS(geometry) FROM '{tmp_path}/craters.parquet'").fetchall()
    assert CRS.from_json(crs) == MARS.crs


def test_the_validator_finds_a_wrong_extent(folder, tmp_path):
    """So that the test above can fail."""
    table = pq.ParquetFile(folder / "group000.parquet").read()
    geo = json.loads(table.schema.metadata[b"geo"])
    geo["columns"]["geometry"]["bbox"] = [0, 0, 1, 1]
    pq.write_table(table.replace_schema_metadata({b"geo": json.dumps(geo)}), tmp_path / "part.parquet")
    assert faults(tmp_path / "part.parquet") == ["/conf/core/bbox-extent"]


def test_the_validator_finds_rows_without_order(folder, tmp_path):
    table = pq.ParquetFile(folder / "group000.parquet").read()
    mixed = table.take(np.random.default_rng(0).permutation(len(table)))
    pq.write_table(mixed, tmp_path / "part.parquet", row_group_size=250, compression="zstd")
    assert faults(tmp_path / "part.parquet") == ["/conf/distribution/spatial-order"]


def test_names_are_stored_as_text(folder):
    """As dictionaries of Arrow GDAL would take them for numbers."""
    schema = pq.read_schema(folder / "group000.parquet")
    assert {name: str(schema.field(name).type) for name in NAMES} == dict.fromkeys(NAMES, "string")


def test_geopandas_reads_a_box_of_all_parts(folder):
    """One of the parts is empty."""
    frame = geopandas.read_parquet(folder, bbox=BOX)
    everything = geopandas.read_parquet(folder)
    assert len(everything) == 20_000
    assert frame.crs == everything.crs == MARS.crs
    assert set(frame["lon"]) == set(everything.cx[BOX[0] : BOX[2], BOX[1] : BOX[3]]["lon"])


def test_duckdb_knows_the_body(folder):
    ((crs,),) = duckdb.sql(f"SELECT DISTINCT ST_CRS(geometry) FROM '{folder}/*.parquet'").fetchall()
    assert CRS.from_json(crs) == MARS.crs


@pytest.mark.parametrize(
    "condition",
    [
        f"lon BETWEEN {BOX[0]} AND {BOX[2]} AND lat BETWEEN {BOX[1]} AND {BOX[3]}",
        f"bbox.xmax >= {BOX[0]} AND bbox.xmin <= {BOX[2]} AND bbox.ymax >= {BOX[1]} AND bbox.ymin <= {BOX[3]}",
    ],
)
def test_duckdb_reads_a_box(folder, condition):
    counted = duckdb.sql(f"SELECT count(*) FROM '{folder}/*.parquet' WHERE {condition}").fetchall()
    assert counted == [(len(geopandas.read_parquet(folder, bbox=BOX)),)]


def test_a_box_lies_in_few_groups_of_rows(folder):
    """By the statistics that all readers go by: those of lon and lat, and those of bbox."""
    metadata = pq.read_metadata(folder / "group003.parquet")
    assert metadata.num_row_groups == 20
    for columns in (("lon", "lat", "lon", "lat"), tuple(f"bbox.{side}" for side in ("xmin", "ymin", "xmax", "ymax"))):
        assert 0 < sum(reaches_into_box(metadata.row_group(number), columns) for number in range(20)) <= 4


def reaches_into_box(group, columns):
    ranges = {group.column(n).path_in_schema: group.column(n).statistics for n in range(group.num_columns)}
    west, south, east, north = (ranges[column] for column in columns)
    return west.min <= BOX[2] and east.max >= BOX[0] and south.min <= BOX[3] and north.max >= BOX[1]
