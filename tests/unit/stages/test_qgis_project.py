import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pytest
from documented_examples import examples_of
from pyproj import CRS
from qgis_runs import GSD_M, SIDE, write_catalogue_run, write_map_run

from orbitile.gis import run_layers
from orbitile.gis.run_layers import map_of, raster_groups
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window
from orbitile.tables.rasters import read_rasters
from orbitile.tables.tile_areas import tile_area_text

MOON = find_body("Moon")


@pytest.fixture
def run(tmp_path):
    """Writes the project of a small run, with what it leaves out, in a folder; returns the root of its XML."""
    folder = tmp_path / "results" / "r"

    def write(exclusions=(), **options):
        with zipfile.ZipFile(write_catalogue_run(folder, exclusions, **options)) as archive:
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


@pytest.mark.parametrize("enlarge", [1, 2])
def test_tiles_that_were_left_out_lie_where_they_are(run, enlarge):
    """Of the eastern scene, whose west side is 180 degrees: columns 8 to 24, and what lies beyond its end is cut."""
    window = Window(*(enlarge * place for place in (8, SIDE - 16, 16, 64)))
    detail = tile_area_text(GSD_M / enlarge, [1, 2], window)
    root = run([dict(scene="b", detail=detail, reason="no memory")], enlarged={GSD_M / enlarge: enlarge})
    assert titles(root)[:2] == ["left out", "groups"]
    scenes = geopandas.read_file(run.folder / "scenes.gpkg")
    assert scenes["scene"].tolist() == ["a", "b", "b"]
    (part,) = scenes[scenes["left_out"].notna()].itertuples()
    assert part.part == detail and part.left_out == f"{detail} no memory"
    degree_m = np.pi / 180 * MOON.radius_m
    west, south, east, north = part.geometry.bounds
    assert (west + 180, east + 180) == pytest.approx((8 * GSD_M / degree_m, 24 * GSD_M / degree_m))
    assert (south, north) == pytest.approx((-SIDE * GSD_M / degree_m, -(SIDE - 16) * GSD_M / degree_m))
    groups = [layer.find("datasource").text for layer in root.iter("maplayer")][1]
    assert groups.endswith('|subset="part" IS NULL')


def test_a_copy_from_0_to_360_degrees_has_whole_rings(run, monkeypatch):
    """As docs/gis.md makes it."""
    run()
    monkeypatch.chdir(run.folder.parents[1])
    before = geopandas.read_file(run.folder / "catalogue" / "craters.gpkg", layer="craters")
    (example,) = examples_of("gis.md", "python")
    exec(example.replace("my-run", "r"), {})
    copy = geopandas.read_file("craters-360.gpkg")
    assert sorted(before.geometry.count_geometries()) == [1, 1, 1, 2]
    assert set(copy.geometry.geom_type) == {"Polygon"}
    west, _, east, _ = copy.total_bounds
    assert 170 < west < 180 < east < 190
    assert copy.geometry.area.sum() == pytest.approx(before.geometry.area.sum())
    assert copy.crs == before.crs and copy["id"].tolist() == before["id"].tolist()


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
