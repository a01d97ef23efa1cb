"""Tiles as the engine reads them, in cells by several threads, beside the same windows read one by one."""

import time
from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from orbitile.engine import reading
from orbitile.engine.flow import Flow
from orbitile.engine.meter import Meter
from orbitile.engine.reading import Reader, TileRow, View
from orbitile.errors import OrbitileError
from orbitile.rasters.mosaic import Part, opened_mosaic
from orbitile.rasters.read import FILL, Stretch
from orbitile.space.grids import Window

LAYOUTS = [
    dict(),
    dict(blockysize=1),
    dict(blockysize=200),
    dict(tiled=True, blockxsize=16, blockysize=16),
    dict(tiled=True, blockxsize=64, blockysize=32, interleave="band"),
]


def write(path, pixels, nodata=None, mask=None, **profile):
    """Write made-up pixels (channels, rows, columns) as a GeoTIFF; a part of a mosaic that begins with it."""
    count, height, width = pixels.shape
    profile |= dict(driver="GTiff", count=count, height=height, width=width, dtype=pixels.dtype, nodata=nodata)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as sink:
        sink.write(pixels)
        if mask is not None:
            sink.write_mask(mask)
    return Part(str(path), 0, 0, width, height)


def images_of(rows, channels=1, threads=2, reflects=False):
    """Images and valid pixels of all tiles, by row and place."""
    found = {}
    for tile in Reader(rows, channels, threads, Meter()).tiles():
        image = np.zeros((channels, tile.view.side, tile.view.side), np.uint8)
        valid = tile.into(image, reflects)
        found[tile.row, tile.place] = image, np.ones(image.shape[1:], bool) if valid is None else valid
    return found


def plain(view, window, channels=1):
    """The image of one tile and its valid pixels, read by itself."""
    image = np.full((channels, view.side, view.side), FILL, np.uint8)
    valid = np.zeros(image.shape[1:], bool)
    with opened_mosaic(view.parts) as mosaic:
        for channel in range(channels):
            pixels, known = mosaic.read(window, channel + 1)
            image[channel, : window.height, : window.width] = view.stretch.apply(pixels, known)
        valid[: window.height, : window.width] = known
    return image, valid


def assert_as_plain(rows, found, channels=1):
    assert len(found) == sum(len(row.windows) for row in rows)
    for row in rows:
        for place, window in enumerate(row.windows.tolist()):
            image, valid = found[row.number, place]
            expected, known = plain(row.view, Window(*window), channels)
            np.testing.assert_array_equal(image, expected)
            np.testing.assert_array_equal(valid, known)


@st.composite
def places(draw):
    """Rows of windows of up to 40 pixels, some of which reach beyond a raster of 150 x 90 pixels."""
    side = draw(st.integers(4, 40))
    rows = []
    for top in sorted(draw(st.sets(st.integers(-side + 1, 89), min_size=1, max_size=4))):
        lefts = sorted(draw(st.sets(st.integers(-side + 1, 149), min_size=1, max_size=5)))
        sizes = [(draw(st.integers(1, side)), draw(st.integers(1, side))) for _ in lefts]
        rows.append([(left, top, *size) for left, size in zip(lefts, sizes, strict=True)])
    return side, rows


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize("layout", LAYOUTS)
@given(places(), st.sampled_from([None, 7]), st.booleans(), st.integers(1, 3))
def test_tiles_are_those_read_one_by_one(tmp_path_factory, dtype, layout, where, nodata, masked, threads):
    side, windows = where
    rng, folder = np.random.default_rng(side), tmp_path_factory.mktemp("t")
    pixels = rng.integers(0, 100, (1, 90, 150)).astype(dtype)
    part = write(folder / "a.tif", pixels, nodata, rng.random((90, 150)) > 0.1 if masked else None, **layout)
    view = View((part,), Stretch(3.0, 90.0), side)
    rows = [TileRow(view, np.array(some), number) for number, some in enumerate(windows)]
    assert_as_plain(rows, images_of(rows, threads=threads))


@pytest.mark.parametrize("compress", ["none", "deflate", "lzw", "zstd"])
def test_compressed_rasters(tmp_path, compress):
    pixels = np.random.default_rng(0).integers(0, 255, (1, 700, 900)).astype(np.uint8)
    part = write(tmp_path / "a.tif", pixels, compress=compress, tiled=True, blockxsize=256, blockysize=256)
    windows = [[(col, row, 128, 128) for col in range(0, 772, 100)] for row in range(0, 572, 100)]
    view = View((part,), Stretch(0, 255), 128)
    rows = [TileRow(view, np.array(some), number) for number, some in enumerate(windows)]
    found = images_of(rows)
    for row in rows:
        for place, (col, top, *_) in enumerate(row.windows.tolist()):
            np.testing.assert_array_equal(found[row.number, place][0][0], pixels[0, top : top + 128, col : col + 128])


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_several_channels(tmp_path, interleave):
    pixels = np.random.default_rng(0).integers(0, 255, (3, 80, 90)).astype(np.uint16)
    part = write(tmp_path / "a.tif", pixels, interleave=interleave)
    view = View((part,), Stretch(0, 255), 32)
    rows = [TileRow(view, np.array([(col, row, 32, 32) for col in (0, 30, 58)]), row) for row in (0, 30, 48)]
    assert_as_plain(rows, images_of(rows, channels=3), channels=3)


def test_pieces_of_a_mosaic_are_read_as_one(tmp_path):
    """Two made-up pieces, one beside and one below the first."""
    pixels = np.random.default_rng(0).integers(1, 255, (1, 120, 140)).astype(np.uint8)
    first = write(tmp_path / "a.tif", pixels[:, :70, :90])
    right = write(tmp_path / "b.tif", pixels[:, :, 90:])
    below = write(tmp_path / "c.tif", pixels[:, 70:, :90])
    parts = (first, Part(right.path, 90, 0, 50, 120), Part(below.path, 0, 70, 90, 50))
    view = View(parts, Stretch(0, 255), 64)
    rows = [TileRow(view, np.array([(col, row, 64, 64) for col in (-10, 40, 76)]), row) for row in (0, 40, 56)]
    found = images_of(rows)
    assert_as_plain(rows, found)
    np.testing.assert_array_equal(found[40, 1][0][0], pixels[0, 40:104, 40:104])


def test_every_pixel_is_read_once(tmp_path, monkeypatch):
    """Of the region that tiles look at, by cells that are small here."""
    monkeypatch.setattr(reading, "CELL_PX", 4096)
    monkeypatch.setattr(reading, "CELL_ROWS", 32)
    part = write(tmp_path / "a.tif", np.ones((1, 300, 400), np.uint8), tiled=True, blockxsize=16, blockysize=16)
    view, count, read = View((part,), Stretch(0, 255), 64), np.zeros((300, 400), int), reading.Source.read

    def counted(source, window):
        count[window.row : window.row + window.height, window.col : window.col + window.width] += 1
        return read(source, window)

    monkeypatch.setattr(reading.Source, "read", counted)
    rows = [TileRow(view, np.array([(col, row, 64, 64) for col in range(20, 300, 40)])) for row in range(10, 220, 40)]
    images_of(rows)
    assert (count[10:274, 20:324] == 1).all()
    assert count.sum() == 264 * 304


def test_files_are_closed_when_their_tiles_are_read(tmp_path, monkeypatch):
    views = [
        View((write(tmp_path / f"{number}.tif", np.ones((1, 32, 32), np.uint8)),), Stretch(0, 255), 32)
        for number in range(40)
    ]
    rows = [TileRow(view, np.array([(0, 0, 32, 32)]), number) for number, view in enumerate(views)]
    closed, close = [], reading.Source.close

    def noted(source):
        closed.append(source)
        close(source)

    monkeypatch.setattr(reading.Source, "close", noted)
    reader = Reader(rows, 1, 1, Meter())
    behind = [(tile.row - len(closed), len(reader._sources)) for tile in reader.tiles()]
    assert max(late for late, _ in behind) <= 1
    assert max(opened for _, opened in behind) <= reading.MOST_AHEAD + 2
    assert len(closed) == 40


def test_a_raster_that_cannot_be_opened_fails_tile_by_tile(tmp_path):
    good = write(tmp_path / "good.tif", np.ones((1, 32, 32), np.uint8))
    (tmp_path / "bad.tif").write_text("no image")
    bad = Part(str(tmp_path / "bad.tif"), 0, 0, 32, 32)
    rows = [
        TileRow(View((part,), Stretch(0, 255), 32), np.array([(0, 0, 32, 32)]), number)
        for number, part in enumerate((bad, good))
    ]
    broken, whole = Reader(rows, 1, 2, Meter()).tiles()
    image = np.zeros((1, 32, 32), np.uint8)
    with pytest.raises(Exception, match=r"bad\.tif: cannot be read as an image"):
        broken.into(image, reflects=False)
    whole.into(image, reflects=False)
    assert (image == 1).all()


def test_too_few_channels_are_named(tmp_path):
    grey = write(tmp_path / "grey.tif", np.ones((1, 32, 32), np.uint8))
    row = TileRow(View((grey,), Stretch(0, 255), 32), np.array([(0, 0, 32, 32)]))
    (tile,) = Reader([row], 3, 2, Meter()).tiles()
    with pytest.raises(OrbitileError, match=r"grey\.tif: has 1 channel, but the network takes 3"):
        tile.into(np.zeros((3, 32, 32), np.uint8), reflects=False)


@contextmanager
def no_matter():
    yield


def test_a_flow_keeps_the_order():
    flow = Flow(4, 8, no_matter)
    assert list(flow.map(lambda number: time.sleep(0.001 * (number % 3)) or number, range(50))) == list(range(50))


@given(st.lists(st.integers(1, 10), max_size=30), st.integers(1, 12))
def test_a_flow_holds_no_more_than_its_limit(weights, limit):
    """But for a single item that is heavier."""
    taken, started = 0, []

    def items():
        for number, weight in enumerate(weights):
            started.append(weight)
            held = sum(started[taken:])
            assert held <= max(limit, max(weights)) + weight
            yield number

    for _ in Flow(2, limit, no_matter).map(lambda number: number, items(), lambda number: weights[number]):
        taken += 1
    assert taken == len(weights)


def test_what_goes_wrong_in_a_flow_is_raised():
    def fail(number):
        if number == 3:
            raise ZeroDivisionError("made up")
        return number

    found = []
    with pytest.raises(ZeroDivisionError, match="made up"):
        found += Flow(2, 4, no_matter).map(fail, range(10))
    results = Flow(2, 4, no_matter).map(fail, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
