"""Where scenes failed, beside boxes by hand."""

import numpy as np
import pytest
import shapely

from orbitile.space.grids import Window
from orbitile.tables.enlarged_rasters import rasters_at_all_scales
from orbitile.tables.failed_windows import failed_on_maps, failed_window, rasters_by_part
from orbitile.tables.tile_areas import tile_area_text


@pytest.fixture
def rows(raster):
    """A scene of 64 x 32 px of 100 m, whose upper left corner is at 1000 and 9000 m, and another; two scales."""
    sizes = {100.0: (32, 64), 200.0: (16, 32)}
    return [
        raster(np.ones(size, np.uint8), scene, scale_m, left=1000, top=9000)
        for scene in "ab"
        for scale_m, size in sizes.items()
    ]


def tiles(scale_m, *window, scene="a"):
    return dict(scene=scene, detail=tile_area_text(scale_m, [0, 3], Window(*window)), reason="no memory")


def entire(detail, scene="a"):
    return dict(scene=scene, detail=detail, reason="no memory")


@pytest.mark.parametrize(
    ("scale_m", "enlarged", "window", "bounds"),
    [
        (100, {}, (10, 5, 20, 10), (2000, 7500, 4000, 8500)),
        (200, {}, (10, 5, 20, 10), (3000, 6000, 7000, 8000)),
        (50, {50.0: 2}, (10, 5, 20, 10), (1500, 8250, 2500, 8750)),
    ],
)
def test_windows_are_in_pixels_of_the_scale_that_was_searched(rows, scale_m, enlarged, window, bounds):
    failed = failed_on_maps([tiles(scale_m, *window)], rasters_at_all_scales(rows, enlarged))
    assert list(failed) == ["a"] and failed["a"].bounds == pytest.approx(bounds)


def test_what_failed_at_any_scale_is_united_and_other_scales_do_not_count(rows):
    pieces = [tiles(100, 10, 5, 20, 10), tiles(200, 10, 5, 20, 10), tiles(50, 1, 1, 9, 9), entire("50 m/px", "b")]
    (failed,) = failed_on_maps(pieces, rasters_at_all_scales(rows)).values()
    assert failed.equals(shapely.union(shapely.box(2000, 7500, 4000, 8500), shapely.box(3000, 6000, 7000, 8000)))


@pytest.mark.parametrize(
    "piece", [entire(""), entire("200 m/px"), tiles(100, 0, 0, 64, 32), tiles(100, -9, -9, 99, 99)]
)
def test_where_a_raster_ends_all_ground_beyond_failed(rows, piece):
    """Coarser pixels reach farther."""
    failed = failed_on_maps([piece], rasters_at_all_scales(rows))
    assert failed["a"].contains(shapely.box(500, 5000, 8000, 10_000)) and "b" not in failed


def test_other_parts_are_nowhere(rows):
    by_part = rasters_by_part(rasters_at_all_scales(rows))
    pieces = [entire("band 3"), entire("", "c"), entire("400 m/px"), tiles(50, 1, 1, 9, 9), tiles(100, 70, 0, 9, 9)]
    assert [failed_window(piece, by_part) for piece in pieces] == [None] * 5
    assert failed_window(tiles(100, 60, -4, 9, 9), by_part).window == Window(60, 0, 4, 5)
