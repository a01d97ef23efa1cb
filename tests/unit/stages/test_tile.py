from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orbitile.detections.tiling import TileSize
from orbitile.jobs.pieces import JobWork
from orbitile.rasters.appearance import STATISTICS, appearance
from orbitile.stages.tile import tile_scenes
from orbitile.tables.parquet import read_table
from orbitile.tables.rasters import write_rasters
from orbitile.tables.tiles import read_appearances

SIZES = {100.0: TileSize(64, 32), 200.0: TileSize(64, 0)}


@pytest.fixture
def tiled(tmp_path):
    def run(*rasters):
        write_rasters(list(rasters), tmp_path / "rasters.parquet")
        tile_scenes(
            str(tmp_path / "rasters.parquet"), SIZES, str(tmp_path / "work"), str(tmp_path / "tiles.parquet"), JobWork()
        )
        return read_table(tmp_path / "tiles.parquet")

    run.path = tmp_path / "tiles.parquet"
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


def test_tiles_that_hold_data_everywhere_say_how_they_look(raster, tiled):
    """A made-up gradient, of which the last tile has a pixel without data; its stretch is the fixture's."""
    pixels = np.repeat(np.arange(1, 193, dtype=np.uint8)[None], 64, axis=0)
    pixels[0, 191] = 0
    row = raster(pixels, nodata=0)
    looks = tiled(row)["appearance"]
    assert [look is None for look in looks] == [False] * 4 + [True]
    grey = row.stretch.apply(pixels[:, 32:96], np.ones((64, 64), bool))
    assert looks[1] == pytest.approx(appearance(grey))
    assert list(read_appearances([tiled.path])) == ["a"]
    assert read_appearances([tiled.path])["a"].shape == (4, len(STATISTICS))


def test_appearances_are_those_of_the_finest_scale(raster, tiled):
    random = np.random.default_rng(0).integers(0, 255, (64, 128)).astype(np.uint8)
    tiled(raster(random), raster(random, scale_m=200.0), raster(np.zeros((64, 64), np.uint8), "b", nodata=0))
    assert {scene: len(looks) for scene, looks in read_appearances([tiled.path]).items()} == {"a": 3}


def test_scenes_whose_tiles_all_lack_some_data_have_no_appearance(raster, tiled):
    pixels = np.ones((64, 128), np.uint8)
    pixels[5, ::10] = 0
    tiled(raster(pixels, nodata=0), raster(np.ones((64, 64), np.uint8), "b"))
    assert {scene: looks.shape for scene, looks in read_appearances([tiled.path]).items()} == {
        "a": (0, len(STATISTICS)),
        "b": (1, len(STATISTICS)),
    }


def test_a_scene_without_data_has_no_tiles(raster, tiled):
    assert len(tiled(raster(np.zeros((64, 64), np.uint8), nodata=0))) == 0


def test_a_small_scene_is_one_tile(raster, tiled):
    table = tiled(raster(np.ones((20, 30), np.uint8)))
    assert table[["width", "height", "valid_share"]].to_numpy().tolist() == [[30, 20, 1]]


@pytest.fixture
def pieces(raster):
    """Two made-up pieces of a mosaic, of 50 and 78 columns, and the mosaic in one piece."""

    def make(pixels):
        one, other = raster(pixels[:, :50], "a", nodata=0), raster(pixels[:, 50:], "b", left=5000, nodata=0)
        one = replace(one, in_mosaic=True, lenders=["b"], longitude_wraps=[0])
        other = replace(other, in_mosaic=True, lenders=["a"], longitude_wraps=[0])
        return one, other, replace(raster(pixels, "whole", nodata=0), in_mosaic=True)

    return make


def test_pieces_have_the_tiles_of_the_uncut_mosaic(pieces, tiled):
    """The second piece begins in column 50."""
    one, other, whole = pieces(np.ones((64, 128), np.uint8))
    windows = ["col", "row", "width", "height"]
    second = tiled(other).assign(col=lambda table: table["col"] + 50)
    found = pd.concat([tiled(one), second])[windows]
    expected = tiled(whole)[windows]
    assert set(found.itertuples(index=False, name=None)) == set(expected.itertuples(index=False, name=None))


def test_tiles_of_a_piece_reach_into_its_neighbour(pieces, tiled):
    """And count its own pixels."""
    one, _, _ = pieces(np.ones((64, 128), np.uint8))
    table = tiled(one)
    assert table[["col", "row"]].to_numpy().tolist() == [[c, r] for r in (-16, 16) for c in (-16, 16)]
    assert table["valid_share"].tolist() == [48 * 48 / 64**2, 34 * 48 / 64**2] * 2
    assert table[["core_left", "core_right"]].to_numpy().tolist() == [[0, 32], [32, 50]] * 2


def test_a_scene_that_becomes_a_piece_has_other_tiles(pieces, tiled, tmp_path):
    _, _, whole = pieces(np.ones((64, 128), np.uint8))
    assert tiled(replace(whole, in_mosaic=False))["tile"].tolist() == [0, 1, 2]
    assert len(tiled(whole)) == 8
