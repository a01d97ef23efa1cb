"""Chips at the resolution of the images: where the page looks for them, and as many as are allowed."""

import json

import numpy as np
import pytest
from page_runs import CRATERS, GSD_M, RADIUS_M, write_world_run
from PIL import Image

from orbitile import catalogue
from orbitile.review.sampling import draw_rows
from orbitile.space.ground import distance
from orbitile.web.run_page import PageChoice
from orbitile.web.tile_maps import MAPS

FEW_TILES = 12
CYLINDRICAL, NORTH, SOUTH = MAPS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a chip of each row, and image tiles that are ten times as coarse as the images."""
    choice = PageChoice(FEW_TILES, review_rows=10, review_seed=0, most_chips=100)
    return write_world_run(tmp_path_factory.mktemp("results") / "world", choice).parents[1]


def chips_of(run):
    """Metres per pixel of all chips, by id."""
    text = (run / "page" / "data" / "chips.js").read_text()
    return json.loads(text.removeprefix('received("chips",').removesuffix(");\n"))


def rows_of(run):
    return catalogue.open(run / "catalogue").table().to_pylist()


def test_they_lie_where_the_page_draws_them(run):
    """Three diameters wide around each crater, east-west, on the map that the page takes: bright discs in dark."""
    rows, pixels_m = rows_of(run), chips_of(run)
    assert set(pixels_m) == {row["id"] for row in rows} and len(rows) == sum(map(len, CRATERS.values()))
    for row in rows:
        tile_map = NORTH if row["lat"] > 70 else SOUTH if row["lat"] < -70 else CYLINDRICAL
        sine = np.sin(np.radians(abs(row["lat"])))
        stretch = np.sqrt(1 - sine**2) if tile_map is CYLINDRICAL else (1 + sine) / 2
        side = 3 * row["diameter_km"] * 1000 / stretch / (tile_map.side_radii() * RADIUS_M)
        chip = np.array(Image.open(run / "page" / "chips" / f"{row['id']}.webp").convert("RGBA")).astype(int)
        pixels = 3 * row["diameter_km"] * 1000 / GSD_M / (stretch if tile_map is CYLINDRICAL else 1)
        assert chip.shape[0] == chip.shape[1] == pytest.approx(pixels, abs=1)
        along = (np.arange(len(chip)) + 0.5) / len(chip) - 0.5
        u, v = tile_map.uv(np.array(row["lon"]), np.array(row["lat"]))
        lon, lat = tile_map.lonlat(*np.meshgrid(u + along * side, v + along * side))
        distance_m, is_valid = distance(lon, lat, row["lon"], row["lat"]) * RADIUS_M, chip[..., 3] > 0
        within, rim_m = distance_m < row["diameter_km"] * 500 - 3 * GSD_M, row["diameter_km"] * 500 + 3 * GSD_M
        around = is_valid & (distance_m > rim_m) & (distance_m < rim_m + 2 * GSD_M)
        assert is_valid[within].all() and chip[within, 0].min() > 170 and np.quantile(chip[around, 0], 0.9) < 100


def test_those_of_the_sample_come_first(tmp_path):
    run = write_world_run(tmp_path / "results" / "world", PageChoice(FEW_TILES, 10, 0, most_chips=3)).parents[1]
    _, sample = draw_rows(catalogue.open(run / "catalogue"), 10, 0)
    assert set(chips_of(run)) == set(sample["id"][:3]) and len(list((run / "page" / "chips").iterdir())) == 3


def test_where_image_tiles_are_fine_enough_there_are_none(tmp_path):
    run = write_world_run(tmp_path / "results" / "world", PageChoice(4000, 10, 0, most_chips=3)).parents[1]
    assert chips_of(run) == {}
