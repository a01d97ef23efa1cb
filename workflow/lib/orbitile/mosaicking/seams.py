"""Seam lines: the borders between pixels that come from different strips, exactly along the pixels' edges."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely

from orbitile.mosaicking.kernels import find_runs, follow
from orbitile.rasters.read import bands, opened, read
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
    """The seams of an image of strips' numbers (0: none), read in bands of full width from top to bottom.

    There is one line between two strips from one place where a third pixel, or none, comes between them to the next;
    where no such place is, it is closed. Lines know no bands. Where two pixels of the strip on top meet at a corner
    only, two lines meet there, none crosses.
    """
    found = [_runs(read, window) for window in windows]
    return _lines(np.concatenate([np.zeros((0, 6), np.int32), *found]))


def _runs(read: Callable[[Window], np.ndarray], band: Window) -> np.ndarray:
    """Straight runs (n, 6) of the seams of a band and its upper border (see find_runs)."""
    above = min(band.row, 1)
    index = read(Window(band.col, band.row - above, band.width, band.height + above))
    runs = np.empty((find_runs(index, above, np.empty((0, 6), np.int32)), 6), np.int32)
    find_runs(index, above, runs)
    return runs + np.array([band.col, band.row - above] * 2 + [0, 0], np.int32)


def _lines(runs: np.ndarray) -> Seams:
    runs = runs[np.lexsort([_heading(runs), runs[:, 0], runs[:, 1], runs[:, 5], runs[:, 4]])]
    following = _following(runs)
    is_first = np.bincount(following + 1, minlength=len(runs) + 1)[1:] == 0
    starts = np.concatenate([np.flatnonzero(is_first), np.arange(len(runs))])  # what then remains is closed
    order, line = np.empty(len(runs), np.int64), np.empty(len(runs), np.int64)
    number = follow(following, starts, order, line)
    first = order[np.searchsorted(line, np.arange(number))]
    rank = np.argsort(np.argsort(first))
    order, line = order[np.argsort(rank[line], kind="stable")], np.sort(rank[line])
    return Seams(_drawn(runs[order], line), runs[np.sort(first), 4:])


def _heading(runs: np.ndarray) -> np.ndarray:
    way = np.sign(runs[:, 2:4] - runs[:, :2])
    return np.where(way[:, 1] == 0, np.where(way[:, 0] > 0, EAST, WEST), np.where(way[:, 1] > 0, SOUTH, NORTH))


def _following(runs: np.ndarray) -> np.ndarray:
    """The run (n) that each goes on in, -1 where its line ends.

    Where two go on from a corner, each turns left, around a pixel of the strip on top; straight on there is only what
    was cut by the border of a band.
    """
    pair = np.unique(runs[:, 4:], axis=0, return_inverse=True)[1].reshape(-1)
    heading = _heading(runs)
    begins = _code(runs, pair, runs[:, :2], heading)
    order = np.argsort(begins)
    following = np.full(len(runs), -1)
    for turn in (RIGHT, STRAIGHT, LEFT):
        wanted = _code(runs, pair, runs[:, 2:4], (heading + turn) % 4)
        at = np.minimum(np.searchsorted(begins[order], wanted), len(runs) - 1)
        there = begins[order][at] == wanted
        following[there] = order[at[there]]
    return following


def _code(runs: np.ndarray, pair: np.ndarray, corner: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """One number for a pair of strips, a corner and a heading."""
    cols, rows = (int(runs[:, axes].max(initial=0)) + 1 for axes in ([0, 2], [1, 3]))
    return ((pair.astype(np.int64) * cols + corner[:, 0]) * rows + corner[:, 1]) * 4 + heading


def _drawn(runs: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Lines (n) through runs in their order, vertices where they turn."""
    new = np.diff(line, prepend=-1) != 0
    heading = _heading(runs)
    turns = new | (np.diff(heading, prepend=-1) != 0)
    last = np.diff(line, append=line.max(initial=-1) + 1) != 0
    points = np.concatenate([runs[turns, :2], runs[last, 2:4]]).astype(float)
    owner = np.concatenate([line[turns], line[last]])
    order = np.argsort(owner, kind="stable")
    return shapely.linestrings(points[order], indices=owner[order]) if len(line) else np.zeros(0, object)


def seams_of_raster(path: str | Path, grid: Grid) -> Seams:
    """The seams of a raster of strips' numbers, band by band."""
    with opened(str(path)) as source:
        return seam_lines(lambda window: read(source, window)[0], bands(grid))


def write_seams(seams: Seams, names: Sequence[str], grid: Grid, path: str | Path) -> None:
    """Write seams on the map as GeoParquet: columns left and right, the names of the strips beside a line.

    `names` are those of the strips in their order.
    """
    known = np.array(["", *names], object)
    columns = dict(left=known[seams.strips[:, 0]], right=known[seams.strips[:, 1]])
    on_map = shapely.transform(seams.lines, lambda points: np.column_stack(grid.to_map(*points.T)))
    frame = geopandas.GeoDataFrame(columns, geometry=on_map, crs=grid.crs)
    write_geoparquet(frame.astype(dict(left=str, right=str)), path)
