"""The records of a run's jobs as a table of attempts, and what each rule took."""

from pathlib import Path

import pandas as pd

from orbitile.jobs.at_work import at_work
from orbitile.jobs.place import Place, places
from orbitile.jobs.records import FAILED, LOST, RUNNING, STOPPED, Attempt, given_up, read_attempts, utc
from orbitile.reporting.look import rule_order

REPORT = "report"
"""The rule that is at work while the records are read, and is left out of them."""

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
"""What the inference engine counts (see orbitile.engine.meter)."""
JOBS = ["rule", "group", "attempt", *TEXTS, *TIMES, *FIGURES, *PROGRESS, *ENGINE]


def read_jobs(results: Path) -> pd.DataFrame:
    """All attempts of a run's jobs (see JOBS), in the order of its rules.

    `started` and `ended` are seconds since 1970, `wall_s` and `cpu_s` seconds, `cpu_percent` is of
    one core, memory is in 10^6 bytes. Where the end is not known (lost, running), `ended`, `wall_s`
    and `cpu_percent` are NaN; without a GPU its figures are, and without the inference engine those of ENGINE.
    """
    jobs = [place for place in places(results) if place.rule != REPORT]
    jobs.sort(key=lambda place: (rule_order(place.rule), place.group))
    attempts = _attempts(jobs)
    rows = [_row(place, n, one) for place in jobs for n, one in enumerate(attempts[place], start=1)]
    numbers = dict.fromkeys([*TIMES, *(name for name in FIGURES if name != "threads"), *ENGINE], float)
    return pd.DataFrame(rows, columns=JOBS).astype(numbers)


def write_jobs(jobs: pd.DataFrame, path: Path) -> None:
    """Write the attempts as CSV, with times as UTC."""
    table = jobs.assign(**{name: [utc(moment) for moment in jobs[name]] for name in TIMES})
    table.round(dict.fromkeys(FIGURES, 2)).to_csv(path, index=False)


def rule_figures(jobs: pd.DataFrame) -> pd.DataFrame:
    """What the jobs of each rule took; units are those of the attempts.

    Wall times are of attempts whose end is known; `size_per_s` counts what these finished in a
    second of one job. CPU time and memory are of all attempts.
    """
    rows = [_figures(rule, some) for rule, some in jobs.groupby("rule", sort=False)]
    return pd.DataFrame(rows, columns=list(_figures("", jobs))).astype(dict(size_done="Int64", size_per_s=float))


def write_rules(rules: pd.DataFrame, path: Path) -> None:
    """Write what each rule took as CSV."""
    decimals = {name: 2 for name in rules if name.startswith(("wall_s", "cpu_", "memory_mb", "gpu_"))}
    rules.round(decimals | dict(size_per_s=6)).to_csv(path, index=False)


def _attempts(jobs: list[Place]) -> dict[Place, list[Attempt]]:
    """Each job's attempts; one that runs no more but never said so is lost.

    Records of silent jobs are read again: they may have ended while it was found out that nobody is at work.
    """
    attempts = {place: read_attempts(place.record) for place in jobs}
    running = {place for place, some in attempts.items() if some and some[-1].state == RUNNING}
    silent = running - at_work(running)
    return attempts | {place: [given_up(one) for one in read_attempts(place.record)] for place in silent}


def _row(place: Place, number: int, attempt: Attempt) -> dict:
    known = vars(attempt) | vars(attempt.progress) | attempt.progress.figures
    wall_s = None if attempt.ended is None else max(0.0, attempt.ended - attempt.started)
    cpu_percent = 100 * attempt.cpu_s / wall_s if wall_s else None
    about = dict(
        rule=place.rule, group=place.group, attempt=number, wall_s=wall_s, cpu_percent=cpu_percent,
        slurm_job=attempt.slurm_job or "",
    )  # fmt: skip
    return {name: known.get(name) for name in JOBS} | about


def _figures(rule: str, jobs: pd.DataFrame) -> dict:
    ended = jobs[jobs["wall_s"].notna()]
    units = [unit for unit in jobs["unit"] if unit]
    states = {state: int((jobs["state"] == state).sum()) for state in (FAILED, STOPPED, LOST, RUNNING)}
    return dict(
        rule=rule, jobs=jobs["group"].nunique(), attempts=len(jobs), **states,
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
