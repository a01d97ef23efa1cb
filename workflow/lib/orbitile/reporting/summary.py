"""The head of the page: what is missing, what failed, and the main figures of the run."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from orbitile.base.messages import shorten_names
from orbitile.jobs.records import FAILED, LOST, STOPPED
from orbitile.pipeline import CHAIN_RESULTS
from orbitile.reporting.colours import UNFINISHED
from orbitile.reporting.findings import RunFindings
from orbitile.reporting.format import format_count, format_duration, format_quantity
from orbitile.reporting.markup import element
from orbitile.reporting.tables import text_table
from orbitile.reporting.time_axis import busy_seconds
from orbitile.reporting.timeline import attempt_spans

WARNINGS_SHOWN = 500


def alarms(findings: RunFindings) -> list[str]:
    """What was left out, what failed and what is doubtful, or a line that nothing is missing."""
    excluded, noun = findings.manifest.get("exclusions", []), CHAIN_RESULTS[findings.plan.chain].noun
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
    fine = [element("p", f"Nothing was left out of the {noun}, and nothing failed.", class_="fine")]
    return _nothing_found(findings) + (boxes or fine) + _warnings(findings)


def _nothing_found(findings: RunFindings) -> list[str]:
    """A box where the run found nothing at all, or a line that counts the scenes without a result."""
    summary = findings.summary
    if summary.alarm:
        return [element("div", element("h2", escape(summary.alarm)), class_="alarm", role="alert")]
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
    table = element("div", text_table(names, [[str(row[name]) for name in names] for row in rows]), class_="tall")
    return element("div", element("h2", escape(heading)), table, class_="alarm", role="alert")


def headline(findings: RunFindings) -> str:
    """The main figures of the run, and the hash of its catalogue or map."""
    cards = [*_contents(findings), *_times(findings), *_costs(findings.jobs), _troubles(findings.jobs)]
    boxes = [element("div", element("b", escape(value)), element("span", escape(about))) for value, about in cards]
    hash_note = f"SHA-256 of the {CHAIN_RESULTS[findings.plan.chain].noun}'s rows: "
    row_hash = element("code", escape(str(findings.manifest["sha256"])))
    warning = [element("p", escape(findings.plan.warning))] if findings.plan.warning else []
    lines = [element("p", hash_note, row_hash), element("p", escape(_made_by(findings.manifest)))]
    return "".join([element("div", *boxes, class_="figures"), *warning, *_errors(findings), *lines])


def _errors(findings: RunFindings) -> list[str]:
    """What the catalogue or map says of its own errors, where it was calibrated."""
    text = findings.summary.errors
    return [element("p", escape(f"Errors: {text}"))] if text else []


def _made_by(manifest: Mapping[str, object]) -> str:
    """Which version and commit made the catalogue or map, as far as its metadata say."""
    version, commit = (manifest.get(f"orbitile_{name}", "unknown") for name in ("version", "commit"))
    return f"Made by Orbitile, version {version}, commit {commit}"


def _contents(findings: RunFindings) -> list[tuple[str, str]]:
    unplanned = len(findings.plan.unplanned)
    unread = f"scenes; {unplanned} more could not be read" if unplanned else "scenes"
    return [
        (f"{findings.manifest['rows']:,}", findings.manifest.get("what", "craters in the catalogue")),
        (f"{len(findings.plan.names):,}", unread),
        (f"{len(findings.plan.groups):,}", "groups"),
    ]


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
