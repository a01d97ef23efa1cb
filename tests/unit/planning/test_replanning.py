"""Plans of images that have no map yet: what is read anew, when. The HiRISE image is real, the others are made up."""

import os
from pathlib import Path

import numpy as np
import pytest
from camera_files import HIRISE as KERNELS
from camera_files import USGSCSM
from fake_isis import FakeIsis
from raw_archive import HIRISE as HIRISE_EDR
from raw_archive import Archive

from orbitile.base import versions
from orbitile.base.errors import OrbitileError
from orbitile.georeferencing import image_header
from orbitile.georeferencing.instruments.hirise import HIRISE as HIRISE_INSTRUMENT
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.planning import headers
from orbitile.planning.plan import current_plan
from orbitile.tables.plan import read_rows, read_unplanned

CORNERS = "-156.80 -1.05; -156.70 -1.05; -156.70 -1.15; -156.80 -1.15"
GREY = np.ones((40, 60), np.uint8)
MARS = "IAU_2015:49910"


@pytest.fixture
def edr(tmp_path):
    """A link to the real image."""
    path = tmp_path / "raw.IMG"
    path.symlink_to(HIRISE_EDR)
    return str(path)


@pytest.fixture
def kernels(tmp_path):
    """A folder of links to its kernels."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    for path in KERNELS.iterdir():
        if path.suffix not in (".IMG", ".json"):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def planned(tmp_path, settings_of_rows):
    """The rows of the plan of some scenes, by their names."""

    def plan(*rows, columns="scene,path", **change):
        settings = settings_of_rows(*rows, columns=columns, gsd_m=100, **dict(body="Mars") | change)
        current_plan(settings, tmp_path / "plan.parquet")
        return {row.scene: row for row in read_rows(tmp_path / "plan.parquet")}

    return plan


@pytest.fixture
def reads(monkeypatch):
    """How often labels were looked for, and images opened by GDAL."""
    counts = dict(labels=0, datasets=0)

    def count(name, function):
        def counted(*arguments):
            counts[name] += 1
            return function(*arguments)

        return counted

    monkeypatch.setattr(PvlLabel, "find", count("labels", PvlLabel.find))
    monkeypatch.setattr(image_header, "opened_raster", count("datasets", image_header.opened_raster))
    return counts


def test_headers_are_read_once(planned, reads, geotiff, edr, kernels, in_this_process):
    """Of a raw image its label, of a map-projected one its header and the label that it may have."""
    planned(f"a,{edr},{kernels}", columns="scene,path,kernels")
    assert reads == dict(labels=1, datasets=0)
    planned(f"b,{geotiff(GREY, crs=MARS)},", columns="scene,path,kernels")
    assert reads == dict(labels=2, datasets=1)


def test_groups_are_the_same_whether_headers_are_read_or_kept(planned, geotiff, edr, kernels, monkeypatch):
    """To the type of each value: 0 and 0.0 would make two versions of a group, and its jobs run again."""
    compute, versions = headers._version, []

    def spy(scenes, settings):
        versions.append(compute(scenes, settings))
        return versions[-1]

    monkeypatch.setattr(headers, "_version", spy)
    rows = [f"a,{edr},{kernels}", f"b,{geotiff(GREY, crs=MARS)},"]
    for table in (rows, rows[::-1]):
        planned(*table, columns="scene,path,kernels")
    assert len(versions) == 4
    assert versions[:2] == versions[2:]


def test_a_raw_image_by_its_kernels(planned, edr, kernels):
    (row,) = planned(f"a,{edr},{kernels}", columns="scene,path,kernels").values()
    assert (row.georef_method, row.instrument, row.kernels) == ("spice", "HIRISE", str(kernels))
    assert (row.dtype, row.nodata, row.gsd_m) == ("uint16", 0, 100)
    assert row.inputs == [edr, str(kernels)]
    assert 1.0 < row.image_gsd_m < 1.1
    assert 100 < row.error_m < 1000
    assert 0 < row.incidence_deg < 90


def test_processes_of_their_own_plan_as_this_one_would(planned, tmp_path, geotiff, edr, kernels, request):
    """What is wrong with an image is told alike."""
    rows = [f"a,{edr},{kernels},", f"b,{edr},,{CORNERS}"]
    rows += [f"c,{geotiff(GREY, crs=MARS)},,", f"d,{edr},nowhere,"]
    columns = dict(columns="scene,path,kernels,corners", allow_failures=True)
    by_others = planned(*rows, **columns), read_unplanned(tmp_path / "plan.parquet")
    (tmp_path / "plan.parquet").unlink()
    request.getfixturevalue("in_this_process")
    assert (planned(*rows, **columns), read_unplanned(tmp_path / "plan.parquet")) == by_others
    assert sorted(by_others[0]) == ["a", "b", "c"]


def test_kernels_for_all_scenes_stand_in_the_settings(planned, edr, kernels):
    (row,) = planned(f"a,{edr}", georeferencing=dict(kernels=kernels)).values()
    assert (row.georef_method, row.kernels) == ("spice", str(kernels))


@pytest.mark.parametrize("allowed", [False, True])
def test_a_kernel_that_was_missing_leads_to_a_new_plan(planned, geotiff, edr, kernels, allowed):
    """Attitudes are missing at first; whether the plan without the scene was refused or kept."""
    attitudes = next(kernels.glob("*.bc"))
    attitudes.rename(kernels.parent / attitudes.name)
    rows = [f"a,{edr},{kernels}", f"b,{geotiff(GREY, crs=MARS)},"]
    kept = dict(columns="scene,path,kernels", allow_failures=allowed)
    if allowed:
        assert list(planned(*rows, **kept)) == ["b"]
    else:
        with pytest.raises(
            OrbitileError, match=rf"{edr}: .*kernels: attitudes of MRO \(-74000\) are needed from 2006-"
        ):
            planned(*rows, **kept)
    (kernels.parent / attitudes.name).rename(attitudes)
    assert list(planned(*rows, **kept)) == ["a", "b"]


def test_unchanged_images_are_not_opened_again(planned, opened, geotiff, edr, kernels):
    rows = [f"a,{edr},{kernels}", f"b,{geotiff(GREY, crs=MARS)},"]
    planned(*rows, columns="scene,path,kernels")
    assert sorted(opened) == ["a", "b"]
    planned(*rows, f"c,{geotiff(GREY, 'c.tif', crs=MARS)},", columns="scene,path,kernels")
    assert sorted(opened) == ["a", "b", "c"]
    planned(*rows, columns="scene,path,kernels", margin="never")
    assert sorted(opened) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "change",
    [
        dict(crs="IAU_2015:49915"), dict(scales=[dict(gsd_m=150, tile_px=32, overlap_px=16)]),
        dict(georeferencing=dict(polar_latitude=0.5)),
    ],
)  # fmt: skip
def test_another_map_plans_images_without_one_anew(planned, opened, geotiff, edr, kernels, change):
    rows = [f"a,{edr},{kernels}", f"b,{geotiff(GREY, crs=MARS)},"]
    before = planned(*rows, columns="scene,path,kernels")
    opened.clear()
    after = planned(*rows, columns="scene,path,kernels", **change)
    assert opened == ["a"]
    assert after["b"].transform == before["b"].transform
    place = [(row.crs_wkt, row.transform, row.width) for row in (before["a"], after["a"])]
    assert place[0] != place[1]


def test_a_note_on_a_map_does_not_come_along_into_a_mosaic(planned, geotiff):
    """Planned alone near a pole, then as a strip: the mosaic's map is noted, once."""
    row = f"a,{geotiff(GREY, crs=MARS, top=5e6)}"
    alone = planned(f"{row},", columns="scene,path,mosaic")
    strip = planned(f"{row},m", columns="scene,path,mosaic")
    assert [text[:9] for text in alone["a"].warnings] == ["its map s"]
    assert strip["m"].warnings == alone["a"].warnings


@pytest.mark.parametrize("what", ["kernel", "other kernels", "corners", "way"])
def test_what_is_known_of_an_image_decides_its_way_anew(planned, opened, edr, kernels, what):
    planned(f"a,{edr},{kernels},,", columns="scene,path,kernels,corners,georef_method")
    opened.clear()
    if what == "kernel":
        (kernels / "empty.tpc").write_text("KPL/PCK\n")
    changed = {
        "kernel": f"a,{edr},{kernels},,", "other kernels": f"a,{edr},{KERNELS},,",
        "corners": f"a,{edr},,{CORNERS},", "way": f"a,{edr},{kernels},{CORNERS},corners",
    }  # fmt: skip
    (row,) = planned(changed[what], columns="scene,path,kernels,corners,georef_method").values()
    assert opened == ["a"]
    assert row.georef_method == ("corners" if what in ("corners", "way") else "spice")


def test_a_replaced_file_of_control_points_is_read_anew(planned, opened, geotiff, tmp_path):
    points = tmp_path / "points.csv"
    text = "col,row,lon,lat\n0,0,1.0,0\n60,0,1.09,0\n60,40,1.09,-0.06\n0,40,1.0,-0.06\n"
    points.write_text(text)
    row = f"a,{geotiff(GREY, crs=None)},points.csv"
    first = planned(row, columns="scene,path,corners")["a"]
    assert (first.corners, first.inputs) == (str(points), [first.path, str(points)])
    points.write_text(text.replace("0,0,1.0", "0,0,1.01"))
    opened.clear()
    assert planned(row, columns="scene,path,corners")["a"].outline_lon != first.outline_lon
    assert opened == ["a"]


@pytest.fixture
def with_isis(tmp_path, monkeypatch):
    """Puts programs that stand in for those of ISIS on the PATH."""

    def install():
        fake = FakeIsis.install(tmp_path / "isis", HIRISE_INSTRUMENT.isis.names)
        monkeypatch.setenv("PATH", f"{fake.root / 'bin'}{os.pathsep}{os.environ['PATH']}")
        for name, value in fake.variables.items():
            monkeypatch.setenv(name, value)
        return fake

    return install


def test_isis_that_was_installed_is_taken(planned, edr, kernels, with_isis):
    rows = [f"a,{edr},{kernels}"]
    assert planned(*rows, columns="scene,path,kernels")["a"].georef_method == "spice"
    fake = with_isis()
    row = planned(*rows, columns="scene,path,kernels")["a"]
    assert (row.georef_method, row.dtype, row.nodata) == ("isis", "float32", None)
    never = planned(*rows, columns="scene,path,kernels", georeferencing=dict(isis="never"))["a"]
    assert never.georef_method == "spice"
    assert fake.calls == []


def test_images_through_isis_depend_on_its_shape_model(planned, geotiff, edr, kernels, with_isis, tmp_path):
    with_isis()
    shape = tmp_path / "shape.cub"
    shape.write_text("made up")
    rows = [f"a,{edr},{kernels}", f"b,{geotiff(GREY, crs=MARS)},"]
    first = planned(*rows, columns="scene,path,kernels", georeferencing=dict(isis_shape=shape))
    shape.write_text("made up otherwise")
    second = planned(*rows, columns="scene,path,kernels", georeferencing=dict(isis_shape=shape))
    assert [first[name].fingerprint != second[name].fingerprint for name in "ab"] == [True, False]


@pytest.mark.parametrize(("named", "expected"), [("30", 30), ("", 55)])
def test_an_incidence_counts_as_long_as_the_table_names_it(planned, edr, kernels, named, expected):
    columns = "scene,path,kernels,incidence"
    planned(f"a,{edr},{kernels},40", columns=columns)
    row = planned(f"a,{edr},{kernels},{named}", columns=columns)["a"]
    assert row.incidence_deg == pytest.approx(expected, abs=10 if not named else 0)


def test_a_scene_becomes_a_strip_and_a_scene_again(planned, edr, kernels):
    columns = "scene,path,kernels,mosaic"
    alone = planned(f"a,{edr},{kernels},", columns=columns)["a"]
    mosaic = planned(f"a,{edr},{kernels},m", columns=columns)
    assert list(mosaic) == ["m"]
    assert [strip.transform for strip in mosaic["m"].strips] == [alone.transform]
    assert planned(f"a,{edr},{kernels},", columns=columns)["a"] == alone


def test_a_replaced_label_or_image_leads_to_a_new_plan(planned, opened, tmp_path):
    """Of a product whose label is a file of its own, whichever of the two is named."""
    archive = Archive(tmp_path)
    image = archive.ctx(np.ones((40, 5056), np.uint8), detached=True)
    for path, other in ((image, image.with_suffix(".lbl")), (image.with_suffix(".lbl"), image)):
        planned(f'a,{path},"1 0; 2 0; 2 -1; 1 -1"', columns="scene,path,corners", scales=[dict(gsd_m=3000)])
        opened.clear()
        other.write_bytes(other.read_bytes() + b" ")
        planned(f'a,{path},"1 0; 2 0; 2 -1; 1 -1"', columns="scene,path,corners", scales=[dict(gsd_m=3000)])
        assert opened == ["a"]


def test_a_camera_model_of_another_body_is_refused(planned, geotiff, tmp_path):
    path = tmp_path / "nac.json"
    path.symlink_to(USGSCSM / "toughLroNacLineScan.json")
    with pytest.raises(OrbitileError, match=r"nac\.json: .*1737\.4 km.*Mars, .*3396\.2 km"):
        planned(f"a,{geotiff(GREY, crs=None)},{path}", columns="scene,path,kernels")


@pytest.mark.parametrize("way", ["kernels", "corners", "isis"])
def test_a_product_of_another_body_is_refused(planned, edr, kernels, way):
    row = dict(kernels=f"a,{edr},{kernels},,", corners=f"a,{edr},,{CORNERS},", isis=f"a,{edr},{kernels},,isis")[way]
    with pytest.raises(OrbitileError, match=r"raw\.IMG: .*Mars as TARGET_NAME.*the run's body is Moon"):
        planned(row, columns="scene,path,kernels,corners,georef_method", body="Moon")


def test_a_truncated_product_is_refused_before_any_job(planned, kernels, tmp_path):
    path = tmp_path / "half.IMG"
    path.write_bytes(HIRISE_EDR.read_bytes()[:700_000])
    with pytest.raises(OrbitileError, match=r"half\.IMG: truncated: .*700000 bytes"):
        planned(f"a,{path},{kernels}", columns="scene,path,kernels")


def test_corners_that_are_refused_name_the_image(planned, edr):
    with pytest.raises(OrbitileError, match=rf"{edr}: corners: '1 2' contains 2 numbers"):
        planned(f"a,{edr},1 2", columns="scene,path,corners")


def test_an_image_that_is_named_as_projected_needs_a_map(planned, geotiff):
    with pytest.raises(OrbitileError, match=r"scene\.tif: scene a has no georeferencing; leave its georef_meth"):
        planned(f"a,{geotiff(GREY, crs=None)},projected", columns="scene,path,georef_method")
    assert Path(
        planned(f"a,{geotiff(GREY, crs=MARS)},projected", columns="scene,path,georef_method")["a"].path
    ).is_file()


def test_a_kernel_that_was_replaced_in_a_sub_folder_is_noticed(planned, opened, edr, kernels):
    """Which the times of the folder itself do not tell."""
    (kernels / "more").mkdir()
    extra = kernels / "more" / "own.tpc"
    extra.write_text("KPL/PCK\n")
    planned(f"a,{edr},{kernels}", columns="scene,path,kernels")
    extra.write_text("KPL/PCK made up\n")
    opened.clear()
    planned(f"a,{edr},{kernels}", columns="scene,path,kernels")
    assert opened == ["a"]
    planned(f"a,{edr},{kernels}", columns="scene,path,kernels")
    assert opened == ["a"]


def test_a_kernel_that_a_meta_kernel_lists_is_part_of_the_version(planned, opened, edr, kernels, tmp_path):
    (kernels / "own.tpc").write_text("KPL/PCK\n")
    names = "\n".join(f"'$K/{path.name}'" for path in sorted(kernels.iterdir()))
    meta = tmp_path / "meta.tm"
    meta.write_text(
        f"KPL/MK\n\\begindata\nPATH_VALUES = ('kernels')\nPATH_SYMBOLS = ('K')\nKERNELS_TO_LOAD = ({names})\n"
    )
    row = planned(f"a,{edr},{meta}", columns="scene,path,kernels")["a"]
    assert str(kernels / "own.tpc") in row.inputs
    opened.clear()
    (kernels / "own.tpc").write_text("KPL/PCK another\n")
    planned(f"a,{edr},{meta}", columns="scene,path,kernels")
    assert opened == ["a"]


def test_a_folder_of_many_images_is_not_looked_at_for_each(planned, kernels, tmp_path, monkeypatch):
    """Once, but for threads that ask before the first of them knows."""
    looked, file_version = [], versions.file_version
    monkeypatch.setattr(versions, "file_version", lambda path: looked.append(str(path)) or file_version(path))
    paths = [tmp_path / f"{number}.IMG" for number in range(2 * headers.READERS)]
    for path in paths:
        path.symlink_to(HIRISE_EDR)
    planned(*(f"s{number},{path}" for number, path in enumerate(paths)), georeferencing=dict(kernels=kernels))
    assert 1 <= looked.count(str(kernels)) <= headers.READERS
    assert {looked.count(str(path)) for path in paths} == {1}


def test_images_with_a_map_depend_on_no_kernels(planned, geotiff, kernels, opened):
    """Whatever is named for those that have none, nor do they on an elevation model."""
    path = geotiff(GREY, crs=MARS)
    before = planned(f"a,{path}")["a"]
    opened.clear()
    row = planned(f"a,{path}", georeferencing=dict(kernels=kernels))["a"]
    assert opened == []
    assert (row.inputs[0], row.kernels, row.elevation) == (path, None, None)
    assert str(kernels) not in row.inputs
    assert row.fingerprint == before.fingerprint


def test_mosaics_heed_where_maps_become_polar(planned, edr, kernels):
    rows = [f"{name},{edr},{kernels},m" for name in ("a", "b")]
    row = planned(*rows, columns="scene,path,kernels,mosaic", georeferencing=dict(polar_latitude=0.5))["m"]
    assert "Polar Stereographic" in row.crs_wkt
