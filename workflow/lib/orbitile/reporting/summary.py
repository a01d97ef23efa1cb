"""The head of the page: what is missing, what failed, and the main figures of the run."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from orbitile.base.messages import format_count, shorten_names
from orbitile.jobs.failures import rerun_command, rerun_hint
from orbitile.jobs.records import FAILED, LOST, RUNNING, STOPPED
from orbitile.jobs.summary import OBJECTS
from orbitile.reporting.colours import UNFINISHED
from orbitile.reporting.findings import RunFindings
from orbitile.reporting.format import format_duration, format_quantity
from orbitile.reporting.markup import card_row, element, scrollable
from orbitile.reporting.tables import text_table
from orbitile.reporting.time_axis import busy_seconds
from orbitile.reporting.timeline import attempt_spans

WARNINGS_SHOWN = 500


def alarms(findings: RunFindings) -> list[str]:
    """What was left out, what failed and what is doubtful, or a line that nothing is missing."""
    excluded, noun = findings.manifest.get("exclusions", []), findings.noun
    excluded_keys = {(piece["scene"], piece["detail"], piece["reason"]) for piece in excluded}
    rows = findings.failures.to_dict("records")
    failed = [row for row in rows if (row["scene"], row["detail"], row["reason"]) not in excluded_keys]
    boxes = []
    if excluded:
        heading = f"Left out of the {noun}: {format_count(len(excluded), 'piece')} of the run"
        boxes.append(_alarm(heading, excluded, ["scene", "detail", "reason"]))
    if failed:
        heading = f"Failed and not yet run again: {format_count(len(failed), 'failure')}"
        boxes.append(_alarm(heading, failed, ["rule", "group", "scene", "detail", "reason", "log"]))
    fine = [element("p", _nothing_wrong(findings), class_="fine")]
    return _nothing_found(findings) + (boxes or fine) + _warnings(findings)


def _nothing_wrong(findings: RunFindings) -> str:
    if findings.manifest:
        return f"Nothing was left out of the {findings.noun}, and nothing failed."
    return "Nothing has failed so far."


def _nothing_found(findings: RunFindings) -> list[str]:
    """A box where the run found nothing at all, or a line that counts the scenes without a result."""
    summary = findings.summary
    if summary.alarm:
        return [element("div", element("h2", escape(summary.alarm)), class_="alarm")]
    if not summary.empty:
        return []
    scenes = format_count(len(summary.empty), "scene")
    return [element("p", escape(f"Nothing was found in {scenes}: {shorten_names(summary.empty)}"), class_="note")]


def _warnings(findings: RunFindings) -> list[str]:
    """What is doubtful about scenes, although nothing failed; the first of a long list."""
    shown = findings.summary.warnings[:WARNINGS_SHOWN]
    warnings = [warning._asdict() for warning in shown]
    if not warnings:
        return []
    more = len(findings.summary.warnings) - len(warnings)
    rest = (
        f", the first {len(warnings):,} of {len(findings.summary.warnings):,}; warnings.csv holds all" if more else ""
    )
    heading = f"Warnings about {format_count(len(findings.summary.doubtful), 'scene')}{rest}"
    return [_alarm(heading, warnings, ["scene", "stage", "text"])]


def _alarm(heading: str, rows: Sequence[Mapping[Any, object]], names: list[str]) -> str:
    table = text_table(names, [[str(row[name]) for name in names] for row in rows])
    return element("section", element("h2", escape(heading)), scrollable(heading, table, class_="scroll tall"),
                   class_="alarm", aria_label=heading)  # fmt: skip


def state_line(findings: RunFindings) -> str:
    """How far the run has come, in a sentence."""
    groups, done = len(findings.plan.groups), findings.groups_done
    so_far = f"{done:,} of {format_count(groups, 'group')} done"
    running = int((findings.jobs["state"] == RUNNING).sum())
    if running:
        return f"Running: {so_far}, {format_count(running, 'job')} at work."
    if findings.manifest and len(findings.failures) == int(findings.failures["excluded"].sum()):
        return f"Finished: {so_far}, and the {findings.noun} is made."
    if len(findings.failures):
        return f"Not finished, for something failed: {so_far}."
    return f"Not finished: {so_far}. Running it again goes on from there."


def way_out(findings: RunFindings) -> list[str]:
    """The command that runs again what failed, and only what that needs; nothing where nothing failed."""
    if findings.failures.empty:
        return []
    command = element("pre", escape(rerun_command(findings.failures, findings.results)))
    return [element("p", escape(rerun_hint(findings.results))), command]


def found_cards(findings: RunFindings) -> str:
    """How much was found in how many scenes."""
    return card_row(_contents(findings))


def statements(findings: RunFindings) -> list[str]:
    """What is to be known of positions, and what the catalogue or map says of its own errors."""
    warning = [element("p", escape(findings.plan.warning))] if findings.plan.warning else []
    return [*warning, *_errors(findings)]


def cost_cards(findings: RunFindings) -> str:
    """What the run took."""
    return card_row([*_times(findings), *_costs(findings.jobs), _troubles(findings.jobs)])


def _errors(findings: RunFindings) -> list[str]:
    """What the catalogue or map says of its own errors, where it was calibrated."""
    text = findings.summary.errors
    return [element("p", escape(f"Errors: {text}"))] if text else []


def _contents(findings: RunFindings) -> list[tuple[str, str]]:
    planned, unplanned = len(findings.plan.names), len(findings.plan.unplanned)
    lacking = [f"{unplanned:,} more could not be read"] if unplanned else []
    if findings.left_out:
        lacking.append(f"of {len(findings.left_out):,} the {findings.noun} lacks a part or all")
    return [
        *_counts(findings),
        (f"{planned:,}", "; ".join([f"scene{'s' * (planned != 1)} planned", *lacking])),
        (f"{findings.groups_done:,} of {len(findings.plan.groups):,}", "groups done"),
    ]


def _counts(findings: RunFindings) -> list[tuple[str, str]]:
    manifest = findings.manifest
    if not manifest:
        return [
            (f"{findings.summary.rows:,}", f"{OBJECTS[findings.plan.chain]}s so far; there is no {findings.noun} yet")
        ]
    counts = [(f"{manifest['rows']:,}", str(manifest.get("what", "craters in the catalogue")))]
    if manifest.get("lines"):
        counts.append((f"{manifest['lines']:,}", f"lines, {manifest['length_m'] / 1000:,.0f} km long"))
    return counts


def _times(findings: RunFindings) -> list[tuple[str, str]]:
    spans = attempt_spans(findings.jobs, findings.now)
    if not spans:
        return []
    wall = format_duration(max(end for _, end in spans) - min(start for start, _ in spans))
    return [(wall, f"from the first start to the last end; jobs ran for {format_duration(busy_seconds(spans))} of it")]


def _costs(jobs: pd.DataFrame) -> list[tuple[str, str]]:
    machines = format_count(jobs["host"].nunique(), "machine")
    core_s = (jobs["threads"] * jobs["wall_s"]).sum()
    used = f"threads times wall time on {machines}; {format_duration(jobs['cpu_s'].sum())} of CPU used"
    return [(format_quantity(core_s / 3600, "core-hours"), used), _gpu_hours(jobs[jobs["gpu_memory_mb"].notna()])]


def _gpu_hours(jobs: pd.DataFrame) -> tuple[str, str]:
    if jobs.empty:
        return "no GPU", "was used"
    return format_quantity(jobs["wall_s"].sum() / 3600, "GPU-hours"), "wall time of jobs that used one"


def _troubles(jobs: pd.DataFrame) -> tuple[str, str]:
    counts = {state: int((jobs["state"] == state).sum()) for state in UNFINISHED}
    of_which = f"{counts[LOST]:,} of them lost; {counts[STOPPED]:,} stopped"
    return f"{counts[FAILED] + counts[LOST]:,}", f"failed attempts of {len(jobs):,}, {of_which}"
