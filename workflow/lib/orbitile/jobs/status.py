"""How far a run is, from the files of its jobs; whoever drives it, wherever they run."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from orbitile.jobs.paths import WHOLE_RUN, JobPaths, recorded_jobs
from orbitile.jobs.pieces import JobProgress
from orbitile.jobs.records import DONE, RUNNING, Attempt, read_attempts
from orbitile.jobs.running import running_jobs
from orbitile.jobs.summary import read_summary, summary_lines
from orbitile.pipeline import CHAIN_RESULTS, CHAINS, OPTIONAL_RULES, RULES, TABLE_FOLDERS
from orbitile.tables.parquet import count_rows
from orbitile.tables.plan import Plan, read_plan


@dataclass(frozen=True)
class GroupState:
    """One stage of one group, or of the whole run: the last attempt at it, and whether a process works on it."""

    job: JobPaths
    attempt: Attempt | None
    is_active: bool

    @property
    def is_done(self) -> bool:
        """Whether its table, or what else it makes, exists; of rules without such a file, whether it ended well."""
        path = self.job.result
        return path.is_file() if path else self.attempt is not None and self.attempt.state == DONE

    @property
    def is_running(self) -> bool:
        """Whether a job runs for it now."""
        return self.is_active and self.attempt is not None and self.attempt.state == RUNNING

    @property
    def has_failed(self) -> bool:
        """Whether its last attempt ended without what it makes."""
        ended = self.attempt is not None and self.attempt.state != DONE
        return ended and not self.is_done and not self.is_running

    @property
    def progress(self) -> JobProgress:
        """The progress of the last attempt; nothing where there is none."""
        return self.attempt.progress if self.attempt else JobProgress()

    @property
    def finished(self) -> int:
        """Scenes, rasters or tiles finished so far."""
        return self.progress.size_before + self.progress.size_done

    @property
    def seconds(self) -> float:
        """Seconds since the last attempt began; 0 where there is none."""
        return time.time() - self.attempt.started if self.attempt else 0.0

    @property
    def per_second(self) -> float:
        """Scenes, rasters or tiles finished per second of a running job."""
        return self.progress.size_done / max(self.seconds, 1)


def stage_states(results: Path, plan: Plan) -> dict[str, list[GroupState]]:
    """The state of every stage in every group, and of the rule that makes the run's result.

    Of optional stages, and of all other rules, those that jobs have begun with.
    """
    optional = {rule: [job for job in _jobs(results, plan, rule) if job.record.is_file()] for rule in OPTIONAL_RULES}
    jobs = {rule: begun for rule, begun in optional.items() if begun}
    jobs |= {rule: _jobs(results, plan, rule) for rule in CHAINS[plan.chain]}
    result = CHAIN_RESULTS[plan.chain].rule
    jobs[result] = [JobPaths(results, result, WHOLE_RUN)]
    for job in recorded_jobs(results):
        if job.rule not in TABLE_FOLDERS and job.rule != result and job.group in (WHOLE_RUN, *plan.groups):
            jobs.setdefault(job.rule, []).append(job)
    running = running_jobs(job for jobs_of_rule in jobs.values() for job in jobs_of_rule)
    order = {rule: number for number, rule in enumerate(RULES)}
    in_order = sorted(jobs, key=lambda rule: order.get(rule, len(order)))
    return {rule: [_state(job, job in running) for job in jobs[rule]] for rule in in_order}


def status_text(results: Path) -> str:
    """A page of text: stages, scenes, tiles, rate, time left, and what runs now."""
    plan = read_plan(results / "plan.parquet")
    states = stage_states(results, plan)
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    head = f"{results}: {len(plan.names)} scenes in {len(plan.groups)} groups, {now}"
    all_states = [state for of_rule in states.values() for state in of_rule]
    running = [state for state in all_states if state.is_running]
    lines = [head, "", *_stage_lines(states), "", _scenes(states, plan), _tiles(states["infer"], results, plan)]
    lines += [
        "",
        "running now:" if running else "nothing runs now",
        *(_job_line(state, state.attempt) for state in running if state.attempt),
    ]
    if doubts := summary_lines(read_summary(results), results)[1:]:
        lines += ["", *doubts]
    if any(state.has_failed for state in all_states):
        lines += [
            "",
            f"jobs failed: `make failures RUN={results.resolve().name}` tells which, why, and how to run them again",
        ]
    return "\n".join(lines)


def _jobs(results: Path, plan: Plan, rule: str) -> list[JobPaths]:
    return [JobPaths(results, rule, group) for group in plan.groups]


def _state(job: JobPaths, is_active: bool) -> GroupState:
    attempts = read_attempts(job.record)
    return GroupState(job, attempts[-1] if attempts else None, is_active)


def _stage_lines(states: dict[str, list[GroupState]]) -> list[str]:
    lines = [f"{'groups':18}{'done':>8}{'running':>9}{'failed':>8}{'to come':>9}"]
    for rule, of_rule in states.items():
        done, running, failed = (
            sum(getattr(state, name) for state in of_rule) for name in ("is_done", "is_running", "has_failed")
        )
        pending = sum(not (state.is_done or state.is_running or state.has_failed) for state in of_rule)
        lines.append(f"{rule:18}{done:8}{running:9}{failed:8}{pending:9}")
    return lines


def _scenes(states: dict[str, list[GroupState]], plan: Plan) -> str:
    scenes = Counter(plan.group_of_scene.values())
    done = sum(_finished(state, scenes[state.job.group]) for state in states["georeference"])
    failed = sum(state.progress.pieces_failed for state in states["georeference"]) + len(plan.unplanned)
    return f"scenes: {done} of {len(plan.names) + len(plan.unplanned)} georeferenced, {failed} failed"


def _finished(state: GroupState, size: int) -> int:
    """Scenes or tiles finished so far; all of them (`size`) where the table is there, but no record any more."""
    return size if state.is_done and state.attempt is None else state.finished


def _tiles(states: list[GroupState], results: Path, plan: Plan) -> str:
    """Tiles done and failed; while groups are not tiled yet, their tiles are estimated from their pixels."""
    tables = {group: JobPaths(results, "tile", group).table for group in plan.groups}
    tiles = {group: count_rows(table) for group, table in tables.items() if table.is_file()}
    if not tiles:
        return "tiles: none counted yet"
    counted, tiled_gigapixels = sum(tiles.values()), sum(plan.group(group).gigapixels for group in tiles)
    estimate = round(counted * plan.gigapixels(None) / max(tiled_gigapixels, 1e-9))
    total = counted if len(tiles) == len(states) else estimate
    done = sum(_finished(state, tiles.get(state.job.group, 0)) for state in states)
    failed = sum(state.progress.pieces_failed for state in states)
    about = "" if total == counted else "about "
    return f"tiles: {done} of {about}{total} searched, {failed} tile groups failed{_pace(states, total - done)}"


def _pace(states: list[GroupState], remaining: int) -> str:
    rate = sum(state.per_second for state in states if state.is_running)
    return f"; {rate:.1f} tiles/s now, {_duration(remaining / rate)} left at this rate" if rate else ""


def _job_line(state: GroupState, attempt: Attempt) -> str:
    machine = f"Slurm job {attempt.slurm_job} on {attempt.host}" if attempt.slurm_job else attempt.host
    progress = f", {state.finished} of {state.progress.size} {state.progress.unit}" if state.progress.size else ""
    group = "" if state.job.group == WHOLE_RUN else f" {state.job.group}"
    return f"  {state.job.rule}{group}: {machine}, {_duration(state.seconds)}{progress}"


def _duration(seconds: float) -> str:
    minutes, whole_seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole_seconds:02d} s" if minutes else f"{whole_seconds} s"
