"""Tiles of probabilities combined to a raster: a mean that tapers towards the tiles' edges, row by row of blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from orbitile.base.compiled import compiled
from orbitile.space.grids import Window

ROWS_PX = 512
"""Rows are finished in multiples of the block height of the raster that they are written to."""
LARGEST_WEIGHT = 256
"""Largest weight along one axis: sums of a dozen tiles still fit into 32 bits."""


@dataclass(frozen=True)
class ProbabilityPatch:
    """A tile's probabilities (classes, side, side) of 0..255, and the window they belong to.

    The window may reach beyond the raster, and be smaller than the tile.
    """

    window: Window
    probability: np.ndarray


def taper_weights(side: int, ramp: int) -> np.ndarray:
    """Weights (side) that rise from 1 at the edges to `ramp`, `ramp` - 1 pixels further in.

    Whole numbers, so that sums of them are exact: they do not depend on the order in which tiles come.
    """
    position = np.arange(side)
    return np.minimum(np.minimum(position, position[::-1]) + 1, min(max(ramp, 1), LARGEST_WEIGHT)).astype(np.int32)


class Stitcher:
    """Adds up patches of `classes` in a raster `width` pixels wide; weights rise over `ramp` pixels, the overlap.

    It keeps the rows between the first patch that is not complete and the last one added in memory, no more.
    """

    def __init__(self, classes: int, width: int, height: int, ramp: int) -> None:
        self._width, self._height, self._ramp = width, height, ramp
        self._top = 0
        self._sum = np.zeros((classes, 0, width), np.int32)
        self._weight = np.zeros((0, width), np.int32)

    def finished_rows(self, patches: Iterable[ProbabilityPatch]) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
        """Windows of full width from top to bottom, their probability, and where any patch covers them.

        Probability is (classes, rows, columns), 0..255; coverage (rows, columns) bool. Patches come in the order of
        their windows' first rows.
        """
        for patch in patches:
            yield from self._finish(min(patch.window.row // ROWS_PX * ROWS_PX, self._height))
            self._add(patch)
        yield from self._finish(self._height)

    def _finish(self, bottom: int) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
        """The rows above `bottom`, which no further patch reaches."""
        while self._top < bottom:
            rows = min(ROWS_PX, self._height - self._top)
            self._extend(self._top + rows)
            total, weight = self._sum[:, :rows], self._weight[:rows]
            mean = ((2 * total + weight) // np.maximum(2 * weight, 1)).astype(np.uint8)
            yield Window(0, self._top, self._width, rows), mean, weight > 0
            self._sum, self._weight, self._top = self._sum[:, rows:], self._weight[rows:], self._top + rows

    def _extend(self, bottom: int) -> None:
        """Make room for rows down to `bottom`."""
        missing = bottom - self._top - len(self._weight)
        if missing > 0:
            empty = np.zeros((len(self._sum), missing, self._width), np.int32)
            self._sum = np.concatenate([self._sum, empty], axis=1)
            self._weight = np.concatenate([self._weight, np.zeros((missing, self._width), np.int32)])

    def _add(self, patch: ProbabilityPatch) -> None:
        shared = patch.window.intersection(Window(0, 0, self._width, self._height))
        if shared is None:
            return
        self._extend(shared.row + shared.height)
        area = shared.slices_within(Window(0, self._top, self._width, len(self._weight)))
        rows, cols = shared.slices_within(patch.window)
        row_weights = taper_weights(patch.window.height, self._ramp)[rows]
        col_weights = taper_weights(patch.window.width, self._ramp)[cols]
        _accumulate(self._sum[:, *area], self._weight[area], patch.probability[:, rows, cols], row_weights, col_weights)


@compiled
def _accumulate(
    total: np.ndarray, weight: np.ndarray, probability: np.ndarray, row_weights: np.ndarray, col_weights: np.ndarray
) -> None:
    """Add probabilities (classes, rows, columns) times the weights of their rows and columns."""
    for row in range(len(row_weights)):
        for col in range(len(col_weights)):
            share = row_weights[row] * col_weights[col]
            weight[row, col] += share
            for channel in range(len(probability)):
                total[channel, row, col] += share * probability[channel, row, col]
