"""The picture of the execution graph: a column per stage, a row per group; small cells where there are many groups."""

import math

from orbitile.jobs.paths import WHOLE_RUN
from orbitile.reporting.colours import STATE_COLOURS, STATES, rule_colour
from orbitile.reporting.graph import ExecutionGraph, Node
from orbitile.reporting.markup import element, line, rect, svg, text, tooltip

WIDTH = 1160
MAX_NAMED_GROUPS = 40
"""Up to so many groups are drawn with names, states and lines."""
HEAD = 34

NAME_PX, NAME_LETTERS = 170, 24
CELL, PITCH = (84, 18), 24
FIRST_COLUMN, COLUMN_PX = 175.0, 115
EXTRA_PX = dict(suppress=50, outline=50, catalogue=30, assemble_map=30)
"""Additional space in front of columns, for the lines from neighbours."""
LIGHT_TEXT = ("lost", "failed")

BLOCKS, BLOCK_PX, SMALL_CELL_PX = 6, 194, 25
BLOCK_HEIGHT, SMALL_ROWS = 640, (2, 10)


def graph_picture(graph: ExecutionGraph) -> str:
    """An SVG of the graph; of many groups only the cells' states, without names and lines."""
    return _named_picture(graph) if is_small(graph) else _matrix(graph)


def is_small(graph: ExecutionGraph) -> bool:
    """Tell whether the picture has names, states in words, and lines."""
    return len(graph.groups) <= MAX_NAMED_GROUPS


def _named_picture(graph: ExecutionGraph) -> str:
    tops: dict[str, float] = {group: HEAD + PITCH * row for row, group in enumerate(graph.groups)}
    height = HEAD + PITCH * max(len(tops), 1)
    tops[WHOLE_RUN] = (HEAD + height - PITCH) / 2
    columns = _columns(graph)
    heads = [part for rule, left in columns.items() for part in _head(rule, left)]
    names = [_group_name(group, tops[group]) for group in graph.groups]
    order = list(columns)
    next_to = [(a, b) for a, b in graph.edges if order.index(b[0]) == order.index(a[0]) + 1]
    lines = [_edge_line(edge, columns, tops, _is_between(edge, graph)) for edge in next_to]
    cells = [_cell((rule, group), state, (columns[rule], tops[group])) for (rule, group), state in graph.states.items()]
    return svg(WIDTH, height + 4, "Execution graph of groups", [*heads, *lines, *names, *cells])


def _head(rule: str, left: float) -> list[str]:
    middle = left + CELL[0] / 2
    return [
        rect(left, HEAD - 12, CELL[0], 4, fill=rule_colour(rule)),
        text(rule, middle, HEAD - 18, text_anchor="middle", class_="name"),
    ]


def _group_name(group: str, top: float) -> str:
    short = group if len(group) <= NAME_LETTERS else group[: NAME_LETTERS - 1] + "…"
    return element("g", tooltip(group), text(short, NAME_PX - 6, top + 13, text_anchor="end", class_="tick"))


def _columns(graph: ExecutionGraph) -> dict[str, float]:
    """The left border of each stage's cells, in px."""
    left, columns = FIRST_COLUMN, {}
    for rule in (*graph.stages, graph.result_rule):
        left += EXTRA_PX.get(rule, 0)
        columns[rule] = left
        left += COLUMN_PX
    return columns


def _is_between(edge: tuple[Node, Node], graph: ExecutionGraph) -> bool:
    """Whether an edge leads from one group to another."""
    source, sink = edge
    return source[1] != sink[1] and sink[0] != graph.result_rule


def _edge_line(edge: tuple[Node, Node], columns: dict[str, float], tops: dict[str, float], between_groups: bool) -> str:
    """The line of an edge, from the right side of a cell to the left side of another."""
    (source_rule, source_group), (sink_rule, sink_group) = edge
    start = columns[source_rule] + CELL[0], tops[source_group] + CELL[1] / 2
    end = columns[sink_rule], tops[sink_group] + CELL[1] / 2
    colour, width = ("#7a8894", 0.8) if between_groups else ("#333333", 1.2)
    return line(start, end, stroke=colour, stroke_width=width)


def _cell(node: Node, state: str, corner: tuple[float, float]) -> str:
    rule, group = node
    left, top = corner
    title = f"{rule} {group}: {STATES.get(state, state)}"
    colour = "#ffffff" if state in LIGHT_TEXT else "#222222"
    return element(
        "g",
        rect(left, top, *CELL, title, fill=STATE_COLOURS.get(state, "#ffffff"), stroke="#666666", rx=3),
        text(state, left + CELL[0] / 2, top + 13, text_anchor="middle", class_="tick", fill=colour),
    )


def _matrix(graph: ExecutionGraph) -> str:
    rows = math.ceil(len(graph.groups) / BLOCKS)
    row_px = min(max(BLOCK_HEIGHT / rows, SMALL_ROWS[0]), SMALL_ROWS[1])
    starts = range(0, len(graph.groups), rows)
    parts = [
        part
        for n, start in enumerate(starts)
        for part in _block(graph, graph.groups[start : start + rows], BLOCK_PX * n, row_px)
    ]
    return svg(WIDTH, HEAD + rows * row_px + 4, "Execution graph of groups", parts)


def _block(graph: ExecutionGraph, groups: list[str], left: float, row_px: float) -> list[str]:
    """A column of groups, a row of small cells each; the first and the last are named above."""
    columns = [left + SMALL_CELL_PX * n for n in range(len(graph.stages))]
    names = f"{_short(groups[0])} … {_short(groups[-1])}" if len(groups) > 1 else _short(groups[0])
    heads = [
        rect(x, HEAD - 8, SMALL_CELL_PX - 1, 5, rule, fill=rule_colour(rule))
        for x, rule in zip(columns, graph.stages, strict=True)
    ]
    rows = [_row(graph, group, columns, HEAD + row_px * n, row_px) for n, group in enumerate(groups)]
    return [text(names, left, HEAD - 14, class_="tick"), *heads, *rows]


def _row(graph: ExecutionGraph, group: str, columns: list[float], top: float, row_px: float) -> str:
    states = {rule: graph.states[rule, group] for rule in graph.stages if (rule, group) in graph.states}
    not_done = ", ".join(f"{rule} {state}" for rule, state in states.items() if state != "done")
    height = row_px - (1 if row_px > 4 else 0.3)
    cells = [
        rect(columns[graph.stages.index(rule)], top, SMALL_CELL_PX - 1, height, stroke="#999999", stroke_width=0.2,
             fill=STATE_COLOURS.get(state, "#ffffff"))
        for rule, state in states.items()
    ]  # fmt: skip
    return element("g", tooltip(f"{group}: {not_done or 'all done'}"), *cells)


def _short(group: str) -> str:
    return group if len(group) <= 13 else group[:5] + "…" + group[-7:]
