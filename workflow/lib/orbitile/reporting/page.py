"""The report as one page of HTML that needs nothing else."""

from base64 import b64encode
from html import escape

import pandas as pd

from orbitile.jobs.place import WHOLE_RUN
from orbitile.jobs.records import utc
from orbitile.reporting.clock import busy_blocks
from orbitile.reporting.findings import Findings
from orbitile.reporting.graph import Graph
from orbitile.reporting.graph_picture import graph_picture, is_small
from orbitile.reporting.look import STATE_COLOURS, STATES, UNFINISHED, count
from orbitile.reporting.markup import element, key
from orbitile.reporting.strips import strips
from orbitile.reporting.style import STYLE
from orbitile.reporting.summary import alarms, headline
from orbitile.reporting.tables import rules_table, unfinished
from orbitile.reporting.timeline import spans, timeline


def page(found: Findings) -> str:
    """The whole page."""
    title = f"Run {found.run}"
    written = f"{_body(found)}what it did and what that took, from the records of its jobs at {utc(found.now)}"
    parts = [
        element("h1", escape(title)), element("p", escape(written), class_="note"),
        *alarms(found), headline(found), *(_pictures(found) if len(found.jobs) else [_no_records()]), _links(),
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _body(found: Findings) -> str:
    return f"{found.proof['body']}: " if "body" in found.proof else ""


def _no_records() -> str:
    return element("p", "No job of this run has left a record.")


def _pictures(found: Findings) -> list[str]:
    return [
        element("h2", "Jobs over time"), timeline(found.jobs, found.now), _timeline_note(found),
        element("h2", "What each rule took"), element("div", rules_table(found.rules), class_="wide"), _rules_note(),
        _strips(found.jobs),
        element("h2", "Execution graph of groups"), graph_picture(found.graph), _graph_note(found.graph),
        *unfinished(found.jobs),
    ]  # fmt: skip


def _timeline_note(found: Findings) -> str:
    told = (
        "A bar is an attempt at a job, in as many lanes as ran at once; its name is shown when the mouse is on it. "
        "An end in another colour tells what did not finish:"
    )
    idle = " Grey: idle times, shortened." if len(busy_blocks(spans(found.jobs, found.now))) > 1 else ""
    return element("p", told, *_keys(UNFINISHED), ".", idle, class_="note")


def _graph_note(graph: Graph) -> str:
    seen = [state for state in STATES if state in graph.states.values()]
    if is_small(graph):
        told = "Grey lines: the neighbours that a group's last stage looks at."
    else:
        told = (
            f"{count(len(graph.groups), 'group')}, a row each in the order of their names; its columns are the stages "
            "in the order of the run. The name and what is not done are shown when the mouse is on a row. The lines "
            f"between groups are in graph.csv. In the end, {graph.last}: {STATES[graph.states[graph.last, WHOLE_RUN]]}."
        )
    return element("p", escape(told), " States:", *_keys(seen), class_="note")


def _keys(states: list[str]) -> list[str]:
    return [element("span", key(STATE_COLOURS[state]), escape(STATES[state]), class_="state") for state in states]


def _strips(jobs: pd.DataFrame) -> str:
    picture = b64encode(strips(jobs)).decode()
    told = "A point is an attempt; the box holds the middle half, the thick line is the median, whiskers 5 to 95 %."
    none = "" if jobs["gpu_memory_mb"].notna().any() else " No GPU was used."
    about = "Wall time, CPU and memory of every attempt, by rule"
    return f'<img src="data:image/png;base64,{picture}" alt="{about}">' + element("p", told + none, class_="note")


def _rules_note() -> str:
    told = (
        "Wall times are of attempts whose end is known, start of the process included; a lost attempt's is not. "
        "CPU time and memory (1 MB is 10^6 bytes, the largest a process held) are of all attempts, up to the last "
        "record of lost ones. Rate: what a single job finished in a second of its wall time."
    )
    return element("p", told, class_="note")


def _links() -> str:
    about = {
        "jobs.csv": "every attempt at every job but this report",
        "rules.csv": "every rule",
        "graph.csv": "the execution graph's edges",
    }
    links = [element("li", element("a", name, href=name), f": {told}") for name, told in about.items()]
    return element("h2", "Tables") + element("ul", *links)
