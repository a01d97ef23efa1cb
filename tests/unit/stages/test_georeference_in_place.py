"""Images that are used where they lie, beside copies of them. All are made up."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from images import describe_bands, planned_row

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.jobs.pieces import JobWork
from orbitile.rasters.mosaic import opened_mosaic
from orbitile.rasters.read import channel_numbers, opened_raster, read_window
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.tables.rasters import read_sealed_rasters

PIXELS = np.random.default_rng(0).integers(1, 255, (300, 420)).astype(np.uint8)
HOLES = np.zeros(PIXELS.shape, bool)
HOLES[40:90, 200:] = True
TARGET = GeoreferenceTarget(TargetGrid(find_body("Moon"), None, 100), (0.5, 99.5), in_place=True)


@pytest.fixture
def run(tmp_path):
    """Georeferences an image, in place where that can be; its row of the table of rasters."""

    def run(path, in_place=True, work=None, **changes):
        out = str(tmp_path / "out.parquet")
        target = replace(TARGET, in_place=in_place)
        georeference([planned_row(path, **changes)], target, str(tmp_path / "rasters"), out, work or JobWork())
        return read_sealed_rasters(out)[0]

    return run


def holds(row):
    """What stages read of a raster: pixels, validity, masks, names of bands, metadata."""
    with opened_raster(row.path) as source:
        numbers = channel_numbers(source.count)
        pixels, valid = read_window(source, Window(0, 0, row.width, row.height), numbers)
        masks = source.read_masks(list(range(1, row.bands + 1))).all(axis=0)
        tags = {key: value for key, value in source.tags().items() if key != "AREA_OR_POINT"}
        return np.where(valid, pixels, 0).tolist(), valid.tolist(), masks.tolist(), source.descriptions, tags


def filled(value, dtype):
    return np.where(HOLES, value, PIXELS).astype(dtype)


def valid_pixels(row):
    """Validity as it is read without pixels, where that can be."""
    with opened_mosaic([row.raster_part]) as mosaic:
        return mosaic.read_validity(Window(0, 0, row.width, row.height), channel_numbers(row.bands)).tolist()


LINKED = {
    "bytes": lambda make: make(PIXELS),
    "nodata": lambda make: make(filled(0, "uint8"), nodata=0),
    "wide": lambda make: make(filled(9, "uint16") * 200, nodata=1800),
    "signed": lambda make: make(filled(-5, "int16"), nodata=-5),
    "floats": lambda make: make(filled(-3.4e38, "float32"), nodata=-3.4e38),
    "nan": lambda make: make(filled(np.nan, "float32"), nodata=np.nan),
    "plain floats": lambda make: make(PIXELS.astype("float64")),
    "mask": lambda make: make(PIXELS, valid=~HOLES),
    "colours": lambda make: describe_bands(make(np.stack([PIXELS, PIXELS[::-1], 255 - PIXELS])), ("a", "", "c")),
    "tiles": lambda make: make(PIXELS, tiled=True, blockxsize=128, blockysize=64, compress="lzw"),
}


@pytest.mark.parametrize("kind", LINKED)
def test_a_linked_scene_is_what_a_copy_would_be(geotiff, run, kind):
    path = LINKED[kind](geotiff)
    copy, link = run(path, in_place=False), run(path)
    assert Path(copy.path).suffix == ".tif" and Path(link.path).suffix == ".vrt"
    assert replace(link, path=copy.path) == copy
    assert holds(link) == holds(copy)
    assert valid_pixels(link) == valid_pixels(copy) == holds(copy)[1]
    assert Path(link.path).stat().st_size < 10_000
    assert not list(Path(link.path).parent.glob(f"{Path(link.path).stem}.tif"))


def test_some_bands_of_a_linked_scene_come_in_their_order(geotiff, run):
    path = geotiff(np.stack([PIXELS, PIXELS[::-1], 255 - PIXELS]))
    copy, link = run(path, in_place=False, bands=[3, 1]), run(path, bands=[3, 1])
    assert link.path.endswith(".vrt")
    assert holds(link) == holds(copy)


COPIED = {
    "infinite": lambda make: make(np.where(HOLES, np.inf, PIXELS).astype("float32")),
    "nan beside nodata": lambda make: make(filled(np.nan, "float32"), nodata=0),
    "special pixels": lambda make: make(filled(-32767, "int16"), nodata=-32768),
    "large block": lambda make: make(np.tile(PIXELS, (4, 4)), tiled=True, blockxsize=2048, blockysize=2048),
    "scaled": lambda make: scaled(make(PIXELS)),
}


def scaled(path):
    with rasterio.open(path, "r+") as sink:
        sink.scales = [2]
    return path


@pytest.mark.parametrize("kind", COPIED)
def test_what_only_a_copy_can_say_is_copied(geotiff, run, kind):
    path = COPIED[kind](geotiff)
    row = run(path)
    assert row.path.endswith(".tif")
    assert row == replace(run(path, in_place=False), path=row.path)
    assert [file.suffix for file in Path(row.path).parent.glob("*") if file.stem == Path(row.path).stem] != [".vrt"]


def test_a_link_is_read_from_anywhere_and_by_many(geotiff, run, tmp_path, monkeypatch):
    """GDAL shares the sources of virtual rasters by default, which several threads must not."""
    monkeypatch.chdir(tmp_path)
    row = run(Path(geotiff(PIXELS)).relative_to(tmp_path))
    monkeypatch.chdir("/")
    mosaics, sums = [], []
    window = Window(0, 0, row.width, row.height)

    def read(mosaic):
        sums.extend(int(mosaic.read(window)[0].sum()) for _ in range(30))

    part = replace(row, path=str(tmp_path / row.path)).raster_part
    with opened_mosaic([part]) as first, opened_mosaic([part]) as second, opened_mosaic([part]) as third:
        mosaics = [threading.Thread(target=read, args=[mosaic]) for mosaic in (first, second, third)]
        for thread in mosaics:
            thread.start()
        for thread in mosaics:
            thread.join()
    assert set(sums) == {int(PIXELS.sum())} and len(sums) == 90


def test_an_image_that_changes_is_noticed_whenever_it_is_read(geotiff, run):
    path = geotiff(PIXELS)
    row = run(path)
    with opened_mosaic([row.raster_part]) as mosaic:
        mosaic.read(Window(0, 0, 10, 10))
        geotiff(PIXELS + 1)
        with pytest.raises(OrbitileError, match=rf"{path}: changed since it was planned"):
            mosaic.read(Window(0, 0, 10, 10))
    with pytest.raises(OrbitileError, match=rf"{path}: changed since it was planned"), opened_raster(row.path):
        pass


def test_an_image_that_changes_while_a_raster_is_open_is_noticed(geotiff, run):
    path = geotiff(PIXELS)
    row = run(path)
    with pytest.raises(OrbitileError, match=rf"{path}: changed"), opened_raster(row.path):
        Path(path).unlink()


def test_an_image_that_has_changed_since_the_plan_is_not_linked_to(geotiff, tmp_path):
    path = geotiff(PIXELS)
    planned = planned_row(path)
    geotiff(PIXELS + 1)
    with pytest.raises(OrbitileError, match="changed since it was planned"):
        georeference([planned], TARGET, str(tmp_path / "rasters"), str(tmp_path / "out"), JobWork())
    assert list((tmp_path / "rasters").rglob("*.*")) == []


def test_an_image_that_cannot_be_read_to_its_end_leaves_nothing(geotiff, run, tmp_path):
    path = Path(geotiff(PIXELS))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(OrbitileError, match="is it truncated"):
        run(str(path))
    assert list((tmp_path / "rasters").rglob("*.*")) == []


def test_a_linked_scene_is_not_linked_again(geotiff, run):
    path = geotiff(PIXELS)
    run(path)
    again = JobWork()
    run(path, work=again)
    assert again.progress.pieces_before == 1


def test_a_scene_whose_folder_has_moved_is_linked_to_where_it_lies_now(geotiff, run, tmp_path, monkeypatch):
    """As relative paths have it: a folder with scenes and results in it may be moved, and a run in it goes on."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "images").mkdir(parents=True)
    Path(geotiff(PIXELS, "a.tif")).rename(old / "images" / "a.tif")
    rows = []
    for folder, pieces_before in ((old, 0), (old, 1), (new, 0), (new, 1)):
        if not folder.is_dir():
            old.rename(new)
        monkeypatch.chdir(folder)
        work = JobWork()
        planned = planned_row("images/a.tif")
        georeference([planned], TARGET, "rasters", "out.parquet", work)
        assert work.progress.pieces_before == pieces_before
        rows += read_sealed_rasters("out.parquet")
        with opened_raster(rows[-1].path) as source:
            assert (source.read(1) == PIXELS).all()
    assert rows == [rows[0]] * 4
