"""Mosaics cut into scenes: which scenes lie on one pixel grid, abut, and can lend each other pixels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely

from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, wrap_longitude, wrap_width

SEAM_SHARE = 0.02
"""Pieces of one mosaic may overlap by this share of the smaller one's side; scenes that overlap more are others."""


class LendingNeighbour(NamedTuple):
    """A scene that lends pixels, and the turns around the body between the borrower and it (-1, 0, 1)."""

    scene: str
    longitude_wraps: int


@dataclass(frozen=True)
class LendingRules:
    """How scenes lend each other pixels.

    `reach_m` is how far beyond a scene its tiles look, in metres of the map. Around the body pixels are
    only lent where it is a whole multiple of `multiple_px` pixels long, so that coarser scales fit, too.
    """

    margin: str
    margin_m: float
    multiple_px: int


def lending_neighbours(grids: Mapping[str, Grid], lending: LendingRules) -> dict[str, list[LendingNeighbour] | None]:
    """The scenes that lend each scene pixels, sorted; None for scenes that stand alone.

    With "auto" a scene is a piece of a mosaic when it abuts on another of the same grid, and overlaps none but
    for a seam; with "always" every scene is.
    """
    if lending.margin == "never":
        return dict.fromkeys(grids)
    lenders: dict[str, set[LendingNeighbour]] = {scene: set() for scene in grids}
    abutting: set[str] = set()
    overlapping: set[str] = set()
    for pair in _pairs(grids, lending):
        if pair.seam_px > SEAM_SHARE * pair.side_px:
            overlapping |= {pair.first, pair.second}
        if pair.gap_px <= 0:
            abutting |= {pair.first, pair.second}
        lenders[pair.first].add(LendingNeighbour(pair.second, pair.longitude_wraps))
        lenders[pair.second].add(LendingNeighbour(pair.first, -pair.longitude_wraps))
    if lending.margin == "always":
        return {scene: sorted(neighbours) for scene, neighbours in lenders.items()}
    pieces = abutting - overlapping
    return {
        scene: sorted(lender for lender in lenders[scene] if lender.scene in pieces) if scene in pieces else None
        for scene in grids
    }


def turns_on_map(wraps: int, images: Sequence[Grid], on_map: Sequence[Grid], multiple_px: int) -> int | None:
    """The turns around the body from a scene to one that lends it pixels, where both are resampled to another map.

    `images` are the grids of the two images, with `wraps` turns between them there, `on_map` those on the map. None
    where the map's turn is no whole multiple of `multiple_px` pixels, so that nothing can be lent across its ends.
    """
    if tuple(images) == tuple(on_map):
        return wraps
    turn = wrap_width(on_map[0].crs_wkt)
    if not turn:
        return 0
    apart, apart_on_map = (_longitude(lender) - _longitude(first) for first, lender in (images, on_map))
    apart = apart + 360 * wraps if wrap_width(images[0].crs_wkt) else float(wrap_longitude(np.array(apart)))
    turns = round((apart - apart_on_map) / 360)
    return turns if turns == 0 or _around_px(on_map[0], multiple_px) else None


def _longitude(grid: Grid) -> float:
    """That of a grid's middle in degrees, not wrapped."""
    return float(Ground(grid.crs_wkt, 1.0).degrees(*map(np.array, grid.middle))[0])


class _Pair(NamedTuple):
    """Two scenes on one grid, close to each other after `longitude_wraps` turns of the second around the body.

    `gap_px` is the gap between them (0 or less: they touch), `seam_px` the width in which they overlap, `side_px` the
    shortest of their sides.
    """

    first: str
    second: str
    longitude_wraps: int
    gap_px: float
    seam_px: float
    side_px: float


def _pairs(grids: Mapping[str, Grid], lending: LendingRules) -> Iterator[_Pair]:
    lattices: dict[tuple, list[str]] = {}
    for scene in sorted(grids):
        lattices.setdefault(grid_lattice(grids[scene]), []).append(scene)
    for scenes in lattices.values():
        boxes = np.array([_box(grids[scene]) for scene in scenes])
        around = _around_px(grids[scenes[0]], lending.multiple_px)
        for wraps in (0, 1) if around else (0,):
            yield from _close_pairs(scenes, boxes, wraps, wraps * around, lending.margin_m / grids[scenes[0]].gsd_m)


def _close_pairs(scenes: list[str], boxes: np.ndarray, wraps: int, shift: int, reach: float) -> Iterator[_Pair]:
    """Pairs of scenes closer than `reach` pixels once the second of each is shifted by `shift` columns."""
    moved = boxes + np.array([shift, 0, shift, 0])
    near = shapely.box(*(boxes + np.array([-reach, -reach, reach, reach])).T)
    i, j = shapely.STRtree(shapely.box(*moved.T)).query(near, predicate="intersects")
    once = i < j if wraps == 0 else np.full(len(i), True)  # a map of the whole body is its own neighbour
    i, j = i[once], j[once]
    a, b = boxes[i], moved[j]
    apart = (np.maximum(a[:, :2], b[:, :2]) - np.minimum(a[:, 2:], b[:, 2:])).max(axis=1)
    sides = np.concatenate([a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]], axis=1).min(axis=1)
    for first, second, gap, side in zip(i.tolist(), j.tolist(), apart.tolist(), sides.tolist(), strict=True):
        yield _Pair(scenes[first], scenes[second], wraps, gap, max(-gap, 0), side)


def grid_lattice(grid: Grid) -> tuple:
    """A key that scenes on one pixel grid share: map, pixel size, fraction of a pixel from the map's origin."""
    fraction = [round(part, 2) + 0.0 for part in grid.fraction]
    return grid.crs_wkt, f"{grid.transform.a:.5e}", f"{grid.transform.e:.5e}", *fraction


def _box(grid: Grid) -> tuple[int, int, int, int]:
    col, row = grid.index
    return col, row, col + grid.width, row + grid.height


def _around_px(grid: Grid, multiple: int) -> int:
    """Columns around the body on a cylindrical map; 0 where they are no multiple of `multiple`, and on other maps."""
    columns = wrap_width(grid.crs_wkt) / grid.transform.a
    rounded = round(columns / multiple) * multiple
    return rounded if rounded and abs(columns - rounded) < 0.01 else 0
