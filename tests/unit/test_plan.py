from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyproj import CRS

from orbitile.errors import OrbitileError
from orbitile.settings import Settings
from orbitile.stages.plan import current_plan

GREY = np.ones((40, 60), np.uint8)
DEGREE_M = 1737400 * np.pi / 180
WIDTH_M, HEIGHT_M = 6000, 4000


@pytest.fixture
def settings(tmp_path):
    """Writes a made-up scene table of the given rows and refers to it."""

    def make(*rows, columns="scene,path", **change):
        (tmp_path / "scenes.csv").write_text("\n".join([columns, *rows, ""]))
        scale = dict(gsd_m=100, tile_px=32, overlap_px=16)
        fixed = dict(run="r", body="Moon", scenes=tmp_path / "scenes.csv", scales=[scale])
        model = dict(weights="any.safetensors", sha256="0" * 64)
        return Settings(**fixed | dict(model=model) | change)

    return make


@pytest.fixture
def planned(settings, tmp_path):
    """The plan of the given rows of the scene table."""
    return lambda *rows, **change: current_plan(settings(*rows, **change), tmp_path / "plan.parquet")


def test_a_plan_of_one_scene(geotiff, planned):
    path = geotiff(GREY, left=1000, top=2000, nodata=0)
    plan = planned(f"a,{path}")
    (row,) = plan.rows
    assert (row["scene"], row["group"], row["body"], row["dtype"]) == ("a", "a", "Moon", "uint8")
    assert (row["width"], row["height"], row["gsd_m"], row["nodata"]) == (60, 40, 100, 0)
    assert row["outline_lon"][0] * DEGREE_M == pytest.approx(1000)
    assert row["outline_lat"][0] * DEGREE_M == pytest.approx(2000)
    assert plan.scenes("a")[0]["transform"] == [100, 0, 1000, 0, -100, 2000]
    assert (plan.names, plan.groups, plan.paths("a"), plan.neighbours("a")) == (["a"], ["a"], [path], [])


@pytest.mark.parametrize(
    ("gap_m", "neighbours"),
    [(-500, True), (0, True), (700, True), (900, False)],
)
def test_neighbours_are_within_the_largest_object(geotiff, planned, gap_m, neighbours):
    """With an overlap of 16 px, the largest object has 8 px or 800 m."""
    a, b = geotiff(GREY, "a.tif"), geotiff(GREY, "b.tif", left=WIDTH_M + gap_m)
    plan = planned(f"a,{a}", f"b,{b}")
    assert plan.neighbours("a") == ["b"] * neighbours
    assert plan.neighbours("b") == ["a"] * neighbours


def test_the_coarsest_scale_reaches_farthest(geotiff, planned):
    a, b = geotiff(GREY, "a.tif"), geotiff(GREY, "b.tif", left=WIDTH_M + 1500)
    scales = [dict(gsd_m=g, tile_px=32, overlap_px=16) for g in (100, 200)]
    assert planned(f"a,{a}", f"b,{b}", scales=scales).neighbours("a") == ["b"]


@pytest.mark.parametrize("crs", ["IAU_2015:30110", "IAU_2015:30115"])
def test_neighbours_across_the_antimeridian(geotiff, planned, crs):
    """The eastern scene begins at 180 W, in a map centred on 0 or on 180."""
    a = geotiff(GREY, "a.tif", left=180 * DEGREE_M - WIDTH_M)
    b = geotiff(GREY, "b.tif", crs=crs, left=-180 * DEGREE_M if crs.endswith("10") else 0)
    assert planned(f"a,{a}", f"b,{b}").neighbours("a") == ["b"]


def test_neighbours_around_a_pole(geotiff, planned):
    """One made-up scene on the pole, one whose corner reaches 88 N on the far side of the map."""
    a = geotiff(GREY, "a.tif", crs="IAU_2015:30130", left=-WIDTH_M / 2, top=HEIGHT_M / 2)
    b = geotiff(GREY, "b.tif", left=-180 * DEGREE_M, top=90 * DEGREE_M)
    assert planned(f"a,{a}", f"b,{b}").neighbours("a") == ["b"]


def test_groups_are_units_of_neighbourhood(geotiff, planned):
    paths = [geotiff(GREY, f"{i}.tif", left=i * WIDTH_M) for i in range(4)]
    rows = [f"s{i},{path},{group}" for i, (path, group) in enumerate(zip(paths, "xxyz", strict=True))]
    plan = planned(*rows, columns="scene,path,group")
    assert plan.groups == ["x", "y", "z"]
    assert [plan.neighbours(group) for group in plan.groups] == [["y"], ["x", "z"], ["y"]]
    assert [scene["scene"] for scene in plan.scenes("x")] == ["s0", "s1"]
    assert [plan.group_of(scene) for scene in plan.names] == ["x", "x", "y", "z"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (dict(crs=None), "scene a has no georeferencing; .*pixel_coordinates: true"),
        (dict(crs="IAU_2015:49910"), "scene a lies on another body .*radius 3396.2 km.* Moon .1737.4 km"),
        (dict(crs="IAU_2015:50210"), "scene a lies on another body"),
        (dict(crs="EPSG:4326", gsd=0.01), "scene a lies on another body"),
        (dict(gsd=102), r"scene a has 102.00 m/px, coarser than .*scales.0.gsd_m = 100"),
    ],
)
def test_what_cannot_be_mapped_is_refused(geotiff, planned, how, message):
    with pytest.raises(OrbitileError, match=rf"scene\.tif: {message}"):
        planned(f"a,{geotiff(GREY, **how)}")


@pytest.mark.parametrize(("named", "fault"), [("Mars", "scene a lies on Mars, the run on Moon"), ("Endor", "'Endor'")])
def test_other_bodies_in_the_table_are_refused(geotiff, planned, named, fault):
    with pytest.raises(OrbitileError, match=fault):
        planned(f"a,{geotiff(GREY)},{named}", columns="scene,path,body")


@pytest.mark.parametrize("named", ["Moon", "moon", ""])
def test_the_run_s_body_in_the_table(geotiff, planned, named):
    plan = planned(f"a,{geotiff(GREY)},{named}", columns="scene,path,body")
    assert [row["body"] for row in plan.rows] == ["Moon"]


def test_files_that_are_no_images_are_refused(planned, tmp_path):
    (tmp_path / "a.tif").write_text("made up")
    with pytest.raises(OrbitileError, match=r"a\.tif: cannot be read as an image"):
        planned("a,a.tif")


@pytest.mark.parametrize("gsd", [100.9, 100, 30])
def test_scenes_at_least_as_fine_are_taken(geotiff, planned, gsd):
    assert planned(f"a,{geotiff(GREY, gsd=gsd)}").rows[0]["gsd_m"] == pytest.approx(gsd)


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("IAU_2015:30100", "crs: Moon .* is not a map in metres of Moon .*; allowed is e.g. IAU_2015:30110"),
        ("IAU_2015:49910", "crs: Mars .* is not a map in metres of Moon"),
        ("made up", "crs: 'made up' is no coordinate system"),
    ],
)
def test_maps_that_do_not_fit_are_refused(geotiff, planned, crs, message):
    with pytest.raises(OrbitileError, match=message):
        planned(f"a,{geotiff(GREY)}", crs=crs)


def test_scenes_in_degrees_need_a_map(geotiff, planned):
    path = geotiff(GREY, crs="IAU_2015:30100", gsd=0.001)
    with pytest.raises(OrbitileError, match=r"scene a is in degrees; set crs to a map in metres"):
        planned(f"a,{path}")
    assert planned(f"a,{path}", crs="IAU_2015:30110").names == ["a"]


def test_pixel_coordinates(geotiff, planned):
    """Scenes without georeferencing lie on one plane, and are nobody's neighbours."""
    paths = [geotiff(GREY, name, crs=None) for name in ("a.tif", "b.tif")]
    plan = planned(f"a,{paths[0]}", f"b,{paths[1]}", pixel_coordinates=True)
    assert plan.scenes("a")[0]["transform"] == plan.scenes("b")[0]["transform"] == [100, 0, 0, 0, -100, 0]
    assert CRS(plan.rows[0]["crs_wkt"]) == CRS("IAU_2015:30110")
    assert plan.neighbours("a") == plan.neighbours("b") == []


def test_a_kept_plan_is_used_again(geotiff, settings, tmp_path):
    chosen = settings(f"a,{geotiff(GREY)}")
    first = current_plan(chosen, tmp_path / "plan.parquet")
    written = (tmp_path / "plan.parquet").stat().st_ino
    second = current_plan(chosen, tmp_path / "plan.parquet")
    assert (tmp_path / "plan.parquet").stat().st_ino == written
    assert second.scenes("a") == first.scenes("a")
    assert second.neighbours("a") == first.neighbours("a") == []


@pytest.mark.parametrize("cause", ["image", "table", "settings"])
def test_a_plan_is_made_anew(geotiff, settings, tmp_path, cause):
    path = geotiff(GREY)
    chosen = settings(f"a,{path}")
    current_plan(chosen, tmp_path / "plan.parquet")
    if cause == "image":
        geotiff(GREY[:20])
    elif cause == "table":
        settings(f"b,{path}")
    else:
        chosen = settings(f"a,{path}", crs="IAU_2015:30115")
    written = (tmp_path / "plan.parquet").stat().st_ino
    (row,) = current_plan(chosen, tmp_path / "plan.parquet").rows
    assert (tmp_path / "plan.parquet").stat().st_ino != written
    assert row["height"] == (20 if cause == "image" else 40)
    assert row["scene"] == ("b" if cause == "table" else "a")


def test_a_kept_plan_misses_images_that_have_gone(geotiff, settings, tmp_path):
    path = geotiff(GREY)
    chosen = settings(f"a,{path}")
    current_plan(chosen, tmp_path / "plan.parquet")
    Path(path).unlink()
    with pytest.raises(OrbitileError, match=r"scene a: no file at .*scene\.tif"):
        current_plan(chosen, tmp_path / "plan.parquet")


def test_a_plan_without_a_table(settings, tmp_path):
    chosen = settings()
    chosen.scenes.unlink()
    with pytest.raises(OrbitileError, match="no scene table at"):
        current_plan(chosen, tmp_path / "plan.parquet")


def test_scenes_named_by_numbers(geotiff, settings, tmp_path):
    pd.DataFrame(dict(scene=[1], path=[geotiff(GREY)])).to_parquet(tmp_path / "scenes.parquet")
    chosen = settings(scenes=tmp_path / "scenes.parquet")
    assert current_plan(chosen, tmp_path / "plan.parquet").names == ["1"]


def test_an_ellipsoid_and_a_sphere_are_not_mixed(geotiff, planned):
    path = geotiff(GREY, crs="+proj=eqc +a=1737400 +b=1730000 +units=m")
    with pytest.raises(OrbitileError, match="lies on an ellipsoid, the run's map on a sphere"):
        planned(f"a,{path}", crs="IAU_2015:30110")
