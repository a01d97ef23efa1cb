"""Users' crater tables are checked when a run is planned, once for each version."""

import numpy as np
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.planning.plan import current_plan
from orbitile.settings import Settings
from orbitile.tables import craters

TRUTH = "lon,lat,diam_km\n1,2,3\n"


@pytest.fixture
def plan(geotiff, tmp_path, in_this_process):
    """Plans a run of two scenes."""
    images = [geotiff(np.ones((40, 60), np.uint8), name=f"{name}.tif", left=6000 * n) for n, name in enumerate("ab")]
    (tmp_path / "scenes.csv").write_text(
        "".join(["scene,path\n", *(f"{name},{image}\n" for name, image in zip("ab", images, strict=True))])
    )

    def make(text, columns=None, truth=None, **change):
        (tmp_path / "craters.csv").write_text(text)
        evaluation = dict(truth=truth or tmp_path / "craters.csv", columns=columns or {})
        settings = Settings(
            run="r", body="Moon", scenes=tmp_path / "scenes.csv", evaluation=evaluation, **change,
            scales=[dict(gsd_m=100, tile_px=32, overlap_px=16)],
            model=dict(weights="any.safetensors", sha256="0" * 64),
        )  # fmt: skip
        current_plan(settings, tmp_path / "plan.parquet")
        return settings

    return make


def test_a_bad_table_ends_the_run_before_it_starts(plan):
    for _ in range(2):
        with pytest.raises(OrbitileError, match=r"craters\.csv: line 3: column lat is '95'"):
            plan(TRUTH + "1,95,3\n")
    plan(TRUTH)


def test_no_crater_covers_more_than_half_of_the_body(plan):
    with pytest.raises(OrbitileError, match=r"line 2: column diam_km is '12000'; diameters .* at most 5458.2 km"):
        plan("lon,lat,diam_km\n1,2,12000\n")
    plan("lon,lat,diam_km\n1,2,5458\n")


def test_without_a_map_the_scenes_must_be_named(plan):
    with pytest.raises(OrbitileError, match=r"craters\.csv: has no column scene, but the 2 images of this run"):
        plan(TRUTH, pixel_coordinates=True)
    plan("scene,lon,lat,diam_km\na,1,2,3\n", pixel_coordinates=True)
    plan("scene,col_px,row_px,diameter_px\na,1,2,3\n", pixel_coordinates=True)


def test_tables_are_read_once_for_each_version(plan, tmp_path, monkeypatch):
    calls, read = [], craters.read_craters
    monkeypatch.setattr(craters, "read_craters", lambda *arguments: calls.append(1) or read(*arguments))
    for count, text in enumerate([TRUTH, TRUTH + "4,5,6\n"], 1):
        settings = plan(text)
        for _ in range(2):
            current_plan(settings, tmp_path / "plan.parquet")
        assert len(calls) == count


def test_columns_that_the_settings_name(plan):
    text = "A,B,C\n1,2,3\n"
    with pytest.raises(OrbitileError, match="no column named lon"):
        plan(text)
    plan(text, dict(lon="A", lat="B", diameter_m="C"))
    with pytest.raises(OrbitileError, match="no column 'D', which the settings name; it has A, B, C"):
        plan(text, dict(lon="A", lat="B", diameter_m="D"))


def test_labels_of_boxes_in_a_folder(plan, tmp_path, caplog):
    (tmp_path / "labels").mkdir()
    label = tmp_path / "labels" / "a.txt"
    label.write_text("0 0.5 0.5 0.1 0.2\n")
    truth = dict(truth=tmp_path / "labels")
    with pytest.raises(OrbitileError, match="only with pixel_coordinates: true"):
        plan("", **truth)
    for _ in range(2):
        plan("", pixel_coordinates=True, **truth)
    assert caplog.text.count("images without labels, which count as images without craters: 1 of 2 (b)") == 1
    label.write_text("0 0.5 0.5 0.1\n")
    with pytest.raises(OrbitileError, match=r"a\.txt: line 1: has 4 fields"):
        plan("", pixel_coordinates=True, **truth)


def test_labels_of_an_image_of_another_size(plan, tmp_path):
    (tmp_path / "labels").mkdir()
    size = "<size><width>60</width><height>41</height></size>"
    (tmp_path / "labels" / "a.xml").write_text(f"<annotation>{size}</annotation>")
    with pytest.raises(OrbitileError, match="labels an image of 60 x 41 px, but the scene's has 60 x 40 px"):
        plan("", pixel_coordinates=True, truth=tmp_path / "labels")


def test_an_image_added_to_a_folder_is_planned(geotiff, tmp_path, in_this_process):
    for name in ("a", "-b"):
        geotiff(np.ones((40, 60), np.uint8), name=f"{name}.tif", crs=None)
        settings = Settings(
            run="r", body="Moon", scenes=tmp_path, pixel_coordinates=True,
            scales=[dict(gsd_m=100, tile_px=32, overlap_px=16)],
            model=dict(weights="any.safetensors", sha256="0" * 64),
        )  # fmt: skip
        names = current_plan(settings, tmp_path / "out" / "plan.parquet").names
    assert names == ["a", "image-b"]
