"""Raw images and strips through the whole workflow. The HiRISE image is real; the others, cut from the Moon and put on
Mars, are made up, and so are the programs that stand in for ISIS's."""

import os
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from camera_files import HIRISE
from fake_isis import FakeIsis
from projects import Project, write_scenes
from pyproj import CRS
from raw_archive import HIRISE as HIRISE_EDR
from raw_projects import FOUR, GSD_M, PLACE, make_raw_project, mars_settings, moon, write_mars

from orbitile.georeferencing.instruments.hirise import HIRISE as HIRISE_INSTRUMENT
from orbitile.jobs.failures import read_failures
from orbitile.space.ground import Ground
from orbitile.tables.plan import read_rows

RADIUS_M = 3396190.0
CENTRE = 203.2696943796249 - 360, -1.112044140807593
"""Longitude and latitude of the middle of the HiRISE image, as ISIS finds them."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One group of a raw image, a mosaic of two strips and an image with corners, whose catalogue is made."""
    project = make_raw_project(tmp_path_factory.mktemp("raw"))
    done = project.run("all")
    assert done.returncode == 0, done.stderr
    assert "georeferenced by its corners or control points alone" in done.stderr
    return project


@pytest.fixture(scope="module")
def rasters(finished: Project) -> dict:
    """The georeferenced scenes."""
    return finished.rasters("g")


def test_every_way_is_in_the_plan(finished: Project):
    plan = {row.scene: row for row in read_rows(finished.result("plan.parquet"))}
    assert {name: row.georef_method for name, row in plan.items()} == dict(
        edr="spice", pair="projected", plain="corners"
    )
    assert 100 < plan["edr"].error_m < 1000 < plan["plain"].error_m


def test_the_raw_image_lies_where_isis_puts_it(finished: Project, rasters: dict):
    """Its middle within 15 m of ISIS's; it covers as much as 256 x 5000 of its pixels."""
    row = rasters["edr"]
    with rasterio.open(row.path) as source:
        valid = source.read_masks(1) > 0
    rows, cols = np.nonzero(valid)
    place = row.grid.to_map(cols.mean() + 0.5, rows.mean() + 0.5)
    expected = Ground(row.crs_wkt, RADIUS_M).xy(*map(np.array, CENTRE), *place)
    assert np.hypot(*np.subtract(place, expected)) < 15
    own_m = next(row for row in read_rows(finished.result("plan.parquet")) if row.scene == "edr").image_gsd_m
    assert valid.sum() * GSD_M**2 == pytest.approx(256 * 5000 * own_m**2, rel=0.02)
    assert 0 < row.low[0] < row.high[0]


def test_the_raster_says_how_it_came_onto_the_map(rasters: dict):
    with rasterio.open(rasters["edr"].path) as source:
        tags = source.tags()
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.dtypes == ("uint16",)
        assert CRS(source.crs.to_wkt()).ellipsoid.semi_major_metre == RADIUS_M
    assert (tags["georef_method"], tags["instrument"], tags["product_id"]) == (
        "spice",
        "HIRISE",
        "PSP_001446_1790_BG12_0",
    )
    assert (tags["kernels"], float(tags["expected_error_m"])) == (str(HIRISE), rasters["edr"].error_m)
    assert 0 < float(tags["projection_error_px"]) < 0.1


def test_corners_are_told_loudly(finished: Project, rasters: dict):
    log = finished.result("logs/georeference/g.log").read_text()
    error_m = rasters["plain"].error_m
    warning = (
        "WARNING orbitile.georeferencing.project_image: scene plain: georeferenced by its corners or control points "
    )
    assert f"{warning}alone: positions may be {error_m:.0f} m off" in log
    with rasterio.open(rasters["plain"].path) as source:
        assert (source.tags()["georef_method"], source.tags()["corners"]) == ("corners", FOUR)
        assert float(source.tags()["expected_error_m"]) == error_m > 1000
        assert np.degrees((source.bounds.left + source.bounds.right) / 2 / RADIUS_M) == pytest.approx(
            -156.6925, abs=1e-4
        )
        assert np.degrees((source.bounds.top + source.bounds.bottom) / 2 / RADIUS_M) == pytest.approx(-1.1075, abs=1e-4)


def test_the_mosaic_is_one_scene_with_its_seam_and_sources(rasters: dict):
    row = rasters["pair"]
    assert (row.width, row.height) == (500, 300)
    with rasterio.open(row.path) as source, rasterio.open(row.sources) as sources:
        found, numbers = source.read(1), sources.read(1)
    np.testing.assert_array_equal(numbers, np.repeat([[1] * 300 + [2] * 200], 300, axis=0))
    np.testing.assert_array_equal(found[:, :300], moon(0, 300))
    brighter = found[:, 300:].astype(int) - moon(300, 200)
    assert abs(brighter.mean()) < 3
    (seam,) = geopandas.read_parquet(row.seams).itertuples()
    assert (seam.left, seam.right) == ("left", "right")
    assert seam.geometry.bounds[0] == seam.geometry.bounds[2] == pytest.approx(row.transform[2] + 300 * GSD_M)
    assert seam.geometry.length == pytest.approx(300 * GSD_M)


def test_a_catalogue_is_made_of_all(finished: Project, rasters: dict):
    found = finished.catalogue
    assert set(found["scene"]) <= {"edr", "pair", "plain"}
    assert found["scene"].value_counts()["pair"] > 5
    assert found["lon"].between(-156.8, -156.6).all()
    ways = {row.scene: (row.georef_method, row.error_m) for row in rasters.values()}
    for row in found.itertuples():
        way, error_m = ways[row.scene]
        assert row.georef_method == way
        assert row.error_m == pytest.approx(error_m, nan_ok=True) if error_m else np.isnan(row.error_m)


def test_a_finished_run_has_nothing_to_do_whatever_the_order_of_the_table(finished: Project):
    assert finished.jobs("all") == set()
    table = finished.folder / "scenes.csv"
    before = table.read_text()
    try:
        pd.read_csv(table).iloc[::-1].to_csv(table, index=False)
        assert finished.jobs("all") == set()
    finally:
        table.write_text(before)


TABLES = [f"results/small/georeferenced/{name}.parquet" for name in ("raw", "cut", "mapped")]


@pytest.fixture
def through_isis(tmp_path: Path) -> tuple[Project, FakeIsis]:
    """Groups of their own: a scene and a strip through ISIS, an image that is cut short, one that is mapped already."""
    fake = FakeIsis.install(tmp_path / "isis", HIRISE_INSTRUMENT.isis.names)
    place = dict(crs="IAU_2015:49910", transform=Affine(GSD_M, 0, PLACE[0], 0, -GSD_M, PLACE[1]))
    write_mars(tmp_path / "images" / "mapped.tif", moon(0, 300), **place)
    write_mars(tmp_path / "images" / "cut.tif", np.random.default_rng(0).integers(1, 255, (300, 300)))
    os.truncate(tmp_path / "images" / "cut.tif", 40_000)
    write_scenes(tmp_path, [
        dict(scene="raw", path=str(HIRISE_EDR), kernels=str(HIRISE), group="raw"),
        dict(scene="strip", path=str(HIRISE_EDR), kernels=str(HIRISE), mosaic="of-one", group="raw"),
        dict(scene="mapped", path="images/mapped.tif"),
        dict(scene="cut", path="images/cut.tif", corners=FOUR),
    ])  # fmt: skip
    path = dict(fake.variables, PATH=f"{fake.root / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return Project(tmp_path, mars_settings(tmp_path), environment=path), fake


def test_isis_is_run_for_its_group_alone_and_what_fails_is_told(through_isis: tuple[Project, FakeIsis]):
    """Each failure stands beside the reason, other groups are finished, and nothing half-written is left."""
    project, fake = through_isis
    fake.order(hical="error")
    done = project.run(*TABLES)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    failures = read_failures(project.result(".")).set_index("scene")
    assert failures["group"].to_dict() == dict(cut="cut", raw="raw") | {"of-one": "raw"}
    for scene in ("raw", "of-one"):
        assert "hical ended with exit code 3: **I/O ERROR** Unable to open [it]." in failures.loc[scene, "reason"]
    assert failures.loc["of-one", "detail"] == "strip"
    assert "cut.tif: cannot be read" in failures.loc["cut", "reason"]
    assert "snakemake" in (asked := project.ask("failures").stdout)
    assert "hical ended with exit code 3" in asked
    assert [path.exists() for path in map(project.folder.joinpath, TABLES)] == [False, False, True]
    rasters = [path.parent.name for path in project.result("rasters").rglob("*.*")]
    assert set(rasters) == {"mapped"}
    assert not [path for path in project.result("work").rglob("*") if path.is_file()]

    fake.order()
    allowed = project.change(allow_failures=True)
    done = allowed.run(*TABLES)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in allowed.result("isis").iterdir()] == ["raw.parquet"]
    made = project.rasters("raw")
    assert (list(made), made["of-one"].georef_method) == (["of-one", "raw"], "isis")
    row = made["raw"]
    assert (row.georef_method, row.grid.gsd_m, row.width, row.height) == ("isis", GSD_M, 3, 2)
    with rasterio.open(row.path) as source:
        assert source.read(1).tolist() == [[1, 2, 3], [4, 5, 6]]
        assert source.tags()["georef_method"] == "isis"
    assert [call["program"] for call in fake.calls][-4:] == list(HIRISE_INSTRUMENT.isis.names)
    assert project.rasters("cut") == {}
    assert allowed.jobs(*TABLES) == set()
