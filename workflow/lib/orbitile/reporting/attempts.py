"""The records of a run's jobs as a table of attempts, and what each rule took."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from orbitile.jobs.paths import JobPaths, recorded_jobs
from orbitile.jobs.records import FAILED, LOST, RUNNING, STOPPED, Attempt, as_lost, format_utc, read_attempts
from orbitile.jobs.running import running_jobs
from orbitile.reporting.colours import rule_order

REPORT = "report"
"""The rule that runs while the records are read; its own record is not part of the report."""

TEXTS = ["state", "reason", "host", "slurm_job"]
TIMES = ["started", "ended"]
FIGURES = ["wall_s", "cpu_s", "cpu_percent", "threads", "memory_mb", "gpu_memory_mb", "gpu_percent"]
PROGRESS = [
    "unit", "size", "size_before", "size_done", "pieces", "pieces_before", "pieces_done", "pieces_failed",
]  # fmt: skip
ENGINE = [
    "tiles_per_s", "tiles_in_a_pass", "network_busy_percent", "read_mb", "waited_for_reading_s", "waited_for_network_s",
    "waited_for_writing_s", "capped_tiles",
]  # fmt: skip
"""What the inference engine counts (see orbitile.inference.engine.meter)."""
JOBS = ["rule", "group", "attempt", *TEXTS, *TIMES, *FIGURES, *PROGRESS, *ENGINE]

Row = dict[Hashable, Any]
"""A row of the table of attempts or of rules, by column."""


def read_jobs(results: Path) -> pd.DataFrame:
    """All attempts of a run's jobs (see JOBS), in the order of its rules.

    `started` and `ended` are seconds since 1970, `wall_s` and `cpu_s` seconds, `cpu_percent` is of
    one core, memory is in 10^6 bytes. Where the end is unknown (lost, running), `ended`, `wall_s`
    and `cpu_percent` are NaN; without a GPU its figures are, and without the inference engine those of ENGINE.
    """
    jobs = [job for job in recorded_jobs(results) if job.rule != REPORT]
    jobs.sort(key=lambda job: (rule_order(job.rule), job.group))
    attempts = _attempts(jobs)
    rows = [_row(job, n, attempt) for job in jobs for n, attempt in enumerate(attempts[job], start=1)]
    numbers = dict.fromkeys([*TIMES, *(name for name in FIGURES if name != "threads"), *ENGINE], float)
    return pd.DataFrame(rows, columns=JOBS).astype(numbers)


def write_jobs(jobs: pd.DataFrame, path: Path) -> None:
    """Write the attempts as CSV, with times as UTC."""
    table = jobs.assign(**{name: [format_utc(seconds) for seconds in jobs[name]] for name in TIMES})
    table.round(dict.fromkeys(FIGURES, 2)).to_csv(path, index=False)


def rule_figures(jobs: pd.DataFrame) -> pd.DataFrame:
    """What the jobs of each rule took; units are those of the attempts.

    Wall times are of attempts whose end is known; `size_per_s` is what these finished in a
    second of one job. CPU time and memory are of all attempts.
    """
    rows = [_figures(str(rule), attempts) for rule, attempts in jobs.groupby("rule", sort=False)]
    return pd.DataFrame(rows, columns=list(_figures("", jobs))).astype(dict(size_done="Int64", size_per_s=float))


def write_rules(rules: pd.DataFrame, path: Path) -> None:
    """Write what each rule took as CSV."""
    decimals = {name: 2 for name in rules if str(name).startswith(("wall_s", "cpu_", "memory_mb", "gpu_"))}
    rules.round(decimals | dict(size_per_s=6)).to_csv(path, index=False)


def _attempts(jobs: list[JobPaths]) -> dict[JobPaths, list[Attempt]]:
    """Each job's attempts; one that its record calls running is lost where no process works on it.

    Records of such jobs are read again: they may have ended after the first look.
    """
    attempts = {job: read_attempts(job.record) for job in jobs}
    unfinished = {job for job, of_job in attempts.items() if of_job and of_job[-1].state == RUNNING}
    idle = unfinished - running_jobs(unfinished)
    return attempts | {job: [as_lost(attempt) for attempt in read_attempts(job.record)] for job in idle}


def _row(job: JobPaths, number: int, attempt: Attempt) -> Row:
    values = vars(attempt) | vars(attempt.progress) | attempt.progress.figures
    wall_s = None if attempt.ended is None else max(0.0, attempt.ended - attempt.started)
    cpu_percent = 100 * attempt.cpu_s / wall_s if wall_s else None
    derived: Row = dict(
        rule=job.rule, group=job.group, attempt=number, wall_s=wall_s, cpu_percent=cpu_percent,
        slurm_job=attempt.slurm_job or "",
    )  # fmt: skip
    columns: Row = {name: values.get(name) for name in JOBS}
    return columns | derived


def _figures(rule: str, jobs: pd.DataFrame) -> Row:
    ended = jobs[jobs["wall_s"].notna()]
    units = [unit for unit in jobs["unit"] if unit]
    counts: Row = {state: int((jobs["state"] == state).sum()) for state in (FAILED, STOPPED, LOST, RUNNING)}
    return dict(
        rule=rule, jobs=jobs["group"].nunique(), attempts=len(jobs), **counts,
        wall_s_total=ended["wall_s"].sum(min_count=1), wall_s_median=ended["wall_s"].median(),
        wall_s_max=ended["wall_s"].max(), cpu_s_total=jobs["cpu_s"].sum(),
        cpu_percent_median=ended["cpu_percent"].median(),
        memory_mb_median=jobs["memory_mb"].median(), memory_mb_max=jobs["memory_mb"].max(),
        gpu_memory_mb_max=jobs["gpu_memory_mb"].max(), gpu_percent_mean=jobs["gpu_percent"].mean(),
        unit=units[-1] if units else "", size_done=int(jobs["size_done"].sum()) if units else None,
        size_per_s=_rate(ended) if units else None,
    )  # fmt: skip


def _rate(ended: pd.DataFrame) -> float | None:
    seconds = ended["wall_s"].sum()
    return ended["size_done"].sum() / seconds if seconds else None
