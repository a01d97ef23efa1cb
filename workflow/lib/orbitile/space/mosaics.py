"""Mosaics cut into scenes: which scenes lie on one pixel grid, abut, and can lend each other pixels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely

from orbitile.space.grids import Grid
from orbitile.space.ground import turn_width

SEAM_SHARE = 0.02
"""Pieces of one mosaic may overlap by this share of the smaller one's side; what overlaps more is another image."""


class Neighbour(NamedTuple):
    """A scene that lends pixels, and how often the map goes around the body between the two (-1, 0, 1)."""

    scene: str
    turn: int


@dataclass(frozen=True)
class Lending:
    """How scenes lend each other pixels.

    `reach_m` is how far beyond a scene its tiles look, in metres of the map. Around the body pixels are
    only lent where it is a whole multiple of `multiple_px` pixels long, so that coarser scales fit, too.
    """

    margin: str
    reach_m: float
    multiple_px: int


def neighbours(grids: Mapping[str, Grid], lending: Lending) -> dict[str, list[Neighbour] | None]:
    """The scenes that lend each scene pixels, sorted; None for scenes that stand alone.

    With "auto" a scene is a piece of a mosaic when it abuts on another of the same grid, and overlaps none but
    for a seam; with "always" every scene is.
    """
    if lending.margin == "never":
        return dict.fromkeys(grids)
    lent: dict[str, set[Neighbour]] = {scene: set() for scene in grids}
    abutting, overlapping = set(), set()
    for pair in _pairs(grids, lending):
        gap, seam = pair.gap_px, pair.seam_px
        if seam > SEAM_SHARE * pair.side_px:
            overlapping |= {pair.one, pair.other}
        if gap <= 0:
            abutting |= {pair.one, pair.other}
        lent[pair.one].add(Neighbour(pair.other, pair.turn))
        lent[pair.other].add(Neighbour(pair.one, -pair.turn))
    if lending.margin == "always":
        return {scene: sorted(some) for scene, some in lent.items()}
    pieces = abutting - overlapping
    return {scene: sorted(n for n in lent[scene] if n.scene in pieces) if scene in pieces else None for scene in grids}


class _Pair(NamedTuple):
    """Two scenes on one grid close to each other; `turn` brings the other one near the first.

    `gap_px` between them (0 or less: they touch), width of the seam in which they overlap, shorter of all their sides.
    """

    one: str
    other: str
    turn: int
    gap_px: float
    seam_px: float
    side_px: float


def _pairs(grids: Mapping[str, Grid], lending: Lending) -> Iterator[_Pair]:
    lattices: dict[tuple, list[str]] = {}
    for scene in sorted(grids):
        lattices.setdefault(lattice_of(grids[scene]), []).append(scene)
    for scenes in lattices.values():
        boxes = np.array([_box(grids[scene]) for scene in scenes])
        around = _around_px(grids[scenes[0]], lending.multiple_px)
        for turn in (0, 1) if around else (0,):
            yield from _close(scenes, boxes, turn, turn * around, lending.reach_m / grids[scenes[0]].gsd_m)


def _close(scenes: list[str], boxes: np.ndarray, turn: int, shift: int, reach: float) -> Iterator[_Pair]:
    """Pairs of scenes closer than `reach` once the others are shifted by some columns."""
    moved = boxes + np.array([shift, 0, shift, 0])
    near = shapely.box(*(boxes + np.array([-reach, -reach, reach, reach])).T)
    i, j = shapely.STRtree(shapely.box(*moved.T)).query(near, predicate="intersects")
    once = i < j if turn == 0 else np.full(len(i), True)  # a map of the whole body is its own neighbour
    i, j = i[once], j[once]
    a, b = boxes[i], moved[j]
    apart = (np.maximum(a[:, :2], b[:, :2]) - np.minimum(a[:, 2:], b[:, 2:])).max(axis=1)
    sides = np.concatenate([a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]], axis=1).min(axis=1)
    for one, other, gap, side in zip(i.tolist(), j.tolist(), apart.tolist(), sides.tolist(), strict=True):
        yield _Pair(scenes[one], scenes[other], turn, gap, max(-gap, 0), side)


def lattice_of(grid: Grid) -> tuple:
    """What scenes on one pixel grid have in common: map, pixel size, fraction of a pixel from the map's origin."""
    fraction = [round(part, 2) + 0.0 for part in grid.fraction]
    return grid.crs_wkt, f"{grid.transform.a:.5e}", f"{grid.transform.e:.5e}", *fraction


def _box(grid: Grid) -> tuple[int, int, int, int]:
    col, row = grid.index
    return col, row, col + grid.width, row + grid.height


def _around_px(grid: Grid, multiple: int) -> int:
    """Columns around the body on a cylindrical map; 0 where that is no whole number, or the map is no such."""
    columns = turn_width(grid.crs_wkt) / grid.transform.a
    whole = round(columns / multiple) * multiple
    return whole if whole and abs(columns - whole) < 0.01 else 0
