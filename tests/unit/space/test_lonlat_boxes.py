"""Boxes around grids hold all their pixels."""

import numpy as np
import pytest
from affine import Affine
from mask_runs import MOON
from pyproj import CRS

from orbitile.space.grids import Grid
from orbitile.space.ground import Ground
from orbitile.space.lonlat_boxes import EVERYWHERE, boxes_around_grid

SPHERE = f"+R={MOON.radius_m} +units=m +no_defs"


def grid_at(crs, lon, lat, side_m, pixels=64):
    wkt = CRS(crs).to_wkt()
    (x,), (y,) = Ground(wkt, MOON.radius_m).xy(np.array([lon]), np.array([lat]), np.array([0.0]), np.array([0.0]))
    gsd_m = side_m / pixels
    return Grid(wkt, Affine(gsd_m, 0, x - side_m / 2, 0, -gsd_m, y + side_m / 2), pixels, pixels)


@pytest.mark.parametrize(
    ("crs", "lon", "lat", "side_m", "boxes"),
    [
        ("IAU_2015:30110", 20, 10, 60_000, 1), ("IAU_2015:30110", 179.5, 10, 60_000, 2),
        ("IAU_2015:30110", -90, 80, 60_000, 1), (f"+proj=sinu +lon_0=180 {SPHERE}", -179.9, 70, 200_000, 2),
        (f"+proj=stere +lat_0=90 +lon_0=0 +k=1 {SPHERE}", 0, 90, 100_000, 1),
        (f"+proj=stere +lat_0=-90 +lon_0=0 +k=1 {SPHERE}", 10, -88, 100_000, 1),
        (f"+proj=stere +lat_0=90 +lon_0=0 +k=1 {SPHERE}", 100, 80, 300_000, 1),
    ],
)  # fmt: skip
def test_all_pixels_lie_in_a_box(crs, lon, lat, side_m, boxes):
    grid = grid_at(crs, lon, lat, side_m)
    around = boxes_around_grid(grid, MOON.radius_m)
    cols, rows = (part.ravel() for part in np.meshgrid(np.arange(65.0), np.arange(65.0)))
    lon, lat = Ground(grid.crs_wkt, MOON.radius_m).lonlat(*grid.to_map(cols, rows))
    inside = [(lon >= west) & (lon <= east) & (lat >= south) & (lat <= north) for west, south, east, north in around]
    assert np.any(inside, axis=0).all()
    assert len(around) == boxes
    assert all(-180 <= west <= east <= 180 and -90 <= south <= north <= 90 for west, south, east, north in around)


def test_small_grids_have_small_boxes():
    (box,) = boxes_around_grid(grid_at("IAU_2015:30110", 20, 0, 60_000), MOON.radius_m)
    assert np.subtract(box[2:], box[:2]).tolist() == pytest.approx([3.5, 3.5], rel=0.05)


def test_very_large_grids_are_everywhere():
    assert boxes_around_grid(grid_at("IAU_2015:30110", 0, 0, 5e6), MOON.radius_m) == [EVERYWHERE]
