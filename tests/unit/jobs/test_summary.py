import csv
import os
import string

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plan_rows import plan_row

from orbitile.base.files import write_json
from orbitile.jobs.end import end_text
from orbitile.jobs.records import FAILED
from orbitile.jobs.scene_warnings import read_doubts
from orbitile.jobs.status import status_text
from orbitile.jobs.summary import count_by_scene
from orbitile.pipeline import CHAIN_RESULTS, DETECTION, GROUP_RESULTS, SEGMENTATION
from orbitile.tables.parquet import write_table
from orbitile.tables.plan import PlanGroup, PlanOrigin, write_plan

SCENES = pa.schema([pa.field("scene", pa.string())])
WARNED = pa.schema([pa.field("scene", pa.string()), pa.field("warnings", pa.list_(pa.string()))])


@pytest.fixture
def rows(run_folder):
    """Writes a table with a row for each of the letters, which name scenes."""

    def write(name, scenes):
        write_table(pd.DataFrame(dict(scene=list(scenes)), dtype=str), SCENES, run_folder.path / name)

    return write


@pytest.fixture
def manifest(run_folder):
    """Writes the manifest of a chain's result of so many rows."""

    def write(rows, chain=DETECTION):
        write_json(run_folder.path / CHAIN_RESULTS[chain].manifest, dict(rows=rows, parts=[]))

    return write


@pytest.fixture
def warn(run_folder):
    """Writes a group's georeferenced scenes with their warnings."""

    def write(group, **texts):
        table = pd.DataFrame(dict(scene=list(texts), warnings=list(texts.values())))
        write_table(table, WARNED, run_folder.job("georeference", group).table)

    return write


def test_a_run_in_one_line(run_folder, rows, manifest):
    run_folder.plan(dict(g="ab", h="c"))
    rows("suppressed/g.parquet", "aaab")
    rows("suppressed/h.parquet", "c")
    manifest(5)
    assert end_text(run_folder.path) == "results/r: 3 scenes planned, 5 detections in 3 scenes"


@pytest.mark.parametrize("group_is_done", [True, False])
def test_a_catalogue_of_before_does_not_tell_what_the_run_came_to(run_folder, rows, manifest, group_is_done):
    """Other settings made the groups anew, or some of them, and the catalogue was not."""
    run_folder.plan(dict(g="ab", h="c"))
    manifest(500)
    rows("suppressed/g.parquet", "aaab")
    if group_is_done:
        rows("suppressed/h.parquet", "c")
    manifest_path = run_folder.path / CHAIN_RESULTS[DETECTION].manifest
    os.utime(manifest_path, (0, 0))
    expected = "5 detections in 3 scenes" if group_is_done else "4 detections in 2 scenes of 2 searched so far"
    assert end_text(run_folder.path) == f"results/r: 3 scenes planned, {expected}"


def test_a_run_that_has_not_begun(run_folder):
    run_folder.plan(dict(g="ab"))
    assert end_text(run_folder.path) == "results/r: 2 scenes planned, none ready for the catalogue yet"


def test_a_run_that_is_not_done(run_folder, rows):
    run_folder.plan(dict(g="ab", h="c"))
    rows("suppressed/g.parquet", "aa")
    assert end_text(run_folder.path).splitlines() == [
        "results/r: 3 scenes planned, 2 detections in 1 scene of 2 searched so far",
        "  nothing found in 1 scene: b",
    ]


@pytest.mark.parametrize(("chain", "setting"), [(DETECTION, "suppression.score_threshold"), (SEGMENTATION, "mapping")])
def test_nothing_found_at_all_is_loud(run_folder, rows, manifest, chain, setting):
    run_folder.plan(dict(g="ab"), chain=chain)
    rows(GROUP_RESULTS[chain].format("g"), "")
    manifest(0, chain)
    text = end_text(run_folder.path)
    assert "NOTHING WAS FOUND in 2 scenes. Likely: " in text
    assert all(word in text for word in (setting, "scales", "stretch", "body"))
    assert "NOTHING WAS FOUND" in status_text(run_folder.path)


def test_where_all_scenes_are_doubtful_that_is_why_nothing_was_found(run_folder, rows, manifest, warn):
    run_folder.plan(dict(g="ab"))
    rows("suppressed/g.parquet", "")
    manifest(0)
    warn("g", a=["none of its pixels holds data"])
    assert "Likely: scales" in end_text(run_folder.path)
    warn("g", a=["none of its pixels holds data"], b=["all of its pixels have the value 3"])
    _, alarm, *warnings = end_text(run_folder.path).splitlines()
    assert alarm == "  NOTHING WAS FOUND in 2 scenes. Likely: what the warnings say of each of them"
    assert "    a: none of its pixels holds data" in warnings


def test_a_calibrated_catalogue_says_how_wrong_it_is(run_folder, rows):
    run_folder.plan(dict(g="a"))
    rows("suppressed/g.parquet", "aa")
    manifest = dict(rows=2, parts=[], errors=dict(text="at most 10% are false with 90% confidence"))
    write_json(run_folder.path / CHAIN_RESULTS[DETECTION].manifest, manifest)
    assert end_text(run_folder.path).splitlines()[1:] == ["  at most 10% are false with 90% confidence"]


def test_a_map_whose_polygons_were_all_dropped_is_loud(run_folder, rows, manifest):
    run_folder.plan(dict(g="ab"), chain=SEGMENTATION)
    rows("outlines/g.parquet", "ab")
    manifest(0, SEGMENTATION)
    assert "NOTHING WAS FOUND" in end_text(run_folder.path)


def test_a_map_s_scenes_are_those_with_outlines(run_folder, rows, manifest):
    """A polygon over several scenes bears the name of one."""
    run_folder.plan(dict(g="ab"), chain=SEGMENTATION)
    rows("outlines/g.parquet", "aab")
    manifest(1, SEGMENTATION)
    assert end_text(run_folder.path) == "results/r: 2 scenes planned, 1 polygon in 2 scenes"


def test_warnings_of_plan_and_pixels_are_counted_and_kept(run_folder, rows, warn):
    groups = [PlanGroup(name, [], [], "version", 1.0) for name in "gh"]
    plan_rows = [plan_row("a", "g", warnings=["far off"]), plan_row("b", "g"), plan_row("c", "h", warnings=["far off"])]
    write_plan(plan_rows, groups, [], PlanOrigin("", "", ""), run_folder.path / "plan.parquet")
    rows("suppressed/g.parquet", "ab")
    rows("suppressed/h.parquet", "c")
    warn("g", a=["dark", "saturated"], b=None)
    assert end_text(run_folder.path).splitlines()[1:] == [
        "  warnings about 2 scenes:",
        "    a: dark",
        "    a: saturated",
        "    a: far off",
        "    and 1 more: results/r/warnings.csv",
    ]
    with open(run_folder.path / "warnings.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["scene", "stage", "text"], ["a", "georeference", "dark"], ["a", "georeference", "saturated"],
            ["a", "plan", "far off"], ["c", "plan", "far off"],
        ]  # fmt: skip
    assert "warnings about 2 scenes:" in status_text(run_folder.path)


def test_warnings_that_are_gone_leave_no_file(run_folder, rows):
    run_folder.plan(dict(g="a"))
    (run_folder.path / "warnings.csv").touch()
    end_text(run_folder.path)
    assert not (run_folder.path / "warnings.csv").exists()


def test_what_failed_is_said_with_the_way_out(run_folder):
    run_folder.plan(dict(g="ab"), unplanned="xyz")
    run_folder.attempts("tile", "g", FAILED, reason="a.tif: made up")
    lines = end_text(run_folder.path).splitlines()
    assert lines[1] == "  3 scenes more cannot be planned: x, y, z"
    assert lines[2] == (
        "  4 failures in scenes x, y, z, 3 of them left out of the result; `make failures RUN=r` shows all"
    )
    assert "  plan x: x.tif: made up" in lines[3]
    assert lines[-1].endswith("-- results/r/suppressed/g.parquet")


def test_long_lists_are_cut(run_folder, rows):
    run_folder.plan(dict(g="abcdefghij"))
    rows("suppressed/g.parquet", "a")
    assert "nothing found in 9 scenes: b, c, d, e, f and 4 more" in end_text(run_folder.path)


def test_an_end_that_cannot_be_read_is_one_line(run_folder):
    run_folder.path.mkdir(parents=True)
    (run_folder.path / "plan.parquet").write_text("broken")
    assert end_text(run_folder.path).startswith("results/r: what the run came to cannot be told: ")
    assert "\n" not in end_text(run_folder.path)


def test_scenes_are_counted_row_group_by_row_group(tmp_path):
    """Whether the column is one of texts or of numbers of texts, and whatever a row group begins with."""
    names = ["a"] * 3 + ["c"] * 2 + ["b", "a"]
    plain = pa.table(dict(scene=pa.array(names)))
    pq.write_table(plain, tmp_path / "plain.parquet", row_group_size=2)
    pq.write_table(
        pa.table(dict(scene=plain["scene"].dictionary_encode())), tmp_path / "codes.parquet", row_group_size=3
    )
    pq.write_table(plain[:0], tmp_path / "none.parquet")
    counts = count_by_scene([tmp_path / f"{name}.parquet" for name in ("plain", "codes", "none")])
    assert counts == dict(a=8, b=2, c=4)


def test_doubts_for_the_metadata_of_a_result(run_folder, warn):
    run_folder.plan(dict(g="ab", h="c"))
    warn("g", a=["dark", "saturated"], b=["dark"])
    warn("h", c=None)
    assert read_doubts(run_folder.path / "plan.parquet") == {"dark": ["a", "b"], "saturated": ["a"]}


def test_many_doubted_scenes_are_counted(run_folder, warn):
    scenes = string.ascii_lowercase
    run_folder.plan(dict(g=scenes))
    warn("g", **{scene: ["dark"] for scene in scenes})
    assert read_doubts(run_folder.path / "plan.parquet") == {"dark": [*scenes[:20], "and 6 more"]}
