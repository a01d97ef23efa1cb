"""The execution graph of a run at the level of groups."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from orbitile.jobs.place import CHAINS, LAST, WHOLE_RUN, Place
from orbitile.jobs.records import DONE
from orbitile.reporting.look import INCOMPLETE, NO_RECORD, NOT_RUN
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
    stages: list[str]
    """Those that work on groups, in the order of the chain."""
    last: str
    """What unites all groups."""

    @property
    def groups(self) -> list[str]:
        """All groups, sorted; those that only old records know among them."""
        return sorted({group for rule, group in self.states if rule in self.stages})


def execution_graph(results: Path, plan: Plan, jobs: pd.DataFrame) -> Graph:
    """The graph of the plan's groups and of the groups that have left records (see read_jobs)."""
    stages, (last, united, *_) = list(CHAINS[plan.chain]), LAST[plan.chain]
    states = {(rule, group): _untold(Place(results, rule, group).table) for group in plan.groups for rule in stages}
    states[last, WHOLE_RUN] = _untold(results / united)
    for job in jobs.groupby(["rule", "group"], sort=False).tail(1).itertuples():
        if job.rule in stages or job.rule == last:
            states[job.rule, job.group] = INCOMPLETE if job.state == DONE and job.pieces_failed else job.state
    edges = [edge for edge in _edges(plan, states, stages, last) if edge[0] in states and edge[1] in states]
    return Graph(states, edges, stages, last)


def write_graph(graph: Graph, path: Path) -> None:
    """Write the edges as CSV, with the state of both ends."""
    names = ["from_rule", "from_group", "from_state", "to_rule", "to_group", "to_state"]
    rows = [(*source, graph.states[source], *sink, graph.states[sink]) for source, sink in graph.edges]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)


def _edges(plan: Plan, states: dict[Node, str], stages: list[str], last: str) -> list[tuple[Node, Node]]:
    groups = sorted({group for rule, group in states if rule in stages})
    chain = [((before, group), (after, group)) for group in groups for before, after in pairwise(stages)]
    near = [(("untile", near), ("suppress", group)) for group in plan.groups for near in plan.group(group).neighbours]
    lent = [
        ((source, beside), (sink, group))
        for group in plan.groups
        for beside in plan.group(group).beside
        for source, sink in (("georeference", "downsample"), ("downsample", "infer"), ("stitch", "outline"))
    ]
    ends = [((stages[-1], group), (last, WHOLE_RUN)) for group in plan.groups]
    return chain + lent + near + ends


def _untold(table: Path) -> str:
    """The state of a job that left no record."""
    return NO_RECORD if table.is_file() else NOT_RUN
