"""How far a run is, from what its jobs leave in its folder; whoever drives it, wherever they run."""

import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from orbitile.jobs.at_work import at_work
from orbitile.jobs.place import BEFORE, CHAINS, Place
from orbitile.jobs.records import DONE, RUNNING, Attempt, read_attempts
from orbitile.tables.plan import Plan, read_plan


@dataclass(frozen=True)
class GroupState:
    """One stage of one group: the last attempt at it, and whether somebody works on it."""

    place: Place
    attempt: Attempt | None
    at_work: bool

    @property
    def is_done(self) -> bool:
        """Whether its table is there."""
        return self.place.table.is_file()

    @property
    def is_running(self) -> bool:
        """Whether a job works on it now."""
        return self.at_work and self.attempt is not None and self.attempt.state == RUNNING

    @property
    def has_failed(self) -> bool:
        """Whether its last attempt ended without a table."""
        ended = self.attempt is not None and self.attempt.state != DONE
        return ended and not self.is_done and not self.is_running

    @property
    def finished(self) -> int:
        """Scenes, rasters or tiles finished so far."""
        return self.attempt.progress.size_before + self.attempt.progress.size_done if self.attempt else 0

    @property
    def per_second(self) -> float:
        """Scenes, rasters or tiles finished per second of a running job."""
        seconds = time.time() - self.attempt.started
        return self.attempt.progress.size_done / max(seconds, 1)


def stage_states(results: Path, plan: Plan) -> dict[str, list[GroupState]]:
    """The state of every stage in every group; of stages before the chain, in the groups that have begun with them."""
    known = {rule: [Place(results, rule, group) for group in plan.groups] for rule in (*BEFORE, *CHAINS[plan.chain])}
    begun = {rule: [place for place in known.pop(rule) if place.record.is_file()] for rule in BEFORE}
    places = {rule: some for rule, some in begun.items() if some} | known
    working = at_work(place for some in places.values() for place in some)
    return {rule: [_state(place, place in working) for place in some] for rule, some in places.items()}


def status(results: Path) -> str:
    """A page of text: stages, scenes, tiles, rate, time left, and what runs now."""
    plan = read_plan(results / "plan.parquet")
    states = stage_states(results, plan)
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    head = f"{results}: {len(plan.names)} scenes in {len(plan.groups)} groups, {now}"
    running = [state for some in states.values() for state in some if state.is_running]
    lines = [head, "", *_stage_lines(states), "", _scenes(states, plan), _tiles(states["infer"], results, plan)]
    lines += ["", "running now:" if running else "nothing runs now", *map(_job_line, running)]
    if any(state.has_failed for some in states.values() for state in some):
        lines += ["", "something failed: `make failures` tells what, why, and how to run it again"]
    return "\n".join(lines)


def _state(place: Place, working: bool) -> GroupState:
    attempts = read_attempts(place.record)
    return GroupState(place, attempts[-1] if attempts else None, working)


def _stage_lines(states: dict[str, list[GroupState]]) -> list[str]:
    lines = [f"{'groups':14}{'done':>8}{'running':>9}{'failed':>8}{'to come':>9}"]
    for rule, some in states.items():
        counts = [sum(getattr(state, name) for state in some) for name in ("is_done", "is_running", "has_failed")]
        both = sum(state.is_done and state.is_running for state in some)
        lines.append(f"{rule:14}{counts[0]:8}{counts[1]:9}{counts[2]:8}{len(some) - sum(counts) + both:9}")
    return lines


def _scenes(states: dict[str, list[GroupState]], plan: Plan) -> str:
    done = sum(state.finished for state in states["georeference"])
    failed = sum(s.attempt.progress.pieces_failed for s in states["georeference"] if s.attempt) + len(plan.unplanned)
    return f"scenes: {done} of {len(plan.names) + len(plan.unplanned)} georeferenced, {failed} failed"


def _tiles(states: list[GroupState], results: Path, plan: Plan) -> str:
    """Tiles done and failed; where groups are not tiled yet, their number is taken from the others' pixels."""
    known = {state.place.group: _rows(Place(results, "tile", state.place.group).table) for state in states}
    tiled = [group for group, rows in known.items() if rows is not None]
    if not tiled:
        return "tiles: none counted yet"
    pixels = [sum(plan.group(group).gigapixels for group in some) for some in (tiled, plan.groups)]
    counted = sum(known[group] for group in tiled)
    total = counted if len(tiled) == len(states) else round(counted * pixels[1] / max(pixels[0], 1e-9))
    done = sum(state.finished for state in states)
    failed = sum(s.attempt.progress.pieces_failed for s in states if s.attempt)
    about = "" if total == counted else "about "
    return f"tiles: {done} of {about}{total} searched, {failed} tile groups failed{_pace(states, total - done)}"


def _pace(states: list[GroupState], left: int) -> str:
    rate = sum(state.per_second for state in states if state.is_running)
    return f"; {rate:.1f} tiles/s now, {_duration(left / rate)} left at this rate" if rate else ""


def _job_line(state: GroupState) -> str:
    attempt, progress = state.attempt, state.attempt.progress
    where = f"Slurm job {attempt.slurm_job} on {attempt.host}" if attempt.slurm_job else attempt.host
    how_far = f", {state.finished} of {progress.size} {progress.unit}" if progress.size else ""
    return f"  {state.place.rule} {state.place.group}: {where}, {_duration(time.time() - attempt.started)}{how_far}"


def _rows(table: Path) -> int | None:
    return pq.read_metadata(table).num_rows if table.is_file() else None


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
