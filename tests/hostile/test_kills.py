"""A few kills of each chain, or KILLS of them in all: KILLS=200 pytest tests/hostile/test_kills.py"""

import os
import sqlite3
from pathlib import Path

import geopandas
import pytest
from hostile.kills import CHAINS, digest, digests, disturb
from shapely.geometry import Point

FEW = dict(detection=3, mapping=2, classes=2, raw=2)
"""Kills where the environment names no number; training takes too long for them."""


def kills_of(chain: str) -> int:
    if "KILLS" not in os.environ:
        return FEW.get(chain, 0)
    return round(int(os.environ["KILLS"]) * CHAINS[chain].share)


@pytest.mark.parametrize("chain", list(CHAINS))
def test_killed_runs_end_with_the_same_bytes(tmp_path: Path, chain: str):
    kills = kills_of(chain)
    if not kills:
        pytest.skip("only with KILLS")
    campaign = disturb(CHAINS[chain], tmp_path, kills, f"0:{chain}", is_warm="KILLS" not in os.environ)
    assert campaign.kills == kills


def write_points(path: Path, x: float) -> None:
    geopandas.GeoDataFrame(dict(name=["a"]), geometry=[Point(x, 0)], crs="IAU_2015:30100").to_file(path)


def test_a_geopackage_is_compared_but_for_its_times(tmp_path: Path):
    for name, x in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
        (tmp_path / name).mkdir()
        write_points(tmp_path / name / "points.gpkg", x)
    with sqlite3.connect(tmp_path / "b" / "points.gpkg") as database:
        database.execute("UPDATE gpkg_contents SET last_change = '2001-01-01T00:00:00.000Z'")
    first, later, other = (digest(tmp_path / name / "points.gpkg") for name in "abc")
    assert first == later != other


def test_what_jobs_say_of_themselves_is_not_compared(tmp_path: Path):
    for name in ("logs/tile/g.log", "jobs/tile/g.json", "tiles/.g.1234.parquet", "tiles/g.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(digests(tmp_path)) == ["tiles/g.parquet"]
