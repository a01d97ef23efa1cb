"""Everything that a report shows of a run, read from its folder."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orbitile.jobs.failures import read_failures
from orbitile.jobs.summary import RunSummary, read_summary
from orbitile.reporting.attempts import REPORT, read_jobs, rule_figures
from orbitile.reporting.graph import ExecutionGraph, execution_graph
from orbitile.tables.plan import Plan, read_plan


@dataclass(frozen=True)
class RunFindings:
    """A run's name, its plan, the manifest of its result, and the records of its jobs.

    `manifest` is the content of catalogue/craters.json or map/polygons.json. `jobs`, `rules` and `failures` are the
    tables of orbitile.reporting.attempts and orbitile.jobs.failures; `now` is when they were read, in seconds since
    1970.
    """

    run: str
    plan: Plan
    manifest: dict[str, Any]
    jobs: pd.DataFrame
    rules: pd.DataFrame
    graph: ExecutionGraph
    failures: pd.DataFrame
    summary: RunSummary
    now: float


def read_findings(results: Path, manifest: Path) -> RunFindings:
    """Read a run's folder and the manifest of its result."""
    plan, jobs, failures = read_plan(results / "plan.parquet"), read_jobs(results), read_failures(results)
    return RunFindings(
        run=results.name, plan=plan, manifest=json.loads(manifest.read_text()), jobs=jobs, rules=rule_figures(jobs),
        graph=execution_graph(results, plan, jobs), failures=failures[failures["rule"] != REPORT],
        summary=read_summary(results), now=time.time(),
    )  # fmt: skip
