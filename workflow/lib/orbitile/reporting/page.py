"""The report as one page of HTML that needs nothing else."""

from base64 import b64encode
from html import escape

import pandas as pd

from orbitile.jobs.paths import WHOLE_RUN
from orbitile.jobs.records import format_utc
from orbitile.reporting.colours import STATE_COLOURS, STATES, UNFINISHED
from orbitile.reporting.findings import RunFindings
from orbitile.reporting.format import format_count
from orbitile.reporting.graph import ExecutionGraph
from orbitile.reporting.graph_picture import graph_picture, is_small
from orbitile.reporting.markup import element, legend_key
from orbitile.reporting.resource_plots import resource_plots
from orbitile.reporting.style import STYLE
from orbitile.reporting.summary import alarms, headline
from orbitile.reporting.tables import rules_table, unfinished_attempts
from orbitile.reporting.time_axis import busy_blocks
from orbitile.reporting.timeline import attempt_spans, timeline


def report_page(findings: RunFindings) -> str:
    """The page as HTML."""
    title = f"Run {findings.run}"
    written = (
        f"{_body(findings)}what it did and what that took, from the records of its jobs at {format_utc(findings.now)}"
    )
    parts = [
        element("h1", escape(title)), element("p", escape(written), class_="note"),
        *alarms(findings), headline(findings),
        *(_pictures(findings) if len(findings.jobs) else [_no_records()]), _links(),
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _body(findings: RunFindings) -> str:
    return f"{findings.manifest['body']}: " if "body" in findings.manifest else ""


def _no_records() -> str:
    return element("p", "No job of this run has left a record.")


def _pictures(findings: RunFindings) -> list[str]:
    return [
        element("h2", "Jobs over time"), timeline(findings.jobs, findings.now), _timeline_note(findings),
        element("h2", "What each rule took"), element("div", rules_table(findings.rules), class_="wide"), _rules_note(),
        _resource_plots(findings.jobs),
        element("h2", "Execution graph of groups"), graph_picture(findings.graph), _graph_note(findings.graph),
        *unfinished_attempts(findings.jobs),
    ]  # fmt: skip


def _timeline_note(findings: RunFindings) -> str:
    note = (
        "A bar is an attempt at a job, in as many lanes as ran at once; its name is shown when the mouse is on it. "
        "An end in another colour marks an attempt that did not finish:"
    )
    idle = " Grey: idle times, shortened." if len(busy_blocks(attempt_spans(findings.jobs, findings.now))) > 1 else ""
    return element("p", note, *_keys(UNFINISHED), ".", idle, class_="note")


def _graph_note(graph: ExecutionGraph) -> str:
    states = [state for state in STATES if state in graph.states.values()]
    if is_small(graph):
        note = "Grey lines: tables of neighbouring groups that a stage reads."
    else:
        result_state = STATES[graph.states[graph.result_rule, WHOLE_RUN]]
        note = (
            f"{format_count(len(graph.groups), 'group')}, a row each in the order of their names; the columns are the "
            "stages in the order of the run. The name and the stages that are not done are shown when the mouse is on "
            f"a row. The lines between groups are in graph.csv. At the end, {graph.result_rule}: {result_state}."
        )
    return element("p", escape(note), " States:", *_keys(states), class_="note")


def _keys(states: list[str]) -> list[str]:
    return [
        element("span", legend_key(STATE_COLOURS[state]), escape(STATES[state]), class_="state") for state in states
    ]


def _resource_plots(jobs: pd.DataFrame) -> str:
    picture = b64encode(resource_plots(jobs)).decode()
    note = "A point is an attempt; the box holds the middle half, the thick line is the median, whiskers 5 to 95 %."
    gpu_note = "" if jobs["gpu_memory_mb"].notna().any() else " No GPU was used."
    title = "Wall time, CPU and memory of every attempt, by rule"
    return f'<img src="data:image/png;base64,{picture}" alt="{title}">' + element("p", note + gpu_note, class_="note")


def _rules_note() -> str:
    note = (
        "Wall times are of attempts whose end is known, which that of a lost one is not; the start of the process is "
        "included. CPU time and memory (the peak of a process; 1 MB is 10^6 bytes) are of all attempts, for lost ones "
        "up to their last record. Rate: pieces that a single job finished per second of its wall time."
    )
    return element("p", note, class_="note")


def _links() -> str:
    descriptions = {
        "jobs.csv": "every attempt at every job but this report",
        "rules.csv": "every rule",
        "graph.csv": "the execution graph's edges",
    }
    links = [element("li", element("a", name, href=name), f": {about}") for name, about in descriptions.items()]
    return element("h2", "Tables") + element("ul", *links)
