"""The report as one page of HTML that needs nothing else."""

from base64 import b64encode
from html import escape

import pandas as pd

from orbitile.base.messages import format_count
from orbitile.jobs.paths import WHOLE_RUN
from orbitile.jobs.records import format_utc
from orbitile.reporting.colours import STATE_COLOURS, STATE_MARKS, STATES, UNFINISHED
from orbitile.reporting.file_lists import file_lists
from orbitile.reporting.findings import RunFindings
from orbitile.reporting.found import found_section
from orbitile.reporting.graph import ExecutionGraph
from orbitile.reporting.graph_picture import graph_picture, is_small
from orbitile.reporting.making import making_section
from orbitile.reporting.markup import element, legend_key, scrollable
from orbitile.reporting.resource_plots import resource_plots
from orbitile.reporting.style import STYLE
from orbitile.reporting.summary import alarms, cost_cards, state_line, way_out
from orbitile.reporting.tables import rules_table, unfinished_attempts
from orbitile.reporting.time_axis import busy_blocks
from orbitile.reporting.timeline import attempt_spans, timeline

SECTIONS = dict(found="What was found", took="What it took", made="How it was made", files="Files")
"""Headings of the page's parts, by the names that links in it use."""
WIDE_PX = 900
"""Pictures with text are not drawn narrower than this: where the window is, they scroll."""


def report_page(findings: RunFindings) -> str:
    """The page as HTML."""
    title = f"Run {findings.run}"
    parts = [
        element("a", "Skip to what was found", href="#found", class_="skip"),
        _header(title, findings), _contents_list(),
        element(
            "main", *alarms(findings), *way_out(findings),
            *_section("found", found_section(findings)), *_section("took", _took(findings)),
            *_section("made", making_section(findings)), *_section("files", file_lists(findings)),
        ),
    ]  # fmt: skip
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{STYLE}</style>'
    )
    body = "\n".join(parts).encode("utf-8", "replace").decode()
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _header(title: str, findings: RunFindings) -> str:
    body = f"{findings.manifest['body']}; " if "body" in findings.manifest else ""
    written = f"{body}written at {format_utc(findings.now)} from the files of the run and the records of its jobs"
    state = element("p", element("strong", escape(state_line(findings))))
    return element("header", element("h1", escape(title)), state, element("p", escape(written), class_="note"))


def _contents_list() -> str:
    links = [element("li", element("a", heading, href=f"#{name}")) for name, heading in SECTIONS.items()]
    return element("nav", element("ul", *links), aria_label="Parts of this page")


def _section(name: str, parts: list[str]) -> list[str]:
    return [element("h2", SECTIONS[name], id=name, tabindex=-1), *parts]


def _took(findings: RunFindings) -> list[str]:
    if not len(findings.jobs):
        return [element("p", "No job of this run has left a record.")]
    jobs = findings.jobs
    return [
        cost_cards(findings),
        element("h3", "Jobs over time"), scrollable("Jobs over time", timeline(jobs, findings.now)),
        _timeline_note(findings),
        element("h3", "What each rule took"), scrollable("What each rule took", rules_table(findings.rules)),
        _rules_note(), _resource_plots(jobs),
        element("h3", "Execution graph of groups"),
        scrollable("Execution graph of groups", graph_picture(findings.graph)), _graph_note(findings.graph),
        *unfinished_attempts(jobs),
    ]  # fmt: skip


def _timeline_note(findings: RunFindings) -> str:
    note = (
        "A bar is an attempt at a job, in as many lanes as ran at once; jobs.csv names each of them. A sign at its end "
        "marks an attempt that did not finish:"
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
            "stages in the order of the run. graph.csv names them, with the lines between groups. "
            f"At the end, {graph.result_rule}: {result_state}."
        )
    return element("p", escape(note), " States:", *_keys(states), class_="note")


def _keys(states: list[str]) -> list[str]:
    return [
        element(
            "span", legend_key(STATE_COLOURS[state], STATE_MARKS.get(state, "")), escape(STATES[state]), class_="state"
        )
        for state in states
    ]


def _resource_plots(jobs: pd.DataFrame) -> str:
    picture = b64encode(resource_plots(jobs)).decode()
    note = "A point is an attempt; the box holds the middle half, the thick line is the median, whiskers 5 to 95 %."
    gpu_note = "" if jobs["gpu_memory_mb"].notna().any() else " No GPU was used."
    title = "Wall time, CPU and memory of every attempt, by rule"
    image = f'<img src="data:image/png;base64,{picture}" alt="{title}" width="{WIDE_PX}">'
    return scrollable(title, image) + element("p", note + gpu_note, class_="note")


def _rules_note() -> str:
    note = (
        "Wall times are of attempts whose end is known, which that of a lost one is not; the start of the process is "
        "included. CPU time and memory (the peak of a process; 1 MB is 10^6 bytes) are of all attempts, for lost ones "
        "up to their last record. Rate: pieces that a single job finished per second of its wall time."
    )
    return element("p", note, class_="note")
