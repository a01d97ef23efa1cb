"""Lines of ridges are moved onto crests that the light shows; settings of the recipe are valid; masks become lines."""

import sys
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import yaml
from affine import Affine
from pyproj import CRS

from orbitile.settings import Settings
from orbitile.space.grids import Grid

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "recipes" / "moon_ridges"))
sys.path.insert(0, str(ROOT / "benchmarks" / "exactness"))
import ridge_filter  # noqa: E402
import snap  # noqa: E402

MAP = "IAU_2015:30110"
CREST = 40


def ridge(height=120, width=80):
    """A ridge from north to south under light from the west: bright before column CREST, dark behind it."""
    columns = np.arange(width) + 0.5 - CREST
    flanks = np.where(abs(columns) < 8, -12 * np.sign(columns), 0)
    return np.tile(150 + flanks, (height, 1)).astype(np.uint8)


@pytest.mark.parametrize("offset", [-6, 0, 7])
def test_a_line_beside_a_crest_is_moved_onto_it(offset):
    drawn = shapely.LineString([(CREST + offset, 5), (CREST + offset, 60), (CREST + offset, 115)])
    moved = shapely.get_coordinates(snap.snap(drawn, snap.crest_strength(ridge())))
    assert abs(moved[15:-15, 0] - CREST).max() < 1


def test_grooves_are_no_crests():
    groove = ridge()[:, ::-1]
    drawn = shapely.LineString([(CREST, 5), (CREST, 115)])
    moved = shapely.get_coordinates(snap.snap(drawn, snap.crest_strength(groove)))
    assert abs(moved[15:-15, 0] - CREST).min() > 4


def test_lines_are_moved_on_their_scene_and_short_ones_stay(tmp_path):
    transform = Affine(474, 0, 10_000, 0, -474, 20_000)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=80, height=120, count=1, dtype="uint8",
                       crs=MAP, transform=transform) as scene:  # fmt: skip
        scene.write(ridge(), 1)
    in_pixels = [[(CREST + 5, 5), (CREST + 5, 115)], [(CREST + 5, 5), (CREST + 5, 15)], [(500, 5), (500, 115)]]
    lines = geopandas.GeoSeries(map(shapely.LineString, in_pixels), crs=MAP).affine_transform(transform.to_shapely())
    frame = geopandas.GeoDataFrame(geometry=lines).to_crs("IAU_2015:30100")
    moved = snap.snapped(frame, [tmp_path / "a.tif"]).to_crs(MAP).affine_transform((~transform).to_shapely())
    assert moved.iloc[0].interpolate(0.5, normalized=True).x == pytest.approx(CREST, abs=1)
    for number in (1, 2):
        assert moved.iloc[number].hausdorff_distance(shapely.LineString(in_pixels[number])) < 1e-6


@pytest.mark.parametrize("name", ["train", "held_out"])
def test_the_settings_of_the_recipe_are_valid(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = Settings(**yaml.safe_load((ROOT / "recipes" / "moon_ridges" / f"{name}.yaml").read_text()))
    assert settings.scales[0].gsd_m == pytest.approx(2 * ridge_filter.GSD_M, rel=1e-4)


def test_masks_become_lines_on_the_ground_and_small_ones_none():
    grid = Grid(CRS(MAP).to_wkt(), Affine(1000, 0, 0, 0, -1000, 50_000), 100, 100)
    mask = np.zeros((100, 100), bool)
    mask[48:51, 10:90] = mask[10:13, 10:16] = True
    rule = ridge_filter.MaskRule(0, 0, min_area_km2=100, min_length_km=0)
    (line,) = ridge_filter.mask_lines(mask, ridge_filter.Scene(mask, grid), rule)
    points = shapely.get_coordinates(line) * np.radians(1) * ridge_filter.MOON_M
    assert points[:, 1] == pytest.approx(500, abs=300)
    assert np.ptp(points[:, 0]) == pytest.approx(79_000, abs=3000)
