from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.jobs.lock import hold_lock
from orbitile.planning.plan import current_plan
from orbitile.rasters.read import opened_raster
from orbitile.settings import Settings
from orbitile.tables.plan import Plan, PlanGroup, read_outlines, read_plan, read_rows, read_scenes

GREY = np.ones((40, 60), np.uint8)
DEGREE_M = 1737400 * np.pi / 180
WIDTH_M, HEIGHT_M = 6000, 4000
SCALES = [dict(gsd_m=g, tile_px=32, overlap_px=16, min_object_px=1) for g in (100, 200)]


@pytest.fixture
def settings(tmp_path):
    """Writes a made-up scene table of the given rows and refers to it."""

    def make(*rows, columns="scene,path", **change):
        (tmp_path / "scenes.csv").write_text("\n".join([columns, *rows, ""]))
        scale = dict(gsd_m=100, tile_px=32, overlap_px=16)
        fixed = dict(run="r", body="Moon", scenes=tmp_path / "scenes.csv", scales=[scale], scenes_per_group=1)
        model = dict(weights="any.safetensors", sha256="0" * 64)
        return Settings(**fixed | dict(model=model) | change)

    return make


@pytest.fixture
def planned(settings, tmp_path):
    """The plan of the given rows of the scene table."""
    return lambda *rows, **change: current_plan(settings(*rows, **change), tmp_path / "plan.parquet")


@pytest.fixture
def rows_of(planned, tmp_path):
    """The rows of the plan of the given rows of the scene table."""

    def rows(*table, **change):
        planned(*table, **change)
        return read_rows(tmp_path / "plan.parquet")

    return rows


def test_a_plan_of_one_scene(geotiff, planned, tmp_path):
    path = geotiff(GREY, left=1000, top=2000, nodata=0)
    plan = planned(f"a,{path}")
    (row,) = read_rows(tmp_path / "plan.parquet")
    assert (row.scene, row.group, row.body, row.dtype) == ("a", "a", "Moon", "uint8")
    assert (row.width, row.height, row.gsd_m, row.nodata) == (60, 40, 100, 0)
    assert row.outline_lon[0] * DEGREE_M == pytest.approx(1000)
    assert row.outline_lat[0] * DEGREE_M == pytest.approx(2000)
    assert read_scenes(tmp_path / "plan.parquet", "a")[0].transform == [100, 0, 1000, 0, -100, 2000]
    assert (plan.names, plan.groups, plan.unplanned) == (["a"], ["a"], [])
    assert plan.group("a").neighbours == []


def test_a_plan_that_jobs_follow_is_not_replaced(geotiff, planned, tmp_path):
    """By a dry run, say: running jobs would work by the groups of another run."""
    table = [f"{name},{geotiff(GREY, f'{name}.tif', left=left)}" for name, left in (("a", 0), ("b", 9000))]
    planned(*table)
    before = (tmp_path / "plan.parquet").read_bytes()
    with hold_lock(tmp_path / "jobs" / "driver.lock"):
        assert planned(*table).names == ["a", "b"]
        with pytest.raises(OrbitileError, match=r"process \d+ on .* drives this run, and its .* scene table"):
            planned(table[0])
        assert (tmp_path / "plan.parquet").read_bytes() == before
    assert planned(table[0]).names == ["a"]


@pytest.mark.parametrize(("in_place", "is_new"), [(True, True), (False, False)])
def test_a_folder_that_has_moved_leads_to_new_links(geotiff, tmp_path, monkeypatch, in_place, is_new):
    """Relative paths name other files than before; images that are copied need nothing of that."""
    (tmp_path / "old").mkdir()
    Path(geotiff(GREY, "a.tif")).rename(tmp_path / "old" / "a.tif")
    (tmp_path / "old" / "scenes.csv").write_text("scene,path\na,a.tif\n")
    scale, model = dict(gsd_m=100, tile_px=32, overlap_px=16), dict(weights="any.safetensors", sha256="0" * 64)
    georeferencing = dict(in_place=in_place)
    settings = Settings(run="r", body="Moon", scenes="scenes.csv", scales=[scale], model=model, scenes_per_group=1,
                        georeferencing=georeferencing)  # fmt: skip
    versions = []
    for folder in ("old", "old", "new"):
        if folder == "new":
            (tmp_path / "old").rename(tmp_path / "new")
        monkeypatch.chdir(tmp_path / folder)
        versions.append(current_plan(settings, Path("plan.parquet")).group("a").version)
    assert versions[0] == versions[1]
    assert (versions[2] != versions[1]) == is_new


@pytest.mark.parametrize(
    ("section", "settings_of_it"),
    [("training", dict(craters="c.csv")), ("segmentation_training", dict(labels="l.gpkg", classes=["rim"]))],
)
def test_scenes_kept_for_validation_are_scenes_of_the_run(geotiff, planned, section, settings_of_it):
    """Whether they were planned or not; a table that has none is refused before anything runs."""
    table = [f"a,{geotiff(GREY)}", "b,missing.tif"]
    allowed = planned(*table, allow_failures=True, **{section: settings_of_it | dict(validation_scenes=["a", "b"])})
    assert allowed.names == ["a"]
    with pytest.raises(OrbitileError, match=rf"{section}\.validation_scenes: c, d: no scene of this run, .* are a, b"):
        planned(*table, allow_failures=True, **{section: settings_of_it | dict(validation_scenes=["d", "a", "c"])})


@pytest.mark.parametrize(
    ("gap_m", "neighbours"),
    [(-500, True), (0, True), (1900, True), (2000, False)],
)
def test_neighbours_may_hold_overlapping_detections(geotiff, planned, gap_m, neighbours):
    """With an overlap of 16 px, the largest object has 8 px or 800 m, and reaches 960 m; two slacks are 1000 m."""
    a, b = geotiff(GREY, "a.tif"), geotiff(GREY, "b.tif", left=WIDTH_M + gap_m)
    plan = planned(f"a,{a}", f"b,{b}")
    assert plan.group("a").neighbours == ["b"] * neighbours
    assert plan.group("b").neighbours == ["a"] * neighbours


def test_the_coarsest_scale_reaches_farthest(geotiff, planned):
    a, b = geotiff(GREY, "a.tif"), geotiff(GREY, "b.tif", left=WIDTH_M + 3400)
    assert planned(f"a,{a}", f"b,{b}").group("a").neighbours == []
    assert planned(f"a,{a}", f"b,{b}", scales=SCALES).group("a").neighbours == ["b"]


@pytest.mark.parametrize("crs", ["IAU_2015:30110", "IAU_2015:30115"])
def test_neighbours_across_the_antimeridian(geotiff, planned, crs):
    """The eastern scene begins at 180 W, in a map centred on 0 or on 180."""
    a = geotiff(GREY, "a.tif", left=180 * DEGREE_M - WIDTH_M)
    b = geotiff(GREY, "b.tif", crs=crs, left=-180 * DEGREE_M if crs.endswith("10") else 0)
    assert planned(f"a,{a}", f"b,{b}").group("a").neighbours == ["b"]


def test_neighbours_around_a_pole(geotiff, planned):
    """One made-up scene on the pole, one whose corner reaches 88 N on the far side of the map."""
    a = geotiff(GREY, "a.tif", crs="IAU_2015:30130", left=-WIDTH_M / 2, top=HEIGHT_M / 2)
    b = geotiff(GREY, "b.tif", left=-180 * DEGREE_M, top=90 * DEGREE_M)
    assert planned(f"a,{a}", f"b,{b}").group("a").neighbours == ["b"]


def test_groups_are_units_of_neighbourhood(geotiff, planned, tmp_path):
    paths = [geotiff(GREY, f"{i}.tif", left=i * WIDTH_M) for i in range(4)]
    rows = [f"s{i},{path},{group}" for i, (path, group) in enumerate(zip(paths, "xxyz", strict=True))]
    plan = planned(*rows, columns="scene,path,group")
    assert plan.groups == ["x", "y", "z"]
    assert [plan.group(group).neighbours for group in plan.groups] == [["y"], ["x", "z"], ["y"]]
    assert [scene.scene for scene in read_scenes(tmp_path / "plan.parquet", "x")] == ["s0", "s1"]
    assert [plan.group_of_scene[scene] for scene in plan.names] == ["x", "x", "y", "z"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (dict(crs=None), "has no georeferencing; .*pixel_coordinates: true"),
        (dict(crs="IAU_2015:49910"), "scene a lies on another body .*radius 3396.2 km.* Moon .1737.4 km"),
        (dict(crs="IAU_2015:50210"), "scene a lies on another body"),
        (dict(crs="EPSG:4326", gsd=0.01), "scene a lies on another body"),
        (dict(gsd=102), r"scene a has 102.00 m/px, coarser than .*scales.0.gsd_m = 100"),
    ],
)
def test_what_cannot_be_mapped_is_refused(geotiff, planned, how, message):
    with pytest.raises(OrbitileError, match=rf"scene\.tif: {message}"):
        planned(f"a,{geotiff(GREY, **how)}")


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("Mars", "scene a lies on Mars, but the run's body is Moon"),
        (49900, "scene a lies on 49900, but the run's body is Moon"),
        ("Endor", "'Endor'"),
        (30200, "'30200'"),
    ],
)
def test_other_bodies_in_the_table_are_refused(geotiff, planned, named, fault):
    with pytest.raises(OrbitileError, match=fault):
        planned(f"a,{geotiff(GREY)},{named}", columns="scene,path,body")


@pytest.mark.parametrize("named", ["Moon", "moon", "", 30100, 301, "IAU_2015:30115"])
def test_the_run_s_body_in_the_table(geotiff, rows_of, named):
    (row,) = rows_of(f"a,{geotiff(GREY)},{named}", columns="scene,path,body")
    assert row.body == "Moon"


def test_files_that_are_no_images_are_refused(planned, tmp_path):
    (tmp_path / "a.tif").write_text("made up")
    with pytest.raises(OrbitileError, match=r"a\.tif: cannot be read as an image"):
        planned("a,a.tif")


@pytest.mark.parametrize("gsd", [100.9, 100, 30])
def test_scenes_at_least_as_fine_are_taken(geotiff, rows_of, gsd):
    (row,) = rows_of(f"a,{geotiff(GREY, gsd=gsd)}")
    assert row.gsd_m == pytest.approx(gsd)


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("IAU_2015:30100", "crs: Moon .* is not a map in metres of Moon .*; allowed is e.g. IAU_2015:30110"),
        ("IAU_2015:49910", "crs: Mars .* is not a map in metres of Moon"),
        ("+proj=eqc +R=1737400 +units=km +type=crs", "crs: unknown is not a map in metres of Moon"),
        ("made up", "crs: 'made up' is not a coordinate system"),
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


def test_pixel_coordinates(geotiff, planned, tmp_path):
    """Scenes without georeferencing lie on one plane, and are nobody's neighbours."""
    paths = [geotiff(GREY, name, crs=None) for name in ("a.tif", "b.tif")]
    plan = planned(f"a,{paths[0]}", f"b,{paths[1]}", pixel_coordinates=True)
    rows = read_rows(tmp_path / "plan.parquet")
    assert [row.transform for row in rows] == [[100, 0, 0, 0, -100, 0]] * 2
    assert CRS(rows[0].crs_wkt) == CRS("IAU_2015:30110")
    assert plan.group("a").neighbours == plan.group("b").neighbours == []


def test_maps_that_pixel_coordinates_leave_out_are_said(geotiff, rows_of, caplog):
    """A geotransform alone is no map."""
    paths = geotiff(GREY, "a.tif"), geotiff(GREY, "b.tif", crs=None), geotiff(GREY, "c.tif", crs=None, gsd=1, top=60)
    rows = rows_of(*map(",".join, zip("abc", map(str, paths), strict=True)), pixel_coordinates=True)
    ((note,), *others) = [row.warnings for row in rows]
    assert note.startswith("it lies on a map (")
    assert others == [[], []]
    assert [record.getMessage() for record in caplog.records] == [f"scene a: {note}"]


def test_a_kept_plan_is_used_again(geotiff, settings, tmp_path):
    chosen = settings(f"a,{geotiff(GREY)}")
    first = current_plan(chosen, tmp_path / "plan.parquet")
    written = (tmp_path / "plan.parquet").stat().st_ino
    second = current_plan(chosen, tmp_path / "plan.parquet")
    assert (tmp_path / "plan.parquet").stat().st_ino == written
    assert second == first


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
    current_plan(chosen, tmp_path / "plan.parquet")
    (row,) = read_rows(tmp_path / "plan.parquet")
    assert (tmp_path / "plan.parquet").stat().st_ino != written
    assert row.height == (20 if cause == "image" else 40)
    assert row.scene == ("b" if cause == "table" else "a")


def test_a_kept_plan_misses_images_that_have_gone(geotiff, settings, tmp_path):
    path = geotiff(GREY)
    chosen = settings(f"a,{path}")
    current_plan(chosen, tmp_path / "plan.parquet")
    Path(path).unlink()
    with pytest.raises(OrbitileError, match=r"scene a: there is no file .*scene\.tif"):
        current_plan(chosen, tmp_path / "plan.parquet")


def test_a_plan_without_a_table(settings, tmp_path):
    chosen = settings()
    chosen.scenes.unlink()
    with pytest.raises(OrbitileError, match="no scene table and no folder of images at"):
        current_plan(chosen, tmp_path / "plan.parquet")


def test_scenes_named_by_numbers(geotiff, settings, tmp_path):
    pd.DataFrame(dict(scene=[1], path=[geotiff(GREY)])).to_parquet(tmp_path / "scenes.parquet")
    chosen = settings(scenes=tmp_path / "scenes.parquet")
    assert current_plan(chosen, tmp_path / "plan.parquet").names == ["1"]


def test_an_ellipsoid_and_a_sphere_are_not_mixed(geotiff, planned):
    path = geotiff(GREY, crs="+proj=eqc +a=1737400 +b=1730000 +units=m")
    with pytest.raises(OrbitileError, match="lies on an ellipsoid, but the run's map on a sphere"):
        planned(f"a,{path}", crs="IAU_2015:30110")


@pytest.fixture
def opened_images(monkeypatch, in_this_process):
    """The images that the planning opened, in order of their names."""
    paths = []

    def spy(path):
        paths.append(Path(path).stem)
        return opened_raster(path)

    monkeypatch.setattr("orbitile.georeferencing.image_header.opened_raster", spy)
    return paths


@pytest.fixture
def row_of_scenes(geotiff, tmp_path):
    """Rows of the scene table for made-up scenes side by side, named by letters; images are written once."""

    def rows(names):
        for name in names:
            if not (tmp_path / f"{name}.tif").exists():
                geotiff(GREY, f"{name}.tif", left="abcdefgh".index(name) * WIDTH_M)
        return [f"{name},{name}.tif" for name in names]

    return rows


def members(plan):
    """The scenes of each group, as sets."""
    return {group: {scene for scene in plan.names if plan.group_of_scene[scene] == group} for group in plan.groups}


def partition(plan):
    return sorted("".join(sorted(some)) for some in members(plan).values())


@pytest.mark.parametrize(
    ("most", "expected"), [(1, ["a", "b", "c", "d"]), (2, ["ab", "cd"]), (3, ["ab", "cd"]), (4, ["abcd"])]
)
def test_scenes_per_group(planned, row_of_scenes, most, expected):
    plan = planned(*row_of_scenes("abcd"), scenes_per_group=most)
    assert partition(plan) == expected


def test_a_group_of_the_table_is_not_cut(planned, row_of_scenes):
    rows = [f"{row},{group}" for row, group in zip(row_of_scenes("abcd"), ["strip", "strip", "strip", ""], strict=True)]
    plan = planned(*rows, columns="scene,path,group", scenes_per_group=2)
    assert partition(plan) == ["abc", "d"]
    assert plan.group_of_scene["a"] == "strip"


def test_jobs_read_their_scenes(planned, row_of_scenes, tmp_path):
    plan = planned(*row_of_scenes("abcd"), scenes_per_group=2)
    scenes = read_scenes(tmp_path / "plan.parquet", plan.group_of_scene["c"])
    assert [scene.scene for scene in scenes] == ["c", "d"]
    assert [scene.scene for scene in scenes] == [
        name for name in plan.names if plan.group_of_scene[name] == plan.group_of_scene["c"]
    ]


def test_jobs_of_a_group_that_is_no_more_are_refused(planned, row_of_scenes, tmp_path):
    planned(*row_of_scenes("ab"))
    with pytest.raises(OrbitileError, match=r"plan\.parquet: no longer has a group c"):
        read_scenes(tmp_path / "plan.parquet", "c")


def test_names_that_the_plan_does_not_have(planned, row_of_scenes):
    plan = planned(*row_of_scenes("abcdefg"))
    with pytest.raises(OrbitileError, match=r"^the plan has no group 'z'; its 7 groups are a, b, c, d, e and 2 more$"):
        plan.group("z")


@pytest.mark.parametrize(
    ("side", "scales", "gigapixels"),
    [(100, SCALES[:1], 2400e-9), (100, SCALES, 2400e-9), (50, SCALES[:1], 600e-9)],
)
def test_gigapixels_are_those_of_the_finest_scale(geotiff, planned, side, scales, gigapixels):
    plan = planned(f"a,{geotiff(GREY, gsd=side)}", scales=scales)
    assert plan.group("a").gigapixels == pytest.approx(gigapixels, abs=1e-6)


@pytest.mark.parametrize("margin", ["never", "auto"])
def test_later_scenes_leave_groups_alone(planned, row_of_scenes, margin):
    """Their jobs change only where later scenes lend them pixels."""
    before = planned(*row_of_scenes("acdf"), scenes_per_group=2, margin=margin)
    after = planned(*row_of_scenes("acdfbe"), scenes_per_group=2, margin=margin)
    assert partition(after) == ["ac", "be", "df"]
    for group in before.groups:
        assert members(after)[group] == members(before)[group]
        assert (after.group(group).version == before.group(group).version) == (margin == "never")


def test_later_scenes_far_away_change_no_jobs(geotiff, planned, row_of_scenes):
    before = planned(*row_of_scenes("ab"), scenes_per_group=2)
    far = geotiff(GREY, "h.tif", left=40 * WIDTH_M)
    after = planned(*row_of_scenes("ab"), f"h,{far}", scenes_per_group=2)
    (group,) = before.groups
    assert after.group(group) == before.group(group)


def test_a_scene_that_went_renames_its_group_alone(planned, row_of_scenes):
    before = planned(*row_of_scenes("abcd"), scenes_per_group=2)
    after = planned(*row_of_scenes("abd"), scenes_per_group=2)
    assert partition(after) == ["ab", "d"]
    assert after.group_of_scene["a"] == before.group_of_scene["a"]
    assert after.group_of_scene["d"] != before.group_of_scene["d"]


def test_another_number_of_scenes_per_group_renames_all(planned, row_of_scenes):
    rows = row_of_scenes("abcd")
    names = [planned(*rows, scenes_per_group=most).groups for most in (2, 4, 1)]
    assert [len(some) for some in names] == [2, 1, 4]
    assert len({name for some in names for name in some}) == 7
    assert planned(*rows, scenes_per_group=2).groups == names[0]


def test_unchanged_images_are_not_opened_again(geotiff, planned, row_of_scenes, opened_images):
    rows = row_of_scenes("ab")
    planned(*rows)
    assert sorted(opened_images) == ["a", "b"]
    planned(*rows, *row_of_scenes("c"))
    assert sorted(opened_images) == ["a", "b", "c"]
    planned(*rows, *row_of_scenes("c"), scenes_per_group=2, crs="IAU_2015:30115")
    assert sorted(opened_images) == ["a", "b", "c"]
    geotiff(GREY[:20], "a.tif")
    planned(*rows)
    assert sorted(opened_images) == ["a", "a", "b", "c"]


def test_a_kept_plan_opens_no_image(planned, row_of_scenes, opened_images):
    rows = row_of_scenes("ab")
    first = planned(*rows)
    opened_images.clear()
    assert planned(*rows) == first
    assert opened_images == []


def test_headers_are_read_anew_where_pixels_count_otherwise(geotiff, planned, opened_images):
    row = f"a,{geotiff(GREY, crs=None)}"
    for gsd_m, expected in ((100, 1), (50, 2)):
        scale = dict(gsd_m=gsd_m, tile_px=32, overlap_px=16)
        planned(row, pixel_coordinates=True, scales=[scale])
        assert len(opened_images) == expected


def test_a_changed_image_changes_its_group_s_version_alone(geotiff, planned, row_of_scenes):
    rows = row_of_scenes("abcd")
    before = planned(*rows, scenes_per_group=2)
    geotiff(GREY + 1, "a.tif")
    after = planned(*rows, scenes_per_group=2)
    assert after.groups == before.groups
    changed = [group for group in after.groups if after.group(group).version != before.group(group).version]
    assert changed == [after.group_of_scene["a"]]


def test_versions_do_not_depend_on_what_else_changed(planned, row_of_scenes, tmp_path):
    """Headers taken from the plan before give the version that headers read anew give."""
    rows = row_of_scenes("abcd")
    grown = [planned(*some, scenes_per_group=2) for some in (rows[:2], rows)][-1]
    (tmp_path / "plan.parquet").unlink()
    fresh = planned(*rows, scenes_per_group=2)
    assert {name: grown.group(name).version for name in grown.groups} == {
        name: fresh.group(name).version for name in fresh.groups
    }


@pytest.fixture
def torn(tmp_path):
    """Rows of the scene table for made-up files that are no images."""

    def rows(names):
        for name in names:
            (tmp_path / f"{name}.tif").write_text("made up")
        return [f"{name},{name}.tif" for name in names]

    return rows


@pytest.mark.parametrize(
    ("names", "others"), [("c", ""), ("cd", "; 1 more scene cannot be planned"), ("cde", "; 2 more scenes cannot be")]
)
def test_scenes_that_cannot_be_planned_are_counted(planned, row_of_scenes, torn, names, others):
    with pytest.raises(OrbitileError, match=rf"c\.tif: cannot be read as an image .*{others}"):
        planned(*row_of_scenes("ab"), *torn(names))


def test_allowed_failures_are_left_out_of_the_plan(planned, row_of_scenes, torn, tmp_path):
    rows = [*row_of_scenes("ab"), *torn("c"), f"d,{tmp_path}/gone.tif"]
    plan = planned(*rows, allow_failures=True, scenes_per_group=2)
    assert partition(plan) == ["ab"]
    assert [(one.scene, one.path) for one in plan.unplanned] == [
        ("c", f"{tmp_path}/c.tif"),
        ("d", f"{tmp_path}/gone.tif"),
    ]
    assert "c.tif: cannot be read as an image" in plan.unplanned[0].reason
    assert "scene d: there is no file" in plan.unplanned[1].reason


def test_a_plan_of_failures_alone_is_refused(planned, torn):
    with pytest.raises(OrbitileError, match="1 more scene cannot be planned"):
        planned(*torn("ab"), allow_failures=True)


def test_failures_allowed_before_are_not_allowed_for_ever(planned, row_of_scenes, torn):
    rows = [*row_of_scenes("a"), *torn("b")]
    planned(*rows, allow_failures=True)
    with pytest.raises(OrbitileError, match=r"b\.tif: cannot be read as an image"):
        planned(*rows)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_repaired_scene_is_planned(geotiff, planned, row_of_scenes, torn, allowed):
    rows = [*row_of_scenes("ab"), *torn("c")]
    if allowed:
        planned(*rows, allow_failures=True)
    else:
        with pytest.raises(OrbitileError):
            planned(*rows)
    geotiff(GREY, "c.tif", left=2 * WIDTH_M)
    plan = planned(*rows, allow_failures=allowed)
    assert (plan.names, plan.unplanned) == (["a", "b", "c"], [])


def test_a_refused_plan_freezes_no_groups(geotiff, planned, row_of_scenes, torn):
    """Groups without the scene that is in the way would be others than those with it."""
    rows = [*row_of_scenes("acd"), *torn("b")]
    with pytest.raises(OrbitileError):
        planned(*rows, scenes_per_group=2)
    geotiff(GREY, "b.tif", left=WIDTH_M)
    assert partition(planned(*rows, scenes_per_group=2)) == ["ab", "cd"]


def test_a_refused_plan_leaves_the_groups_before_it_alone(geotiff, planned, row_of_scenes, torn):
    """Scenes are added to a run that has begun; one of them is still being copied."""
    before = planned(*row_of_scenes("acdf"), scenes_per_group=2)
    with pytest.raises(OrbitileError):
        planned(*row_of_scenes("acdfe"), *torn("b"), scenes_per_group=2)
    geotiff(GREY, "b.tif", left=WIDTH_M)
    after = planned(*row_of_scenes("acdfeb"), scenes_per_group=2)
    assert {group: members(after).get(group) for group in before.groups} == members(before)


def test_an_image_that_goes_for_a_while_leaves_the_groups_alone(planned, row_of_scenes, tmp_path):
    """A disk that was not mounted when the run was called must not cost its groups their names."""
    rows = row_of_scenes("acdf")
    before = planned(*rows, scenes_per_group=2)
    (added,) = row_of_scenes("b")
    grown = planned(*rows, added, scenes_per_group=2)
    image = Path(read_scenes(tmp_path / "plan.parquet", grown.group_of_scene["a"])[0].path)
    image.rename(image.with_suffix(".away"))
    with pytest.raises(OrbitileError, match="there is no file"):
        planned(*rows, added, scenes_per_group=2)
    image.with_suffix(".away").rename(image)
    after = planned(*rows, added, scenes_per_group=2)
    assert after == grown
    assert set(before.groups) < set(after.groups)


@pytest.mark.parametrize("most", [1, 2])
def test_a_scene_whose_corners_lie_off_the_body_stops_no_other(geotiff, planned, most):
    """A made-up picture of the whole disc, as cameras far away take it, and one of its middle."""
    radius = 1737400
    disc = geotiff(np.ones((40, 40), np.uint8), "a.tif", "IAU_2015:30170", -radius, radius, gsd=radius / 20)
    other = geotiff(GREY[:30], "b.tif", gsd=radius / 20)
    scale = dict(gsd_m=radius / 20, tile_px=32, overlap_px=16)
    plan = planned(f"a,{disc}", f"b,{other}", scales=[scale], scenes_per_group=most, allow_failures=True)
    assert "b" in plan.names


@pytest.mark.parametrize("content", [b"", b"made up"])
def test_a_plan_that_cannot_be_read_is_made_anew(planned, row_of_scenes, tmp_path, content):
    (tmp_path / "plan.parquet").write_bytes(content)
    assert planned(*row_of_scenes("a")).names == ["a"]


def test_groups_that_the_table_names_no_more_are_cut_anew(geotiff, settings, tmp_path):
    """A group of the table is frozen only as long as the table names it."""
    paths = [geotiff(GREY, f"{i}.tif", left=i * WIDTH_M) for i in range(6)]
    rows = [f"s{i},{path}" for i, path in enumerate(paths)]
    path = tmp_path / "plan.parquet"
    current_plan(settings(*[f"{row},strip" for row in rows], columns="scene,path,group", scenes_per_group=2), path)
    one_left = [f"{row},{'strip' if row.startswith('s5') else ''}" for row in rows]
    plan = current_plan(settings(*one_left, columns="scene,path,group", scenes_per_group=2), path)
    assert [scene for scene, group in plan.group_of_scene.items() if group == "strip"] == ["s5"]
    assert len(plan.groups) == 4


def lenders(rows):
    """For each scene whether it is a piece of a mosaic, who lends it pixels, and the turns between the two."""
    return {row.scene: (row.in_mosaic, "".join(row.lenders), row.longitude_wraps) for row in rows}


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        ("auto", dict(a=(True, "b", [0]), b=(True, "ac", [0, 0]), c=(True, "b", [0]), e=(False, "", []))),
        ("always", dict(a=(True, "b", [0]), b=(True, "ac", [0, 0]), c=(True, "b", [0]), e=(True, "", []))),
        ("never", dict.fromkeys("abce", (False, "", []))),
    ],
)
def test_scenes_that_abut_lend_each_other_pixels(rows_of, row_of_scenes, margin, expected):
    """Tiles of 32 px look 3200 m far, which is less than a scene is wide."""
    assert lenders(rows_of(*row_of_scenes("abce"), margin=margin)) == expected


def test_jobs_know_who_lends_their_scenes_pixels(planned, row_of_scenes, tmp_path):
    planned(*row_of_scenes("ab"))
    (scene,) = read_scenes(tmp_path / "plan.parquet", "a")
    assert (scene.in_mosaic, scene.lenders, scene.longitude_wraps) == (True, ["b"], [0])


def test_scenes_in_pixels_lend_nothing(geotiff, rows_of):
    rows = [f"{name},{geotiff(GREY, f'{name}.tif', crs=None)}" for name in "ab"]
    assert lenders(rows_of(*rows, pixel_coordinates=True, margin="always")) == dict.fromkeys("ab", (False, "", []))


def test_scenes_on_both_sides_of_the_antimeridian_lend_each_other_pixels(geotiff, rows_of):
    """3600 made-up columns around the Moon."""
    step = 0.1 * DEGREE_M
    east = geotiff(GREY, "east.tif", left=1740 * step, gsd=step)
    west = geotiff(GREY, "west.tif", left=-1800 * step, gsd=step)
    rows = rows_of(f"east,{east}", f"west,{west}", scales=[dict(gsd_m=step, tile_px=32, overlap_px=16)])
    assert lenders(rows) == dict(east=(True, "west", [1]), west=(True, "east", [-1]))


FAR_SIDE = "+proj=eqc +lon_0=180 +R=1737400 +type=crs"


def test_pieces_that_abut_at_the_antimeridian_of_the_run_s_map_lend_around_it(geotiff, rows_of):
    """On their own map they abut in its middle; 3600 made-up columns around the Moon."""
    step = 0.1 * DEGREE_M
    paths = [
        geotiff(GREY, f"{name}.tif", FAR_SIDE, left=left * step, gsd=step) for name, left in (("a", -60), ("b", 0))
    ]
    scales = [dict(gsd_m=step, tile_px=32, overlap_px=16)]
    rows = rows_of(f"a,{paths[0]}", f"b,{paths[1]}", crs="IAU_2015:30110", scales=scales)
    assert lenders(rows) == dict(a=(True, "b", [1]), b=(True, "a", [-1]))


@pytest.mark.parametrize(("columns", "lent"), [(1800, ("b", [1])), (1801.5, ("", []))])
def test_around_the_body_whole_pixels_of_the_run_are_lent(geotiff, rows_of, columns, lent):
    """Images of 3600 columns around the Moon, in a run of fewer."""
    step, gsd = 0.1 * DEGREE_M, 360 / columns * DEGREE_M
    east = geotiff(GREY, "a.tif", left=1740 * step, gsd=step)
    west = geotiff(GREY, "b.tif", left=-1800 * step, gsd=step)
    rows = rows_of(f"a,{east}", f"b,{west}", scales=[dict(gsd_m=gsd, tile_px=32, overlap_px=16)])
    assert lenders(rows)["a"] == (True, *lent)


def test_groups_beside(planned, row_of_scenes):
    """Their scenes lend each other pixels; the last scene is a neighbour, but does not abut."""
    rows = [f"{row},{group}" for row, group in zip(row_of_scenes("abcdf"), "xxyyz", strict=True)]
    for margin, expected in (("auto", ["y", "x", ""]), ("never", ["", "", ""])):
        plan = planned(*rows, columns="scene,path,group", margin=margin)
        assert ["".join(plan.group(group).lenders) for group in "xyz"] == expected


def test_outlines_know_their_groups(planned, row_of_scenes, tmp_path):
    plan = planned(*row_of_scenes("abc"), scenes_per_group=2)
    outlines = read_outlines(tmp_path / "plan.parquet")
    assert [group for group, _ in outlines] == [plan.group_of_scene[scene] for scene in "abc"]
    assert [round(lon.min() * DEGREE_M) for _, (lon, _) in outlines] == [0, WIDTH_M, 2 * WIDTH_M]


def graph(edges):
    """A made-up plan of groups named by letters, from pairs of neighbours."""
    names = sorted(set("".join(edges)))
    near = {name: sorted({end for edge in edges if name in edge for end in edge} - {name}) for name in names}
    return Plan({name: PlanGroup(name, near[name], [], "v", 1.0) for name in names}, {}, [])


@pytest.mark.parametrize(
    ("edges", "name", "most", "expected"),
    [
        (["ab", "bc", "cd", "de"], "a", 1, ["b"]),
        (["ab", "bc", "cd", "de"], "a", 3, ["b", "c", "d"]),
        (["ab", "bc", "cd", "de"], "c", 2, ["bd", "ae"]),
        (["ab", "bc", "cd", "de"], "c", 4, ["bd", "ae", "", ""]),
        (["ab", "bc", "ca"], "a", 2, ["bc", ""]),
        (["ab", "ac", "bd", "cd", "de"], "a", 3, ["bc", "d", "e"]),
        (["a"], "a", 2, ["", ""]),
    ],
)
def test_rings_of_groups(edges, name, most, expected):
    assert ["".join(ring) for ring in graph(edges).rings(name, most)] == expected


def test_rings_around_no_group():
    with pytest.raises(OrbitileError, match="the plan has no group 'z'"):
        graph(["ab"]).rings("z", 1)


def test_a_plan_of_another_format_is_made_anew(planned, row_of_scenes, tmp_path, monkeypatch):
    rows = row_of_scenes("ab")
    with monkeypatch.context() as earlier:
        earlier.setattr("orbitile.tables.plan.FORMAT", 0)
        planned(*rows)
    with pytest.raises(OrbitileError, match=r"plan\.parquet: is not a readable plan; a dry run makes it again"):
        read_plan(tmp_path / "plan.parquet")
    written = (tmp_path / "plan.parquet").stat().st_ino
    assert planned(*rows).names == ["a", "b"]
    assert (tmp_path / "plan.parquet").stat().st_ino != written
    assert read_plan(tmp_path / "plan.parquet").names == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        (dict(margin="never"), True), (dict(scales=SCALES), True),
        (dict(suppression=dict(iou_threshold=0.2)), True), (dict(suppression=dict(shape="circle")), False),
        (dict(stretch_values=[0, 1]), False),
    ],
)  # fmt: skip
def test_settings_that_a_plan_depends_on(planned, row_of_scenes, tmp_path, change, is_new):
    rows = row_of_scenes("ab")
    planned(*rows)
    written = (tmp_path / "plan.parquet").stat().st_ino
    planned(*rows, **change)
    assert ((tmp_path / "plan.parquet").stat().st_ino != written) == is_new


def test_images_of_other_types_are_no_pieces_of_one_mosaic(geotiff, rows_of):
    """Pixels of one would not fit into the other."""
    rows = [f"{name},{geotiff(GREY.astype(dtype), f'{name}.tif', left=number * WIDTH_M)}"
            for number, (name, dtype) in enumerate(zip("abc", ["uint8", "int16", "int16"], strict=True))]  # fmt: skip
    assert lenders(rows_of(*rows)) == dict(a=(False, "", []), b=(True, "c", [0]), c=(True, "b", [0]))


def test_degrees_on_an_ellipsoid_are_told_the_way_to_metres(geotiff, rows_of):
    path = geotiff(GREY, crs="IAU_2015:49901", gsd=0.001)
    with pytest.raises(OrbitileError, match=r"in metres of its ellipsoid \(gdalwarp -t_srs IAU_2015:49911, or 49912"):
        rows_of(f"a,{path}", body="Mars", crs="IAU_2015:49910")
