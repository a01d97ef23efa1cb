from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.seals import write_seal
from orbitile.tables.rasters import SCHEMA, read_rasters, read_sealed_rasters, write_rasters


def test_rows_of_scenes_of_one_image_have_no_seams(raster, tmp_path):
    row = raster(np.ones((2, 2), np.uint8))
    write_rasters([row], tmp_path / "r.parquet")
    assert read_rasters(tmp_path / "r.parquet") == [row]
    assert (row.seams, row.sources) == (None, None)
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.select(["seams", "sources"]).to_pylist() == [dict(seams=None, sources=None)]


def test_tables_without_these_columns_are_read(raster, tmp_path):
    row = raster(np.ones((2, 2), np.uint8))
    write_rasters([row], tmp_path / "r.parquet")
    pq.write_table(pq.read_table(tmp_path / "r.parquet").drop_columns(["seams", "sources"]), tmp_path / "r.parquet")
    assert read_rasters(tmp_path / "r.parquet") == [row]


def test_rasters_whose_pixels_are_read_are_checked(raster, tmp_path):
    row = raster(np.ones((2, 2), np.uint8))
    write_rasters([row], tmp_path / "r.parquet")
    write_seal(Path(row.path))
    assert read_sealed_rasters(tmp_path / "r.parquet") == [row]
    content = Path(row.path).read_bytes()
    Path(row.path).write_bytes(content[:-1] + b"x")
    assert read_rasters(tmp_path / "r.parquet") == [row]
    with pytest.raises(OrbitileError, match=r"is not as it was finished.*run again"):
        read_sealed_rasters(tmp_path / "r.parquet")
