import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pytest
from pyproj import CRS
from qgis_runs import write_catalogue_run, write_map_run

from orbitile.gis import run_layers
from orbitile.gis.run_layers import map_of, raster_groups
from orbitile.space.bodies import find_body
from orbitile.tables.rasters import read_rasters

MOON = find_body("Moon")


@pytest.fixture
def run(tmp_path):
    """Writes the project of a small run, with what it leaves out, in a folder; returns the root of its XML."""
    folder = tmp_path / "results" / "r"

    def write(exclusions=()):
        with zipfile.ZipFile(write_catalogue_run(folder, exclusions)) as archive:
            return ET.fromstring(archive.read("r.qgs"))

    write.folder = folder
    return write


def titles(root):
    return [layer.get("name") for layer in root.iter("layer-tree-layer")]


def test_it_has_all_layers_of_the_run(run):
    root = run()
    craters = ["searched footprints", "craters by score", "craters by diameter"]
    assert titles(root) == ["groups", "judge", *craters, "a", "b"]
    tree = {layer.get("id"): layer.get("source") for layer in root.iter("layer-tree-layer")}
    layers = {layer.find("id").text: layer.find("datasource").text for layer in root.iter("maplayer")}
    assert tree == layers and all(len(name) > 10 for name in tree)


def test_a_map_has_its_classes_and_their_probabilities(tmp_path):
    with zipfile.ZipFile(write_map_run(tmp_path / "m")) as archive:
        root = ET.fromstring(archive.read("m.qgs"))
    assert titles(root) == ["groups", "lines", "polygons", "a", "b", "a", "b", "a", "b"]
    branches = [group.get("name") for group in root.findall("layer-tree-group/layer-tree-group")]
    assert branches == ["scenes", "map", "probability of pit", "probability of ridge", "images at 1000 m/px"]
    assert [part.get("value") for part in root.iter("category")][-2:] == ["pit", "ridge"]


def test_all_files_are_named_from_the_folder_of_the_project(run):
    """So that the folder of the run can be moved, but for what lies outside of it."""
    sources = [layer.find("datasource").text.split("|")[0] for layer in run().iter("maplayer")]
    assert all(not Path(source).is_absolute() for source in sources)
    assert all((run.folder / source).is_file() for source in sources)


def test_its_map_is_that_of_the_images(run):
    root = run()
    (wkt,) = root.find("projectCrs").iter("wkt")
    (row, _) = read_rasters(run.folder / "a.parquet")
    assert CRS(wkt.text).to_proj4() == CRS(row.crs_wkt).to_proj4() and "IAU" not in wkt.text
    assert root.find("properties/Measure/Ellipsoid").text == "PARAMETER:1737400:1737400"


def test_what_was_left_out_is_a_layer(run):
    root = run([dict(scene="b", detail="", reason="made up")])
    assert titles(root)[0] == "left out"
    assert root.find("projectlayers/maplayer/datasource").text.endswith('|subset="left_out" IS NOT NULL')
    scenes = geopandas.read_file(run.folder / "scenes.gpkg")
    assert scenes["scene"].tolist() == ["a", "b"] and scenes["left_out"].fillna("").tolist() == ["", "made up"]
    assert scenes["group"].tolist() == ["group of a", "group of b"]


def test_it_is_the_same_file_every_time(run):
    run()
    before = (run.folder / "r.qgz").read_bytes()
    run()
    assert (run.folder / "r.qgz").read_bytes() == before


def test_of_very_many_rasters_only_the_coarsest_are_in_it(raster, monkeypatch):
    rows = [raster(np.ones((8, 8), np.uint8), name) for name in "abc"]
    scaled = [*rows, *(raster(np.ones((4, 4), np.uint8), name, 200.0) for name in "abc")]
    assert [len(group.layers) for group in raster_groups(scaled)] == [3, 3]
    monkeypatch.setattr(run_layers, "MOST_RASTERS", 5)
    (group,) = raster_groups(scaled)
    assert group.title == "images at 200 m/px" and group.visible


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        (["+proj=eqc +R=1737400 +lon_0=100", "+proj=eqc +R=1737400"], "+proj=eqc +R=1737400 +lon_0=50"),
        (["+proj=stere +lat_0=90 +R=1737400", "+proj=ortho +lat_0=89 +R=1737400"], "+proj=stere +lat_0=90 +R=1737400"),
    ],
)
def test_scenes_on_different_maps_share_another(raster, maps, expected):
    """With the bounds of all of them in it: 1000 m around the origin of each."""
    pixels = np.ones((20, 20), np.uint8)
    rows = [raster(pixels, name, crs=crs, left=-1000, top=1000) for name, crs in zip("ab", maps, strict=True)]
    crs, bounds = map_of(rows, MOON)
    assert crs == CRS(expected + " +units=m") or crs.to_dict() == CRS(expected + " +units=m").to_dict()
    assert np.isfinite(bounds).all() and bounds[0] < bounds[2] and bounds[1] < bounds[3]
