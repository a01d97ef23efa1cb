"""The tables of the page."""

from html import escape

import pandas as pd

from orbitile.jobs.records import DONE, FAILED, LOST, STOPPED, format_utc
from orbitile.reporting.attempts import Row
from orbitile.reporting.colours import UNFINISHED, rule_colour
from orbitile.reporting.format import format_duration, format_gpu, format_quantity
from orbitile.reporting.markup import element, legend_key, scrollable

TIMES = ("wall_s_total", "wall_s_median", "wall_s_max", "cpu_s_total")
COLUMNS = {
    "": ["rule"],
    "jobs": ["jobs", "attempts", "failed", "stopped", "lost"],
    "wall time of an attempt": ["total", "median", "longest"],
    "CPU": ["time", "of a core"],
    "memory": ["median", "most"],
    "GPU": ["memory", "in use"],
    "pieces": ["done", "rate"],
}


def text_table(names: list[str], rows: list[list[str]]) -> str:
    """A table of texts, all escaped, whose rows become lists where the window is narrow."""
    head = element("tr", *(element("th", escape(name), class_="word", scope="col") for name in names))
    lines = [
        element("tr", *(element("td", escape(cell), class_="word", data_name=name)
                        for cell, name in zip(row, names, strict=True)))
        for row in rows
    ]  # fmt: skip
    return element("table", head, *lines, class_="texts")


def plain_table(names: list[str], rows: list[list[str]], words: int) -> str:
    """A table of texts, all escaped, of which the first columns are words and the others numbers."""
    kinds = ["word"] * words + ["number"] * (len(names) - words)
    head = element("tr", *(element("th", escape(name), class_=kind, scope="col")
                           for name, kind in zip(names, kinds, strict=True)))  # fmt: skip
    lines = [
        element("tr", *(element("td", escape(cell), class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
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
        "table", element("tr", *above), element("tr", *below), *(_rule_row(rule) for rule in rules.to_dict("records"))
    )


def _rule_row(rule: Row) -> str:
    name = element("td", legend_key(rule_colour(rule["rule"])), escape(rule["rule"]), class_="rule")
    counts = [f"{rule[column]:,}" for column in ("jobs", "attempts")]
    unfinished = [_count(rule[column]) for column in (FAILED, STOPPED, LOST)]
    times = [format_duration(rule[column]) for column in TIMES]
    cpu = format_quantity(rule["cpu_percent_median"], "%")
    memory = [format_quantity(rule[column], "MB") for column in ("memory_mb_median", "memory_mb_max")]
    gpu = [format_gpu(rule["gpu_memory_mb_max"], "MB"), format_gpu(rule["gpu_percent_mean"], "%")]
    figures = [*times, cpu, *memory, *gpu, *_pieces(rule)]
    return element("tr", name, *map(_cell, counts), *unfinished, *map(_cell, figures))


def _pieces(rule: Row) -> list[str]:
    if not rule["unit"]:
        return ["", ""]
    return [f"{rule['size_done']:,.0f} {rule['unit']}", format_quantity(rule["size_per_s"], "/s")]


def _count(number: int) -> str:
    return element("td", f"{number:,}", class_="bad" if number else "number")


def _cell(content: str) -> str:
    return element("td", escape(content))


def unfinished_attempts(jobs: pd.DataFrame) -> list[str]:
    """A heading and a table of the attempts that did not finish (see read_jobs); nothing where all did."""
    unfinished = jobs[jobs["state"].isin(UNFINISHED)]
    if unfinished.empty:
        return []
    names = ["rule", "group", "attempt", "state", "started", "host", "slurm_job", "reason"]
    unfinished = unfinished.assign(started=[format_utc(seconds) for seconds in unfinished["started"]])
    table = text_table([name.replace("_", " ") for name in names], unfinished[names].astype(str).to_numpy().tolist())
    last_states = jobs.groupby(["rule", "group"])["state"].last()
    jobs_concerned = {*zip(unfinished["rule"], unfinished["group"], strict=True)}
    done = sum(last_states[rule, group] == DONE for rule, group in jobs_concerned)
    heading = f"Attempts that did not finish: {len(unfinished):,}; of their jobs, {done:,} were done in a later attempt"
    return [element("h3", escape(heading)), scrollable("Attempts that did not finish", table, class_="scroll tall")]
