"""What failed in a run: kept per job, gathered for the person who must find out why."""

import shlex
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa

from orbitile.jobs.at_work import at_work
from orbitile.jobs.pieces import Failure
from orbitile.jobs.place import DETECTION, SEGMENTATION, WHOLE_RUN, Place, places
from orbitile.jobs.records import FAILED, LOST, RUNNING, STOPPED, Attempt, read_attempts, utc
from orbitile.tables.parquet import read_table, united, write_table
from orbitile.tables.plan import Plan, Unplanned, read_plan

PLAN = "plan"
TARGETS = dict(
    plan="", vectorise="vectors/{}.parquet", catalogue="catalogue/craters.parquet", overview="catalogue/craters.png",
    evaluate="evaluation/metrics.json", annotate="annotated/{}.png", report="report/index.html",
    
    unite="map/polygons.parquet", chart="map/map.png", compare="evaluation/metrics.json", overlay="annotated/{}.png",
    label="training/segmentation/tiles.parquet", train_segmentation="training/segmentation/model.safetensors",
    training_tiles="training/tiles.parquet", train="training/model.safetensors",
)  # fmt: skip
"""What to ask for to have a failed job done again; of the other stages, the group's last table."""
LAST_OF_GROUP = {DETECTION: "suppressed/{}.parquet", SEGMENTATION: "outlines/{}.parquet"}

SCHEMA = pa.schema(
    [
        pa.field("rule", pa.string()),
        pa.field("group", pa.string(), metadata={"about": "group or scene the job was for; _run: the whole run"}),
        pa.field("scene", pa.string(), metadata={"about": "the scene that failed; empty: the job as a whole"}),
        pa.field("detail", pa.string(), metadata={"about": "which part of the scene"}),
        pa.field("reason", pa.string()),
        pa.field("excluded", pa.bool_(), metadata={"about": "left out of the catalogue by allow_failures"}),
        pa.field("time", pa.string(), metadata={"about": "UTC"}),
        pa.field("log", pa.string()),
        pa.field("traceback", pa.string()),
    ]
)


def write_failures(place: Place, failures: list[Failure], excluded: bool) -> None:
    """Keep a job's failures beside the run's results; none removes those of an earlier attempt."""
    if not failures:
        place.failures.unlink(missing_ok=True)
        return
    about = dict(rule=place.rule, group=place.group, excluded=excluded, time=utc(time.time()), log=str(place.log))
    write_table(pd.DataFrame([vars(failure) | about for failure in failures]), SCHEMA, place.failures)


def read_failures(results: Path) -> pd.DataFrame:
    """All failures of a run that still stand (see SCHEMA): in the plan, in jobs, and jobs that ended without a word."""
    plan = read_plan(results / "plan.parquet")
    known = _known_jobs(results, plan)
    kept = [read_table(place.failures) for place in sorted(known) if place.failures.is_file()]
    untold = {place for place in known if not place.failures.is_file()}
    rows = [_silent(place) for place in sorted(untold - at_work(untold))]
    rows += [_unplanned(one, results) for one in plan.unplanned]
    told = pd.DataFrame([row for row in rows if row], columns=SCHEMA.names)
    return united([*kept, told], SCHEMA).sort_values(["rule", "group", "scene", "detail"], ignore_index=True)


def rerun_command(rows: pd.DataFrame, results: Path) -> str:
    """What to type after `snakemake` and the run's own options to do the failed jobs again.

    Jobs that finished with exclusions must be told to run again.
    """
    excluded = sorted(set(rows["rule"][rows["excluded"]]) - {PLAN})
    force = f"--forcerun {' '.join(excluded)} " if excluded else ""
    last = LAST_OF_GROUP[read_plan(results / "plan.parquet").chain]
    names = {TARGETS.get(row.rule, last).format(row.group) for row in rows.itertuples()}
    targets = sorted(shlex.quote(str(results / name)) for name in names if name)
    return f"{force}-- {' '.join(targets) or 'all'}"


def _known_jobs(results: Path, plan: Plan) -> set[Place]:
    """The jobs that left a record or failures, without those of groups and scenes that are no more."""
    names = {WHOLE_RUN, *plan.groups, *plan.names}
    kept = (results / "failures").glob("*/[!.]*.parquet")
    found = {*places(results), *(Place(results, path.parent.name, path.stem) for path in kept)}
    return {place for place in found if place.group in names}


def _unplanned(one: Unplanned, results: Path) -> dict:
    """The row of a scene that could not be planned."""
    return dict(
        rule=PLAN, group="", scene=one.scene, detail="", reason=one.reason, excluded=True, time="",
        log=str(results / "plan.parquet"), traceback="",
    )  # fmt: skip


def _silent(place: Place) -> dict | None:
    """The row of a job that nobody works on, where its last attempt was killed or stopped."""
    attempts = read_attempts(place.record)
    reason = _reason(attempts[-1]) if attempts else None
    if reason is None:
        return None
    ended = utc(attempts[-1].ended or place.record.stat().st_mtime)
    return dict(
        rule=place.rule, group=place.group, scene="", detail="", reason=reason, excluded=False, time=ended,
        log=str(place.log), traceback="",
    )  # fmt: skip


def _reason(attempt: Attempt) -> str | None:
    job = f" (Slurm job {attempt.slurm_job})" if attempt.slurm_job else ""
    if attempt.state in (RUNNING, LOST):
        return f"killed without a word on {attempt.host}{job}: out of memory, out of time, or the machine failed"
    if attempt.state == STOPPED:
        return f"told to stop on {attempt.host}{job}: cancelled, preempted or out of time"
    return attempt.reason if attempt.state == FAILED else None
