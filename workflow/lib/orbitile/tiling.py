"""Tiles: overlapping windows of a grid, and which tile answers for which place."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from orbitile.space.grids import Window


@dataclass(frozen=True)
class Tile:
    """A window and its core, in pixels of the scene.

    An object belongs to the tile whose core holds its centre. Cores are the tiles less half of
    each overlap; they cover the grid without gap or overlap.
    """

    number: int
    window: Window
    core: tuple[float, float, float, float]
    """Left, top, right, bottom; infinite where the scene ends."""


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixels of the tiles along an axis; the last tile ends flush with the axis.

    A shorter axis than a tile gets one tile that reaches beyond it.
    """
    if length <= tile:
        return [0]
    step = tile - overlap
    regular = range(0, length - tile, step)
    return [*regular, length - tile]


def cores(first: list[int], tile: int) -> list[tuple[float, float]]:
    """Begin and end of each tile's core along an axis: the middles of the overlaps."""
    middles = [(before + tile + after) / 2 for before, after in pairwise(first)]
    return list(zip([-np.inf, *middles], [*middles, np.inf], strict=True))


def tiles(width: int, height: int, tile: int, overlap: int) -> Iterator[Tile]:
    """All tiles of a grid, row by row; windows are cut at the grid's right and bottom edge."""
    columns, rows = starts(width, tile, overlap), starts(height, tile, overlap)
    core_columns, core_rows = cores(columns, tile), cores(rows, tile)
    for j, row in enumerate(rows):
        for i, col in enumerate(columns):
            window = Window(col, row, min(tile, width - col), min(tile, height - row))
            (left, right), (top, bottom) = core_columns[i], core_rows[j]
            yield Tile(j * len(columns) + i, window, (left, top, right, bottom))


@dataclass(frozen=True)
class Responsibility:
    """Which detections a tile may report, in pixels."""

    slack_px: float
    smallest_px: float
    largest_px: float

    def keeps(self, boxes: np.ndarray, core: np.ndarray, window: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Tell which boxes (n, 4, in scene pixels) their tiles keep.

        `core` (n, 4) and `window` (n, 4: left, top, right, bottom) belong to each box's tile;
        `size` (n, 2) is the scene's width and height. Kept are boxes of a size this scale answers
        for, with the centre in the scene and in the core plus slack, that touch no inner edge of
        their tile (those are cut; the tile that holds their centre sees them whole).
        """
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        across = (boxes[:, 2:] - boxes[:, :2]).mean(axis=1)
        in_core = (centre >= core[:, :2] - self.slack_px) & (centre < core[:, 2:] + self.slack_px)
        in_scene = (centre >= 0) & (centre < size)
        cut = (np.isfinite(core[:, :2]) & (boxes[:, :2] <= window[:, :2] + 1)) | (
            np.isfinite(core[:, 2:]) & (boxes[:, 2:] >= window[:, 2:] - 1)
        )
        sized = (across >= self.smallest_px) & (across <= self.largest_px)
        return in_core.all(axis=1) & in_scene.all(axis=1) & ~cut.any(axis=1) & sized
