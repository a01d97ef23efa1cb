"""Everything a report tells of a run, gathered from its folder."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orbitile.jobs.failures import read_failures
from orbitile.reporting.attempts import REPORT, read_jobs, rule_figures
from orbitile.reporting.graph import Graph, execution_graph
from orbitile.tables.plan import Plan, read_plan


@dataclass(frozen=True)
class Findings:
    """The run's name, its plan, the catalogue's proof, and what its jobs left.

    `jobs`, `rules` and `failures` are the tables of orbitile.reporting.attempts and
    orbitile.jobs.failures; `now` is when they were read, in seconds since 1970.
    """

    run: str
    plan: Plan
    proof: dict
    jobs: pd.DataFrame
    rules: pd.DataFrame
    graph: Graph
    failures: pd.DataFrame
    now: float


def find(results: Path, proof: Path) -> Findings:
    """Read a run's folder and what the catalogue stage says of its catalogue."""
    plan, jobs, failures = read_plan(results / "plan.parquet"), read_jobs(results), read_failures(results)
    return Findings(
        run=results.name, plan=plan, proof=json.loads(proof.read_text()), jobs=jobs, rules=rule_figures(jobs),
        graph=execution_graph(results, plan, jobs), failures=failures[failures["rule"] != REPORT], now=time.time(),
    )  # fmt: skip
