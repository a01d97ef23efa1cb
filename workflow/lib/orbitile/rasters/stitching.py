"""Tiles of probabilities put together to a raster: a mean that tapers towards the tiles' edges, band by band."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from orbitile.compiled import compiled
from orbitile.space.grids import Window

BAND_PX = 512
"""Bands end at whole blocks of the raster that they are written to."""
HIGHEST = 256
"""Largest weight along one axis: sums of a dozen tiles still fit into 32 bits."""


@dataclass(frozen=True)
class Patch:
    """A tile's probabilities (classes, side, side) of 0..255, and the window they belong to.

    The window may reach beyond the raster, and be smaller than the tile.
    """

    window: Window
    probability: np.ndarray


def taper(side: int, ramp: int) -> np.ndarray:
    """Weights (side) that rise from 1 at the edges to `ramp` further in.

    Whole numbers, so that sums of them are exact: they do not depend on the order in which tiles come.
    """
    along = np.arange(side)
    return np.minimum(np.minimum(along, along[::-1]) + 1, min(max(ramp, 1), HIGHEST)).astype(np.int32)


class Stitcher:
    """Adds up patches of `classes` in a raster `width` pixels wide; weights rise over `ramp` pixels, the overlap.

    It holds the rows between the first patch that is not complete and the last one added, no more.
    """

    def __init__(self, classes: int, width: int, height: int, ramp: int) -> None:
        self._shape, self._ramp = (width, height), ramp
        self._top = 0
        self._sum = np.zeros((classes, 0, width), np.int32)
        self._weight = np.zeros((0, width), np.int32)

    def bands(self, patches: Iterable[Patch]) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
        """Bands of the raster from top to bottom: window, probability (classes, rows, columns), and where it is known.

        Patches come in the order of their windows' first rows.
        """
        for patch in patches:
            yield from self._finish(min(patch.window.row // BAND_PX * BAND_PX, self._shape[1]))
            self._add(patch)
        yield from self._finish(self._shape[1])

    def _finish(self, bottom: int) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
        """The bands that no patch reaches any more that begins at `bottom`."""
        while self._top < bottom:
            rows = min(BAND_PX, self._shape[1] - self._top)
            self._hold(self._top + rows)
            total, weight = self._sum[:, :rows], self._weight[:rows]
            mean = ((2 * total + weight) // np.maximum(2 * weight, 1)).astype(np.uint8)
            yield Window(0, self._top, self._shape[0], rows), mean, weight > 0
            self._sum, self._weight, self._top = self._sum[:, rows:], self._weight[rows:], self._top + rows

    def _hold(self, bottom: int) -> None:
        """Make room for rows down to `bottom`."""
        missing = bottom - self._top - len(self._weight)
        if missing > 0:
            more = np.zeros((len(self._sum), missing, self._shape[0]), np.int32)
            self._sum = np.concatenate([self._sum, more], axis=1)
            self._weight = np.concatenate([self._weight, np.zeros((missing, self._shape[0]), np.int32)])

    def _add(self, patch: Patch) -> None:
        shared = patch.window.shared(Window(0, 0, *self._shape))
        if shared is None:
            return
        self._hold(shared.row + shared.height)
        here = shared.inside(Window(0, self._top, self._shape[0], len(self._weight)))
        there = shared.inside(patch.window)
        down, across = taper(patch.window.height, self._ramp)[there[0]], taper(patch.window.width, self._ramp)[there[1]]
        _accumulate(self._sum[:, *here], self._weight[here], patch.probability[:, *there], down, across)


@compiled
def _accumulate(
    total: np.ndarray, weight: np.ndarray, probability: np.ndarray, down: np.ndarray, across: np.ndarray
) -> None:
    """Add probabilities (classes, rows, columns) times the weights of their rows and columns."""
    for row in range(len(down)):
        for col in range(len(across)):
            share = down[row] * across[col]
            weight[row, col] += share
            for band in range(len(probability)):
                total[band, row, col] += share * probability[band, row, col]
