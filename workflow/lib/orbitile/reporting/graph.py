"""The execution graph of a run at the level of groups."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from orbitile.jobs.place import WHOLE_RUN, Place
from orbitile.jobs.records import DONE
from orbitile.reporting.look import CATALOGUE, CHAIN, INCOMPLETE, NO_RECORD, NOT_RUN
from orbitile.tables.plan import Plan

Node = tuple[str, str]
"""A rule and a group."""


@dataclass(frozen=True)
class Graph:
    """The state of each node, and which node's output is another's input.

    Of the rings of groups that suppression may look at only the first is in it.

    States are those of the last attempt's record, `incomplete` where it left something out,
    `not run` where there is none, `no record` where there is none but its table is there.
    """

    states: dict[Node, str]
    edges: list[tuple[Node, Node]]

    @property
    def groups(self) -> list[str]:
        """All groups, sorted; those that only old records know among them."""
        return sorted({group for rule, group in self.states if rule in CHAIN})


def execution_graph(results: Path, plan: Plan, jobs: pd.DataFrame) -> Graph:
    """The graph of the plan's groups and of the groups that have left records (see read_jobs)."""
    planned = [(rule, group) for group in plan.groups for rule in CHAIN] + [(CATALOGUE, WHOLE_RUN)]
    states = {node: NO_RECORD if _table(results, node).is_file() else NOT_RUN for node in planned}
    for job in jobs.groupby(["rule", "group"], sort=False).tail(1).itertuples():
        if job.rule in CHAIN or job.rule == CATALOGUE:
            states[job.rule, job.group] = INCOMPLETE if job.state == DONE and job.pieces_failed else job.state
    edges = [edge for edge in _edges(plan, states) if edge[0] in states and edge[1] in states]
    return Graph(states, edges)


def write_graph(graph: Graph, path: Path) -> None:
    """Write the edges as CSV, with the state of both ends."""
    names = ["from_rule", "from_group", "from_state", "to_rule", "to_group", "to_state"]
    rows = [(*source, graph.states[source], *sink, graph.states[sink]) for source, sink in graph.edges]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)


def _edges(plan: Plan, states: dict[Node, str]) -> list[tuple[Node, Node]]:
    groups = sorted({group for rule, group in states if rule in CHAIN})
    chain = [((before, group), (after, group)) for group in groups for before, after in pairwise(CHAIN)]
    near = [(("untile", near), ("suppress", group)) for group in plan.groups for near in plan.group(group).neighbours]
    lent = [
        ((source, beside), (sink, group))
        for group in plan.groups
        for beside in plan.group(group).beside
        for source, sink in (("georeference", "downsample"), ("downsample", "infer"))
    ]
    last = [((CHAIN[-1], group), (CATALOGUE, WHOLE_RUN)) for group in plan.groups]
    return chain + lent + near + last


def _table(results: Path, node: Node) -> Path:
    rule, group = node
    return results / CATALOGUE / "craters.parquet" if rule == CATALOGUE else Place(results, rule, group).table
