import re

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_text
from orbitile.jobs.end import end_text
from orbitile.jobs.paths import WHOLE_RUN, JobPaths
from orbitile.jobs.pieces import JobProgress
from orbitile.jobs.records import DONE, FAILED, LOST, RUNNING, STOPPED
from orbitile.jobs.status import stage_states, status_text
from orbitile.pipeline import CHAINS, DETECTION
from orbitile.tables.plan import read_plan


def counts(page, rule):
    """A stage's groups in a page: done, running, failed, to come."""
    (row,) = [line for line in page.splitlines() if line.split()[:1] == [rule] and not line.startswith(" ")]
    return [int(number) for number in row.split()[1:]]


def state(run_folder, rule, group):
    states = stage_states(run_folder.path, read_plan(run_folder.path / "plan.parquet"))
    (group_state,) = [state for state in states[rule] if state.job.group == group]
    return group_state


def test_a_run_that_has_not_begun(run_folder):
    run_folder.plan(dict(g="ab", h="c"))
    page = status_text(run_folder.path)
    assert page.startswith("results/r: 3 scenes in 2 groups, 2")
    for rule in CHAINS[DETECTION]:
        assert counts(page, rule) == [0, 0, 0, 2]
    assert "scenes: 0 of 3 georeferenced, 0 failed" in page
    assert "tiles: none counted yet" in page
    assert "nothing runs now" in page
    assert "jobs failed" not in page


def test_groups_are_done_running_failed_or_to_come(run_folder):
    run_folder.plan(dict(g="a", h="b", i="c", j="d"))
    run_folder.done("tile", "g")
    run_folder.attempts("tile", "h", RUNNING)
    run_folder.attempts("tile", "i", FAILED)
    with run_folder.running("tile", "h"):
        page = status_text(run_folder.path)
    assert counts(page, "tile") == [1, 1, 1, 1]
    assert "\n  tile h: node7, 1 min 4" in page
    assert "jobs failed: `make failures RUN=r` tells" in page


@pytest.mark.parametrize("rule", ["georeference", "tile", "suppress"])
def test_a_damaged_table_is_named(run_folder, rule):
    """By the status, and by the end of a run, which has nobody to catch its errors."""
    run_folder.plan(dict(g="a"))
    path = JobPaths(run_folder.path, rule, "g").table
    for say in (status_text, end_text):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"PAR1 cut short")
        if say is status_text:
            with pytest.raises(OrbitileError, match=f"{path}: not a readable table .*run again"):
                say(run_folder.path)
        elif rule != "tile":  # of which the end says nothing
            assert f"cannot be told: {path}: not a readable table" in say(run_folder.path)


def test_stages_before_the_chain_are_told_where_they_are_needed(run_folder):
    run_folder.plan(dict(g="a", h="b", i="c"))
    assert "isis" not in status_text(run_folder.path)
    run_folder.done("isis", "g")
    run_folder.attempts("isis", "h", FAILED)
    page = status_text(run_folder.path)
    assert counts(page, "isis") == [1, 0, 1, 0]
    assert page.index("isis") < page.index("georeference")


def test_jobs_of_the_whole_run_are_told(run_folder):
    """Whether the catalogue is there, and what else runs or failed: a training, say, or pictures."""
    run_folder.plan(dict(g="a", h="b"))
    assert counts(status_text(run_folder.path), "catalogue") == [0, 0, 0, 1]
    run_folder.attempts("catalogue", WHOLE_RUN, FAILED)
    run_folder.attempts("annotate", "h", DONE)
    run_folder.attempts("annotate", "former", FAILED)
    run_folder.attempts("train_detector", WHOLE_RUN, RUNNING)
    write_text(run_folder.path / "annotated" / "h.json", "{}")
    with run_folder.running("train_detector", WHOLE_RUN):
        page = status_text(run_folder.path)
    assert counts(page, "catalogue") == [0, 0, 1, 0]
    assert counts(page, "annotate") == [1, 0, 0, 0]
    assert counts(page, "train_detector") == [0, 1, 0, 0]
    assert "\n  train_detector: node7, 1 min 4" in page
    assert "jobs failed: `make failures RUN=r` tells" in page


def test_what_is_done_counts_without_its_records(run_folder):
    run_folder.plan(dict(g="ab"))
    for rule, rows in (("georeference", 0), ("tile", 7), ("infer", 0)):
        run_folder.table(rule, "g", rows=rows)
    page = status_text(run_folder.path)
    assert "scenes: 2 of 2 georeferenced" in page and "tiles: 7 of 7 searched" in page


@pytest.mark.parametrize(
    ("states", "table", "expected"),
    [
        ([], False, (False, False)),
        ([], True, (True, False)),
        ([DONE], True, (True, False)),
        ([FAILED], False, (False, True)),
        ([STOPPED], False, (False, True)),
        ([LOST], False, (False, True)),
        ([RUNNING], False, (False, True)),
        ([FAILED, DONE], True, (True, False)),
        ([DONE], False, (False, False)),
    ],
)
def test_the_last_attempt_and_the_table_count(run_folder, states, table, expected):
    """A record that says running, with nobody at work, is that of a job that was killed."""
    run_folder.plan(dict(g="a"))
    if states:
        run_folder.attempts("tile", "g", *states)
    if table:
        run_folder.table("tile", "g")
    found = state(run_folder, "tile", "g")
    assert (found.is_done, found.has_failed, found.is_running) == (*expected, False)


def test_a_job_that_is_done_again_is_counted_once(run_folder):
    run_folder.plan(dict(g="a"))
    run_folder.attempts("tile", "g", DONE, RUNNING)
    run_folder.table("tile", "g")
    with run_folder.running("tile", "g"):
        assert counts(status_text(run_folder.path), "tile") == [1, 1, 0, 0]


def test_scenes_are_counted_with_those_that_failed(run_folder):
    run_folder.plan(dict(g="abc", h="de"), unplanned="f")
    run_folder.attempts("georeference", "g", DONE, progress=JobProgress("scenes", 3, 1, 1, 1, 3, 1, 1))
    run_folder.attempts("georeference", "h", FAILED, progress=JobProgress("scenes", 2, 0, 1, 1, 2, 0, 1))
    assert "scenes: 3 of 6 georeferenced, 3 failed" in status_text(run_folder.path)


def test_tiles_are_counted(run_folder):
    run_folder.plan(dict(g="a", h="b"))
    for group, rows in (("g", 100), ("h", 50)):
        run_folder.done("tile", group, rows=rows)
    run_folder.attempts("infer", "g", DONE, progress=JobProgress("tiles", 2, 1, 1, 0, 100, 60, 40))
    run_folder.attempts("infer", "h", FAILED, progress=JobProgress("tiles", 2, 0, 1, 1, 50, 0, 30))
    assert "tiles: 130 of 150 searched, 1 tile groups failed\n" in status_text(run_folder.path)


def test_tiles_to_come_are_estimated_by_pixels(run_folder):
    run_folder.plan(dict(g="a", h="b", i="c"), gigapixels=2.0)
    run_folder.done("tile", "g", rows=100)
    assert "tiles: 0 of about 300 searched" in status_text(run_folder.path)


def test_tiles_of_groups_without_pixels(run_folder):
    """Made-up scenes so small that their gigapixels are 0."""
    run_folder.plan(dict(g="a", h="b"), gigapixels=0.0)
    run_folder.done("tile", "g", rows=1)
    assert "tiles: 0 of " in status_text(run_folder.path)


def test_rate_and_time_left(run_folder):
    """The made-up job has searched 50 of 200 tiles in its 100 s, and found 100 others done before."""
    run_folder.plan(dict(g="a"))
    run_folder.done("tile", "g", rows=200)
    run_folder.attempts("infer", "g", RUNNING, progress=JobProgress("tiles", 4, 2, 1, 0, 200, 100, 50))
    with run_folder.running("infer", "g"):
        page = status_text(run_folder.path)
    assert re.search(r"tiles: 150 of 200 searched, .*; 0\.5 tiles/s now, 1 min 4\d s left at this rate", page)
    assert re.search(r"infer g: node7, 1 min 4\d s, 150 of 200 tiles", page)


def test_slurm_jobs_are_named(run_folder):
    run_folder.plan(dict(g="a"))
    run_folder.attempts("infer", "g", RUNNING, slurm_job="99")
    with run_folder.running("infer", "g"):
        assert "infer g: Slurm job 99 on node7, 1 min 4" in status_text(run_folder.path)


def test_dots_in_names_of_groups(run_folder):
    run_folder.plan({"g": "a", "g.1": "b"})
    run_folder.done("tile", "g.1")
    assert not state(run_folder, "tile", "g").is_done
    assert state(run_folder, "tile", "g.1").is_done
