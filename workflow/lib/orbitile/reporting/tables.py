"""The tables of the page."""

from html import escape

import pandas as pd

from orbitile.jobs.records import DONE, utc
from orbitile.reporting.look import UNFINISHED, duration, gpu, quantity, rule_colour
from orbitile.reporting.markup import element, key

COLUMNS = {
    "": ["rule"],
    "jobs": ["jobs", "attempts", "failed", "stopped", "lost"],
    "wall time of an attempt": ["total", "median", "longest"],
    "CPU": ["time", "of a core"],
    "memory": ["median", "most"],
    "GPU": ["memory", "in use"],
    "pieces": ["done", "rate"],
}


def words(names: list[str], rows: list[list[str]]) -> str:
    """A table of texts, all escaped."""
    head = element("tr", *(element("th", escape(name), class_="word") for name in names))
    lines = [element("tr", *(element("td", escape(cell), class_="word") for cell in row)) for row in rows]
    return element("table", head, *lines)


def rules_table(rules: pd.DataFrame) -> str:
    """What each rule took (see rule_figures)."""
    above = [element("th", name, colspan=len(below), class_="above") for name, below in COLUMNS.items()]
    below = [
        element("th", name, class_="rule" if name == "rule" else "number")
        for names in COLUMNS.values()
        for name in names
    ]
    return element(
        "table", element("tr", *above), element("tr", *below), *(_rule_row(rule) for rule in rules.itertuples())
    )


def _rule_row(rule: tuple) -> str:
    name = element("td", key(rule_colour(rule.rule)), escape(rule.rule), class_="rule")
    counts = [f"{n:,}" for n in (rule.jobs, rule.attempts)]
    troubles = map(_count, (rule.failed, rule.stopped, rule.lost))
    times = [duration(s) for s in (rule.wall_s_total, rule.wall_s_median, rule.wall_s_max, rule.cpu_s_total)]
    memory = [quantity(mb, "MB") for mb in (rule.memory_mb_median, rule.memory_mb_max)]
    graphics = [gpu(rule.gpu_memory_mb_max, "MB"), gpu(rule.gpu_percent_mean, "%")]
    rest = [*times, quantity(rule.cpu_percent_median, "%"), *memory, *graphics, *_done(rule)]
    return element("tr", name, *map(_cell, counts), *troubles, *map(_cell, rest))


def _done(rule: tuple) -> list[str]:
    if not rule.unit:
        return ["", ""]
    return [f"{rule.size_done:,.0f} {rule.unit}", quantity(rule.size_per_s, "/s")]


def _count(number: int) -> str:
    return element("td", f"{number:,}", class_="bad" if number else "number")


def _cell(content: str) -> str:
    return element("td", escape(content))


def unfinished(jobs: pd.DataFrame) -> list[str]:
    """A heading and a table of the attempts that did not finish (see read_jobs); nothing where all did."""
    some = jobs[jobs["state"].isin(UNFINISHED)]
    if some.empty:
        return []
    names = ["rule", "group", "attempt", "state", "started", "host", "slurm_job", "reason"]
    some = some.assign(started=[utc(moment) for moment in some["started"]])
    table = words([name.replace("_", " ") for name in names], some[names].astype(str).to_numpy().tolist())
    again = jobs.groupby(["rule", "group"])["state"].last()
    done = sum(again[rule, group] == DONE for rule, group in {*zip(some["rule"], some["group"], strict=True)})
    heading = f"Attempts that did not finish: {len(some):,}; of their jobs, {done:,} were done in a later attempt"
    return [element("h2", escape(heading)), element("div", table, class_="tall")]
