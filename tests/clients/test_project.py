"""The project of a run in a real QGIS: of this machine's release, and of Debian's testing release."""

import shutil

import duckdb
import geopandas
import numpy as np
import pandas as pd
import pytest
from debian_packages import InstallError, install_missing
from debian_testing import debian_testing
from programs import Programs
from qgis_runs import DISCS, GSD_M, SIDE, write_catalogue_run, write_map_run
from test_qgis import missing_packages

import orbitile.catalogue
from orbitile.gis.layer_styles import SEQUENTIAL
from orbitile.review.judgements import VERDICTS, read_judgements
from orbitile.review.sampling import draw_rows
from orbitile.space.bodies import find_body
from orbitile.space.ground import wrap_longitude

SHOWN_ON = "+R=1737400 "
ID_READERS = ("catalogue/craters/part0.parquet", "catalogue/craters.gpkg", "catalogue/craters.shp")


@pytest.fixture(scope="module", params=["installed", "testing"])
def programs(request):
    """QGIS and GDAL."""
    try:
        install_missing(missing_packages)
        return Programs() if request.param == "installed" else Programs(debian_testing())
    except (InstallError, OSError) as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
def catalogue_run(tmp_path_factory):
    return write_catalogue_run(
        tmp_path_factory.mktemp("results") / "discs", [dict(scene="b", detail="", reason="made up")]
    )


@pytest.fixture(scope="module")
def opened(programs, catalogue_run):
    """What QGIS makes of the project of a catalogue, and its picture."""
    return programs.open_project(catalogue_run)


def centres_px(opened):
    """The craters' columns and rows in both scenes together, by where QGIS puts them on the map of the images."""
    x, y = np.array(list(opened["craters"].values())).T
    return np.column_stack([x / GSD_M + SIDE, -y / GSD_M])


def test_every_layer_is_valid_and_on_the_sphere_of_the_body(opened):
    """Scene b, which failed, was not searched."""
    project, _ = opened
    assert project["opened"] and project["crs_valid"] and "+lon_0=180" in project["crs"]
    assert project["ellipsoid"] == "PARAMETER:1737400:1737400"
    titles = ["left out", "groups", "judge", "searched footprints", "craters by score", "craters by diameter", "a", "b"]
    assert [layer["title"] for layer in project["layers"]] == titles
    for layer in project["layers"]:
        assert layer["valid"] and layer["crs_valid"] and layer["transform_valid"] and SHOWN_ON in layer["crs"] + " "
    by_name = ["categorizedSymbol"] * 2
    renderers = ["singleSymbol", *by_name, "singleSymbol", *["graduatedSymbol"] * 2, *["singlebandgray"] * 2]
    assert [layer["renderer"] for layer in project["layers"]] == renderers
    assert [layer["features"] for layer in project["layers"]][:6] == [1, 2, len(DISCS), 1, len(DISCS), len(DISCS)]


def test_craters_lie_where_they_are_in_the_images(opened):
    """To a hundredth of a pixel, also on 180 degrees; the images lie where their headers say."""
    project, _ = opened
    found = centres_px(project)
    distance = np.hypot(*(found[:, None] - DISCS[None, :, :2]).transpose(2, 0, 1))
    assert distance.min(axis=0).max() < 0.01 and distance.min(axis=1).max() < 0.01
    images = [layer for layer in project["layers"] if layer["pixel"]]
    sides = [[-SIDE * GSD_M, 0.0], [0.0, SIDE * GSD_M]]
    assert [layer["bounds"][::2] for layer in images] == sides and {layer["pixel"] for layer in images} == {GSD_M}


def test_the_picture_shows_rings_around_the_discs(opened):
    """Ring colours at the rims, none inside: no line along 180 degrees through the ring that lies there."""
    project, picture = opened
    left, _, right, top = project["view"]
    step = (right - left) / picture.shape[1]
    colours = np.array([[int(c[n : n + 2], 16) for n in (1, 3, 5)] for c in SEQUENTIAL])
    is_ring = (np.abs(picture[:, :, None].astype(int) - colours).sum(axis=3) < 30).any(axis=2)
    for col, row, diameter in DISCS:
        x, y = ((col - SIDE) * GSD_M - left) / step, (top + row * GSD_M) / step
        radius = diameter / 2 * GSD_M / step
        angle = np.linspace(0, 2 * np.pi, 73)
        rim = [
            is_ring[int(y + radius * np.sin(a)) - 2 :, int(x + radius * np.cos(a)) - 2 :][:5, :5].any() for a in angle
        ]
        assert np.mean(rim) > 0.9
        inside = is_ring[int(y - radius / 2) : int(y + radius / 2), int(x) - 2 : int(x) + 3]
        assert not inside.any()


def test_images_are_drawn_in_their_stretch(opened):
    _, picture = opened
    grey = picture[(picture == picture[:, :, :1]).all(axis=2)][:, 0]
    assert {60, 210} <= set(grey.tolist())


def test_a_map_with_its_probabilities(programs, tmp_path):
    project, _ = programs.open_project(write_map_run(tmp_path / "map of classes"))
    assert project["opened"] and all(layer["valid"] and layer["crs_valid"] for layer in project["layers"])
    kinds = {layer["title"]: layer["renderer"] for layer in project["layers"]}
    assert (kinds["lines"], kinds["polygons"]) == ("categorizedSymbol", "categorizedSymbol")
    assert [layer["renderer"] for layer in project["layers"]].count("singlebandpseudocolor") == 4
    assert project["shown"] == ["lines", "polygons", "a", "b"]


@pytest.mark.parametrize("suffix", ["gpkg", "shp"])
def test_styles_come_with_the_files(programs, catalogue_run, tmp_path, suffix):
    """A GeoPackage brings its own, a Shapefile finds the file beside it."""
    for path in (catalogue_run.parent / "catalogue").glob("craters.*"):
        if path.is_file() and not (suffix == "gpkg" and path.suffix == ".qml"):
            shutil.copy(path, tmp_path)
    assert programs.describe_layer(tmp_path / f"craters.{suffix}")["renderer"] == "graduatedSymbol"


def test_what_is_judged_in_the_form_is_read_back(programs, catalogue_run, tmp_path):
    """QGIS fills in who judged and when; what was moved and drawn has the place and the size of its outline."""
    form, edited = programs.judge(catalogue_run.parent / "judging" / "judge.gpkg")
    assert (form["widget"], form["renderer"]) == ("ValueMap", "categorizedSymbol")
    assert form["choices"] == ["not judged", *VERDICTS] and set(form["read_only"]) >= {"id", "lon", "lat", "catalogue"}
    (tmp_path / "judge.gpkg").write_bytes(edited)
    judged = read_judgements([tmp_path / "judge.gpkg"], "made up", find_body("Moon")).set_index("verdict")
    assert sorted(judged.index) == ["added", "moved", "right"] and judged["reviewer"].str.len().min() > 0
    sample = draw_rows(orbitile.catalogue.open(catalogue_run.parent / "catalogue"), 10, 0)[1]
    assert judged.loc[["right", "moved"], "id"].tolist() == sample["id"].tolist()[:2]
    off = wrap_longitude(judged.loc["moved", "lon"] - sample["lon"][1])
    assert off == pytest.approx(0.1, abs=1e-6) and judged.loc["moved", "diameter_km"] == pytest.approx(
        sample["diameter_km"][1], rel=1e-2
    )
    assert judged.loc["added", ["lon", "lat"]].tolist() == pytest.approx([10.5, 20.5], abs=0.01)
    assert abs(judged["judged_at"] - pd.Timestamp.now("UTC")).max() < pd.Timedelta(days=1)


def ids_of(run):
    return sorted(orbitile.catalogue.open(run.parent / "catalogue").table(["id"])["id"].to_pylist())


def test_geopandas_and_duckdb_read_the_ids(catalogue_run):
    paths = [catalogue_run.parent / name for name in ID_READERS]
    readers = [geopandas.read_parquet, lambda path: geopandas.read_file(path, layer="craters"), geopandas.read_file]
    for read, path in zip(readers, paths, strict=True):
        assert sorted(read(path)["id"]) == ids_of(catalogue_run)
    rows = duckdb.sql(f"SELECT id FROM '{paths[0]}' ORDER BY id").fetchall()
    assert [row[0] for row in rows] == ids_of(catalogue_run)


@pytest.mark.parametrize("name", ID_READERS[1:])
def test_gdal_reads_the_ids(programs, catalogue_run, name):
    with programs.copied(catalogue_run.parent / name) as (path,):
        printed = programs.run(["ogr2ogr", "-f", "CSV", "/vsistdout/", path, "craters", "-select", "id"])
    assert sorted(printed.split()[1:]) == ids_of(catalogue_run)
