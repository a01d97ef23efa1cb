"""What failed in a run: one file per job, gathered into one table with the command that runs it again."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from orbitile.jobs.call import has_call, read_call
from orbitile.jobs.paths import WHOLE_RUN, JobPaths, recorded_jobs
from orbitile.jobs.pieces import Failure
from orbitile.jobs.records import FAILED, INTERRUPTED, LOST, RUNNING, STOPPED, Attempt, format_utc, read_attempts
from orbitile.jobs.running import running_jobs
from orbitile.jobs.stale import missing_tables
from orbitile.pipeline import GROUP_RESULTS, RULES, TABLE_FOLDERS
from orbitile.tables.parquet import concat_tables, read_table, write_arrow
from orbitile.tables.plan import Plan, UnplannedScene, read_plan, read_unplanned, refused_plan

if TYPE_CHECKING:
    import pandas as pd

PLAN = "plan"
MOST_TARGETS = 20
"""Of a command that is printed."""
SCHEMA = pa.schema(
    [
        pa.field("rule", pa.string()),
        pa.field("group", pa.string(), metadata={"about": "group the job was for; _run: the whole run"}),
        pa.field("scene", pa.string(), metadata={"about": "the scene that failed; empty: the job as a whole"}),
        pa.field("detail", pa.string(), metadata={"about": "which part of the scene"}),
        pa.field("reason", pa.string()),
        pa.field("excluded", pa.bool_(), metadata={"about": "left out of the catalogue by allow_failures"}),
        pa.field("time", pa.string(), metadata={"about": "UTC"}),
        pa.field("log", pa.string()),
        pa.field("traceback", pa.string()),
    ]
)


def write_failures(job: JobPaths, failures: list[Failure], excluded: bool) -> None:
    """Write a job's failures into its file; where there are none, remove the file of an earlier attempt."""
    if not failures:
        job.failures.unlink(missing_ok=True)
        return
    columns = dict(rule=job.rule, group=job.group, excluded=excluded, time=format_utc(time.time()), log=str(job.log))
    write_arrow(pa.Table.from_pylist([vars(failure) | columns for failure in failures], SCHEMA), job.failures)


def read_failures(results: Path) -> "pd.DataFrame":
    """All failures of a run that were not mended since (see SCHEMA).

    Scenes that could not be planned, failures that jobs wrote down, and jobs that were killed before they could.
    """
    import pandas as pd

    plan_path = results / "plan.parquet"
    refused = refused_plan(plan_path)
    plan = read_plan(plan_path if plan_path.is_file() else refused)
    unplanned = read_unplanned(refused) if refused.is_file() else []
    jobs = _current_jobs(results, plan)
    written = [read_table(job.failures) for job in sorted(jobs) if job.failures.is_file()]
    unwritten = {job for job in jobs if not job.failures.is_file()}
    rows = [_unfinished_row(job) for job in sorted(unwritten - running_jobs(unwritten))]
    rows += [_unplanned_row(scene, plan_path, excluded=True) for scene in plan.unplanned if plan_path.is_file()]
    rows += [_unplanned_row(scene, refused, excluded=False) for scene in unplanned]
    concluded = pd.DataFrame([row for row in rows if row], columns=SCHEMA.names)
    tables = concat_tables([*written, concluded], SCHEMA)
    return tables.sort_values(["rule", "group", "scene", "detail"], ignore_index=True)


def rerun_command(rows: "pd.DataFrame", results: Path) -> str:
    """What to type to run the failed jobs again, and only what they need: the run's own call with other targets.

    `rows` are those of read_failures. Jobs that finished with exclusions must be forced to run again. Where many jobs
    failed, the target is the whole run, of which what is done stays as it is.
    """
    excluded = sorted(set(rows["rule"][rows["excluded"]]) - {PLAN})
    force = ["--forcerun", *excluded] if excluded else []
    group_result = GROUP_RESULTS[run_chain(results)]
    jobs = set(zip(rows["rule"], rows["group"], strict=True))
    names = {_target(rule, group_result).format(group) for rule, group in jobs}
    # Where later tables are there, of earlier settings, there would be nothing to do for the group's result.
    tables = {JobPaths(results, *job).table for job in jobs if job[0] in TABLE_FOLDERS}
    names |= {str(path.relative_to(results)) for path in tables.intersection(missing_tables(results, _plan(results)))}
    targets = sorted(f"results/{results.resolve().name}/{name}" for name in names if name)
    few = targets if targets and len(targets) <= MOST_TARGETS else ["all"]
    return read_call(results).command(*force, "--", *few)


def rerun_hint(results: Path) -> str:
    """What the command after it does, and what it lacks where the run has not kept how it was called."""
    lacking = "" if has_call(results) else " (put in the profile and the settings file of your run)"
    return f"To run these again, and only what they need{lacking}:"


def run_chain(results: Path) -> str:
    """The chain of a run, by its plan or by that which was refused before there was any."""
    return _plan(results).chain


def _plan(results: Path) -> Plan:
    path = results / "plan.parquet"
    return read_plan(path if path.is_file() else refused_plan(path))


def _target(rule: str, group_result: str) -> str:
    """The file to ask for where a rule failed; a rule of another version of the workflow counts as one of groups."""
    target = RULES[rule].target if rule in RULES else None
    return group_result if target is None else target


def _current_jobs(results: Path, plan: Plan) -> set[JobPaths]:
    """The jobs that left a record or failures, of groups that the plan still has."""
    names = {WHOLE_RUN, *plan.groups}
    paths = (results / "failures").glob("*/[!.]*.parquet")
    jobs = {*recorded_jobs(results), *(JobPaths(results, path.parent.name, path.stem) for path in paths)}
    return {job for job in jobs if job.group in names}


def _unplanned_row(scene: UnplannedScene, plan: Path, excluded: bool) -> dict[str, object]:
    """The row of a scene that could not be planned; `excluded`: the run goes on without it."""
    return dict(
        rule=PLAN, group="", scene=scene.scene, detail="", reason=scene.reason, excluded=excluded, time="",
        log=str(plan), traceback="",
    )  # fmt: skip


def _unfinished_row(job: JobPaths) -> dict[str, object] | None:
    """The row of a job that no process works on, where its last attempt was killed, stopped or failed."""
    attempts = read_attempts(job.record)
    reason = _reason(attempts[-1]) if attempts else None
    if reason is None:
        return None
    ended = format_utc(attempts[-1].ended or job.record.stat().st_mtime)
    return dict(
        rule=job.rule, group=job.group, scene="", detail="", reason=reason, excluded=False, time=ended,
        log=str(job.log), traceback="",
    )  # fmt: skip


def _reason(attempt: Attempt) -> str | None:
    """Why an attempt did not finish, in one line; None where it did."""
    job = f" (Slurm job {attempt.slurm_job})" if attempt.slurm_job else ""
    if attempt.state in (RUNNING, LOST):
        return f"killed on {attempt.host}{job}: out of memory or time, with the workflow, or machine or disk failed"
    if attempt.state == STOPPED and attempt.reason == INTERRUPTED:
        return f"interrupted by Ctrl-C on {attempt.host}{job}"
    if attempt.state == STOPPED:
        return f"stopped by SIGTERM on {attempt.host}{job}: cancelled, preempted or out of time"
    return attempt.reason if attempt.state == FAILED else None
