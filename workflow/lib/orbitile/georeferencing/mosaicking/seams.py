"""Seam lines: the borders between pixels that come from different strips, exactly along the pixels' edges."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely

from orbitile.georeferencing.mosaicking.compiled_loops import find_seam_runs, trace_lines
from orbitile.rasters.read import opened_raster, read_window, row_windows
from orbitile.space.grids import Grid, Window
from orbitile.tables.vectors import write_geoparquet

EAST, SOUTH, WEST, NORTH = range(4)
LEFT, STRAIGHT, RIGHT = 3, 0, 1
"""Turns, added to a heading."""


@dataclass(frozen=True)
class Seams:
    """Lines (n) in pixels of the mosaic's grid, corners in whole numbers, and the strips (n, 2) left and right of them.

    Strips are numbered from 1 in their order; the one on top is on the left.
    """

    lines: np.ndarray
    strips: np.ndarray


def seam_lines(read: Callable[[Window], np.ndarray], windows: Iterable[Window]) -> Seams:
    """The seams of an image of strips' numbers (0: none), read in windows of full width from top to bottom.

    There is one line between two strips from one place where a third strip, or none, comes between them to the next;
    where no such place is, it is closed. Lines do not depend on the windows. Where two pixels of the strip on top meet
    at a corner only, two lines meet there, none crosses.
    """
    runs = [_runs(read, window) for window in windows]
    return _lines(np.concatenate([np.zeros((0, 6), np.int32), *runs]))


def _runs(read: Callable[[Window], np.ndarray], window: Window) -> np.ndarray:
    """Straight runs (n, 6) of the seams of a window and its upper border (see find_seam_runs)."""
    above = min(window.row, 1)
    index = read(Window(window.col, window.row - above, window.width, window.height + above))
    runs = np.empty((find_seam_runs(index, above, np.empty((0, 6), np.int32)), 6), np.int32)
    find_seam_runs(index, above, runs)
    return runs + np.array([window.col, window.row - above] * 2 + [0, 0], np.int32)


def _lines(runs: np.ndarray) -> Seams:
    runs = runs[np.lexsort([_heading(runs), runs[:, 0], runs[:, 1], runs[:, 5], runs[:, 4]])]
    following = _following(runs)
    is_first = np.bincount(following + 1, minlength=len(runs) + 1)[1:] == 0
    starts = np.concatenate([np.flatnonzero(is_first), np.arange(len(runs))])  # what then remains is closed
    order, line = np.empty(len(runs), np.int64), np.empty(len(runs), np.int64)
    count = trace_lines(following, starts, order, line)
    first = order[np.searchsorted(line, np.arange(count))]
    rank = np.argsort(np.argsort(first))
    order, line = order[np.argsort(rank[line], kind="stable")], np.sort(rank[line])
    return Seams(_draw_lines(runs[order], line), runs[np.sort(first), 4:])


def _heading(runs: np.ndarray) -> np.ndarray:
    """The headings (n) of runs."""
    step = np.sign(runs[:, 2:4] - runs[:, :2])
    return np.where(step[:, 1] == 0, np.where(step[:, 0] > 0, EAST, WEST), np.where(step[:, 1] > 0, SOUTH, NORTH))


def _following(runs: np.ndarray) -> np.ndarray:
    """The run (n) that continues each, -1 where its line ends.

    Where two continue from a corner, each turns left, around a pixel of the strip on top; a run goes straight on only
    where it was cut by the border of a window.
    """
    pair = np.unique(runs[:, 4:], axis=0, return_inverse=True)[1].reshape(-1)
    heading = _heading(runs)
    begins = _code(runs, pair, runs[:, :2], heading)
    order = np.argsort(begins)
    following = np.full(len(runs), -1)
    for turn in (RIGHT, STRAIGHT, LEFT):
        ends = _code(runs, pair, runs[:, 2:4], (heading + turn) % 4)
        at = np.minimum(np.searchsorted(begins[order], ends), len(runs) - 1)
        continues = begins[order][at] == ends
        following[continues] = order[at[continues]]
    return following


def _code(runs: np.ndarray, pair: np.ndarray, corner: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """One number for a pair of strips, a corner and a heading."""
    cols, rows = (int(runs[:, axes].max(initial=0)) + 1 for axes in ([0, 2], [1, 3]))
    return ((pair.astype(np.int64) * cols + corner[:, 0]) * rows + corner[:, 1]) * 4 + heading


def _draw_lines(runs: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Lines (n) through runs in their order, vertices where they turn."""
    is_new = np.diff(line, prepend=-1) != 0
    heading = _heading(runs)
    turns = is_new | (np.diff(heading, prepend=-1) != 0)
    is_last = np.diff(line, append=line.max(initial=-1) + 1) != 0
    points = np.concatenate([runs[turns, :2], runs[is_last, 2:4]]).astype(float)
    line_of_point = np.concatenate([line[turns], line[is_last]])
    order = np.argsort(line_of_point, kind="stable")
    if not len(line):
        return np.zeros(0, object)
    return np.asarray(shapely.linestrings(points[order], indices=line_of_point[order]))


def seams_of_raster(path: str | Path, grid: Grid) -> Seams:
    """The seams of a raster of strips' numbers, read window by window."""
    with opened_raster(str(path)) as source:
        return seam_lines(lambda window: read_window(source, window)[0], row_windows(grid))


def write_seams(seams: Seams, names: Sequence[str], grid: Grid, path: str | Path) -> None:
    """Write seams on the map as GeoParquet: columns left and right, the names of the strips beside a line.

    `names` are those of the strips in their order.
    """
    numbered_names = np.array(["", *names], object)
    columns = dict(left=numbered_names[seams.strips[:, 0]], right=numbered_names[seams.strips[:, 1]])
    map_lines = shapely.transform(seams.lines, lambda points: np.column_stack(grid.to_map(*points.T)))
    frame = geopandas.GeoDataFrame(columns, geometry=map_lines, crs=grid.crs)
    write_geoparquet(frame.astype(dict(left=str, right=str)), path)
