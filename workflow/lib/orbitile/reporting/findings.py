"""Everything that a report shows of a run, read from its folder."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.base.manifests import read_manifest
from orbitile.jobs.call import read_run_settings
from orbitile.jobs.failures import read_failures
from orbitile.jobs.summary import RunSummary, read_summary
from orbitile.pipeline import CHAIN_RESULTS, GROUP_RESULTS
from orbitile.reporting.attempts import REPORT, read_jobs, rule_figures
from orbitile.reporting.graph import ExecutionGraph, execution_graph
from orbitile.tables.plan import Plan, read_plan, refused_plan


@dataclass(frozen=True)
class RunFindings:
    """A run's name, its plan, the manifest of its result, and the records of its jobs.

    `manifest` is the content of catalogue/craters.json or map/polygons.json. `jobs`, `rules` and `failures` are the
    tables of orbitile.reporting.attempts and orbitile.jobs.failures; `now` is when they were read, in seconds since
    1970. A run without a result yet has an empty manifest; one whose plan was refused has that plan.
    """

    results: Path
    run: str
    plan: Plan
    manifest: dict[str, Any]
    jobs: pd.DataFrame
    rules: pd.DataFrame
    graph: ExecutionGraph
    failures: pd.DataFrame
    summary: RunSummary
    now: float

    @property
    def noun(self) -> str:
        """What its result is called: catalogue or map."""
        return CHAIN_RESULTS[self.plan.chain].noun

    @property
    def result(self) -> Path:
        """The path of the manifest."""
        return self.results / CHAIN_RESULTS[self.plan.chain].manifest

    @property
    def groups_done(self) -> int:
        """How many groups have come to the end of their chain."""
        path = GROUP_RESULTS[self.plan.chain]
        return sum((self.results / path.format(group)).is_file() for group in self.plan.groups)

    @property
    def in_pixels(self) -> bool:
        """Whether its scenes lie in pixel coordinates, by the settings that it has kept."""
        return bool(read_run_settings(self.results)["complete"].get("pixel_coordinates"))

    @property
    def left_out(self) -> list[str]:
        """Scenes of which the result lacks a piece or all, sorted."""
        return sorted({piece["scene"] for piece in self.manifest.get("exclusions", []) if piece["scene"]})


def read_findings(results: Path) -> RunFindings:
    """Read a run's folder, whatever state it is in; OrbitileError where it has no plan at all."""
    path = results / "plan.parquet"
    plan_path = path if path.is_file() else refused_plan(path)
    if not plan_path.is_file():
        raise OrbitileError(f"{results}: holds no plan of a run, so that there is nothing to report; run it first")
    plan, jobs, failures = read_plan(plan_path), read_jobs(results), read_failures(results)
    manifest = results / CHAIN_RESULTS[plan.chain].manifest
    return RunFindings(
        results=results, run=results.resolve().name, plan=plan,
        manifest=read_manifest(manifest) if manifest.is_file() else {}, jobs=jobs, rules=rule_figures(jobs),
        graph=execution_graph(results, plan, jobs), failures=failures[failures["rule"] != REPORT],
        summary=read_summary(results, plan), now=time.time(),
    )  # fmt: skip
