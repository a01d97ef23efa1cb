"""Tiles on their way through a network that is made up: it finds one box in every tile that is not black."""

import shutil
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.errors import OrbitileError
from orbitile.jobs.pieces import Work, exclusions, pieces_of
from orbitile.models.adapter import Boxes, ModelChoice
from orbitile.rasters.read import FILL
from orbitile.stages import infer as module
from orbitile.stages.infer import TILES_PER_GROUP, Search, infer
from orbitile.stages.tile import tile
from orbitile.tables.detections import RAW
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings, read_rasters, write_rasters
from orbitile.tables.tiles import SCHEMA
from orbitile.tiling import TileSize, spans_of_scene
from orbitile.tiling import tiles as cut

SIDE = 32
CHOICE = ModelChoice("weights.safetensors", "0" * 64, "yolo", "cpu", batch=8, score_threshold=0.05)


class Brightness:
    """The made-up network. It keeps what it saw, and fails on tiles of a given brightness."""

    on_cpu = True

    def __init__(self):
        self.seen, self.batches, self.fails_at = [], [], None

    def predict(self, tiles):
        self.seen += list(tiles)
        self.batches.append(len(tiles))
        brightness = tiles.reshape(len(tiles), -1).max(axis=1)
        if self.fails_at in brightness:
            raise RuntimeError("CUDA error: made up")
        found = np.flatnonzero(brightness)
        corners = np.tile(np.float32([1, 2, 3, 4]), (len(found), 1))
        return Boxes(found, corners, brightness[found].astype(np.float32) / 256, np.full(len(found), "crater"))


@pytest.fixture
def network(monkeypatch):
    detector = Brightness()
    monkeypatch.setattr("orbitile.stages.infer.load", lambda choice: detector)
    return detector


@pytest.fixture
def tables(raster, tmp_path):
    """Tables of the tiles and rasters of a made-up scene whose n-th row of 32 x 32 tiles has brightness n."""

    def make(rows=6, columns=40, **other):
        pixels = np.repeat(np.arange(1, rows + 1, dtype=np.uint8), SIDE)[:, None].repeat(columns * SIDE, 1)
        paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
        write_rasters([raster(pixels, **other)], paths[1])
        tile(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], Work())
        return paths

    return make


@pytest.fixture
def found(tables, tmp_path):
    """Searches tables of tiles; returns the detections."""

    def run(paths, choice=CHOICE, work=None, threads=1):
        folder, out = str(tmp_path / "work" / "infer"), tmp_path / "raw.parquet"
        infer(
            paths[0], RasterTables(paths[1]), Search(choice, {100.0: SIDE}, threads), folder, str(out), work or Work()
        )
        return read_table(out)

    return run


def tile_groups(paths):
    return list(module._tile_groups(paths[0], Surroundings(RasterTables(paths[1])), {100.0: SIDE}))


def pieces(paths, folder=Path()):
    return [group.piece(CHOICE, folder) for group in tile_groups(paths)]


def test_every_tile_is_searched_in_order(tables, network, found):
    table = found(tables(rows=5, columns=30))
    assert table.columns.tolist() == RAW.names
    assert table["tile"].tolist() == list(range(150))
    assert (table["score"] * 256).tolist() == np.repeat(np.arange(1, 6), 30).tolist()
    assert table[["scene", "scale_m", "class"]].drop_duplicates().to_numpy().tolist() == [["a", 100.0, "crater"]]
    assert table[["left", "top", "right", "bottom"]].drop_duplicates().to_numpy().tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_detections_do_not_depend_on_the_batch(tables, network, found, batch):
    table = found(tables(), replace(CHOICE, batch=batch))
    assert (table["score"] * 256).tolist() == np.repeat(np.arange(1, 7), 40).tolist()
    assert max(network.batches) == min(batch, 80)


def test_tiles_beyond_the_scene_are_filled_up(raster, network, found, tmp_path):
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(np.full((20, 24), 7, np.uint8))], paths[1])
    tile(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], Work())
    found(paths)
    (image,) = network.seen
    assert image.shape == (SIDE, SIDE)
    assert (image[:20, :24] == 7).all()
    assert (image[20:] == FILL).all()
    assert (image[:, 24:] == FILL).all()


def test_the_stretch_is_the_raster_s(tables, network, found):
    found(tables(rows=2, columns=1, low=0.0, high=2.0))
    assert [int(image.max()) for image in network.seen] == [128, 255]


def test_tiles_without_detections(tables, network, found, monkeypatch):
    nothing = Boxes(np.empty(0, int), np.empty((0, 4)), np.empty(0), np.empty(0, object))
    monkeypatch.setattr(network, "predict", lambda tiles: nothing)
    table = found(tables())
    assert len(table) == 0
    assert table.columns.tolist() == RAW.names


def tile_table(path, columns, rows, dropped=()):
    """A table of the tiles of made-up rasters, less some that hold no data."""
    raster = RasterRow("a", 100.0, str(path / "a.tif"), "", [100, 0, 0, 0, -100, 0], columns * SIDE, rows * SIDE,
                       1.0, 0.0, 255.0, "projected")  # fmt: skip
    (path / "a.tif").touch()
    columns, rows = (spans_of_scene(length, TileSize(SIDE, 0)) for length in (raster.width, raster.height))
    write_rasters([raster], path / "rasters.parquet")
    table = pd.DataFrame(
        dict(scene="a", scale_m=100.0, tile=one.number, valid_share=1.0, core_left=0.0, core_top=0.0, core_right=0.0,
             core_bottom=0.0) | vars(one.window)
        for one in cut(columns, rows) if one.number not in dropped
    )  # fmt: skip
    write_table(table, SCHEMA, path / "tiles.parquet")
    return str(path / "tiles.parquet"), str(path / "rasters.parquet")


shapes = st.tuples(st.integers(1, 150), st.integers(1, 12))


@given(shapes, st.sets(st.integers(0, 200)))
def test_tile_groups_are_whole_rows(tmp_path_factory, shape, dropped):
    paths = tile_table(tmp_path_factory.mktemp("t"), *shape, dropped - {0})
    groups = tile_groups(paths)
    numbers = [number for group in groups for number in group.tiles["tile"]]
    assert numbers == read_table(paths[0])["tile"].tolist()
    rows = [set(group.tiles["row"]) for group in groups]
    assert sum(map(len, rows)) == len(set.union(*rows))


@given(shapes)
def test_tile_groups_are_not_needlessly_large(tmp_path_factory, shape):
    """The last row of each is the one that makes it large enough."""
    paths = tile_table(tmp_path_factory.mktemp("t"), *shape)
    for group in tile_groups(paths):
        assert len(group.tiles) < TILES_PER_GROUP + shape[0]


@given(shapes)
def test_tile_groups_are_large_enough_unless_the_raster_ends(tmp_path_factory, shape):
    paths = tile_table(tmp_path_factory.mktemp("t"), *shape)
    *before, _ = tile_groups(paths)
    assert all(len(group.tiles) >= TILES_PER_GROUP for group in before)


def test_rasters_do_not_share_tile_groups(raster, tmp_path):
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(np.ones((SIDE, SIDE), np.uint8), scene) for scene in "ba"], paths[1])
    tile(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], Work())
    assert [(piece.scene, piece.size) for piece in pieces(paths)] == [("a", 1), ("b", 1)]


def test_pieces_say_which_tiles_they_are(tables):
    """With 40 tiles in a row, two rows make a group."""
    first, *_, last = pieces(tables(rows=5))
    assert (first.scene, first.detail, first.size) == ("a", "100 m/px, tiles 0-79", 80)
    assert (last.detail, last.size) == ("100 m/px, tiles 160-199", 40)
    assert first.path.parent.name == "a"
    assert first.path.name.startswith("100m-0-79-")


@pytest.fixture
def group(tables):
    (one,) = tile_groups(tables(rows=1))
    return one


@pytest.mark.parametrize("change", [dict(device="cuda:1"), dict(weights="elsewhere/best.safetensors")])
def test_the_name_of_a_piece_does_not_depend_on_where_it_is_made(group, tmp_path, change):
    assert group.piece(replace(CHOICE, **change), tmp_path) == group.piece(CHOICE, tmp_path)


@pytest.mark.parametrize("change", [dict(sha256="1" * 64), dict(score_threshold=0.06), dict(batch=16)])
def test_the_name_of_a_piece_depends_on_the_model(group, tmp_path, change):
    assert group.piece(replace(CHOICE, **change), tmp_path).path != group.piece(CHOICE, tmp_path).path


@pytest.mark.parametrize("change", [dict(low=1.0), dict(high=254.0), dict(scene="b")])
def test_the_name_of_a_piece_depends_on_the_raster(group, tmp_path, change):
    other = replace(group, raster=replace(group.raster, **change))
    assert other.piece(CHOICE, tmp_path).path != group.piece(CHOICE, tmp_path).path


@pytest.mark.parametrize("change", [dict(path="other.tif"), dict(col=1), dict(row=-1), dict(width=SIDE)])
def test_the_name_of_a_piece_depends_on_the_parts_it_sees(group, tmp_path, change):
    (part,) = group.parts
    for parts in ([replace(part, **change)], [part, replace(part, **change)]):
        assert replace(group, parts=parts).piece(CHOICE, tmp_path).path != group.piece(CHOICE, tmp_path).path


@pytest.mark.parametrize("column", ["tile", "col", "row", "width", "height"])
def test_the_name_of_a_piece_depends_on_its_tiles(group, tmp_path, column):
    moved = group.tiles.assign(**{column: group.tiles[column] + 1})
    assert replace(group, tiles=moved).piece(CHOICE, tmp_path).path != group.piece(CHOICE, tmp_path).path
    assert replace(group, side=64).piece(CHOICE, tmp_path).path != group.piece(CHOICE, tmp_path).path


def test_a_second_run_searches_nothing(tables, network, found):
    paths = tables()
    first = found(paths)
    network.seen.clear()
    assert found(paths).equals(first)
    assert network.seen == []


def test_a_second_run_searches_what_is_missing(tables, network, found, tmp_path):
    paths = tables()
    first = found(paths)
    network.seen.clear()
    piece = pieces(paths, folder=tmp_path / "work" / "infer")[1].path
    piece.unlink()
    assert found(paths).equals(first)
    assert sorted({int(image.max()) for image in network.seen}) == [3, 4]


def test_other_weights_search_everything_again(tables, network, found, tmp_path):
    paths = tables()
    found(paths)
    before = set(pieces_of(tmp_path / "raw.parquet"))
    network.seen.clear()
    found(paths, replace(CHOICE, sha256="1" * 64))
    assert len(network.seen) == 240
    assert not before & set(pieces_of(tmp_path / "raw.parquet"))


def test_a_tile_group_that_fails_leaves_the_others(tables, network, found, tmp_path):
    network.fails_at = 3
    work = Work(allow_failures=True)
    table = found(tables(), work=work)
    assert sorted(set(table["score"] * 256)) == [1, 2, 5, 6]
    assert exclusions([tmp_path / "raw.parquet"]) == [
        dict(scene="a", detail="100 m/px, tiles 80-159", reason="RuntimeError: CUDA error: made up")
    ]
    assert (work.progress.size_done, work.progress.pieces_failed) == (160, 1)


def test_a_tile_group_that_fails_ends_the_job_with_the_others_kept(tables, network, found, tmp_path):
    paths = tables()
    network.fails_at = 3
    with pytest.raises(
        OrbitileError, match=r"^1 of \d pieces failed, the others are kept; first: scene a: RuntimeError"
    ):
        found(paths)
    assert not (tmp_path / "raw.parquet").exists()
    network.fails_at = None
    network.seen.clear()
    assert len(found(paths)) == 240
    assert sorted({int(image.max()) for image in network.seen}) == [3, 4]


def test_a_raster_that_has_gone_is_named(tables, network, found):
    paths = tables()
    (row,) = read_rasters(paths[1])
    write_rasters([replace(row, path="gone.tif")], paths[1])
    with pytest.raises(OrbitileError, match=r"its raster gone\.tif has gone"):
        found(paths)


def test_batches_searched_at_once_keep_their_order(tables, found, network, tmp_path):
    """Each made-up batch takes another time; the table is that of one batch after another."""
    paths = tables(rows=6, columns=40)
    alone = found(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    predict, waits = network.predict, iter([0.05, 0.0, 0.03, 0.01] * 100)
    network.predict = lambda tiles: time.sleep(next(waits)) or predict(tiles)
    pd.testing.assert_frame_equal(found(paths, threads=4), alone)


def test_detections_that_touch_nodata_are_cut(raster, network, found, tmp_path):
    """The network finds a box from (1, 2) to (3, 4) in each of five made-up tiles; 2 px around it is too close."""
    pixels = np.full((SIDE, 5 * SIDE), 7, np.uint8)
    for tile_number, (row, col) in enumerate([(0, 0), (3, 4), (3, 5), (6, 2)]):
        pixels[row, tile_number * SIDE + col] = 0
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(pixels, nodata=0)], paths[1])
    tile(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], Work())
    assert found(paths)["cut"].tolist() == [True, True, False, False, False]


def test_the_end_of_a_small_scene_cuts(raster, network, found, tmp_path):
    """A made-up scene of five columns ends 2 px to the right of the box."""
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(np.full((20, width), 7, np.uint8), name) for name, width in (("a", 4), ("b", 5))], paths[1])
    tile(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], Work())
    assert found(paths)["cut"].tolist() == [True, False]


MOSAIC_SIZE = TileSize(SIDE, 8)


@pytest.fixture
def search(tmp_path, network):
    """Tiles and searches a group's rasters beside those of another, each time anew: the tiles' windows and images."""
    numbers = count()

    def run(own, beside=()):
        tables = RasterTables(str(tmp_path / "own.parquet"), [str(tmp_path / "beside.parquet")])
        write_rasters(own, tables.own)
        write_rasters(beside, tables.beside[0])
        tiles = str(tmp_path / "tiles.parquet")
        tile(tables.own, {100.0: MOSAIC_SIZE}, str(tmp_path / "work" / "tile"), tiles, Work())
        network.seen.clear()
        folder = str(tmp_path / "work" / "infer" / str(next(numbers)))
        infer(tiles, tables, Search(CHOICE, {100.0: SIDE}, 1), folder, str(tmp_path / "raw.parquet"), Work())
        windows = read_table(tiles)[["col", "row"]].to_numpy().tolist()
        return list(zip(map(tuple, windows), list(network.seen), strict=True))

    return run


@pytest.fixture
def pieces_of_a_mosaic(raster):
    """Two made-up scenes of 70 and 58 columns that abut, and both in one."""
    pixels = np.random.default_rng(0).integers(0, 255, (50, 128)).astype(np.uint8)
    one, other = raster(pixels[:, :70], "a", nodata=0), raster(pixels[:, 70:], "b", left=7000, nodata=0)
    whole = replace(raster(pixels, "whole", nodata=0), in_mosaic=True)
    return (
        replace(one, in_mosaic=True, beside=["b"], turns=[0]),
        replace(other, in_mosaic=True, beside=["a"], turns=[0]),
        whole,
    )


def test_tiles_of_a_piece_see_its_neighbour_s_pixels(pieces_of_a_mosaic, search):
    """However a mosaic is cut into scenes, the network sees the same tiles."""
    one, other, whole = pieces_of_a_mosaic
    expected = dict(search([whole]))
    found = search([one], [other]) + [((col + 70, row), image) for (col, row), image in search([other], [one])]
    assert {window for window, _ in found} == set(expected)
    assert all(np.array_equal(image, expected[window]) for window, image in found)


def test_pieces_of_one_group_see_each_other(pieces_of_a_mosaic, search):
    one, other, _ = pieces_of_a_mosaic
    alone = [image for _, image in search([one], [other])] + [image for _, image in search([other], [one])]
    assert np.array_equal([image for _, image in search([one, other])], alone)


def test_neighbours_have_the_stretch_of_the_scene(pieces_of_a_mosaic, search):
    one, other, _ = pieces_of_a_mosaic
    before = search([one], [other])
    after = search([one], [replace(other, low=100.0, high=101.0)])
    assert np.array_equal([image for _, image in after], [image for _, image in before])


def test_the_end_of_a_mosaic_cuts_and_its_inner_borders_do_not(raster, search, tmp_path):
    """The network's box lies 1 to 3 px from the left of each tile; tiles of this map begin at -4, 20, 44 and so on."""
    one = replace(raster(np.full((24, 24), 7, np.uint8), "a"), in_mosaic=True, beside=["b"], turns=[0])
    other = replace(raster(np.full((24, 24), 7, np.uint8), "b", left=2400), in_mosaic=True)
    search([one], [other])
    assert read_table(tmp_path / "raw.parquet")["cut"].tolist() == [True]
    search([replace(other, beside=["a"], turns=[0])], [one])
    assert read_table(tmp_path / "raw.parquet")["cut"].tolist() == [True]
    deep = [replace(raster(np.full((72, 24), 7, np.uint8), scene, left=left), in_mosaic=True, beside=list("cd"),
                    turns=[0, 0]) for scene, left in (("c", 0), ("d", 2400))]  # fmt: skip
    search(deep[1:], deep[:1])
    assert read_table(tmp_path / "raw.parquet")["cut"].tolist() == [True, False, False]


def test_a_neighbour_that_changes_changes_the_name_of_a_piece(pieces_of_a_mosaic, search, tmp_path):
    one, other, _ = pieces_of_a_mosaic
    shutil.copy(other.path, tmp_path / "new.tif")
    names = []
    for beside in (other, other, replace(other, path=str(tmp_path / "new.tif"))):
        search([one], [beside])
        names.append([Path(path).name for path in pieces_of(tmp_path / "raw.parquet")])
    assert names[0] == names[1]
    assert not set(names[0]) & set(names[2])
