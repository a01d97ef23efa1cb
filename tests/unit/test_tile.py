import numpy as np
import pytest

from orbitile.jobs.pieces import Work
from orbitile.stages.tile import TileSize, tile
from orbitile.tables.parquet import read_table
from orbitile.tables.rasters import write_rasters

SIZES = {100.0: TileSize(64, 32), 200.0: TileSize(64, 0)}


@pytest.fixture
def tiled(tmp_path):
    def run(*rasters):
        write_rasters(list(rasters), tmp_path / "rasters.parquet")
        tile(str(tmp_path / "rasters.parquet"), SIZES, str(tmp_path / "work"), str(tmp_path / "tiles.parquet"), Work())
        return read_table(tmp_path / "tiles.parquet")

    return run


def test_tiles_of_a_scene(raster, tiled):
    table = tiled(raster(np.ones((64, 128), np.uint8)))
    assert table["tile"].tolist() == [0, 1, 2]
    assert table[["col", "row", "width", "height"]].to_numpy().tolist() == [[c, 0, 64, 64] for c in (0, 32, 64)]
    assert table[["core_left", "core_right"]].to_numpy().tolist() == [[-np.inf, 48], [48, 80], [80, np.inf]]
    assert table["valid_share"].tolist() == [1, 1, 1]


def test_valid_shares(raster, tiled):
    """Made-up data in a quarter of the first tile; numbers stay where tiles are dropped."""
    pixels = np.zeros((64, 192), np.uint8)
    pixels[32:, :32] = 7
    pixels[0, 191] = 7
    table = tiled(raster(pixels, nodata=0))
    assert table["tile"].tolist() == [0, 4]
    assert table["valid_share"].tolist() == pytest.approx([1 / 4, 1 / 64**2])


def test_each_scale_has_its_size(raster, tiled):
    pixels = np.ones((64, 128), np.uint8)
    table = tiled(raster(pixels), raster(pixels, scale_m=200.0), raster(pixels, "b"))
    assert table.groupby(["scene", "scale_m"]).size().to_dict() == {("a", 100): 3, ("a", 200): 2, ("b", 100): 3}


def test_a_scene_without_data_has_no_tiles(raster, tiled):
    assert len(tiled(raster(np.zeros((64, 64), np.uint8), nodata=0))) == 0


def test_a_small_scene_is_one_tile(raster, tiled):
    table = tiled(raster(np.ones((20, 30), np.uint8)))
    assert table[["width", "height", "valid_share"]].to_numpy().tolist() == [[30, 20, 1]]
