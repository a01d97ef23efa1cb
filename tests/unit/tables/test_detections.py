import numpy as np
import pyarrow.parquet as pq
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables import detections as schemas
from orbitile.tables import tiles
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import SCHEMA, coarsest, read_rasters, write_rasters

GREY = np.ones((8, 10), np.uint8)


@pytest.mark.parametrize(
    ("names", "schema"),
    [
        (schemas.BOX, schemas.TILE_DETECTIONS),
        (schemas.MAP_BOX, schemas.DETECTIONS),
        (schemas.ORDER, schemas.DETECTIONS),
        (tiles.CORE, tiles.SCHEMA),
    ],
)
def test_named_columns_exist(names, schema):
    assert set(names) <= set(schema.names)


def test_raw_detections_find_their_tiles():
    assert set(schemas.TILE_DETECTIONS.names) & set(tiles.SCHEMA.names) == {"scene", "scale_m", "tile"}


@pytest.mark.parametrize("schema", [schemas.TILE_DETECTIONS, schemas.DETECTIONS, tiles.SCHEMA, SCHEMA])
def test_lengths_in_columns_have_units(schema):
    odd = [f.name for f in schema if f.name.endswith(("_m", "_km")) and b"unit" not in (f.metadata or {})]
    assert odd == []


@pytest.mark.parametrize("count", [0, 2])
def test_tables_read_back(detections, tmp_path, count):
    table = detections(np.arange(count), np.arange(count), 1000, np.full(count, 0.9))
    write_table(table.assign(note="made up"), schemas.DETECTIONS, tmp_path / "a.parquet")
    found = read_table(tmp_path / "a.parquet")
    assert found.columns.tolist() == schemas.DETECTIONS.names
    assert found["lat"].tolist() == table["lat"].tolist()
    assert pq.read_schema(tmp_path / "a.parquet").equals(schemas.DETECTIONS, check_metadata=True)


@pytest.mark.parametrize("content", [None, b"", b"made up"])
def test_what_is_no_table_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(OrbitileError, match=r"a\.parquet: not a readable table .*run again"):
        read_table(tmp_path / "a.parquet")


def test_rasters_read_back(raster, tmp_path):
    rows = [raster(GREY, scene, scale) for scene in "ab" for scale in (100.0, 200.0)]
    write_rasters(rows, tmp_path / "rasters.parquet")
    found = read_rasters(tmp_path / "rasters.parquet")
    assert found == rows
    assert (found[0].grid.width, found[0].grid.height, found[0].grid.gsd_m) == (10, 8, 100)
    assert found[0].stretch.high == (255,)
    assert [(row.scene, row.scale_m) for row in coarsest(found)] == [("a", 200), ("b", 200)]


def test_rasters_that_have_gone_are_named(raster, tmp_path):
    row = raster(GREY)
    write_rasters([row], tmp_path / "rasters.parquet")
    (tmp_path / "a-100.tif").unlink()
    with pytest.raises(OrbitileError, match=r"rasters\.parquet: its file .*a-100\.tif is missing"):
        read_rasters(tmp_path / "rasters.parquet")
