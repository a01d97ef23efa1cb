"""Chips show what lies around a row, at a handy scale, and no score."""

import inspect

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from orbitile.base.errors import OrbitileError
from orbitile.pictures.chip_pages import COLUMNS, ROWS, Chip, draw_chip_pages
from orbitile.review.chips import SIDE, RunRasters, draw_chips
from orbitile.tables.rasters import write_rasters

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180


def crater(x_m, y_m, diameter_m, scene="a", number=1):
    size = dict(width_m=diameter_m, height_m=diameter_m, diameter_km=diameter_m / 1000)
    return dict(number=number, scene=scene, lon=x_m / DEGREE_M, lat=-y_m / DEGREE_M, **size)


def bright_square(side=200, scale_m=100.0):
    """A scene of 20 km with a bright square of 2 km around 10 km, 10 km."""
    pixels = np.full((side, side), 50, np.uint8)
    near = slice(round(9000 / scale_m), round(11_000 / scale_m))
    pixels[near, near] = 200
    return pixels


@pytest.fixture
def run(tmp_path):
    """Writes rasters as the table of a run; gives the run's rasters of scene a."""

    def write(*rows):
        write_rasters(list(rows), tmp_path / "run" / "scaled" / "g.parquet")
        return RunRasters.read(tmp_path / "run", ["a"])

    return write


def test_the_crater_is_in_the_middle(raster, run):
    chip = run(raster(bright_square())).chip(crater(10_000, 10_000, 2000), MOON_M)
    side = chip.image.shape[0]
    middle = slice(round(side * (0.5 - 0.4 / SIDE)), round(side * (0.5 + 0.4 / SIDE)))
    assert chip.image.shape == pytest.approx((20 * SIDE, 20 * SIDE), abs=2)
    assert chip.image[middle, middle].min() > 200 and chip.image[:5].max() < 50
    assert chip.ring.min(axis=0) == pytest.approx([0.5 - 0.5 / SIDE] * 2, abs=0.03)
    assert chip.ring.max(axis=0) == pytest.approx([0.5 + 0.5 / SIDE] * 2, abs=0.03)


def test_the_coarsest_scale_that_shows_enough(raster, run):
    rasters = run(raster(bright_square()), raster(bright_square(100, 200.0), scale_m=200.0),
                  raster(bright_square(50, 400.0), scale_m=400.0))  # fmt: skip
    shapes = [rasters.chip(crater(10_000, 10_000, size), MOON_M).image.shape[0] for size in (2000, 13_000, 26_000)]
    assert shapes == pytest.approx([SIDE * 20, SIDE * 65, SIDE * 65], abs=2)


def test_beyond_the_data_a_chip_is_light(raster, run):
    chip = run(raster(bright_square())).chip(crater(300, 10_000, 2000), MOON_M)
    assert (chip.image[:, :10] == 225).all() and (chip.image[:, -10:] < 225).all()


def test_a_neighbour_of_a_mosaic_lends_its_pixels(raster, run):
    left, right = raster(bright_square()), raster(np.full((200, 200), 120, np.uint8), "b", left=20_000)
    left.lenders.append("b")
    left.longitude_wraps.append(0)
    chip = run(left, right).chip(crater(19_800, 5000, 2000), MOON_M)
    assert (chip.image != 225).all()


def test_low_contrast_is_stretched_but_noise_is_not(raster, run):
    faint = np.full((200, 200), 100, np.uint8)
    faint[90:110, 90:110] = 103
    image = run(raster(faint)).chip(crater(10_000, 10_000, 2000), MOON_M).image
    assert 5 < np.ptp(image) < 40


def test_rows_without_a_raster(raster, run, tmp_path):
    rasters = run(raster(bright_square()))
    with pytest.raises(OrbitileError, match="no table has rasters of scene b"):
        rasters.chip(crater(0, 0, 2000, "b"), MOON_M)
    with pytest.raises(OrbitileError, match="holds no data there"):
        rasters.chip(crater(500_000, 0, 2000), MOON_M)
    rows = pd.DataFrame([crater(10_000, 10_000, 2000), crater(0, 0, 2000, "b", 2)])
    pages = draw_chips(rows, tmp_path / "run", MOON_M, tmp_path)
    assert ([path.name for path in pages.paths], pages.without_image) == (["chips-01.png"], 1)
    (tmp_path / "a-100.tif").unlink()
    pages = draw_chips(rows, tmp_path / "run", MOON_M, tmp_path / "none")
    assert pages.paths == [] and pages.without_image == 2 and "there is no such raster any more" in pages.reason


def test_a_page_is_full_before_the_next_one(tmp_path):
    ring = np.column_stack([0.5 + 0.2 * np.cos(np.arange(7)), 0.5 + 0.2 * np.sin(np.arange(7))])
    image = np.full((30, 30), 90, np.uint8)
    chips = [Chip(number, 1.5, image, ring) for number in range(1, COLUMNS * ROWS + 2)]
    paths = draw_chip_pages(chips, tmp_path)
    heights = [Image.open(path).size[1] for path in paths]
    assert [path.name for path in paths] == ["chips-01.png", "chips-02.png"]
    assert heights[0] > 5 * heights[1]


def test_colours(raster, run):
    pixels = np.stack([bright_square()] * 3)
    assert run(raster(pixels)).chip(crater(10_000, 10_000, 2000), MOON_M).image.shape[2] == 3


def test_a_chip_knows_no_score():
    assert "score" not in inspect.getsource(Chip) + inspect.getsource(RunRasters)
