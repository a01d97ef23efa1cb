"""Tiles: overlapping windows of a grid, and which tile answers for which place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from orbitile.space.grids import Window

EDGE_PX = 1
"""Boxes this close to an inner edge of their tile count as cut by it."""
CUT_PX = 2
"""Boxes this close to pixels without data, or to the end of the data, may be larger than they look."""


@dataclass(frozen=True)
class TileSize:
    """Side and overlap of tiles in pixels."""

    tile_px: int
    overlap_px: int
    blended: bool = False
    """Whether a tile's answer counts all over it, not only in its core."""

    @property
    def step_px(self) -> int:
        """From one tile to the next."""
        return self.tile_px - self.overlap_px


@dataclass(frozen=True)
class Tile:
    """A window and its core, in pixels of the scene.

    An object belongs to the tile whose core holds its centre. Cores are the tiles less half of
    each overlap; they cover the grid without gap or overlap.
    """

    number: int
    window: Window
    core: tuple[float, float, float, float]
    """Left, top, right, bottom; infinite where the scene ends and so does all that is known."""


@dataclass(frozen=True)
class Span:
    """A tile along one axis: where it and its core begin and end."""

    begin: int
    end: int
    core_begin: float
    core_end: float


def spans_of_scene(length: int, size: TileSize) -> list[Span]:
    """Tiles along an axis of a scene that stands alone.

    The first begins with the scene, the last ends with it; a scene shorter than a tile has one. The
    cores meet in the middles of the overlaps, and end where the scene ends, however far that may be.
    """
    tile = size.tile_px
    regular = range(0, max(length - tile, 0), size.step_px)
    first = [*regular, max(length - tile, 0)]
    middles = [(before + tile + after) / 2 for before, after in pairwise(first)]
    edges = pairwise([-np.inf, *middles, np.inf])
    return [Span(begin, min(begin + tile, length), *edge) for begin, edge in zip(first, edges, strict=True)]


def spans_of_map(length: int, size: TileSize, index: int) -> list[Span]:
    """Tiles along an axis of a scene that is a piece of a mosaic; its first pixel is number `index` of the map.

    Tiles have their places on the map, so that they are the same however the mosaic is cut into scenes. The scene
    takes those whose core it holds a part of; they reach beyond it. Where answers are blended it takes all that
    reach into it: their cores may lie outside, and are then empty.
    """
    step, before = size.step_px, size.overlap_px // 2
    around = (size.tile_px - before - 1, before) if size.blended else (step - 1, 0)
    numbers = range(-((around[0] - index) // step), (index + length - 1 + around[1]) // step + 1)
    cores = [(number * step - index) for number in numbers]
    return [
        Span(core - before, core - before + size.tile_px, min(max(core, 0), length), max(min(core + step, length), 0))
        for core in cores
    ]


def tiles(columns: list[Span], rows: list[Span]) -> Iterator[Tile]:
    """All tiles of a scene, row by row."""
    for j, row in enumerate(rows):
        for i, col in enumerate(columns):
            window = Window(col.begin, row.begin, col.end - col.begin, row.end - row.begin)
            core = (col.core_begin, row.core_begin, col.core_end, row.core_end)
            yield Tile(j * len(columns) + i, window, core)


@dataclass(frozen=True)
class TilePlace:
    """Where the tiles of some boxes lie in their scene, in its pixels.

    `core` (n, 4) and `window` (n, 4) are left, top, right, bottom; `size` (2) is the scene's width and height.
    """

    core: np.ndarray
    window: np.ndarray
    size: np.ndarray

    def holds(self, centre: np.ndarray, slack_px: float) -> np.ndarray:
        """Which centres (n, 2) lie in their tile's core plus slack; where the scene ends, in the scene."""
        low, high = self.core[:, :2], self.core[:, 2:]
        low = np.where(np.isfinite(low), low - slack_px, 0)
        high = np.where(np.isfinite(high), high + slack_px, self.size)
        return ((centre >= low) & (centre < high)).all(axis=1)

    def cuts(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes touch an inner edge of their tile: the tile that holds their centre sees them whole."""
        return (self._touched(boxes, EDGE_PX) & np.isfinite(self.core)).any(axis=1)

    def at_outer_edge(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes touch the edge of their scene where no neighbour goes on."""
        return (self._touched(boxes, CUT_PX) & ~np.isfinite(self.core)).any(axis=1)

    def _touched(self, boxes: np.ndarray, margin: float) -> np.ndarray:
        """Which edges of their windows the boxes touch (n, 4)."""
        low = boxes[:, :2] <= self.window[:, :2] + margin
        return np.column_stack([low, boxes[:, 2:] >= self.window[:, 2:] - margin])


@dataclass(frozen=True)
class Responsibility:
    """Which detections tiles of a scale may report, in pixels.

    Larger objects than `largest_px` belong to a coarser scale. The coarsest one (`is_coarsest`) reports them
    too, where a tile happens to see one whole.
    """

    slack_px: float
    smallest_px: float
    largest_px: float
    is_coarsest: bool

    def keeps(self, boxes: np.ndarray, tile: TilePlace) -> np.ndarray:
        """Tell which boxes (n, 4, in scene pixels) their tiles report.

        Those of a size that this scale answers for, whose centre the tile answers for, and which the tile
        sees whole.
        """
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        sized = (_across(boxes) >= self.smallest_px) & (self.is_coarsest | (_across(boxes) <= self.largest_px))
        return tile.holds(centre, self.slack_px) & ~tile.cuts(boxes) & sized

    def is_too_large(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes are larger than tiles of this scale are sure to see whole."""
        return _across(boxes) > self.largest_px


def touch_nodata(corners: np.ndarray, tile: np.ndarray, incomplete: Mapping[int, np.ndarray]) -> np.ndarray:
    """Which boxes (n, 4, in tile pixels) come closer than CUT_PX to a pixel without data.

    `tile` (n) is the number of each box's tile, `incomplete` holds the valid pixels (side, side) of those tiles
    that lack some.
    """
    touched = np.zeros(len(corners), bool)
    for number in np.intersect1d(tile, list(incomplete)).tolist():
        own, valid = tile == number, incomplete[number]
        low = np.clip(np.floor(corners[own, :2]) - CUT_PX, 0, valid.shape[0]).astype(int)
        high = np.clip(np.ceil(corners[own, 2:]) + CUT_PX, 0, valid.shape[0]).astype(int)
        missing = np.pad(~valid, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
        (left, top), (right, bottom) = low.T, high.T
        count = missing[bottom, right] - missing[top, right] - missing[bottom, left] + missing[top, left]
        touched[own] = count > 0
    return touched


def _across(boxes: np.ndarray) -> np.ndarray:
    """The larger sides: they decide whether a tile sees an object whole."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
