from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from plan_rows import plan_row
from pyproj import CRS

from orbitile.planning.run_costs import GROUP_STAGES, RUN_STAGES, Speed, count_tiles, estimate_costs, raster_bytes
from orbitile.settings import GeoreferencingSettings, Settings


def settings(*scales):
    scales = scales or (dict(gsd_m=100.0, tile_px=512, overlap_px=128),)
    return Settings(run="r", body="Moon", scenes="s.csv", scales=list(scales),
                    model=dict(weights="any.safetensors", sha256="0" * 64))  # fmt: skip


def row(**change):
    wkt, transform = CRS("IAU_2015:30110").to_wkt(), [100.0, 0.0, 0.0, 0.0, -100.0, 0.0]
    image = dict(width=1280, height=512, gsd_m=100.0, dtype="uint16", bands=[1], crs_wkt=wkt, transform=transform)
    return replace(plan_row("a", "g"), **image | change)


def plain_count(length, tile, step):
    return 1 + ceil(max(0, length - tile) / step)


@pytest.mark.parametrize("width, height", [(1, 1), (512, 512), (513, 512), (1280, 900), (5000, 333)])
def test_tiles_are_as_many_as_steps_fit(width, height):
    expected = plain_count(width, 512, 384) * plain_count(height, 512, 384)
    assert count_tiles([row(width=width, height=height)], settings()) == expected


def test_coarser_scales_have_fewer_tiles():
    both = settings(dict(gsd_m=100.0, tile_px=512, overlap_px=128), dict(gsd_m=200.0, tile_px=512, overlap_px=128))
    assert count_tiles([row(width=1280, height=1280)], both) == 9 + 4


def test_costs():
    costs = estimate_costs([row(path="a.cub"), row(path="b.cub")], 2, settings(), Speed(0.5, 3.0))
    assert costs.tiles == 6
    assert 2 * 1280 * 512 * 2 < costs.disk_bytes < 2 * (2 * 1280 * 512 * 2) + 1e6
    assert 6 * 0.5 < costs.seconds <= (2 * GROUP_STAGES + RUN_STAGES) * 3.0 + 6


def test_without_a_measured_speed_there_is_no_time():
    assert estimate_costs([row()], 1, settings(), None).seconds is None


def test_coarser_runs_need_less_disk():
    coarse = settings(dict(gsd_m=400.0, tile_px=512, overlap_px=128))
    assert estimate_costs([row()], 1, coarse, None).disk_bytes < estimate_costs([row()], 1, settings(), None).disk_bytes


def test_scenes_that_are_used_where_they_lie_take_the_disk_of_coarser_scales(geotiff):
    path = geotiff(np.ones((512, 1280), np.uint16))
    both = settings(dict(gsd_m=100.0, tile_px=512, overlap_px=128), dict(gsd_m=400.0, tile_px=512, overlap_px=128))
    copied = both.model_copy(update=dict(georeferencing=GeoreferencingSettings(in_place=False)))
    scene = row(path=path)
    values = 1280 * 512 * 2
    assert raster_bytes(scene, both) == pytest.approx(values / 16 * 4 / 3)
    assert raster_bytes(scene, copied) == pytest.approx(values * 17 / 16 * 4 / 3)
    assert raster_bytes(replace(scene, path="a.cub"), both) == raster_bytes(scene, copied)
    coarser = settings(dict(gsd_m=200.0, tile_px=512, overlap_px=128))
    assert raster_bytes(scene, coarser) == pytest.approx(values / 4 * 4 / 3)


def test_rasters_are_packed_as_well_as_their_images(geotiff):
    plain, packed = (geotiff(np.ones((512, 1280), np.uint16), f"{name}.tif", **options) for name, options in (
        ("a", {}), ("b", dict(compress="deflate"))))  # fmt: skip
    coarser = settings(dict(gsd_m=200.0, tile_px=512, overlap_px=128))
    assert raster_bytes(row(path=packed), coarser) < 0.1 * raster_bytes(row(path=plain), coarser)
