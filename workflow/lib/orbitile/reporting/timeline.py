"""The timeline of a run's jobs: a bar per attempt, a band per rule, as many lanes as ran at once."""

from dataclasses import dataclass

import pandas as pd

from orbitile.base.messages import format_count
from orbitile.jobs.records import RUNNING
from orbitile.reporting.attempts import Row
from orbitile.reporting.colours import STATE_COLOURS, STATES, UNFINISHED, rule_colour
from orbitile.reporting.format import format_duration
from orbitile.reporting.markup import line, rect, svg, text
from orbitile.reporting.time_axis import Span, TimeAxis

WIDTH, LEFT, RIGHT = 1160, 150, 25
TOP, BOTTOM = 10, 42
LANES_PX, LARGEST_LANE_PX = 900, 18
"""The largest height of all lanes together, and of one."""
BAND_PX, GAP_PX = 16, 6
"""The least height of a rule's band, and the space between two."""
CAP_PX = 3
NAMED_IDLE_PX = 14


@dataclass(frozen=True)
class RuleBand:
    """A rule's attempts with their lanes, and the top and height of its band in px."""

    jobs: pd.DataFrame
    top: float
    height: float
    lane_px: float


def timeline(jobs: pd.DataFrame, now: float) -> str:
    """An SVG of a run's attempts (see read_jobs); running ones reach to `now`, in seconds since 1970."""
    spans = attempt_spans(jobs, now)
    jobs = jobs.assign(until=[end for _, end in spans])
    axis = TimeAxis(spans, WIDTH - LEFT - RIGHT)
    bands = _bands(jobs)
    bottom = bands[-1].top + bands[-1].height + GAP_PX
    parts = [*_idle_times(axis, bottom), *_axis(axis, bottom)]
    for band in bands:
        parts += [*_heading(band), *(bar for job in band.jobs.to_dict("records") for bar in _bar(job, band, axis))]
    return svg(WIDTH, bottom + BOTTOM, "Timeline of all jobs", parts)


def attempt_spans(jobs: pd.DataFrame, now: float) -> list[Span]:
    """The start and end of each attempt in seconds since 1970; a lost one, whose end is unknown, has no length."""
    return [(job["started"], _until(job, now)) for job in jobs.to_dict("records")]


def pack_lanes(starts: list[float], ends: list[float]) -> list[int]:
    """The lane of each span, so that none overlap in a lane; spans in the order of their starts."""
    free_from: list[float] = []
    lanes = []
    for start, end in zip(starts, ends, strict=True):
        lane = next((n for n, free in enumerate(free_from) if free <= start), len(free_from))
        free_from[lane : lane + 1] = [end]
        lanes.append(lane)
    return lanes


def _until(job: Row, now: float) -> float:
    if job["state"] == RUNNING:
        return max(now, job["started"])
    return job["started"] if pd.isna(job["ended"]) else max(job["ended"], job["started"])


def _bands(jobs: pd.DataFrame) -> list[RuleBand]:
    packed = []
    for _, of_rule in jobs.groupby("rule", sort=False):
        attempts = of_rule.sort_values(["started", "group"])
        packed.append(attempts.assign(lane=pack_lanes(list(attempts["started"]), list(attempts["until"]))))
    lane_counts = [attempts["lane"].max() + 1 for attempts in packed]
    lane_px = min(LARGEST_LANE_PX, LANES_PX / sum(lane_counts))
    bands, top = [], float(TOP)
    for attempts, lanes in zip(packed, lane_counts, strict=True):
        bands.append(RuleBand(attempts, top, max(BAND_PX, lanes * lane_px), lane_px))
        top += bands[-1].height + GAP_PX
    return bands


def _heading(band: RuleBand) -> list[str]:
    rule, middle = band.jobs["rule"].iloc[0], band.top + band.height / 2
    return [
        rect(LEFT - 16, band.top, 8, band.height, fill=rule_colour(rule)),
        text(rule, LEFT - 22, middle + 4, text_anchor="end", class_="name"),
        line((LEFT, band.top + band.height + GAP_PX / 2), (WIDTH - RIGHT, band.top + band.height + GAP_PX / 2),
             stroke="#e4e4e4"),
    ]  # fmt: skip


def _bar(job: Row, band: RuleBand, axis: TimeAxis) -> list[str]:
    """A bar in the colour of the rule; an attempt that did not finish has an end in the colour of its state."""
    left, right = (LEFT + axis.px(job[column]) for column in ("started", "until"))
    top, height = band.top + job["lane"] * band.lane_px, band.lane_px * (0.85 if band.lane_px > 4 else 1)
    title, opacity = _bar_title(job), 0.5 if job["state"] == RUNNING else 1
    bar = rect(left, top, max(1.0, right - left), height, title, fill=rule_colour(job["rule"]), opacity=opacity)
    if job["state"] not in UNFINISHED:
        return [bar]
    cap_height, colour = max(height, 5), STATE_COLOURS[job["state"]]
    cap = rect(right - CAP_PX / 2, top - (cap_height - height) / 2, CAP_PX, cap_height, title, fill=colour)
    return [bar, cap]


def _bar_title(job: Row) -> str:
    state = STATES.get(job["state"], job["state"])
    wall_time: str = f", {format_duration(job['wall_s'])}" if pd.notna(job["wall_s"]) else ""
    slurm = f", Slurm job {job['slurm_job']}" if job["slurm_job"] else ""
    reason = f"\n{job['reason']}" if job["reason"] else ""
    machine = f"{format_count(job['threads'], 'thread')} on {job['host']}{slurm}"
    return f"{job['rule']} {job['group']}, attempt {job['attempt']}: {state}{wall_time}, {machine}{reason}"


def _axis(axis: TimeAxis, bottom: float) -> list[str]:
    parts = [line((LEFT, bottom), (WIDTH - RIGHT, bottom), stroke="#888888")]
    for moment, hour, day in axis.ticks:
        x = LEFT + axis.px(moment)
        parts += [
            line((x, TOP - 4), (x, bottom + 4), stroke="#d0d0d0"),
            text(hour, x, bottom + 17, text_anchor="middle", class_="tick"),
            text(day, x, bottom + 32, text_anchor="middle", class_="tick"),
        ]
    return [*parts, text("UTC", LEFT - 45, bottom + 17, text_anchor="end", class_="tick")]


def _idle_times(axis: TimeAxis, bottom: float) -> list[str]:
    return [part for idle in axis.idles for part in _idle_time(idle, axis, bottom)]


def _idle_time(idle: Span, axis: TimeAxis, bottom: float) -> list[str]:
    left, right = (LEFT + axis.px(moment) for moment in idle)
    label = f"idle for {format_duration(idle[1] - idle[0])}"
    x, y = (left + right) / 2 + 4, (TOP + bottom) / 2
    band = rect(left, TOP - 4, right - left, bottom - TOP + 4, label, fill="#eeeeee")
    if right - left < NAMED_IDLE_PX:
        return [band]
    return [band, text(label, x, y, text_anchor="middle", class_="tick", transform=f"rotate(-90 {x:.1f} {y:.1f})")]
