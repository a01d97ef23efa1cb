import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import orbitile
from orbitile.jobs.call import RunCall, keep_call
from orbitile.jobs.failures import MOST_TARGETS, SCHEMA, read_failures, rerun_command, rerun_hint, write_failures
from orbitile.jobs.paths import WHOLE_RUN
from orbitile.jobs.pieces import Failure
from orbitile.jobs.records import DONE, FAILED, LOST, RUNNING, STOPPED
from orbitile.jobs.show import show_failures
from orbitile.pipeline import SEGMENTATION
from orbitile.tables.parquet import read_table
from orbitile.tables.plan import PlanOrigin, UnplannedScene, write_plan

LIBRARY = Path(orbitile.__file__).parents[1]


CALLED = "snakemake --profile PROFILE --configfile SETTINGS"
"""What stands for the call of a run that has not kept it."""


@pytest.fixture
def fail(run_folder):
    """Keeps the failures of scenes in a made-up job."""

    def keep(rule, group, scenes, excluded=False):
        failures = [Failure(scene, "100 m/px", f"{scene}.tif: made up", "Traceback ...") for scene in scenes]
        write_failures(run_folder.job(rule, group), failures, excluded)
        run_folder.attempts(rule, group, DONE if excluded else FAILED)

    return keep


@pytest.fixture
def ask():
    """Asks a run from the terminal: python -m orbitile ..."""

    def run(*words):
        command = [sys.executable, "-m", "orbitile", *map(str, words)]
        return subprocess.run(command, env=os.environ | dict(PYTHONPATH=str(LIBRARY)), capture_output=True, text=True)

    return run


def test_nothing_failed(run_folder):
    run_folder.plan(dict(g="ab"))
    run_folder.done("tile", "g")
    table = read_failures(run_folder.path)
    assert table.empty
    assert table.columns.tolist() == SCHEMA.names


def test_failures_of_all_jobs_are_gathered(run_folder, fail):
    run_folder.plan(dict(g="ab", h="cd"))
    fail("tile", "h", "dc")
    fail("georeference", "g", "a", excluded=True)
    table = read_failures(run_folder.path)
    assert (table["rule"] + " " + table["group"] + " " + table["scene"]).tolist() == [
        "georeference g a",
        "tile h c",
        "tile h d",
    ]
    assert table["excluded"].tolist() == [True, False, False]
    assert table["log"].tolist()[0] == "results/r/logs/georeference/g.log"
    assert table["reason"].tolist()[1] == "c.tif: made up"


def test_no_failures_remove_those_before(run_folder, fail):
    run_folder.plan(dict(g="a"))
    fail("tile", "g", "a")
    write_failures(run_folder.job("tile", "g"), [], excluded=True)
    run_folder.attempts("tile", "g", FAILED, DONE)
    assert read_failures(run_folder.path).empty
    assert not run_folder.job("tile", "g").failures.exists()


@pytest.mark.parametrize(
    ("states", "recorded", "reason"),
    [
        ([RUNNING], {}, "killed on node7: out of memory or time, with the workflow, or machine or disk failed"),
        ([LOST], {}, "killed on node7: out of memory or time, with the workflow, or machine or disk failed"),
        ([RUNNING], dict(slurm_job="99"), "killed on node7 (Slurm job 99): out of memory"),
        (
            [STOPPED],
            dict(slurm_job="99"),
            "stopped by SIGTERM on node7 (Slurm job 99): cancelled, preempted or out of time",
        ),
        ([STOPPED], dict(reason="interrupted"), "interrupted by Ctrl-C on node7"),
        ([FAILED], dict(reason="disk full"), "disk full"),
        ([DONE, LOST], {}, "killed"),
    ],
)
def test_jobs_that_were_killed_or_stopped_are_failures(run_folder, states, recorded, reason):
    run_folder.plan(dict(g="a"))
    run_folder.attempts("tile", "g", *states, **recorded)
    (row,) = read_failures(run_folder.path).to_dict("records")
    assert (row["rule"], row["group"], row["scene"], row["excluded"]) == ("tile", "g", "", False)
    assert row["reason"].startswith(reason)
    assert row["log"] == "results/r/logs/tile/g.log"


@pytest.mark.parametrize("states", [[DONE], [LOST, DONE], [FAILED, STOPPED, DONE]])
def test_jobs_that_finished_in_the_end_have_not_failed(run_folder, states):
    run_folder.plan(dict(g="a"))
    run_folder.attempts("tile", "g", *states)
    assert read_failures(run_folder.path).empty


def test_a_running_job_has_not_failed(run_folder):
    run_folder.plan(dict(g="a"))
    run_folder.attempts("tile", "g", RUNNING)
    assert len(read_failures(run_folder.path)) == 1
    with run_folder.running("tile", "g"):
        assert read_failures(run_folder.path).empty


def test_jobs_of_the_whole_run_are_told(run_folder, fail):
    run_folder.plan(dict(g="a"))
    run_folder.attempts("catalogue", WHOLE_RUN, LOST)
    (row,) = read_failures(run_folder.path).to_dict("records")
    assert (row["rule"], row["group"], row["log"]) == ("catalogue", WHOLE_RUN, "results/r/logs/catalogue.log")


def test_groups_that_are_no_more_have_not_failed(run_folder, fail):
    """No target makes a group that the plan does not have any more."""
    run_folder.plan(dict(new="a"))
    fail("tile", "old", "a")
    run_folder.attempts("infer", "old", LOST)
    assert read_failures(run_folder.path).empty


def test_scenes_that_could_not_be_planned_have_failed(run_folder):
    """The catalogue lacks them, and says that the target `failures` tells more."""
    run_folder.plan(dict(g="a"), unplanned="b")
    assert read_failures(run_folder.path)[["scene", "reason", "excluded"]].to_numpy().tolist() == [
        ["b", "b.tif: made up", True]
    ]


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([("tile", "g", False)], "-- results/r/suppressed/g.parquet"),
        (
            [("tile", "h", False), ("infer", "g", False)],
            "-- results/r/suppressed/g.parquet results/r/suppressed/h.parquet",
        ),
        ([("infer", "g", True)], "--forcerun infer -- results/r/suppressed/g.parquet"),
        (
            [("tile", "g", True), ("infer", "h", True), ("infer", "i", False)],
            "--forcerun infer tile -- results/r/suppressed/g.parquet results/r/suppressed/h.parquet "
            "results/r/suppressed/i.parquet",
        ),
    ],
)
def test_what_to_type_to_do_failed_jobs_again(run_folder, fail, jobs, expected):
    run_folder.plan(dict(g="a", h="b", i="c"))
    for rule, group, excluded in jobs:
        fail(rule, group, "a", excluded)
    assert rerun_command(read_failures(run_folder.path), run_folder.path) == f"{CALLED} {expected}"


def test_a_failed_job_beside_later_tables_is_a_target_itself(run_folder, fail):
    """Of earlier settings they are, and newer than all that is there: the group's result would be taken for done."""
    run_folder.plan(dict(g="a", h="b"))
    for rule in ("georeference", "downsample", "infer", "untile", "suppress"):
        run_folder.table(rule, "g")
    fail("tile", "g", "a", False)
    fail("tile", "h", "b", False)
    command = rerun_command(read_failures(run_folder.path), run_folder.path)
    targets = ("suppressed/g.parquet", "suppressed/h.parquet", "tiles/g.parquet")
    assert command == " ".join([CALLED, "--", *(f"results/r/{target}" for target in targets)])


def test_a_job_of_the_whole_run_is_done_again_by_its_call(run_folder):
    run_folder.plan(dict(g="a"))
    run_folder.attempts("catalogue", WHOLE_RUN, LOST)
    command = rerun_command(read_failures(run_folder.path), run_folder.path)
    assert command == f"{CALLED} -- results/r/catalogue/craters.json"


def test_the_target_needs_the_failed_job(run_folder, fail):
    run_folder.plan(dict(g="ab"))
    fail("annotate", "g", "a")
    targets = shlex.split(rerun_command(read_failures(run_folder.path), run_folder.path).partition(" -- ")[2])
    assert targets == ["results/r/annotated/g.json"]


def test_nothing_that_failed_is_forgotten(run_folder, fail):
    """A job for a group and one for the whole run: the target of the group does not do both."""
    run_folder.plan(dict(g="a"))
    fail("tile", "g", "a")
    run_folder.attempts("overview", WHOLE_RUN, LOST)
    command = rerun_command(read_failures(run_folder.path), run_folder.path)
    assert command == f"{CALLED} -- results/r/catalogue/craters.png results/r/suppressed/g.parquet"


def test_what_is_left_out_of_a_map_is_told(run_folder, fail, capsys):
    run_folder.plan(dict(g="a"), chain=SEGMENTATION)
    fail("outline", "g", "a", excluded=True)
    show_failures(run_folder.path)
    assert capsys.readouterr().out.startswith("outline g (left out of the map)")


def test_failures_are_shown_with_logs_and_the_way_out(run_folder, fail, capsys):
    run_folder.plan(dict(g="ab", h="c"))
    fail("infer", "g", "ab", excluded=True)
    run_folder.attempts("tile", "h", LOST)
    show_failures(run_folder.path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "infer g (left out of the catalogue)",
        "  scene a, 100 m/px: a.tif: made up",
        "  scene b, 100 m/px: b.tif: made up",
        "  log: results/r/logs/infer/g.log",
    ]
    assert lines[5] == "tile h"
    assert lines[6].startswith("  killed on node7")
    assert lines[-1] == (
        f"  {CALLED} --forcerun infer -- results/r/suppressed/g.parquet results/r/suppressed/h.parquet"
    )
    assert len(read_table(run_folder.path / "failures.parquet")) == 3


def test_nothing_failed_is_shown(run_folder, capsys):
    run_folder.plan(dict(g="a"))
    show_failures(run_folder.path)
    assert capsys.readouterr().out == "results/r: nothing failed\n"
    assert read_table(run_folder.path / "failures.parquet").empty


@pytest.mark.parametrize("question", ["status", "failures", "stale", "clear"])
def test_a_folder_without_a_plan_is_one_line(ask, tmp_path, question):
    answer = ask(question, tmp_path / "gone")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"{tmp_path}/gone: is not the folder of a run (no plan.parquet); give results/<run>\n"
    assert not (tmp_path / "gone").exists()


def test_a_plan_that_cannot_be_read_is_one_line(ask, run_folder):
    run_folder.path.mkdir(parents=True)
    (run_folder.path / "plan.parquet").write_text("made up")
    answer = ask("status", run_folder.path)
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "plan.parquet" in answer.stderr


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("status", "results/r: 2 scenes in 1 groups"),
        ("failures", "results/r: nothing failed"),
        ("stale", "0 stale files, 0.0 MB"),
        ("clear", "0 stale files, 0.0 MB, removed"),
    ],
)
def test_questions_are_answered(ask, run_folder, question, answer):
    run_folder.plan(dict(g="ab"))
    response = ask(question, run_folder.path)
    assert (response.returncode, response.stderr) == (0, "")
    assert answer in response.stdout


def test_unknown_questions_are_refused(ask):
    assert ask("made up").returncode == 2


def test_the_command_is_the_run_s_own_call(run_folder, fail):
    """Its targets are named as the workflow knows them, from wherever one asks."""
    run_folder.plan(dict(g="a"))
    fail("tile", "g", "a")
    call = RunCall(["snakemake"], ["--configfile", "my settings.yaml"], str(Path.cwd()))
    keep_call(run_folder.path, call)
    expected = "snakemake --configfile 'my settings.yaml' -- results/r/suppressed/g.parquet"
    for path in (run_folder.path, run_folder.path.resolve()):
        assert rerun_command(read_failures(path), path) == expected
    assert "put in" not in rerun_hint(run_folder.path)


def test_a_call_that_was_not_kept_says_what_to_put_in(run_folder, fail, capsys):
    run_folder.plan(dict(g="a"))
    fail("tile", "g", "a")
    show_failures(run_folder.path)
    assert "(put in the profile and the settings file of your run):" in capsys.readouterr().out


def test_many_failures_are_run_again_by_the_target_of_all(run_folder, fail):
    """A shell takes no line of 15,000 targets; what is done stays as it is."""
    groups = {f"g{number}": [f"s{number}"] for number in range(MOST_TARGETS + 1)}
    run_folder.plan(groups)
    for group, (scene,) in groups.items():
        fail("tile", group, [scene])
    assert rerun_command(read_failures(run_folder.path), run_folder.path) == f"{CALLED} -- all"


@pytest.mark.parametrize("has_plan", [True, False])
def test_scenes_of_a_refused_plan_have_failed(run_folder, has_plan, capsys):
    """The run ended before it began, and `failures` tells of which scenes."""
    if has_plan:
        run_folder.plan(dict(g="b"))
    refused = [UnplannedScene("a", "a.tif", "1-1", "a.tif: made up")]
    write_plan([], [], refused, PlanOrigin("", "", ""), run_folder.path / "plan-refused.parquet")
    show_failures(run_folder.path)
    (row,) = read_table(run_folder.path / "failures.parquet").to_dict("records")
    assert (row["rule"], row["scene"], row["reason"], row["excluded"]) == ("plan", "a", "a.tif: made up", False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["plan", "  scene a: a.tif: made up"]
    assert lines[-1].endswith("-- all")


def test_failures_are_shown_on_a_full_disk_too(run_folder, fail, capsys, monkeypatch):
    def write_table(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "failures.parquet")

    run_folder.plan(dict(g="a"))
    fail("tile", "g", "a")
    monkeypatch.setattr("orbitile.jobs.show.write_table", write_table)
    show_failures(run_folder.path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tile g"
    assert lines[-1].startswith("Tracebacks cannot be written: failures.parquet: the disk has no room")
