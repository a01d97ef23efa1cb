"""Tiles on their way through a network that is made up: it finds one box in every tile that is not black."""

import shutil
import threading
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from orbitile.engine.passes import NetworkError
from orbitile.errors import OrbitileError
from orbitile.jobs.pieces import StopError, Work, exclusions, pieces_of
from orbitile.models.adapter import Boxes, ModelChoice
from orbitile.rasters.read import FILL
from orbitile.searching import collector
from orbitile.searching.rows import Search, key_of, rows_of_tiles
from orbitile.stages.infer import infer
from orbitile.stages.tile import tile
from orbitile.tables.detections import RAW
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings, read_rasters, write_rasters
from orbitile.tables.tiles import SCHEMA
from orbitile.tiling import TileSize, spans_of_scene
from orbitile.tiling import tiles as cut

SIDE = 32
CHOICE = ModelChoice(
    "weights.safetensors", "0" * 64, "yolo", "cpu", precision="auto", compile=False, batch=8, score_threshold=0.05
)


class Brightness:
    """The made-up network. It keeps what it saw, and fails on tiles of a given brightness."""

    device, names, channels, reflects, most = torch.device("cpu"), ("crater",), 1, False, None

    def __init__(self):
        self.seen, self.passes, self.fails_at, self.breaks_at, self._lock = [], [], 256, 256, threading.Lock()

    def predict_batch(self, images):
        brightness = images.flatten(1).amax(dim=1).int()
        with self._lock:
            self.seen += [image.numpy().copy() for image in images[:, 0] if image.any()]
            self.passes.append(len(images))
        if self.fails_at in brightness.tolist():
            raise RuntimeError("CUDA error: made up")
        found = torch.nonzero(brightness)[:, 0]
        corners = torch.tensor([[1.0, 2, 3, 4]]).repeat(len(found), 1)
        return Boxes(found, corners, brightness[found] / 256, torch.zeros_like(found), brightness == self.breaks_at)


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
        search = Search(choice, {100.0: SIDE}, threads)
        infer(paths[0], RasterTables(paths[1]), search, folder, str(out), work or Work())
        return read_table(out)

    return run


@pytest.fixture
def every_row(monkeypatch):
    """Fragments are written as soon as a row of tiles is whole."""
    monkeypatch.setattr(collector, "FRAGMENT_SECONDS", -1)


def rows_of(paths, choice=CHOICE):
    return list(rows_of_tiles(paths[0], Surroundings(RasterTables(paths[1])), Search(choice, {100.0: SIDE}, 1)))


def fragments(folder):
    return sorted(path.name for path in (folder / "work" / "infer" / "a").glob("*.parquet"))


def brightness(table):
    return (table["score"] * 256).tolist()


def test_every_tile_is_searched_in_order(tables, network, found):
    table = found(tables(rows=5, columns=30))
    assert table.columns.tolist() == RAW.names
    assert table["tile"].tolist() == list(range(150))
    assert brightness(table) == np.repeat(np.arange(1, 6), 30).tolist()
    assert table[["scene", "scale_m", "class"]].drop_duplicates().to_numpy().tolist() == [["a", 100.0, "crater"]]
    assert table[["left", "top", "right", "bottom"]].drop_duplicates().to_numpy().tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("batch", [1, 7, 64, 1000, None])
def test_detections_do_not_depend_on_the_batch(tables, network, found, batch):
    table = found(tables(), replace(CHOICE, batch=batch))
    assert brightness(table) == np.repeat(np.arange(1, 7), 40).tolist()
    assert set(network.passes) == {batch or 8}
    assert len(network.seen) == 240


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


def test_tiles_beyond_the_scene_are_reflected_if_the_network_wants_it(raster, network, found, tmp_path):
    network.reflects = True
    pixels = np.random.default_rng(0).integers(1, 255, (20, 24)).astype(np.uint8)
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(pixels)], paths[1])
    tile(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], Work())
    found(paths)
    np.testing.assert_array_equal(network.seen[0], np.pad(pixels, ((0, 12), (0, 8)), mode="reflect"))


def test_the_stretch_is_the_raster_s(tables, network, found):
    found(tables(rows=2, columns=1, low=0.0, high=2.0))
    assert [int(image.max()) for image in network.seen] == [128, 255]


def test_tiles_without_detections(tables, network, found, monkeypatch):
    def nothing(images):
        none = torch.empty(0)
        return Boxes(none.long(), none.view(0, 4), none, none.long(), torch.zeros(len(images), dtype=bool))

    monkeypatch.setattr(network, "predict_batch", nothing)
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


@given(st.tuples(st.integers(1, 50), st.integers(1, 12)), st.sets(st.integers(0, 200)))
def test_rows_hold_all_tiles_that_begin_in_one_row(tmp_path_factory, shape, dropped):
    paths = tile_table(tmp_path_factory.mktemp("t"), *shape, dropped - {0})
    rows = rows_of(paths)
    assert [number for row in rows for number in row.numbers] == read_table(paths[0])["tile"].tolist()
    tops = [set(row.tiles.windows[:, 1].tolist()) for row in rows]
    assert all(len(some) == 1 for some in tops)
    assert len(set.union(*tops)) == len(rows)


@pytest.fixture
def row(tables):
    (one,) = rows_of(tables(rows=1))
    return one


@pytest.mark.parametrize("change", [dict(device="cuda:1"), dict(weights="elsewhere/best.safetensors")])
def test_the_key_of_a_row_does_not_depend_on_where_it_is_searched(row, change):
    assert key_of(row.tiles, row.numbers, replace(CHOICE, **change)) == row.key


@pytest.mark.parametrize(
    "change", [dict(sha256="1" * 64), dict(score_threshold=0.06), dict(batch=16), dict(precision="float16")]
)
def test_the_key_of_a_row_depends_on_the_model(row, change):
    assert key_of(row.tiles, row.numbers, replace(CHOICE, **change)) != row.key


def test_the_key_of_a_row_depends_on_what_its_tiles_are_and_see(row):
    tiles, view = row.tiles, row.tiles.view
    (part,) = view.parts
    views = [replace(view, side=64), replace(view, stretch=replace(view.stretch, low=1.0))]
    changes = (dict(path="other.tif"), dict(col=1), dict(row=-1), dict(width=SIDE))
    views += [replace(view, parts=(replace(part, **change),)) for change in changes]
    others = [replace(tiles, view=one) for one in views] + [replace(tiles, windows=tiles.windows + 1)]
    keys = {key_of(one, row.numbers, CHOICE) for one in others}
    assert len(keys) == len(others)
    assert row.key not in keys
    assert key_of(tiles, [number + 1 for number in row.numbers], CHOICE) not in keys | {row.key}


def test_parts_that_a_row_does_not_see_do_not_change_its_key(row):
    tiles, (part,) = row.tiles, row.tiles.view.parts
    beyond = replace(part, row=part.height)
    assert key_of(replace(tiles, view=replace(tiles.view, parts=(part, beyond))), row.numbers, CHOICE) == row.key


def test_a_second_run_searches_nothing(tables, network, found):
    paths = tables()
    first = found(paths)
    network.seen.clear()
    assert found(paths).equals(first)
    assert network.seen == []


def test_what_was_found_is_kept_at_the_end_of_each_raster(raster, network, found, tmp_path):
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(np.ones((SIDE, 3 * SIDE), np.uint8), scene) for scene in "ba"], paths[1])
    tile(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], Work())
    assert found(paths)["scene"].tolist() == ["a"] * 3 + ["b"] * 3
    names = [Path(path).relative_to(tmp_path / "work/infer").as_posix() for path in pieces_of(tmp_path / "raw.parquet")]
    assert [name.rsplit("-", 1)[0] for name in names] == ["a/100m-0-2", "b/100m-0-2"]


def test_what_was_found_is_kept_from_time_to_time(tables, network, found, every_row, tmp_path):
    table = found(tables(rows=3))
    assert [name.rsplit("-", 1)[0] for name in fragments(tmp_path)] == ["100m-0-39", "100m-40-79", "100m-80-119"]
    assert table["tile"].tolist() == list(range(120))


def test_a_second_run_searches_what_is_missing(tables, network, found, every_row, tmp_path):
    paths = tables()
    first = found(paths)
    network.seen.clear()
    (lost,) = (tmp_path / "work" / "infer" / "a").glob("100m-40-79-*")
    lost.unlink()
    work = Work()
    assert found(paths, work=work).equals(first)
    assert {int(image.max()) for image in network.seen} == {2}
    assert (work.progress.size, work.progress.size_before, work.progress.size_done) == (240, 200, 40)


def test_other_weights_search_everything_again(tables, network, found, tmp_path):
    paths = tables()
    found(paths)
    before = set(pieces_of(tmp_path / "raw.parquet"))
    network.seen.clear()
    found(paths, replace(CHOICE, sha256="1" * 64))
    assert len(network.seen) == 240
    assert not before & set(pieces_of(tmp_path / "raw.parquet"))


def mark(paths, columns, value):
    """Give tiles of the third row of a made-up scene a brightness of their own."""
    import rasterio

    with rasterio.open(read_rasters(paths[1])[0].path, "r+") as image:
        for column in columns:
            where = rasterio.windows.Window(column * SIDE, 2 * SIDE, SIDE, SIDE)
            image.write(np.full((SIDE, SIDE), value, np.uint8), 1, window=where)
    return paths


@pytest.mark.parametrize("how", ["fails_at", "breaks_at"])
def test_a_tile_that_fails_leaves_all_others(tables, network, found, tmp_path, how):
    setattr(network, how, 99)
    work, paths = Work(allow_failures=True), mark(tables(), [3, 4, 20], 99)
    table = found(paths, work=work)
    assert table["tile"].tolist() == [number for number in range(240) if number not in (83, 84, 100)]
    reason = "RuntimeError: CUDA error: made up" if how == "fails_at" else "the network's answer is not a number"
    detail = "100 m/px, tile 83-84, 100 (576 x 32 px from column 96, row 64)"
    assert exclusions([tmp_path / "raw.parquet"]) == [dict(scene="a", detail=detail, reason=reason)]
    assert (work.progress.size_done, work.progress.pieces_done, work.progress.pieces_failed) == (237, 5, 1)


def test_a_tile_that_failed_is_searched_again_and_nothing_else(tables, network, found, tmp_path):
    paths = mark(tables(), [3], 99)
    whole = found(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    network.fails_at = 99
    (tmp_path / "raw.parquet").unlink()
    with pytest.raises(
        OrbitileError, match=r"^1 of 6 pieces failed, the others are kept; first: scene a: RuntimeError"
    ):
        found(paths)
    assert not (tmp_path / "raw.parquet").exists()
    network.fails_at = 256
    network.seen.clear()
    assert found(paths).equals(whole)
    assert len(network.seen) == 1


def test_a_network_that_always_fails_ends_the_job_at_once(tables, network, found):
    """Made-up weights that give no numbers, not even for an empty tile."""
    predict = network.predict_batch
    network.predict_batch = lambda images: predict(images)._replace(broken=torch.ones(len(images), dtype=bool))
    work = Work(allow_failures=True)
    with pytest.raises(NetworkError, match=r"every tile, even an empty one \(the network's answer is not a number\)"):
        found(tables(), work=work)
    assert len(network.passes) < 10


def test_a_file_that_ends_in_the_middle(tables, network, found, tmp_path):
    """Tiles that could be read are found, the others recorded; with the file mended, the rest is found."""
    paths = tables(rows=40, columns=40)
    (row,) = read_rasters(paths[1])
    whole = found(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    content = Path(row.path).read_bytes()
    Path(row.path).write_bytes(content[: len(content) // 2])
    work = Work(allow_failures=True)
    part = found(paths, work=work)
    assert part["tile"].tolist() == list(range(19 * 40))  # the header comes first, and a strip holds six lines
    assert {failure.scene for failure in work.failures} == {"a"}
    assert all("cannot be read as an image" in failure.reason for failure in work.failures)
    Path(row.path).write_bytes(content)
    network.seen.clear()
    assert found(paths).equals(whole)
    assert len(network.seen) == len(whole) - len(part)


def test_out_of_memory_lowers_the_batch(tables, network, found):
    """The made-up device holds three tiles."""
    predict = network.predict_batch

    def limited(images):
        if len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory: made up")
        return predict(images)

    expected = found(tables())
    network.predict_batch = limited
    assert found(tables(), replace(CHOICE, sha256="1" * 64)).equals(expected)


def test_a_job_told_to_stop_keeps_what_is_whole(tables, network, found, tmp_path):
    paths, work = tables(), Work()
    whole = found(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    predict, calls = network.predict_batch, count()

    def told(images):
        if next(calls) == 12:
            work.stop()
        return predict(images)

    network.predict_batch = told
    with pytest.raises(StopError, match=r"^\d of 6 pieces made, and kept$"):
        found(paths, work=work)
    network.predict_batch = predict
    network.seen.clear()
    assert found(paths).equals(whole)
    assert 0 < len(network.seen) < 240


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
    predict, waits = network.predict_batch, iter([0.05, 0.0, 0.03, 0.01] * 100)
    network.predict_batch = lambda images: time.sleep(next(waits)) or predict(images)
    pd.testing.assert_frame_equal(found(paths, threads=4), alone)


def test_figures_are_on_record(tables, network, found):
    work = Work()
    found(tables(), work=work)
    figures = work.progress.figures
    assert (figures["tiles"], figures["found"], figures["read_mb"]) == (240, 240, 0.2)
    assert 0 < figures["network_busy_percent"] <= 100


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
