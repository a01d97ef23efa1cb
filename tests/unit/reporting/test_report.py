import csv
import re
from dataclasses import asdict, replace
from io import StringIO
from itertools import pairwise
from xml.etree import ElementTree

import pandas as pd
import pyarrow as pa
import pytest
from plan_rows import plan_row

from orbitile.base.files import write_json
from orbitile.jobs.failures import write_failures
from orbitile.jobs.lock import hold_lock
from orbitile.jobs.paths import WHOLE_RUN, JobPaths
from orbitile.jobs.pieces import Failure, JobProgress
from orbitile.jobs.records import DONE, FAILED, LOST, RUNNING, STOPPED, Attempt
from orbitile.pipeline import DETECTION, SEGMENTATION
from orbitile.reporting.attempts import ENGINE
from orbitile.reporting.colours import rule_colour
from orbitile.reporting.format import format_duration, format_gpu, format_quantity
from orbitile.reporting.time_axis import TimeAxis, busy_blocks, busy_seconds
from orbitile.reporting.timeline import pack_lanes
from orbitile.stages.report import report
from orbitile.tables.parquet import write_table
from orbitile.tables.plan import PlanGroup, PlanOrigin, UnplannedScene, write_plan

NOON = 1767268800
"""2026-01-01T12:00:00Z"""
OUTPUTS = dict(index="index.html", jobs="jobs.csv", rules="rules.csv", graph="graph.csv")
HOSTILE = '<script>alert("x")</script> & <b>'
CHAIN = ["georeference", "downsample", "tile", "infer", "untile", "suppress"]


def attempt(start, end, state=DONE, cpu_s=1.0, memory_mb=100.0, threads=1, **other):
    """An attempt from and to seconds after noon."""
    ended = None if end is None else NOON + end
    fixed = dict(host="here", slurm_job=None) | other
    return Attempt(NOON + start, threads=threads, ended=ended, state=state, cpu_s=cpu_s, memory_mb=memory_mb, **fixed)


def scenes(done, failed=0, before=0):
    n = done + failed + before
    return JobProgress("scenes", n, before, done, failed, size=n, size_before=before, size_done=done)


@pytest.fixture
def results(tmp_path):
    """The folder of a run named r, of the groups a and b, which are neighbours."""
    folder = tmp_path / "r"
    folder.mkdir()
    plan(folder, {"a": ["b"], "b": ["a"]})
    catalogue(folder)
    return folder


def plan(results, neighbours, unplanned=(), chain=DETECTION, lenders=None):
    """Writes a plan of a scene per group."""
    groups = [PlanGroup(name, near, (lenders or {}).get(name, []), "v", 1.0) for name, near in neighbours.items()]
    rows = [plan_row(f"scene_{name}", name) for name in neighbours]
    write_plan(rows, groups, list(unplanned), PlanOrigin("", "", "", chain), results / "plan.parquet")


def catalogue(results, exclusions=(), rows=1234, errors=None):
    manifest = dict(rows=rows, detections=2000, sha256="ab" * 32, body="Moon", exclusions=list(exclusions), parts=[])
    manifest |= dict(errors=errors)
    for name in ("catalogue/craters.json", "map/polygons.json"):
        write_json(results / name, manifest)


def record(results, rule, group, *attempts):
    write_json(JobPaths(results, rule, group).record, [asdict(one) for one in attempts])


def made(results):
    """Makes the report, and returns the page and the rows of its tables."""
    paths = {name: results / "report" / file for name, file in OUTPUTS.items()}
    assert report(results) == paths["index"]
    tables = {name: list(csv.DictReader(StringIO(path.read_text()))) for name, path in paths.items() if name != "index"}
    return paths["index"].read_text(), tables


def pictures(page):
    """The SVGs of a page, which must be well-formed."""
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def texts(picture):
    return [element.text for element in picture.iter("text")]


def picked(row, *names):
    return [row[name] for name in names]


def test_a_row_per_attempt(results):
    long = attempt(0, 20, cpu_s=30, memory_mb=512.3, threads=2, slurm_job="77", progress=scenes(3, before=1))
    record(results, "georeference", "a", long)
    page, tables = made(results)
    (row,) = tables["jobs"]
    assert row == dict(
        rule="georeference", group="a", attempt="1", state="done", reason="", host="here", slurm_job="77",
        started="2026-01-01T12:00:00Z", ended="2026-01-01T12:00:20Z", wall_s="20.0", cpu_s="30.0", cpu_percent="150.0",
        threads="2", memory_mb="512.3", gpu_memory_mb="", gpu_percent="", unit="scenes", size="4", size_before="1",
        size_done="3", pieces="4", pieces_before="1", pieces_done="3", pieces_failed="0",
    ) | dict.fromkeys(ENGINE, "")  # fmt: skip
    assert "georeference a, attempt 1: done, 20.0 s, 2 threads on here, Slurm job 77" in page


def test_figures_of_the_engine(results):
    figures = dict(tiles_per_s=12.5, network_busy_percent=97.0, tiles_in_a_pass=8, other=1)
    record(results, "infer", "a", attempt(0, 20, progress=replace(scenes(3), figures=figures)))
    (row,) = made(results)[1]["jobs"]
    assert [row[name] for name in ("tiles_per_s", "network_busy_percent", "tiles_in_a_pass")] == ["12.5", "97.0", "8.0"]


def test_what_a_rule_took(results):
    """Three jobs of 10, 20 and 60 s; the last was told to stop before, after 10 s."""
    record(results, "infer", "a", attempt(0, 10, cpu_s=5, memory_mb=100, progress=scenes(2)))
    record(results, "infer", "b", attempt(0, 20, cpu_s=20, memory_mb=300, progress=scenes(4)))
    stopped = attempt(0, 10, STOPPED, cpu_s=10, memory_mb=700, progress=scenes(1))
    record(results, "infer", "c", stopped, attempt(20, 80, cpu_s=90, memory_mb=200, progress=scenes(3, before=1)))
    _, tables = made(results)
    (row,) = tables["rules"]
    assert row == dict(
        rule="infer", jobs="3", attempts="4", failed="0", stopped="1", lost="0", running="0", wall_s_total="100.0",
        wall_s_median="15.0", wall_s_max="60.0", cpu_s_total="125.0", cpu_percent_median="100.0",
        memory_mb_median="250.0", memory_mb_max="700.0", gpu_memory_mb_max="", gpu_percent_mean="", unit="scenes",
        size_done="10", size_per_s="0.1",
    )  # fmt: skip


def test_lost_and_failed_attempts_count_but_a_lost_one_has_no_end(results):
    failed = attempt(30, 40, FAILED, reason="disk full", progress=scenes(1, failed=1))
    lost = attempt(0, None, LOST, cpu_s=7, progress=scenes(5))
    record(results, "georeference", "a", lost, failed, attempt(50, 60, progress=scenes(2)))
    page, tables = made(results)
    states = [picked(row, "attempt", "state", "reason", "ended", "wall_s", "cpu_percent") for row in tables["jobs"]]
    assert states == [
        ["1", "lost", "", "", "", ""],
        ["2", "failed", "disk full", "2026-01-01T12:00:40Z", "10.0", "10.0"],
        ["3", "done", "", "2026-01-01T12:01:00Z", "10.0", "10.0"],
    ]
    names = ["jobs", "attempts", "failed", "lost", "wall_s_total", "cpu_s_total", "size_done", "size_per_s"]
    assert picked(tables["rules"][0], *names) == ["1", "3", "1", "1", "20.0", "9.0", "8", "0.15"]
    assert "<b>2</b><span>failed attempts of 3, 1 of them lost; 0 stopped" in page
    assert "Attempts that did not finish: 2; of their jobs, 1 were done in a later attempt" in page


def test_a_job_that_never_said_it_ended_is_lost_unless_it_runs(results):
    record(results, "infer", "a", attempt(0, None, RUNNING))
    record(results, "infer", "b", attempt(0, None, RUNNING))
    with hold_lock(JobPaths(results, "infer", "b").lock):
        page, tables = made(results)
    assert [row["state"] for row in tables["jobs"]] == ["lost", "running"]
    assert "killed on here" in page


def test_the_reports_own_record_is_left_out(results):
    record(results, "tile", "a", attempt(0, 1))
    record(results, "report", WHOLE_RUN, attempt(2, 3, FAILED))
    page, tables = made(results)
    assert [row["rule"] for row in tables["jobs"]] == ["tile"]
    assert "and nothing failed" in page


def test_rules_are_in_the_order_of_a_run(results):
    for rule in ("evaluate", "unheard_of", "catalogue"):
        record(results, rule, WHOLE_RUN, attempt(0, 1))
    for rule in reversed(CHAIN):
        record(results, rule, "a", attempt(0, 1))
    _, tables = made(results)
    assert [row["rule"] for row in tables["rules"]] == [*CHAIN, "catalogue", "evaluate", "unheard_of"]


def test_without_a_gpu_its_columns_say_so(results):
    record(results, "infer", "a", attempt(0, 10))
    page, tables = made(results)
    assert picked(tables["rules"][0], "gpu_memory_mb_max", "gpu_percent_mean") == ["", ""]
    assert page.count("<td>no GPU</td>") == 2
    assert "<b>no GPU</b><span>was used" in page
    assert "No GPU was used." in page


def test_with_a_gpu(results):
    record(results, "tile", "a", attempt(0, 10))
    record(results, "infer", "a", attempt(0, 1800, gpu_memory_mb=2000.0, gpu_percent=90.0))
    record(results, "infer", "b", attempt(0, 1800, gpu_memory_mb=4000.0, gpu_percent=50.0))
    page, tables = made(results)
    assert picked(tables["jobs"][1], "gpu_memory_mb", "gpu_percent") == ["2000.0", "90.0"]
    assert picked(tables["rules"][1], "gpu_memory_mb_max", "gpu_percent_mean") == ["4000.0", "70.0"]
    assert "<td>4,000 MB</td><td>70.0 %</td>" in page
    assert page.count("<td>no GPU</td>") == 2
    assert "<b>1.00 GPU-hours</b>" in page


def test_the_run_in_a_few_figures(results):
    """Two jobs of two threads and half an hour, an hour of rest between them."""
    record(results, "infer", "a", attempt(0, 1800, threads=2, cpu_s=1800))
    record(results, "infer", "b", attempt(5400, 7200, threads=2, cpu_s=1800, host="there"))
    plan(results, {"a": [], "b": []}, [UnplannedScene("c", "c.tif", "", "no header")])
    page, _ = made(results)
    assert "<h1>Run r</h1>" in page
    assert "<b>1,234</b><span>craters in the catalogue" in page
    assert "<b>2</b><span>scenes planned; 1 more could not be read" in page
    assert "<b>2 h 00 min</b><span>from the first start to the last end; jobs ran for 1 h 00 min of it" in page
    assert "<b>2.00 core-hours</b><span>threads times wall time on 2 machines; 1 h 00 min of CPU used" in page
    assert "ab" * 32 in page


def test_what_a_calibrated_catalogue_says_of_its_errors(results):
    catalogue(results, errors=dict(text="of the objects of 5 km and more at most 10% are false"))
    page, _ = made(results)
    assert "<p>Errors: of the objects of 5 km and more at most 10% are false</p>" in page
    catalogue(results)
    assert "Errors:" not in made(results)[0]


def test_what_is_missing_and_what_failed_stands_first(results):
    left_out = Failure("scene_a", "", "no georeference", "")
    write_failures(JobPaths(results, "georeference", "a"), [left_out], excluded=True)
    write_failures(JobPaths(results, "infer", "b"), [Failure("scene_b", "tiles 0 to 63", "boom", "")], excluded=False)
    record(results, "georeference", "a", attempt(0, 1, progress=scenes(2, failed=1)))
    record(results, "suppress", "a", attempt(0, 1, STOPPED))
    catalogue(results, [dict(scene="scene_a", detail="", reason="no georeference")])
    page, _ = made(results)
    assert page.index("Left out of the catalogue: 1 piece of the run") < page.index("Failed and not yet run again: 2")
    assert page.index("Failed and not yet run again") < page.index("craters in the catalogue")
    assert page.count("no georeference") == 1
    assert "tiles 0 to 63" in page
    assert "stopped by SIGTERM on here" in page
    assert "and nothing failed" not in page


def test_a_map_is_called_a_map(results):
    plan(results, {"a": []}, chain=SEGMENTATION)
    assert "Nothing was left out of the map" in made(results)[0]
    catalogue(results, [dict(scene="scene_a", detail="", reason="no georeference")])
    page, _ = made(results)
    assert "Left out of the map: 1 piece of the run" in page


def test_the_graph_of_two_neighbours(results):
    """b's inference failed; its tiling has a table, but no record."""
    for rule in CHAIN[:5]:
        record(results, rule, "a", attempt(0, 1))
    record(results, "georeference", "b", attempt(0, 1, progress=scenes(1, failed=1)))
    record(results, "infer", "b", attempt(0, 1, FAILED))
    (results / "tiles").mkdir()
    (results / "tiles" / "b.parquet").touch()
    page, tables = made(results)
    edges = [tuple(row.values()) for row in tables["graph"]]
    assert len(edges) == 2 * 5 + 2 + 2
    assert edges[0] == ("georeference", "a", "done", "downsample", "a", "done")
    assert ("georeference", "b", "incomplete", "downsample", "b", "not run") in edges
    assert ("tile", "b", "no record", "infer", "b", "failed") in edges
    assert ("untile", "b", "not run", "suppress", "a", "not run") in edges
    assert ("untile", "a", "done", "suppress", "b", "not run") in edges
    assert ("suppress", "a", "not run", "catalogue", WHOLE_RUN, "no record") in edges
    drawn = texts(pictures(page)[1])
    assert [drawn.count(state) for state in ("done", "incomplete", "failed", "no record", "not run")] == [5, 1, 1, 2, 4]


def test_the_graph_of_a_run_that_maps(results):
    """b's outlines are missing; the scenes of both lend each other pixels."""
    plan(results, {"a": ["b"], "b": ["a"]}, chain="segmentation", lenders={"a": ["b"], "b": ["a"]})
    chain = [*CHAIN[:4], "stitch", "outline"]
    for rule in chain:
        record(results, rule, "a", attempt(0, 1))
    record(results, "stitch", "b", attempt(0, 1))
    record(results, "assemble_map", WHOLE_RUN, attempt(2, 3, FAILED))
    _, tables = made(results)
    edges = [tuple(row.values()) for row in tables["graph"]]
    assert {rule for edge in edges for rule in (edge[0], edge[3])} == {*chain, "assemble_map"}
    assert len(edges) == 2 * 5 + 2 * 3 + 2
    assert ("stitch", "b", "done", "outline", "a", "done") in edges
    assert ("downsample", "b", "not run", "infer", "a", "done") in edges
    assert ("outline", "b", "not run", "assemble_map", WHOLE_RUN, "failed") in edges
    assert [row["rule"] for row in tables["rules"]] == [*chain, "assemble_map"]


def test_a_group_that_is_no_more_is_drawn_as_far_as_it_got(results):
    record(results, "georeference", "old", attempt(0, 1))
    record(results, "downsample", "old", attempt(0, 1))
    _, tables = made(results)
    edges = [picked(row, "from_rule", "to_rule") for row in tables["graph"] if row["from_group"] == "old"]
    assert edges == [["georeference", "downsample"]]


@pytest.mark.parametrize(("groups", "lines"), [(40, True), (41, False)])
def test_many_groups_are_drawn_as_cells(results, groups, lines):
    plan(results, {f"g{n:03d}": [] for n in range(groups)})
    record(results, "infer", "g007", attempt(0, 1, FAILED))
    page, tables = made(results)
    picture = pictures(page)[1]
    assert (picture.find(".//line") is not None) == lines
    assert len(tables["graph"]) == 6 * groups
    failed = [cell for cell in picture.iter("rect") if cell.get("fill") == "#d55e00"]
    assert len(failed) == 1
    assert "infer failed" in page or lines


def test_a_rule_has_one_colour(results):
    record(results, "infer", "a", attempt(0, 1))
    page, _ = made(results)
    for picture in pictures(page):
        assert any(cell.get("fill") == rule_colour("infer") for cell in picture.iter("rect"))
    assert f"background: {rule_colour('infer')}" in page


def test_what_records_say_is_escaped(results):
    plan(results, {"a": []}, [UnplannedScene("c", "c.tif", "", HOSTILE)])
    catalogue(results, [dict(scene="c", detail=HOSTILE, reason=HOSTILE)])
    write_failures(JobPaths(results, "infer", "a"), [Failure(HOSTILE, HOSTILE, HOSTILE, "")], excluded=False)
    hostile = dict(host=HOSTILE, slurm_job=HOSTILE, reason=HOSTILE, progress=JobProgress(HOSTILE))
    record(results, "infer", "<i>'\"&", attempt(0, 1, FAILED, **hostile))
    record(results, "<b>rule</b>".replace("/", ""), "a", attempt(0, 1))
    page, tables = made(results)
    assert "&lt;script&gt;" in page
    assert not re.search(r"<script|<i>|<b>rule|<b>$", page)
    assert len(pictures(page)) == 2
    assert tables["jobs"][0]["reason"] == HOSTILE


def test_the_page_needs_nothing_else(results):
    record(results, "infer", "a", attempt(0, 1))
    page, _ = made(results)
    references = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert references == [
        "data:,", "#found", "#found", "#took", "#made", "#files", "data:image/png;base64,iVBORw0K",
        "../catalogue/craters.json", "../plan.parquet", "jobs.csv", "rules.csv", "graph.csv",
    ]  # fmt: skip
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]*", "", page))


def test_a_run_without_records(results):
    page, tables = made(results)
    assert tables["jobs"] == tables["rules"] == []
    assert {row["to_state"] for row in tables["graph"]} == {"not run", "no record"}  # of the manifest
    assert "No job of this run has left a record." in page


def test_hundreds_of_groups(results):
    groups = [f"g{n:03d}" for n in range(290)]
    plan(results, {name: groups[max(0, n - 2) : n] for n, name in enumerate(groups)})
    for stage, rule in enumerate(CHAIN):
        for n, group in enumerate(groups):
            record(results, rule, group, attempt(100 * stage + n, 100 * stage + n + 90, gpu_memory_mb=1.0))
    page, tables = made(results)
    assert len(tables["jobs"]) == 6 * 290
    assert len(page) < 3e6
    height = float(pictures(page)[0].get("viewBox").split()[3])
    assert height < 1100


def test_spans_share_a_lane_where_they_can():
    assert pack_lanes([0, 0, 5, 10, 12], [10, 5, 8, 20, 13]) == [0, 1, 1, 0, 1]


def test_long_idle_times_are_squeezed():
    """Two hours of work a week apart, and five minutes of rest in the second that stay as they are."""
    week = 7 * 86400
    spans = [(0, 3600), (week, week + 1800), (week + 2100, week + 3600)]
    assert busy_blocks(spans) == [(0, 3600), (week, week + 3600)]
    assert busy_seconds(spans) == 6900
    clock = TimeAxis(spans, 1030)
    assert [clock.px(moment) for moment in (0, 3600, week, week + 3600)] == pytest.approx([0, 500, 530, 1030])


def test_ticks_tell_the_date_once_and_keep_apart():
    clock = TimeAxis([(NOON + 5, NOON + 605), (NOON + 90000, NOON + 90600)], 1000)
    ticks = clock.ticks
    places = [clock.px(moment) for moment, _, _ in ticks]
    assert all(after - before >= 60 for before, after in pairwise(places))
    assert ticks[0][1:] == ("12:02", "2026-01-01")
    assert [day for _, _, day in ticks if day] == ["2026-01-01", "2026-01-02"]


@pytest.mark.parametrize("seconds", [0, 0.01, 7, 3600, 86400, 30 * 86400, 3000 * 86400])
def test_every_length_of_a_run_has_a_few_ticks(seconds):
    assert 1 <= len(TimeAxis([(NOON, NOON + seconds)], 1000).ticks) <= 15


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.4, "59 min 59 s"), (3599.6, "1 h 00 min"),
     (100000, "27 h 47 min"), (200000, "2 d 8 h"), (float("nan"), "unknown")],
)  # fmt: skip
def test_durations(seconds, said):
    assert format_duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0 MB"), (0.0123, "0.0123 MB"), (1.234, "1.23 MB"), (999.6, "1,000 MB"), (12345.6, "12,346 MB"),
     (float("nan"), "unknown")],
)  # fmt: skip
def test_quantities(value, said):
    assert format_quantity(value, "MB") == said


def test_no_gpu_is_not_zero():
    assert (format_gpu(0.0, "%"), format_gpu(float("nan"), "%")) == ("0 %", "no GPU")


def write_scenes(path, scenes):
    write_table(pd.DataFrame(dict(scene=scenes), dtype=str), pa.schema([pa.field("scene", pa.string())]), path)


def test_nothing_found_at_all_is_loud(results):
    for group in "ab":
        write_scenes(results / "suppressed" / f"{group}.parquet", [])
    catalogue(results, rows=0)
    page = made(results)[0]
    assert "NOTHING WAS FOUND in 2 scenes. Likely: " in page
    assert page.index("NOTHING WAS FOUND") < page.index("Nothing was left out")


def test_scenes_without_a_result_are_named(results):
    for group, scenes in (("a", ["scene_a"]), ("b", [])):
        write_scenes(results / "suppressed" / f"{group}.parquet", scenes)
    page = made(results)[0]
    assert "Nothing was found in 1 scene: scene_b" in page
    assert "NOTHING" not in page


def test_warnings_are_shown_and_escaped(results):
    rows = [plan_row(f"scene_{name}", name, warnings=[HOSTILE]) for name in "ab"]
    groups = [PlanGroup(name, [], [], "v", 1.0) for name in "ab"]
    write_plan(rows, groups, [], PlanOrigin("", "", "", DETECTION), results / "plan.parquet")
    page = made(results)[0]
    assert "Warnings about 2 scenes" in page
    assert page.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &lt;b&gt;") == 2
    assert "<script" not in page


def test_of_many_warnings_the_first_are_shown(results, monkeypatch):
    monkeypatch.setattr("orbitile.reporting.summary.WARNINGS_SHOWN", 1)
    rows = [plan_row(f"scene_{name}", name, warnings=[f"doubt {name}"]) for name in "ab"]
    groups = [PlanGroup(name, [], [], "v", 1.0) for name in "ab"]
    write_plan(rows, groups, [], PlanOrigin("", "", "", DETECTION), results / "plan.parquet")
    page = made(results)[0]
    assert "Warnings about 2 scenes, the first 1 of 2; warnings.csv holds all" in page
    assert "doubt a" in page
    assert "doubt b" not in page
