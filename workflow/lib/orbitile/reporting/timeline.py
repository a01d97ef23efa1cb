"""The timeline of a run's jobs: a bar per attempt, a band per rule, as many lanes as ran at once."""

from dataclasses import dataclass

import pandas as pd

from orbitile.jobs.records import RUNNING
from orbitile.reporting.clock import Clock, Span
from orbitile.reporting.look import STATE_COLOURS, STATES, UNFINISHED, count, duration, rule_colour
from orbitile.reporting.markup import line, rect, svg, text

WIDTH, LEFT, RIGHT = 1160, 150, 25
TOP, BOTTOM = 10, 42
LANES_PX, LARGEST_LANE_PX = 900, 18
"""What all lanes together may take in height, and one of them."""
BAND_PX, GAP_PX = 16, 6
"""The least height of a rule's band, and the space between two."""
CAP_PX = 3
NAMED_IDLE_PX = 14


@dataclass(frozen=True)
class Band:
    """A rule's attempts with their lanes, and where it lies in px."""

    jobs: pd.DataFrame
    top: float
    height: float
    lane_px: float


def timeline(jobs: pd.DataFrame, now: float) -> str:
    """An SVG of a run's attempts (see read_jobs); running ones reach to `now`, in seconds since 1970."""
    times = spans(jobs, now)
    jobs = jobs.assign(until=[end for _, end in times])
    clock = Clock(times, WIDTH - LEFT - RIGHT)
    bands = _bands(jobs)
    bottom = bands[-1].top + bands[-1].height + GAP_PX
    parts = [*_idle_times(clock, bottom), *_axis(clock, bottom)]
    for band in bands:
        parts += [*_heading(band), *(bar for job in band.jobs.itertuples() for bar in _bar(job, band, clock))]
    return svg(WIDTH, bottom + BOTTOM, "Timeline of all jobs", parts)


def spans(jobs: pd.DataFrame, now: float) -> list[Span]:
    """From when to when each attempt ran, in seconds since 1970; nobody knows when a lost one ended."""
    return [(job.started, _until(job, now)) for job in jobs.itertuples()]


def pack(starts: list[float], ends: list[float]) -> list[int]:
    """The lane of each span, so that none overlap in a lane; spans in the order of their starts."""
    free_from: list[float] = []
    lanes = []
    for start, end in zip(starts, ends, strict=True):
        lane = next((n for n, free in enumerate(free_from) if free <= start), len(free_from))
        free_from[lane : lane + 1] = [end]
        lanes.append(lane)
    return lanes


def _until(job: tuple, now: float) -> float:
    if job.state == RUNNING:
        return max(now, job.started)
    return job.started if pd.isna(job.ended) else max(job.ended, job.started)


def _bands(jobs: pd.DataFrame) -> list[Band]:
    packed = []
    for _, some in jobs.groupby("rule", sort=False):
        some = some.sort_values(["started", "group"])
        packed.append(some.assign(lane=pack(list(some["started"]), list(some["until"]))))
    lanes = [some["lane"].max() + 1 for some in packed]
    lane_px = min(LARGEST_LANE_PX, LANES_PX / sum(lanes))
    bands, top = [], TOP
    for some, n in zip(packed, lanes, strict=True):
        bands.append(Band(some, top, max(BAND_PX, n * lane_px), lane_px))
        top += bands[-1].height + GAP_PX
    return bands


def _heading(band: Band) -> list[str]:
    rule, middle = band.jobs["rule"].iloc[0], band.top + band.height / 2
    return [
        rect(LEFT - 16, band.top, 8, band.height, fill=rule_colour(rule)),
        text(rule, LEFT - 22, middle + 4, text_anchor="end", class_="name"),
        line((LEFT, band.top + band.height + GAP_PX / 2), (WIDTH - RIGHT, band.top + band.height + GAP_PX / 2),
             stroke="#e4e4e4"),
    ]  # fmt: skip


def _bar(job: tuple, band: Band, clock: Clock) -> list[str]:
    """A bar in the colour of the rule; what did not finish has an end in the colour of its state."""
    left, right = (LEFT + clock.px(moment) for moment in (job.started, job.until))
    top, height = band.top + job.lane * band.lane_px, band.lane_px * (0.85 if band.lane_px > 4 else 1)
    about, opacity = _about(job), 0.5 if job.state == RUNNING else 1
    bar = rect(left, top, max(1.0, right - left), height, about, fill=rule_colour(job.rule), opacity=opacity)
    if job.state not in UNFINISHED:
        return [bar]
    tall = max(height, 5)
    cap = rect(right - CAP_PX / 2, top - (tall - height) / 2, CAP_PX, tall, about, fill=STATE_COLOURS[job.state])
    return [bar, cap]


def _about(job: tuple) -> str:
    state = STATES.get(job.state, job.state)
    lasted = f", {duration(job.wall_s)}" if pd.notna(job.wall_s) else ""
    slurm = f", Slurm job {job.slurm_job}" if job.slurm_job else ""
    reason = f"\n{job.reason}" if job.reason else ""
    where = f"{count(job.threads, 'thread')} on {job.host}{slurm}"
    return f"{job.rule} {job.group}, attempt {job.attempt}: {state}{lasted}, {where}{reason}"


def _axis(clock: Clock, bottom: float) -> list[str]:
    parts = [line((LEFT, bottom), (WIDTH - RIGHT, bottom), stroke="#888888")]
    for moment, hour, day in clock.ticks:
        x = LEFT + clock.px(moment)
        parts += [
            line((x, TOP - 4), (x, bottom + 4), stroke="#d0d0d0"),
            text(hour, x, bottom + 17, text_anchor="middle", class_="tick"),
            text(day, x, bottom + 32, text_anchor="middle", class_="tick"),
        ]
    return [*parts, text("UTC", LEFT - 22, bottom + 17, text_anchor="end", class_="tick")]


def _idle_times(clock: Clock, bottom: float) -> list[str]:
    return [part for idle in clock.idles for part in _idle(idle, clock, bottom)]


def _idle(idle: Span, clock: Clock, bottom: float) -> list[str]:
    left, right = (LEFT + clock.px(moment) for moment in idle)
    told = f"idle for {duration(idle[1] - idle[0])}"
    x, y = (left + right) / 2 + 4, (TOP + bottom) / 2
    band = rect(left, TOP - 4, right - left, bottom - TOP + 4, told, fill="#eeeeee")
    if right - left < NAMED_IDLE_PX:
        return [band]
    return [band, text(told, x, y, text_anchor="middle", class_="tick", transform=f"rotate(-90 {x:.1f} {y:.1f})")]
