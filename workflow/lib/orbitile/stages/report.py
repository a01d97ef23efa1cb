"""report: what a run's jobs did and took, from their records, as a page and as tables."""

import logging
from pathlib import Path

from orbitile.base.files import atomic, write_text
from orbitile.reporting.attempts import write_jobs, write_rules
from orbitile.reporting.findings import read_findings
from orbitile.reporting.graph import write_graph
from orbitile.reporting.page import report_page

log = logging.getLogger(__name__)


def report(results: Path, manifest: Path, index: str, jobs: str, rules: str, graph: str) -> None:
    """Write the page and the tables of attempts, rules and the execution graph.

    `results` is the run's folder, `manifest` the JSON file of its catalogue or map.
    """
    findings = read_findings(results, manifest)
    with atomic(jobs) as temporary:
        write_jobs(findings.jobs, temporary)
    with atomic(rules) as temporary:
        write_rules(findings.rules, temporary)
    with atomic(graph) as temporary:
        write_graph(findings.graph, temporary)
    write_text(index, report_page(findings))
    log.info("%d attempts at %d jobs", len(findings.jobs), findings.rules["jobs"].sum())
