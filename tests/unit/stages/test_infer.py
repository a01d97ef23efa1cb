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
import rasterio.env
import torch
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.detections.tiling import TileSize, spans_of_scene
from orbitile.detections.tiling import scene_tiles as cut
from orbitile.inference import collector
from orbitile.inference.engine.passes import NetworkError
from orbitile.inference.engine.tile_reader import RasterView, TileRow
from orbitile.inference.models.network import BoxOutput, ModelChoice
from orbitile.inference.tile_rows import InferenceSettings, read_tile_rows, row_key
from orbitile.jobs.pieces import JobWork, StopError, read_exclusions, table_pieces
from orbitile.rasters.mosaic import RasterPart
from orbitile.rasters.stretch import FILL, Stretch
from orbitile.stages.infer import infer
from orbitile.stages.tile import tile_scenes
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings, read_rasters, write_rasters
from orbitile.tables.tiles import SCHEMA

SIDE = 32
CHOICE = ModelChoice(
    "weights.safetensors", "0" * 64, "yolo", "cpu", precision="auto", compile=False, batch=8, score_threshold=0.05
)


class Brightness:
    """The made-up network. It keeps what it saw, and fails on tiles of a given brightness."""

    device, names, channels, reflect_padding, max_objects = torch.device("cpu"), ("crater",), 1, False, None

    def __init__(self):
        self.seen, self.passes, self.fails_at, self.breaks_at, self._lock = [], [], 256, 256, threading.Lock()

    def predict_batch(self, images):
        brightness = images.flatten(1).amax(dim=1).int()
        with self._lock:
            self.seen += [image.numpy().copy() for image in images[:, 0] if image.any()]
            self.passes.append(len(images))
        if self.fails_at in brightness.tolist():
            raise RuntimeError("CUDA error: made up")
        tiles = torch.nonzero(brightness)[:, 0]
        corners = torch.tensor([[1.0, 2, 3, 4]]).repeat(len(tiles), 1)
        return BoxOutput(tiles, corners, brightness[tiles] / 256, torch.zeros_like(tiles), brightness == self.breaks_at)


@pytest.fixture
def network(monkeypatch):
    detector = Brightness()
    monkeypatch.setattr("orbitile.stages.infer.load_network", lambda choice: detector)
    return detector


@pytest.fixture
def tables(raster, tmp_path):
    """Tables of the tiles and rasters of a made-up scene whose n-th row of 32 x 32 tiles has brightness n."""

    def make(rows=6, columns=40, **other):
        pixels = np.repeat(np.arange(1, rows + 1, dtype=np.uint8), SIDE)[:, None].repeat(columns * SIDE, 1)
        paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
        write_rasters([raster(pixels, **other)], paths[1])
        tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], JobWork())
        return paths

    return make


@pytest.fixture
def detect(tables, tmp_path):
    """Searches tables of tiles; returns the detections."""

    def run(paths, choice=CHOICE, work=None, threads=1):
        folder, out = str(tmp_path / "work" / "infer"), tmp_path / "raw.parquet"
        search = InferenceSettings(choice, {100.0: SIDE}, threads)
        infer(paths[0], RasterTables(paths[1]), search, folder, str(out), work or JobWork())
        return read_table(out)

    return run


@pytest.fixture
def every_row(monkeypatch):
    """Fragments are written as soon as a row of tiles is whole."""
    monkeypatch.setattr(collector, "FRAGMENT_SECONDS", -1)


def rows_of(paths, choice=CHOICE):
    return list(
        read_tile_rows(paths[0], Surroundings(RasterTables(paths[1])), InferenceSettings(choice, {100.0: SIDE}, 1))
    )


def fragments(folder):
    return sorted(path.name for path in (folder / "work" / "infer" / "a").glob("*.parquet"))


def brightness(table):
    return (table["score"] * 256).tolist()


def test_every_tile_is_searched_in_order(tables, network, detect):
    table = detect(tables(rows=5, columns=30))
    assert table.columns.tolist() == TILE_DETECTIONS.names
    assert table["tile"].tolist() == list(range(150))
    assert brightness(table) == np.repeat(np.arange(1, 6), 30).tolist()
    assert table[["scene", "scale_m", "class"]].drop_duplicates().to_numpy().tolist() == [["a", 100.0, "crater"]]
    assert table[["left", "top", "right", "bottom"]].drop_duplicates().to_numpy().tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("batch", [1, 7, 64, 1000, None])
def test_detections_do_not_depend_on_the_batch(tables, network, detect, batch):
    table = detect(tables(), replace(CHOICE, batch=batch))
    assert brightness(table) == np.repeat(np.arange(1, 7), 40).tolist()
    assert set(network.passes) == {batch or 8}
    assert len(network.seen) == 240


def test_tiles_beyond_the_scene_are_filled_up(raster, network, detect, tmp_path):
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(np.full((20, 24), 7, np.uint8))], paths[1])
    tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], JobWork())
    detect(paths)
    (image,) = network.seen
    assert image.shape == (SIDE, SIDE)
    assert (image[:20, :24] == 7).all()
    assert (image[20:] == FILL).all()
    assert (image[:, 24:] == FILL).all()


def test_tiles_beyond_the_scene_are_reflected_if_the_network_wants_it(raster, network, detect, tmp_path):
    network.reflect_padding = True
    pixels = np.random.default_rng(0).integers(1, 255, (20, 24)).astype(np.uint8)
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(pixels)], paths[1])
    tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], JobWork())
    detect(paths)
    np.testing.assert_array_equal(network.seen[0], np.pad(pixels, ((0, 12), (0, 8)), mode="reflect"))


def test_the_stretch_is_the_raster_s(tables, network, detect):
    detect(tables(rows=2, columns=1, low=0.0, high=2.0))
    assert [int(image.max()) for image in network.seen] == [128, 255]


def test_tiles_without_detections(tables, network, detect, monkeypatch):
    def nothing(images):
        none = torch.empty(0)
        return BoxOutput(none.long(), none.view(0, 4), none, none.long(), torch.zeros(len(images), dtype=bool))

    monkeypatch.setattr(network, "predict_batch", nothing)
    table = detect(tables())
    assert len(table) == 0
    assert table.columns.tolist() == TILE_DETECTIONS.names


def tile_table(path, columns, rows, dropped=()):
    """A table of the tiles of made-up rasters, less some that hold no data."""
    raster = RasterRow("a", 100.0, str(path / "a.tif"), "", [100, 0, 0, 0, -100, 0], columns * SIDE, rows * SIDE,
                       1.0, [0.0], [255.0], "projected")  # fmt: skip
    (path / "a.tif").touch()
    columns, rows = (spans_of_scene(length, TileSize(SIDE, 0)) for length in (raster.width, raster.height))
    write_rasters([raster], path / "rasters.parquet")
    table = pd.DataFrame(
        dict(scene="a", scale_m=100.0, tile=tile.number, valid_share=1.0, appearance=None, core_left=0.0,
             core_top=0.0, core_right=0.0, core_bottom=0.0) | vars(tile.window)
        for tile in cut(columns, rows) if tile.number not in dropped
    )  # fmt: skip
    write_table(table, SCHEMA, path / "tiles.parquet")
    return str(path / "tiles.parquet"), str(path / "rasters.parquet")


@given(st.tuples(st.integers(1, 50), st.integers(1, 12)), st.sets(st.integers(0, 200)))
def test_rows_hold_all_tiles_that_begin_in_one_row(tmp_path_factory, shape, dropped):
    paths = tile_table(tmp_path_factory.mktemp("t"), *shape, dropped - {0})
    rows = rows_of(paths)
    assert [number for row in rows for number in row.numbers] == read_table(paths[0])["tile"].tolist()
    tops = [set(row.row.windows[:, 1].tolist()) for row in rows]
    assert all(len(row_tops) == 1 for row_tops in tops)
    assert len(set.union(*tops)) == len(rows)


@pytest.fixture
def row(tables):
    (row,) = rows_of(tables(rows=1))
    return row


@pytest.mark.parametrize("change", [dict(device="cuda:1"), dict(weights="elsewhere/best.safetensors")])
def test_the_key_of_a_row_does_not_depend_on_where_it_is_searched(row, change):
    assert row_key(row.row, row.numbers, replace(CHOICE, **change)) == row.key


@pytest.mark.parametrize(
    "change", [dict(sha256="1" * 64), dict(score_threshold=0.06), dict(batch=16), dict(precision="float16")]
)
def test_the_key_of_a_row_depends_on_the_model(row, change):
    assert row_key(row.row, row.numbers, replace(CHOICE, **change)) != row.key


def test_the_key_of_a_row_depends_on_what_its_tiles_are_and_see(row):
    tiles, view = row.row, row.row.view
    (part,) = view.parts
    views = [replace(view, side=64), replace(view, stretch=replace(view.stretch, low=(1.0,)))]
    changes = (dict(path="other.tif"), dict(col=1), dict(row=-1), dict(width=SIDE))
    views += [replace(view, parts=(replace(part, **change),)) for change in changes]
    changed_rows = [replace(tiles, view=changed) for changed in views] + [replace(tiles, windows=tiles.windows + 1)]
    keys = {row_key(changed, row.numbers, CHOICE) for changed in changed_rows}
    assert len(keys) == len(changed_rows)
    assert row.key not in keys
    assert row_key(tiles, [number + 1 for number in row.numbers], CHOICE) not in keys | {row.key}


def test_the_keys_of_grey_images_stay():
    """Whatever is added for images of several bands: finished work is found again."""
    view = RasterView((RasterPart("a.tif", 0, 0, 64, 32),), Stretch((3.0,), (90.5,)), 32)
    row = TileRow(view, np.array([(0, 0, 32, 32), (24, 0, 32, 32)]))
    assert row_key(row, [0, 1], CHOICE) == "b91cffb3e0e3"


def test_the_key_of_a_row_depends_on_every_band(row):
    tiles = row.row
    stretches = [Stretch((0.0,), (255.0,)), Stretch((0.0, 0.0), (255.0, 255.0)), Stretch((0.0, 1.0), (255.0, 255.0))]
    keys = {
        row_key(replace(tiles, view=replace(tiles.view, stretch=stretch)), row.numbers, replace(CHOICE, bands=bands))
        for bands in (1, 2)
        for stretch in stretches
    }
    assert len(keys) == 6


def test_parts_that_a_row_does_not_see_do_not_change_its_key(row):
    tiles, (part,) = row.row, row.row.view.parts
    beyond = replace(part, row=part.height)
    assert row_key(replace(tiles, view=replace(tiles.view, parts=(part, beyond))), row.numbers, CHOICE) == row.key


def test_a_second_run_searches_nothing(tables, network, detect):
    paths = tables()
    first = detect(paths)
    network.seen.clear()
    assert detect(paths).equals(first)
    assert network.seen == []


def test_what_was_found_is_kept_at_the_end_of_each_raster(raster, network, detect, tmp_path):
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(np.ones((SIDE, 3 * SIDE), np.uint8), scene) for scene in "ba"], paths[1])
    tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], JobWork())
    assert detect(paths)["scene"].tolist() == ["a"] * 3 + ["b"] * 3
    names = [
        Path(path).relative_to(tmp_path / "work/infer").as_posix() for path in table_pieces(tmp_path / "raw.parquet")
    ]
    assert [name.rsplit("-", 1)[0] for name in names] == ["a/100m-0-2", "b/100m-0-2"]


def test_what_was_found_is_kept_from_time_to_time(tables, network, detect, every_row, tmp_path):
    table = detect(tables(rows=3))
    assert [name.rsplit("-", 1)[0] for name in fragments(tmp_path)] == ["100m-0-39", "100m-40-79", "100m-80-119"]
    assert table["tile"].tolist() == list(range(120))


def test_a_second_run_searches_what_is_missing(tables, network, detect, every_row, tmp_path):
    paths = tables()
    first = detect(paths)
    network.seen.clear()
    (missing,) = (tmp_path / "work" / "infer" / "a").glob("100m-40-79-*.parquet")
    missing.unlink()
    work = JobWork()
    assert detect(paths, work=work).equals(first)
    assert {int(image.max()) for image in network.seen} == {2}
    assert (work.progress.size, work.progress.size_before, work.progress.size_done) == (240, 200, 40)


def test_other_weights_search_everything_again(tables, network, detect, tmp_path):
    paths = tables()
    detect(paths)
    before = set(table_pieces(tmp_path / "raw.parquet"))
    network.seen.clear()
    detect(paths, replace(CHOICE, sha256="1" * 64))
    assert len(network.seen) == 240
    assert not before & set(table_pieces(tmp_path / "raw.parquet"))


def mark(paths, columns, value):
    """Give tiles of the third row of a made-up scene a brightness of their own."""
    import rasterio

    with rasterio.open(read_rasters(paths[1])[0].path, "r+") as image:
        for column in columns:
            tile_window = rasterio.windows.Window(column * SIDE, 2 * SIDE, SIDE, SIDE)
            image.write(np.full((SIDE, SIDE), value, np.uint8), 1, window=tile_window)
    return paths


@pytest.mark.parametrize("fault", ["fails_at", "breaks_at"])
def test_a_tile_that_fails_leaves_all_others(tables, network, detect, tmp_path, fault):
    setattr(network, fault, 99)
    work, paths = JobWork(allow_failures=True), mark(tables(), [3, 4, 20], 99)
    table = detect(paths, work=work)
    assert table["tile"].tolist() == [number for number in range(240) if number not in (83, 84, 100)]
    reason = "RuntimeError: CUDA error: made up" if fault == "fails_at" else "the network's output is not finite"
    detail = "100 m/px, tile 83-84, 100 (576 x 32 px from column 96, row 64)"
    assert read_exclusions([tmp_path / "raw.parquet"]) == [dict(scene="a", detail=detail, reason=reason)]
    assert (work.progress.size_done, work.progress.pieces_done, work.progress.pieces_failed) == (237, 5, 1)


def test_a_tile_that_failed_is_searched_again_and_nothing_else(tables, network, detect, tmp_path):
    paths = mark(tables(), [3], 99)
    complete = detect(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    network.fails_at = 99
    (tmp_path / "raw.parquet").unlink()
    with pytest.raises(
        OrbitileError, match=r"^1 of 6 pieces failed, the others are kept; first: scene a: RuntimeError"
    ):
        detect(paths)
    assert not (tmp_path / "raw.parquet").exists()
    network.fails_at = 256
    network.seen.clear()
    assert detect(paths).equals(complete)
    assert len(network.seen) == 1


def test_a_network_that_always_fails_ends_the_job_at_once(tables, network, detect):
    """Made-up weights that give no numbers, not even for an empty tile."""
    predict = network.predict_batch
    network.predict_batch = lambda images: predict(images)._replace(non_finite=torch.ones(len(images), dtype=bool))
    work = JobWork(allow_failures=True)
    with pytest.raises(
        NetworkError, match=r"every tile, even an empty one \(the network's output is not finite\)"
    ) as error:
        detect(tables(), work=work)
    assert len(network.passes) < 10
    assert error and not rasterio.env.hasenv()  # GDAL's settings end with the search, not when its frames are collected


def test_a_file_that_ends_in_the_middle(tables, network, detect, tmp_path):
    """Tiles that could be read are found, the others recorded; with the file mended, the rest is found."""
    paths = tables(rows=40, columns=40)
    (row,) = read_rasters(paths[1])
    complete = detect(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    content = Path(row.path).read_bytes()
    Path(row.path).write_bytes(content[: len(content) // 2])
    work = JobWork(allow_failures=True)
    part = detect(paths, work=work)
    assert part["tile"].tolist() == list(range(19 * 40))  # the header comes first, and a strip holds six lines
    assert {failure.scene for failure in work.failures} == {"a"}
    assert all("cannot be read as an image" in failure.reason for failure in work.failures)
    Path(row.path).write_bytes(content)
    network.seen.clear()
    assert detect(paths).equals(complete)
    assert len(network.seen) == len(complete) - len(part)


def test_out_of_memory_lowers_the_batch(tables, network, detect):
    """The made-up device holds three tiles."""
    predict = network.predict_batch

    def limited(images):
        if len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory: made up")
        return predict(images)

    expected = detect(tables())
    network.predict_batch = limited
    assert detect(tables(), replace(CHOICE, sha256="1" * 64)).equals(expected)


def test_a_job_told_to_stop_keeps_what_is_whole(tables, network, detect, tmp_path):
    paths, work = tables(), JobWork()
    complete = detect(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    predict, calls = network.predict_batch, count()

    def stop_at_the_twelfth(images):
        if next(calls) == 12:
            work.stop()
        return predict(images)

    network.predict_batch = stop_at_the_twelfth
    with pytest.raises(StopError, match=r"^\d of 6 pieces finished and kept$") as stop:
        detect(paths, work=work)
    assert stop and not rasterio.env.hasenv()
    network.predict_batch = predict
    network.seen.clear()
    assert detect(paths).equals(complete)
    assert 0 < len(network.seen) < 240


def test_a_raster_that_has_gone_is_named(tables, network, detect):
    paths = tables()
    (row,) = read_rasters(paths[1])
    write_rasters([replace(row, path="gone.tif")], paths[1])
    with pytest.raises(OrbitileError, match=r"its file gone\.tif is missing"):
        detect(paths)


def test_batches_searched_at_once_keep_their_order(tables, detect, network, tmp_path):
    """Each made-up batch takes another time; the table is that of one batch after another."""
    paths = tables(rows=6, columns=40)
    alone = detect(paths)
    shutil.rmtree(tmp_path / "work" / "infer")
    predict, waits = network.predict_batch, iter([0.05, 0.0, 0.03, 0.01] * 100)
    network.predict_batch = lambda images: time.sleep(next(waits)) or predict(images)
    pd.testing.assert_frame_equal(detect(paths, threads=4), alone)


@pytest.fixture
def colour_tables(raster, tmp_path):
    """Tables of the tiles and rasters of scenes of several bands, of other values in each band."""

    def make(**bands):
        paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
        rows = []
        for scene, number in bands.items():
            pixels = np.random.default_rng(number).integers(1, 255, (number, SIDE, 2 * SIDE)).astype(np.uint16)
            rows.append(raster(pixels if number > 1 else pixels[0], scene, low=10.0, high=200.0))
        write_rasters(rows, paths[1])
        tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], JobWork())
        return paths

    return make


def test_the_network_gets_every_band_with_its_own_stretch(colour_tables, detect, network, monkeypatch):
    """And it is loaded for as many channels as the rasters have bands."""
    choices, images = [], []

    def load(choice):
        choices.append(choice)
        network.channels = choice.bands
        return network

    predict = network.predict_batch
    network.predict_batch = lambda batch: images.append(batch.numpy().copy()) or predict(batch)
    monkeypatch.setattr("orbitile.stages.infer.load_network", load)
    paths = colour_tables(a=3)
    (row,) = read_rasters(paths[1])
    low, high = [0.0, 10.0, 20.0], [255.0, 128.0, 64.0]
    write_rasters([replace(row, low=low, high=high)], paths[1])
    detect(paths)
    assert [choice.bands for choice in choices] == [3]
    pixels = np.random.default_rng(3).integers(1, 255, (3, SIDE, 2 * SIDE))
    for tile in range(2):
        for band in range(3):
            values = pixels[band, :, tile * SIDE : (tile + 1) * SIDE]
            expected = ((values - low[band]) * 255 / (high[band] - low[band])).clip(0, 255)
            assert np.abs(images[0][tile, band] - expected).max() <= 0.51


def test_the_keys_of_rows_depend_on_the_number_of_bands(colour_tables):
    for row in rows_of(colour_tables(a=3)):
        assert row.key == row_key(row.row, row.numbers, replace(CHOICE, bands=3))


def test_rasters_of_other_numbers_of_bands_are_refused(colour_tables, network, detect):
    message = r"b-100\.tif: the raster of scene b has 3 bands, that of scene a has 1; name as many for all scenes"
    with pytest.raises(OrbitileError, match=message):
        detect(colour_tables(a=1, b=3))
    assert network.passes == []


def test_figures_are_on_record(tables, network, detect):
    work = JobWork()
    detect(tables(), work=work)
    figures = work.progress.figures
    assert (figures["tiles"], figures["detections"], figures["read_mb"]) == (240, 240, 0.2)
    assert 0 < figures["network_busy_percent"] <= 100


def test_detections_that_touch_nodata_are_cut(raster, network, detect, tmp_path):
    """The network finds a box from (1, 2) to (3, 4) in each of five made-up tiles; 2 px around it is too close."""
    pixels = np.full((SIDE, 5 * SIDE), 7, np.uint8)
    for tile_number, (row, col) in enumerate([(0, 0), (3, 4), (3, 5), (6, 2)]):
        pixels[row, tile_number * SIDE + col] = 0
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(pixels, nodata=0)], paths[1])
    tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], JobWork())
    assert detect(paths)["truncated"].tolist() == [True, True, False, False, False]


def test_the_end_of_a_small_scene_cuts(raster, network, detect, tmp_path):
    """A made-up scene of five columns ends 2 px to the right of the box."""
    paths = str(tmp_path / "tiles.parquet"), str(tmp_path / "rasters.parquet")
    write_rasters([raster(np.full((20, width), 7, np.uint8), name) for name, width in (("a", 4), ("b", 5))], paths[1])
    tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work" / "tile"), paths[0], JobWork())
    assert detect(paths)["truncated"].tolist() == [True, False]


MOSAIC_SIZE = TileSize(SIDE, 8)


@pytest.fixture
def search(tmp_path, network):
    """Tiles and searches a group's rasters beside those of another, each time anew: the tiles' windows and images."""
    numbers = count()

    def run(group_rows, lenders=()):
        tables = RasterTables(str(tmp_path / "own.parquet"), [str(tmp_path / "beside.parquet")])
        write_rasters(group_rows, tables.group_table)
        write_rasters(lenders, tables.lenders[0])
        tiles = str(tmp_path / "tiles.parquet")
        tile_scenes(tables.group_table, {100.0: MOSAIC_SIZE}, str(tmp_path / "work" / "tile"), tiles, JobWork())
        network.seen.clear()
        folder = str(tmp_path / "work" / "infer" / str(next(numbers)))
        infer(
            tiles, tables, InferenceSettings(CHOICE, {100.0: SIDE}, 1), folder, str(tmp_path / "raw.parquet"), JobWork()
        )
        windows = read_table(tiles)[["col", "row"]].to_numpy().tolist()
        return list(zip(map(tuple, windows), list(network.seen), strict=True))

    return run


@pytest.fixture
def pieces_of_a_mosaic(raster):
    """Two made-up scenes of 70 and 58 columns that abut, and both in one."""
    pixels = np.random.default_rng(0).integers(0, 255, (50, 128)).astype(np.uint8)
    west, east = raster(pixels[:, :70], "a", nodata=0), raster(pixels[:, 70:], "b", left=7000, nodata=0)
    uncut = replace(raster(pixels, "whole", nodata=0), in_mosaic=True)
    return (
        replace(west, in_mosaic=True, lenders=["b"], longitude_wraps=[0]),
        replace(east, in_mosaic=True, lenders=["a"], longitude_wraps=[0]),
        uncut,
    )


def test_tiles_of_a_piece_see_its_neighbour_s_pixels(pieces_of_a_mosaic, search):
    """However a mosaic is cut into scenes, the network sees the same tiles."""
    west, east, uncut = pieces_of_a_mosaic
    expected = dict(search([uncut]))
    seen_tiles = search([west], [east]) + [((col + 70, row), image) for (col, row), image in search([east], [west])]
    assert {window for window, _ in seen_tiles} == set(expected)
    assert all(np.array_equal(image, expected[window]) for window, image in seen_tiles)


def test_pieces_of_one_group_see_each_other(pieces_of_a_mosaic, search):
    west, east, _ = pieces_of_a_mosaic
    alone = [image for _, image in search([west], [east])] + [image for _, image in search([east], [west])]
    assert np.array_equal([image for _, image in search([west, east])], alone)


def test_neighbours_have_the_stretch_of_the_scene(pieces_of_a_mosaic, search):
    west, east, _ = pieces_of_a_mosaic
    before = search([west], [east])
    after = search([west], [replace(east, low=[100.0], high=[101.0])])
    assert np.array_equal([image for _, image in after], [image for _, image in before])


def test_the_end_of_a_mosaic_cuts_and_its_inner_borders_do_not(raster, search, tmp_path):
    """The network's box lies 1 to 3 px from the left of each tile; tiles of this map begin at -4, 20, 44 and so on."""
    west = replace(raster(np.full((24, 24), 7, np.uint8), "a"), in_mosaic=True, lenders=["b"], longitude_wraps=[0])
    east = replace(raster(np.full((24, 24), 7, np.uint8), "b", left=2400), in_mosaic=True)
    search([west], [east])
    assert read_table(tmp_path / "raw.parquet")["truncated"].tolist() == [True]
    search([replace(east, lenders=["a"], longitude_wraps=[0])], [west])
    assert read_table(tmp_path / "raw.parquet")["truncated"].tolist() == [True]
    deep = [replace(raster(np.full((72, 24), 7, np.uint8), scene, left=left), in_mosaic=True, lenders=list("cd"),
                    longitude_wraps=[0, 0]) for scene, left in (("c", 0), ("d", 2400))]  # fmt: skip
    search(deep[1:], deep[:1])
    assert read_table(tmp_path / "raw.parquet")["truncated"].tolist() == [True, False, False]


def test_a_neighbour_that_changes_changes_the_name_of_a_piece(pieces_of_a_mosaic, search, tmp_path):
    west, east, _ = pieces_of_a_mosaic
    shutil.copy(east.path, tmp_path / "new.tif")
    names = []
    for neighbour in (east, east, replace(east, path=str(tmp_path / "new.tif"))):
        search([west], [neighbour])
        names.append([Path(path).name for path in table_pieces(tmp_path / "raw.parquet")])
    assert names[0] == names[1]
    assert not set(names[0]) & set(names[2])
