"""Tiles: overlapping windows of a grid, and which tile is responsible for which pixels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from orbitile.space.grids import Window

EDGE_PX = 1
"""Boxes this close to an inner edge of their tile count as truncated by it."""
TRUNCATED_PX = 2
"""Objects whose boxes are this close to nodata, or to the end of the data, may be larger than their boxes."""


@dataclass(frozen=True)
class TileSize:
    """Side and overlap of tiles in pixels."""

    tile_px: int
    overlap_px: int
    blended: bool = False
    """Whether a tile's predictions count all over it, not only in its core."""

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
    """Left, top, right, bottom; infinite where the scene ends and no other scene continues it."""


@dataclass(frozen=True)
class TileSpan:
    """A tile along one axis, in pixels: where it and its core begin and end."""

    begin: int
    end: int
    core_begin: float
    core_end: float


def spans_of_scene(length: int, size: TileSize) -> list[TileSpan]:
    """Tiles along an axis, `length` pixels long, of a scene that stands alone.

    The first begins with the scene, the last ends with it; a scene shorter than a tile has one tile. The cores meet in
    the boundaries of the overlaps; the first and the last core have no outer end (infinite).
    """
    tile = size.tile_px
    regular = range(0, max(length - tile, 0), size.step_px)
    first = [*regular, max(length - tile, 0)]
    boundaries = [(before + tile + after) / 2 for before, after in pairwise(first)]
    edges = pairwise([-np.inf, *boundaries, np.inf])
    return [TileSpan(begin, min(begin + tile, length), *edge) for begin, edge in zip(first, edges, strict=True)]


def spans_of_map(length: int, size: TileSize, index: int) -> list[TileSpan]:
    """Tiles along an axis of a scene that is a piece of a mosaic; its first pixel is number `index` of the map.

    The tile grid is that of the map, so that tiles are the same however the mosaic is divided into scenes. The scene
    takes the tiles whose cores it overlaps; these reach beyond it. Where predictions are blended it takes all tiles
    that reach into it: their cores may lie outside, and are then empty.
    """
    step, before = size.step_px, size.overlap_px // 2
    margins = (size.tile_px - before - 1, before) if size.blended else (step - 1, 0)
    numbers = range(-((margins[0] - index) // step), (index + length - 1 + margins[1]) // step + 1)
    cores = [(number * step - index) for number in numbers]
    return [
        TileSpan(
            core - before, core - before + size.tile_px, min(max(core, 0), length), max(min(core + step, length), 0)
        )
        for core in cores
    ]


def scene_tiles(columns: list[TileSpan], rows: list[TileSpan]) -> Iterator[Tile]:
    """All tiles of a scene, row by row, from its tiles along both axes."""
    for j, row in enumerate(rows):
        for i, col in enumerate(columns):
            window = Window(col.begin, row.begin, col.end - col.begin, row.end - row.begin)
            core = (col.core_begin, row.core_begin, col.core_end, row.core_end)
            yield Tile(j * len(columns) + i, window, core)


@dataclass(frozen=True)
class TilePlacement:
    """Where the tiles of boxes lie in their scene, in its pixels.

    `core` (n, 4) and `window` (n, 4) are left, top, right, bottom; `size` (2) is the scene's width and height.
    """

    core: np.ndarray
    window: np.ndarray
    size: np.ndarray

    def contains(self, centre: np.ndarray, slack_px: float) -> np.ndarray:
        """Which centres (n, 2: x, y) lie in their tile's core plus slack; where the scene ends, in the scene."""
        low, high = self.core[:, :2], self.core[:, 2:]
        low = np.where(np.isfinite(low), low - slack_px, 0)
        high = np.where(np.isfinite(high), high + slack_px, self.size)
        return np.all((centre >= low) & (centre < high), axis=1)

    def touch_inner_edge(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes (n, 4) touch an inner edge of their tile, so that another tile is to show all of the object."""
        return (self._touched(boxes, EDGE_PX) & np.isfinite(self.core)).any(axis=1)

    def touch_outer_edge(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes (n, 4) touch the edge of their scene where no neighbour continues it."""
        return (self._touched(boxes, TRUNCATED_PX) & ~np.isfinite(self.core)).any(axis=1)

    def _touched(self, boxes: np.ndarray, margin_px: float) -> np.ndarray:
        """Which edges of their windows the boxes touch (n, 4)."""
        low = boxes[:, :2] <= self.window[:, :2] + margin_px
        return np.column_stack([low, boxes[:, 2:] >= self.window[:, 2:] - margin_px])


@dataclass(frozen=True)
class SizeLimits:
    """Which detections tiles of a scale report, by their size in pixels.

    Objects larger than `max_object_px` belong to a coarser scale. The coarsest scale (`is_coarsest`) reports them, too,
    where a tile happens to show all of one. Centres may lie `slack_px` outside their tile's core.
    """

    slack_px: float
    min_object_px: float
    max_object_px: float
    is_coarsest: bool

    def is_reported(self, boxes: np.ndarray, tile: TilePlacement) -> np.ndarray:
        """Which boxes (n, 4, in scene pixels) their tiles report.

        Those of a size that this scale is responsible for, whose centre the tile is responsible for, and which no
        inner edge of the tile truncates.
        """
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        is_large_enough = _larger_side(boxes) >= self.min_object_px
        is_small_enough = self.is_coarsest | ~self.is_too_large(boxes)
        is_inside = tile.contains(centre, self.slack_px) & ~tile.touch_inner_edge(boxes)
        return is_inside & is_large_enough & is_small_enough

    def is_too_large(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes (n, 4) are too large for tiles of this scale to always show all of them."""
        return _larger_side(boxes) > self.max_object_px


def touch_nodata(corners: np.ndarray, tile: np.ndarray, incomplete: Mapping[int, np.ndarray]) -> np.ndarray:
    """Which boxes (n, 4, in tile pixels) come closer than TRUNCATED_PX to a pixel without data.

    `tile` (n) is the number of each box's tile; `incomplete` holds the valid masks (side, side; bool) of the tiles with
    nodata, by their numbers.
    """
    touched = np.zeros(len(corners), bool)
    for number in np.intersect1d(tile, list(incomplete)).tolist():
        in_tile, valid = tile == number, incomplete[number]
        low = np.clip(np.floor(corners[in_tile, :2]) - TRUNCATED_PX, 0, valid.shape[0]).astype(int)
        high = np.clip(np.ceil(corners[in_tile, 2:]) + TRUNCATED_PX, 0, valid.shape[0]).astype(int)
        missing = np.pad(~valid, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
        (left, top), (right, bottom) = low.T, high.T
        count = missing[bottom, right] - missing[top, right] - missing[bottom, left] + missing[top, left]
        touched[in_tile] = count > 0
    return touched


def _larger_side(boxes: np.ndarray) -> np.ndarray:
    """The larger sides (n): they decide whether a tile shows all of an object."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
