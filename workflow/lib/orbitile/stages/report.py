"""report: what a run's jobs did and took, from their records, as a page and as tables."""

import logging
from pathlib import Path

from orbitile.files import atomic, write_text
from orbitile.reporting.attempts import write_jobs, write_rules
from orbitile.reporting.findings import find
from orbitile.reporting.graph import write_graph
from orbitile.reporting.page import page

log = logging.getLogger(__name__)


def report(results: Path, proof: Path, index: str, jobs: str, rules: str, graph: str) -> None:
    """Write the page and the tables of attempts, rules and the execution graph.

    `results` is the run's folder, `proof` what the catalogue stage says of its catalogue.
    """
    found = find(results, proof)
    with atomic(jobs) as temporary:
        write_jobs(found.jobs, temporary)
    with atomic(rules) as temporary:
        write_rules(found.rules, temporary)
    with atomic(graph) as temporary:
        write_graph(found.graph, temporary)
    write_text(index, page(found))
    log.info("%d attempts at %d jobs", len(found.jobs), found.rules["jobs"].sum())
