"""Tiles as the engine reads them, in cells by several threads, beside the same windows read one by one."""

import time
from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base.bounded_map import BoundedMap
from orbitile.base.errors import OrbitileError
from orbitile.inference.engine import tile_reader as reading
from orbitile.inference.engine.meter import Meter
from orbitile.inference.engine.tile_reader import RasterView, TileReader, TileRow
from orbitile.rasters.mosaic import RasterPart, opened_mosaic
from orbitile.rasters.stretch import FILL, Stretch
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
    return RasterPart(str(path), 0, 0, width, height)


def images_of(rows, channels=1, threads=2, reflects=False):
    """Images and valid pixels of all tiles, by row and place."""
    images = {}
    for tile in TileReader(rows, channels, threads, Meter()).tiles():
        image = np.zeros((channels, tile.view.side, tile.view.side), np.uint8)
        valid = tile.fill(image, reflects)
        images[tile.row, tile.position] = image, np.ones(image.shape[1:], bool) if valid is None else valid
    return images


def plain(view, window, channels=1):
    """The image of one tile and its valid pixels, read by itself."""
    image = np.full((channels, view.side, view.side), FILL, np.uint8)
    valid = np.zeros(image.shape[1:], bool)
    with opened_mosaic(view.parts) as mosaic:
        bands = [mosaic.read(window, channel + 1) for channel in range(channels)]
    all_valid = np.all([band_valid for _, band_valid in bands], axis=0)
    for channel, (pixels, _) in enumerate(bands):
        stretch = Stretch((view.stretch.low[channel],), (view.stretch.high[channel],))
        image[channel, : window.height, : window.width] = stretch.apply(pixels, all_valid)
    valid[: window.height, : window.width] = all_valid
    return image, valid


def assert_as_plain(rows, images, channels=1):
    assert len(images) == sum(len(row.windows) for row in rows)
    for row in rows:
        for place, window in enumerate(row.windows.tolist()):
            image, valid = images[row.number, place]
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
def test_tiles_are_those_read_one_by_one(tmp_path_factory, dtype, layout, side_and_rows, nodata, masked, threads):
    side, windows = side_and_rows
    rng, folder = np.random.default_rng(side), tmp_path_factory.mktemp("t")
    pixels = rng.integers(0, 100, (1, 90, 150)).astype(dtype)
    part = write(folder / "a.tif", pixels, nodata, rng.random((90, 150)) > 0.1 if masked else None, **layout)
    view = RasterView((part,), Stretch((3.0,), (90.0,)), side)
    rows = [TileRow(view, np.array(window_row), number) for number, window_row in enumerate(windows)]
    assert_as_plain(rows, images_of(rows, threads=threads))


@pytest.mark.parametrize("compress", ["none", "deflate", "lzw", "zstd"])
def test_compressed_rasters(tmp_path, compress):
    pixels = np.random.default_rng(0).integers(0, 255, (1, 700, 900)).astype(np.uint8)
    part = write(tmp_path / "a.tif", pixels, compress=compress, tiled=True, blockxsize=256, blockysize=256)
    windows = [[(col, row, 128, 128) for col in range(0, 772, 100)] for row in range(0, 572, 100)]
    view = RasterView((part,), Stretch((0,), (255,)), 128)
    rows = [TileRow(view, np.array(window_row), number) for number, window_row in enumerate(windows)]
    images = images_of(rows)
    for row in rows:
        for place, (col, top, *_) in enumerate(row.windows.tolist()):
            np.testing.assert_array_equal(images[row.number, place][0][0], pixels[0, top : top + 128, col : col + 128])


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("nodata", [None, 7])
def test_several_bands_have_their_own_stretch(tmp_path, interleave, nodata):
    """A pixel is valid where all bands are; here each band has other gaps."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 80, 90)).astype(np.uint16)
    part = write(tmp_path / "a.tif", pixels, nodata, interleave=interleave)
    view = RasterView((part,), Stretch((0, 20, 100), (255, 90, 130)), 32)
    rows = [TileRow(view, np.array([(col, row, 32, 32) for col in (0, 30, 70)]), row) for row in (0, 30, 48)]
    images = images_of(rows, channels=3)
    assert_as_plain(rows, images, channels=3)
    valid = (pixels != nodata).all(axis=0) if nodata else np.ones(pixels.shape[1:], bool)
    image, tile_valid = images[30, 1]
    expected = (pixels[2, 30:62, 30:62].astype(float) - 100) * 255 / 30
    expected = np.where(valid[30:62, 30:62], expected.clip(0, 255), FILL)
    assert np.abs(image[2] - expected).max() <= 0.51
    np.testing.assert_array_equal(tile_valid, valid[30:62, 30:62])


def test_several_bands_of_pieces_of_a_mosaic(tmp_path):
    pixels = np.random.default_rng(0).integers(1, 255, (2, 60, 90)).astype(np.uint8)
    left, right = write(tmp_path / "a.tif", pixels[..., :50]), write(tmp_path / "b.tif", pixels[..., 50:])
    parts = (left, RasterPart(right.path, 50, 0, 40, 60))
    rows = [TileRow(RasterView(parts, Stretch((0, 0), (255, 255)), 32), np.array([(30, 10, 32, 32)]))]
    image, valid = images_of(rows, channels=2)[0, 0]
    np.testing.assert_array_equal(image, pixels[:, 10:42, 30:62])
    assert valid.all()


def test_pieces_of_a_mosaic_are_read_as_one(tmp_path):
    """Two made-up pieces, one beside and one below the first."""
    pixels = np.random.default_rng(0).integers(1, 255, (1, 120, 140)).astype(np.uint8)
    first = write(tmp_path / "a.tif", pixels[:, :70, :90])
    right = write(tmp_path / "b.tif", pixels[:, :, 90:])
    below = write(tmp_path / "c.tif", pixels[:, 70:, :90])
    parts = (first, RasterPart(right.path, 90, 0, 50, 120), RasterPart(below.path, 0, 70, 90, 50))
    view = RasterView(parts, Stretch((0,), (255,)), 64)
    rows = [TileRow(view, np.array([(col, row, 64, 64) for col in (-10, 40, 76)]), row) for row in (0, 40, 56)]
    images = images_of(rows)
    assert_as_plain(rows, images)
    np.testing.assert_array_equal(images[40, 1][0][0], pixels[0, 40:104, 40:104])


def test_every_pixel_is_read_once(tmp_path, monkeypatch):
    """Of the region that tiles look at, by cells that are small here."""
    monkeypatch.setattr(reading, "CELL_PX", 4096)
    monkeypatch.setattr(reading, "CELL_ROWS", 32)
    part = write(tmp_path / "a.tif", np.ones((1, 300, 400), np.uint8), tiled=True, blockxsize=16, blockysize=16)
    view, count, read = (
        RasterView((part,), Stretch((0,), (255,)), 64),
        np.zeros((300, 400), int),
        reading.ViewReader.read,
    )

    def counted(source, window):
        count[window.row : window.row + window.height, window.col : window.col + window.width] += 1
        return read(source, window)

    monkeypatch.setattr(reading.ViewReader, "read", counted)
    rows = [TileRow(view, np.array([(col, row, 64, 64) for col in range(20, 300, 40)])) for row in range(10, 220, 40)]
    images_of(rows)
    assert (count[10:274, 20:324] == 1).all()
    assert count.sum() == 264 * 304


def test_files_are_closed_when_their_tiles_are_read(tmp_path, monkeypatch):
    views = [
        RasterView((write(tmp_path / f"{number}.tif", np.ones((1, 32, 32), np.uint8)),), Stretch((0,), (255,)), 32)
        for number in range(40)
    ]
    rows = [TileRow(view, np.array([(0, 0, 32, 32)]), number) for number, view in enumerate(views)]
    closed, close = [], reading.ViewReader.close

    def noted(source):
        closed.append(source)
        close(source)

    monkeypatch.setattr(reading.ViewReader, "close", noted)
    reader = TileReader(rows, 1, 1, Meter())
    behind = [(tile.row - len(closed), len(reader._readers)) for tile in reader.tiles()]
    assert max(late for late, _ in behind) <= 1
    assert max(opened for _, opened in behind) <= reading.MAX_CELLS_AHEAD + 2
    assert len(closed) == 40


def test_a_raster_that_cannot_be_opened_fails_tile_by_tile(tmp_path):
    good = write(tmp_path / "good.tif", np.ones((1, 32, 32), np.uint8))
    (tmp_path / "bad.tif").write_text("no image")
    bad = RasterPart(str(tmp_path / "bad.tif"), 0, 0, 32, 32)
    rows = [
        TileRow(RasterView((part,), Stretch((0,), (255,)), 32), np.array([(0, 0, 32, 32)]), number)
        for number, part in enumerate((bad, good))
    ]
    broken, complete = TileReader(rows, 1, 2, Meter()).tiles()
    image = np.zeros((1, 32, 32), np.uint8)
    with pytest.raises(Exception, match=r"bad\.tif: cannot be read as an image"):
        broken.fill(image, reflect_padding=False)
    complete.fill(image, reflect_padding=False)
    assert (image == 1).all()


def test_too_few_channels_are_named(tmp_path):
    grey = write(tmp_path / "grey.tif", np.ones((1, 32, 32), np.uint8))
    row = TileRow(RasterView((grey,), Stretch((0,), (255,)), 32), np.array([(0, 0, 32, 32)]))
    (tile,) = TileReader([row], 3, 2, Meter()).tiles()
    with pytest.raises(OrbitileError, match=r"grey\.tif: has 1 channel, but the network takes 3"):
        tile.fill(np.zeros((3, 32, 32), np.uint8), reflect_padding=False)


@contextmanager
def no_matter():
    yield


def test_a_flow_keeps_the_order():
    flow = BoundedMap(4, 8, no_matter)
    assert list(flow.map(lambda number: time.sleep(0.001 * (number % 3)) or number, range(50))) == list(range(50))


@given(st.lists(st.integers(1, 10), max_size=30), st.integers(1, 12))
def test_a_flow_holds_no_more_than_its_limit(weights, limit):
    """But for a single item that is heavier."""
    received, started = 0, []

    def items():
        for number, weight in enumerate(weights):
            started.append(weight)
            weight = sum(started[received:])
            assert weight <= max(limit, max(weights)) + weight
            yield number

    for _ in BoundedMap(2, limit, no_matter).map(lambda number: number, items(), lambda number: weights[number]):
        received += 1
    assert received == len(weights)


def test_what_goes_wrong_in_a_flow_is_raised():
    def fail(number):
        if number == 3:
            raise ZeroDivisionError("made up")
        return number

    results_so_far = []
    with pytest.raises(ZeroDivisionError, match="made up"):
        results_so_far += BoundedMap(2, 4, no_matter).map(fail, range(10))
    results = BoundedMap(2, 4, no_matter).map(fail, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
