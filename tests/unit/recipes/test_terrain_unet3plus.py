"""Rims and floors of craters exclude each other, and the smaller crater lies over the larger."""

import importlib.util
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import find_body
from orbitile.tables.craters import Craters

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location("terrain_labels", ROOT / "recipes" / "terrain_unet3plus" / "labels.py")
labels = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(labels)
MOON = find_body("Moon")
DEGREE_M = np.radians(1) * MOON.radius_m


def craters(*rows):
    """Craters at the equator of (longitude, diameter in degrees)."""
    lon, diameter = np.array(rows).T
    return Craters(lon, np.zeros(len(lon)), diameter * DEGREE_M)


def test_a_crater_is_a_floor_in_a_rim():
    parts = labels.crater_parts(craters((10, 2)), MOON.radius_m).set_index("class_name").geometry
    disc = np.pi
    assert parts["floor"].area == pytest.approx(labels.FLOOR**2 * disc, rel=0.01)
    assert parts["rim"].area == pytest.approx((labels.RIM**2 - labels.FLOOR**2) * disc, rel=0.01)


def test_parts_of_overlapping_craters_share_no_ground_and_the_smaller_is_whole():
    parts = labels.crater_parts(craters((10.8, 1), (10, 2), (9.5, 0.5)), MOON.radius_m)
    shapes = parts.geometry.to_numpy()
    assert sum(shape.area for shape in shapes) == pytest.approx(shapely.union_all(shapes).area)
    floors = parts[parts["class_name"] == "floor"].geometry
    assert floors.iloc[-1].area == pytest.approx(labels.FLOOR**2 * np.pi * 0.25**2, rel=0.01)
    assert floors.contains(shapely.Point(10.8, 0)).sum() == 1


def test_ridges_are_the_lines_of_their_kind(tmp_path):
    lines = [shapely.LineString([(k, 0), (k, 1)]) for k in range(3)]
    frame = geopandas.GeoDataFrame(dict(kind=["Rille", labels.KIND, labels.KIND]), geometry=lines, crs=MOON.crs)
    frame.to_file(tmp_path / "lines.gpkg")
    ridges = labels.ridges(tmp_path / "lines.gpkg", MOON)
    assert ridges["class_name"].tolist() == ["ridge"] * 2
    assert ridges["width"].tolist() == [labels.RIDGE_PX] * 2
    with pytest.raises(OrbitileError, match=r"none.gpkg: cannot be read as lines"):
        labels.ridges(tmp_path / "none.gpkg", MOON)
    frame.drop(columns="kind").to_file(tmp_path / "plain.gpkg")
    with pytest.raises(OrbitileError, match=r"plain.gpkg: needs a reference system and the column kind"):
        labels.ridges(tmp_path / "plain.gpkg", MOON)


@pytest.mark.parametrize(("lon", "is_in"), [(-142, True), (218, True), (-48, True), (-46, False), (0, False)])
def test_craters_around_the_box_count(lon, is_in):
    assert labels._in_box(craters((lon, 1)), -140, -50, -10, 10).tolist() == [is_in]
