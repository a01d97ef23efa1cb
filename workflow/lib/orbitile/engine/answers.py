"""What a network found in a batch of tiles, as arrays."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from orbitile.models.adapter import Boxes, Masks
from orbitile.overlap.boxes import PlaneBoxes
from orbitile.overlap.greedy import decide
from orbitile.overlap.search import Question, find_overlaps

IN_TILE = Question(0.7, threads=1)
"""Boxes of one tile and class that overlap more are one answer of neighbouring anchors. Looser than the
suppression that follows, which decides with all tiles in view."""
APART_PX = 1e5
"""Farther apart than any tile is wide."""


@dataclass(frozen=True)
class FoundBoxes:
    """Boxes: their tiles' numbers, corners (n, 4) in pixels of the tile, scores 0..1, numbers of their classes."""

    tile: np.ndarray
    corners: np.ndarray
    score: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, given: Boxes) -> Self:
        """Boxes in the order of their tiles, those of broken tiles left out."""
        tile = given.tile.numpy()
        order = np.argsort(tile, kind="stable")
        order = order[~given.broken.numpy()[tile[order]]]
        return cls(*(array.numpy()[order] for array in (given.tile, given.corners, given.score, given.label)))

    def __len__(self) -> int:
        return len(self.tile)

    def at(self, chosen: np.ndarray) -> Self:
        """Some of the boxes."""
        return FoundBoxes(self.tile[chosen], self.corners[chosen], self.score[chosen], self.label[chosen])

    def crowded(self, most: int | None) -> int:
        """In how many tiles there are as many boxes as a network can find, so that it may have left some out."""
        return 0 if most is None else int((np.bincount(self.tile, minlength=1) >= most).sum())

    def thinned(self) -> Self:
        """The boxes that survive suppression inside their tiles and classes: all that do, however many."""
        across = np.column_stack([self.tile, np.zeros_like(self.tile)] * 2) * APART_PX
        apart = self.tile * (int(self.label.max(initial=0)) + 1) + self.label
        overlaps = find_overlaps(PlaneBoxes(self.corners.astype(float) + across), self.score, IN_TILE, apart)
        return self.at(decide(overlaps, None).alive)


@dataclass(frozen=True)
class FoundMasks:
    """Probabilities (n, classes, side, side) of 0..255 in tiles, and these tiles' numbers."""

    tile: np.ndarray
    probability: np.ndarray

    @classmethod
    def of(cls, given: Masks) -> Self:
        """The masks of all tiles but broken ones."""
        tile = np.flatnonzero(~given.broken.numpy())
        return cls(tile, given.probability.numpy()[tile])

    def __len__(self) -> int:
        return len(self.tile)
