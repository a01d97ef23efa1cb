"""What other programs leave beside results does not outlive them: of GeoPackages, Shapefiles and rasters."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from orbitile.rasters.write import PixelType, write_cog
from orbitile.space.grids import Grid, Window
from orbitile.tables.vectors import write_vectors

MOON = "+proj=longlat +R=1737400 +no_defs"
STYLE = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA wal_autocheckpoint=0")
database.execute("SELECT count(*) FROM craters").fetchone()
if sys.argv[2] == "style":
    database.execute("CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, f_table_name TEXT, styleQML TEXT)")
    database.execute("INSERT INTO layer_styles(f_table_name, styleQML) VALUES('craters', ?)", ("x" * 20000,))
    database.commit()
os._exit(0)  # killed, or still open: its -wal and -shm stay
"""


def craters(count: int, seed: int) -> geopandas.GeoDataFrame:
    """Made-up craters with a score each."""
    random = np.random.default_rng(seed)
    shapes = shapely.buffer(shapely.points(random.uniform(-90, 90, (count, 2))), 1)
    return geopandas.GeoDataFrame(dict(score=random.uniform(0, 1, count)), geometry=shapes, crs=MOON)


@pytest.mark.parametrize("mode", ["view", "style"])
@pytest.mark.parametrize("removed", [False, True], ids=["", "removed by the workflow"])
def test_stale_sidecars_out_of_a_geopackage(tmp_path: Path, mode: str, removed: bool):
    stem, path = tmp_path / "craters", tmp_path / "craters.gpkg"
    write_vectors(craters(400, 0), stem)
    subprocess.run([sys.executable, "-c", STYLE, path, mode], check=True)
    assert path.with_name("craters.gpkg-wal").is_file()
    if removed:
        path.unlink()
    frame = craters(28, 1)
    write_vectors(frame, stem)
    assert not list(tmp_path.glob("*-wal")) and not list(tmp_path.glob("*-shm"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check_boxes(path, frame)


@pytest.mark.parametrize("removed", [False, True], ids=["", "removed by the workflow"])
def test_stale_sidecars_out_of_a_shapefile(tmp_path: Path, removed: bool):
    stem, path = tmp_path / "craters", tmp_path / "craters.shp"
    pyogrio.write_dataframe(craters(400, 0), path, SPATIAL_INDEX="YES")
    assert path.with_suffix(".qix").is_file()
    path.with_suffix(".qml").write_text("<qgis/>")
    if removed:
        for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
            path.with_suffix(suffix).unlink()
    frame = craters(28, 1)
    write_vectors(frame, stem)
    assert not path.with_suffix(".qix").exists()
    assert path.with_suffix(".qml").is_file(), "styles are the user's"
    check_boxes(path, frame)


def check_boxes(path: Path, frame: geopandas.GeoDataFrame) -> None:
    """A vector file holds a frame's shapes, and a query by a box finds those in it."""
    assert sorted(pyogrio.read_dataframe(path)["score"]) == pytest.approx(sorted(frame["score"]))
    for box in ((-90, -90, 0, 0), (-90, 0, 90, 90), (10, 10, 60, 60)):
        inside = frame[frame.intersects(shapely.box(*box))]
        found = pyogrio.read_dataframe(path, bbox=box)
        assert sorted(found["score"]) == pytest.approx(sorted(inside["score"]))


def test_statistics_and_masks_beside_a_replaced_raster(tmp_path: Path):
    path = tmp_path / "a.tif"
    pixels = np.full((64, 64), 100, np.uint8)
    for suffix in (".aux.xml", ".msk", ".ovr"):
        (tmp_path / f"a.tif{suffix}").write_text("of the former content")
    grid = Grid(
        CRS.from_user_input("+proj=eqc +R=1737400 +units=m +no_defs").to_wkt(), Affine(100, 0, 0, 0, -100, 0), 64, 64
    )
    window = Window(0, 0, 64, 64)
    write_cog(path, grid, PixelType("uint8", 0), [(window, pixels, pixels > 0)])
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
