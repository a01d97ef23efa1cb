"""Spots have the errors that were published, and rims are the rings that spots are drawn by."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import find_body
from orbitile.tables.craters import Craters

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location("spots", ROOT / "recipes" / "veins_two_branches" / "spots.py")
spots = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(spots)
MOON = find_body("Moon")
RNG_SEED = 3


@pytest.fixture
def table(tmp_path):
    """Craters of 10 km within 0-8 E, 0-8 N."""
    rng = np.random.default_rng(0)
    rows = [f"{lon},{lat},10\n" for lon, lat in rng.uniform(0, 8, (60, 2))]
    path = tmp_path / "craters.csv"
    path.write_text("".join(["lon,lat,diameter_km\n", *rows]))
    return str(path)


def made(table, spacing_m=2000, seed=RNG_SEED):
    return spots.make([spots.Area(table, 0, 8, 0, 8)], MOON, 5000, spacing_m, seed)


def test_spots_agree_with_rims_as_often_as_published(table):
    """Of some 15,000 spots, within four standard errors."""
    rims, drawn = made(table)
    on_rim = shapely.intersects(shapely.union_all(rims.geometry.to_numpy()), drawn.geometry.to_numpy())
    is_high = (drawn["calcium"] >= 10).to_numpy()
    agreement = [on_rim[is_high].mean(), 1 - on_rim[~is_high].mean(), (on_rim == is_high).mean()]
    np.testing.assert_allclose(agreement, [0.56, 0.97, 0.87], atol=0.03)
    assert (drawn["class_name"] == np.where(is_high, "rim", "background")).all()
    assert len(drawn) == pytest.approx((np.radians(8) * MOON.radius_m / 2000) ** 2, rel=0.01)


def test_places_on_rims_are_those_in_the_rings():
    craters = Craters(np.array([3.0, 5.0]), np.array([1.0, -2.0]), np.array([20e3, 6e3]))
    rings = shapely.union_all(spots.rims(craters, MOON.radius_m))
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(2, 6, 4000), rng.uniform(-3, 2, 4000)
    by_ring = shapely.contains_xy(rings, lon, lat)
    assert by_ring.any()
    assert (spots.is_on_rim(lon, lat, craters, MOON.radius_m) != by_ring).mean() < 0.002


def test_a_seed_draws_the_same_spots_again(table):
    first, again, other = (made(table, 10_000, seed)[1] for seed in (1, 1, 2))
    assert_geodataframe_equal(first, again)
    assert not first.geometry.equals(other.geometry)


def test_too_few_rims_are_told(table):
    with pytest.raises(OrbitileError, match=r"craters.csv: no crater of 50 km and more"):
        spots.make([spots.Area(table, 0, 8, 0, 8)], MOON, 50_000, 8000, 0)
    with pytest.raises(OrbitileError, match=r"craters.csv: too few rims in the area"):
        spots.make([spots.Area(table, 40, 48, 0, 8)], MOON, 5000, 8000, 0)
