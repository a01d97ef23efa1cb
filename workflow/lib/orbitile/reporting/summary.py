"""The head of the page: what is missing, what failed, and the run in a few figures."""

from html import escape

import pandas as pd

from orbitile.jobs.place import LAST
from orbitile.reporting.clock import busy_seconds
from orbitile.reporting.findings import Findings
from orbitile.reporting.look import UNFINISHED, count, duration, quantity
from orbitile.reporting.markup import element
from orbitile.reporting.tables import words
from orbitile.reporting.timeline import spans


def alarms(found: Findings) -> list[str]:
    """What is missing and what failed, or that nothing is."""
    excluded, word = found.proof.get("exclusions", []), LAST[found.plan.chain].word
    known = {(one["scene"], one["detail"], one["reason"]) for one in excluded}
    rows = found.failures.to_dict("records")
    standing = [row for row in rows if (row["scene"], row["detail"], row["reason"]) not in known]
    told = []
    if excluded:
        heading = f"Left out of the {word}: {count(len(excluded), 'piece')} of the run"
        told.append(_alarm(heading, excluded, ["scene", "detail", "reason"]))
    if standing:
        heading = f"Failed and not done again: {count(len(standing), 'failure')}"
        told.append(_alarm(heading, standing, ["rule", "group", "scene", "detail", "reason", "log"]))
    fine = element("p", f"Nothing was left out of the {word}, and no failure stands.", class_="fine")
    return told or [fine]


def _alarm(heading: str, rows: list[dict], names: list[str]) -> str:
    table = element("div", words(names, [[str(row[name]) for name in names] for row in rows]), class_="tall")
    return element("div", element("h2", escape(heading)), table, class_="alarm", role="alert")


def headline(found: Findings) -> str:
    """The run in a few figures, and the hash of its catalogue."""
    cards = [*_contents(found), *_times(found), *_costs(found.jobs), _troubles(found.jobs)]
    boxes = [element("div", element("b", escape(value)), element("span", escape(about))) for value, about in cards]
    of_rows = f"SHA-256 of the {LAST[found.plan.chain].word}'s rows: "
    hashed = element("code", escape(str(found.proof["sha256"])))
    caution = [element("p", escape(found.plan.caution))] if found.plan.caution else []
    return "".join([element("div", *boxes, class_="figures"), *caution, element("p", of_rows, hashed)])


def _contents(found: Findings) -> list[tuple[str, str]]:
    unplanned = len(found.plan.unplanned)
    unread = f"scenes; {unplanned} more could not be read" if unplanned else "scenes"
    return [
        (f"{found.proof['rows']:,}", found.proof.get("what", "craters in the catalogue")),
        (f"{len(found.plan.names):,}", unread),
        (f"{len(found.plan.groups):,}", "groups"),
    ]


def _times(found: Findings) -> list[tuple[str, str]]:
    times = spans(found.jobs, found.now)
    if not times:
        return []
    wall = duration(max(end for _, end in times) - min(start for start, _ in times))
    return [(wall, f"from the first start to the last end; something ran for {duration(busy_seconds(times))} of it")]


def _costs(jobs: pd.DataFrame) -> list[tuple[str, str]]:
    machines = count(jobs["host"].nunique(), "machine")
    core_s = (jobs["threads"] * jobs["wall_s"]).sum()
    used = f"threads times wall time on {machines}; {duration(jobs['cpu_s'].sum())} of CPU used"
    return [(quantity(core_s / 3600, "core-hours"), used), _gpu_hours(jobs[jobs["gpu_memory_mb"].notna()])]


def _gpu_hours(jobs: pd.DataFrame) -> tuple[str, str]:
    if jobs.empty:
        return "no GPU", "was used"
    return quantity(jobs["wall_s"].sum() / 3600, "GPU-hours"), "wall time of jobs that used one"


def _troubles(jobs: pd.DataFrame) -> tuple[str, str]:
    failed, stopped, lost = (int((jobs["state"] == state).sum()) for state in UNFINISHED)
    return f"{failed + lost:,}", f"failed attempts of {len(jobs):,}, {lost:,} of them lost; {stopped:,} told to stop"
