"""How large a run is, as its plan tells before it starts."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
import rasterio
from plan_rows import plan_row
from pyproj import CRS
from rasterio.windows import Window

from orbitile.pictures.picture_size import LARGEST_PX
from orbitile.planning.plan import current_plan
from orbitile.planning.run_size import count_tiles, data_share, look_into, measure_run, pictured_px, raster_bytes
from orbitile.settings import GeoreferencingSettings, Settings

FINE, COARSE = dict(gsd_m=100.0, tile_px=512, overlap_px=128), dict(gsd_m=200.0, tile_px=512, overlap_px=128)
COARSEST = dict(gsd_m=400.0, tile_px=512, overlap_px=128)


def settings(*scales):
    return Settings(run="r", body="Moon", scenes="s.csv", scales=list(scales or [FINE]),
                    model=dict(weights="any.safetensors", sha256="0" * 64))  # fmt: skip


def row(**change):
    wkt, transform = CRS("IAU_2015:30110").to_wkt(), [100.0, 0.0, 0.0, 0.0, -100.0, 0.0]
    image = dict(width=1280, height=512, gsd_m=100.0, dtype="uint16", bands=[1], crs_wkt=wkt, transform=transform)
    return replace(plan_row("a", "g"), **image | change)


def plain_count(length, tile, step):
    return 1 + ceil(max(0, length - tile) / step)


def plain_tiles(side, step, block, factor):
    """Tiles of 512 px of a square image, that many pixels coarser, which its blocks on the diagonal lie in."""
    last = max(0, side // factor - 512)
    spans = [(first * factor, (first + 512) * factor) for first in [*range(0, last, step), last]]
    diagonal = [(begin, begin + block) for begin in range(0, side, block)]
    return sum(
        any(top < end and begin < bottom and left < end and begin < right for begin, end in diagonal)
        for top, bottom in spans
        for left, right in spans
    )


@pytest.mark.parametrize("width, height", [(1, 1), (512, 512), (513, 512), (1280, 900), (5000, 333)])
def test_tiles_are_as_many_as_steps_fit(width, height):
    expected = plain_count(width, 512, 384) * plain_count(height, 512, 384)
    assert count_tiles([row(width=width, height=height)], settings()) == expected


@pytest.mark.parametrize("offset_px", [0, 1, 383, -64])
def test_pieces_of_a_mosaic_have_the_tiles_of_the_map_that_their_pixels_lie_in(offset_px):
    transform = [100.0, 0.0, 100.0 * offset_px, 0.0, -100.0, 0.0]
    columns = {(offset_px + pixel) // 384 for pixel in range(1280)}
    piece = row(width=1280, height=512, in_mosaic=True, transform=transform)
    quoted = dict(FINE, gsd_m=100.04)  # the image's own pixels are used
    assert count_tiles([piece], settings()) == count_tiles([piece], settings(quoted)) == len(columns) * 2


def test_coarser_scales_have_fewer_tiles():
    assert count_tiles([row(width=1280, height=1280)], settings(FINE, COARSE)) == 9 + 4


def test_scenes_that_are_used_where_they_lie_take_the_disk_of_coarser_scales(geotiff):
    path = geotiff(np.ones((512, 1280), np.uint16))
    both = settings(FINE, COARSEST)
    copied = both.model_copy(update=dict(georeferencing=GeoreferencingSettings(in_place=False)))
    scene = row(path=path)
    values = 1280 * 512 * 2
    assert raster_bytes(scene, both) == pytest.approx(values / 16 * 4 / 3)
    assert raster_bytes(scene, copied) == pytest.approx(values * 17 / 16 * 4 / 3)
    assert raster_bytes(replace(scene, path="a.cub"), both) == raster_bytes(scene, copied)
    assert raster_bytes(scene, settings(COARSE)) == pytest.approx(values / 4 * 4 / 3)


def test_rasters_are_packed_as_well_as_the_files_they_are_made_of(geotiff, tmp_path):
    plain, packed = (geotiff(np.ones((512, 1280), np.uint16), f"{name}.tif", **options) for name, options in (
        ("a", {}), ("b", dict(compress="deflate"))))  # fmt: skip
    assert raster_bytes(row(path=packed), settings(COARSE)) < 0.1 * raster_bytes(row(path=plain), settings(COARSE))
    virtual = tmp_path / "small.vrt"  # of a few bytes, and of a large image
    virtual.write_text("<VRTDataset/>")
    through_virtual = row(path=str(virtual), inputs=[str(virtual), plain])
    assert raster_bytes(through_virtual, settings(COARSE)) == raster_bytes(row(path=plain), settings(COARSE))


@pytest.mark.parametrize("way", ["sparse", "nodata"])
def test_tiles_without_data_are_not_counted(tmp_path, way):
    path, block = tmp_path / "a.tif", np.random.default_rng(0).integers(1, 255, (256, 256)).astype(np.uint8)
    profile = dict(driver="GTiff", width=2560, height=2560, count=1, dtype="uint8", nodata=0, compress="deflate",
                   tiled=True, blockxsize=256, blockysize=256, sparse_ok=way == "sparse")  # fmt: skip
    with rasterio.open(path, "w", **profile) as sink:
        for number in range(10):
            sink.write(block, 1, window=Window(256 * number, 256 * number, 256, 256))
    assert data_share(look_into([row(path=str(path))])) == pytest.approx(0.1)
    sparse = row(path=str(path), width=2560, height=2560, dtype="uint8")
    assert measure_run([sparse], settings(FINE, COARSE)).tiles == plain_tiles(2560, 384, 256, 1) + plain_tiles(
        2560, 384, 256, 2
    )


def test_images_that_tell_nothing_of_their_blocks_count_as_full(geotiff):
    pixels = np.random.default_rng(0).integers(1, 255, (512, 1280)).astype(np.uint16)
    assert data_share(look_into([row(path=geotiff(pixels))])) == 1
    assert data_share(look_into([row(path=path) for path in ("missing.tif", "a.cub", "https://a.org/a.tif")])) == 1
    assert data_share(look_into([])) == 1


def test_pictures_are_of_the_finest_scale_that_is_small_enough():
    both = settings(FINE, COARSE)
    assert pictured_px(row(width=1280, height=512), both) == 1280 * 512
    assert pictured_px(row(width=1.5 * LARGEST_PX, height=1000), both) == pytest.approx(0.75 * LARGEST_PX * 500)
    assert pictured_px(row(width=8 * LARGEST_PX, height=8000), both) == pytest.approx(LARGEST_PX * 1000)
    assert pictured_px(row(width=48, height=48), both) == 48 * 48 * 19


def test_a_plan_keeps_the_size_of_its_run(settings_of_rows, geotiff, tmp_path):
    path = geotiff(np.ones((600, 700), np.uint8))
    planned = settings_of_rows(f"a,{path}", columns="scene,path", body="Moon", gsd_m=100)
    size = current_plan(planned, tmp_path / "plan.parquet").size
    assert (size.searched_px, size.bands) == (pytest.approx(420_000), 1)
    assert size == current_plan(planned, tmp_path / "plan.parquet").size
