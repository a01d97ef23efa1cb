"""The execution graph of a run at the level of groups."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from orbitile.jobs.paths import WHOLE_RUN, JobPaths
from orbitile.jobs.records import DONE
from orbitile.pipeline import CHAIN_RESULTS, CHAINS
from orbitile.reporting.colours import INCOMPLETE, NO_RECORD, NOT_RUN
from orbitile.tables.plan import Plan

Node = tuple[str, str]
"""A rule and a group."""


@dataclass(frozen=True)
class ExecutionGraph:
    """The state of each node, and edges from the node that writes a table to the nodes that read it.

    Of the rings of groups that suppression may read, only the first is included.

    States are those of the last attempt's record, `incomplete` where it left a piece out,
    `not run` where there is no record, `no record` where there is none but its table exists.
    """

    states: dict[Node, str]
    edges: list[tuple[Node, Node]]
    stages: list[str]
    """The rules that work on groups, in the order of the chain."""
    result_rule: str
    """The rule that makes the run's result of all groups."""

    @property
    def groups(self) -> list[str]:
        """All groups, sorted; also former ones, of which only records are left."""
        return sorted({group for rule, group in self.states if rule in self.stages})


def execution_graph(results: Path, plan: Plan, jobs: pd.DataFrame) -> ExecutionGraph:
    """The graph of the plan's groups and of the groups that have left records (see read_jobs)."""
    stages, result = list(CHAINS[plan.chain]), CHAIN_RESULTS[plan.chain]
    states = {
        (rule, group): _state_without_record(JobPaths(results, rule, group).table)
        for group in plan.groups
        for rule in stages
    }
    states[result.rule, WHOLE_RUN] = _state_without_record(results / result.manifest)
    for job in jobs.groupby(["rule", "group"], sort=False).tail(1).to_dict("records"):
        if job["rule"] in (*stages, result.rule):
            is_incomplete = job["state"] == DONE and job["pieces_failed"]
            states[job["rule"], job["group"]] = INCOMPLETE if is_incomplete else job["state"]
    edges = [edge for edge in _edges(plan, states, stages, result.rule) if edge[0] in states and edge[1] in states]
    return ExecutionGraph(states, edges, stages, result.rule)


def write_graph(graph: ExecutionGraph, path: Path) -> None:
    """Write the edges as CSV, with the state of both ends."""
    names = ["from_rule", "from_group", "from_state", "to_rule", "to_group", "to_state"]
    rows = [(*source, graph.states[source], *sink, graph.states[sink]) for source, sink in graph.edges]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)


def _edges(plan: Plan, states: dict[Node, str], stages: list[str], result_rule: str) -> list[tuple[Node, Node]]:
    groups = sorted({group for rule, group in states if rule in stages})
    chain = [((before, group), (after, group)) for group in groups for before, after in pairwise(stages)]
    overlaps = [
        (("untile", neighbour), ("suppress", group))
        for group in plan.groups
        for neighbour in plan.group(group).neighbours
    ]
    loans = [
        ((source, lender), (sink, group))
        for group in plan.groups
        for lender in plan.group(group).lenders
        for source, sink in (("georeference", "downsample"), ("downsample", "infer"), ("stitch", "outline"))
    ]
    ends = [((stages[-1], group), (result_rule, WHOLE_RUN)) for group in plan.groups]
    return chain + loans + overlaps + ends


def _state_without_record(table: Path) -> str:
    """The state of a job that left no record."""
    return NO_RECORD if table.is_file() else NOT_RUN
