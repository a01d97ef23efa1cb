"""report: what a run found, what that took, and how it was made, as a page and as tables."""

import logging
from pathlib import Path

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.files import atomic, write_text
from orbitile.pipeline import RULES
from orbitile.reporting.attempts import write_jobs, write_rules
from orbitile.reporting.findings import read_findings
from orbitile.reporting.graph import write_graph
from orbitile.reporting.page import report_page

log = logging.getLogger(__name__)
TABLES = ("jobs", "rules", "graph")


def report(results: Path) -> Path:
    """Write the page, whose path is returned, and beside it the tables of attempts, rules and the execution graph.

    `results` is the folder of a run in any state: finished, failed, or at work. OrbitileError where it has no plan.
    """
    findings = read_findings(results)
    index = results / (RULES["report"].target or "")
    jobs, rules, graph = (index.with_name(f"{name}.csv") for name in TABLES)
    with atomic(jobs) as temporary:
        write_jobs(findings.jobs, temporary)
    with atomic(rules) as temporary:
        write_rules(findings.rules, temporary)
    with atomic(graph) as temporary:
        write_graph(findings.graph, temporary)
    write_text(index, report_page(findings))
    log.info("%d attempts at %d jobs", len(findings.jobs), findings.rules["jobs"].sum())
    return index


def report_of_any_run(results: Path) -> str:
    """Write the report and say in a line where it is, or why there is none; never an error."""
    try:
        return f"{report(results)}: what the run came to so far"
    except (OrbitileError, OSError) as error:
        return f"{results}: the report cannot be written: {reason_of(error)}"
