"""Blocks of ground: what lies in one is resampled together, for neighbours are alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from orbitile.space.ground import unit_vectors
from orbitile.tables.craters import Craters

ENOUGH_GROUNDS = 8
"""From so many separate scenes on, each is a block."""
LEAST_BLOCKS = 32
"""Of blocks that figures are drawn from."""
LEAST_CRATERS = 4
"""In every block."""


@dataclass(frozen=True)
class GroundBlocks:
    """Parts of a sphere that hold equally many craters each, but for odd numbers and for craters at one place.

    The sphere is halved `depth` times, each part across its longest side at the median crater. `axes` and `limits`
    (2^depth - 1) are those of the cuts in space, part by part as in a binary heap.
    """

    axes: np.ndarray
    limits: np.ndarray
    depth: int

    @classmethod
    def of(cls, craters: Craters, depth: int) -> Self:
        """The 2^depth blocks by which craters are parted."""
        points = unit_vectors(craters.lon, craters.lat)
        axes, limits = np.zeros(2**depth - 1, int), np.zeros(2**depth - 1)
        members = [np.arange(len(points))]
        for node in range(2**depth - 1):
            part = points[members[node]]
            if len(part):
                axes[node] = np.argmax(np.ptp(part, axis=0))
                limits[node] = np.median(part[:, axes[node]])
            beyond = part[:, axes[node]] > limits[node]
            members += [members[node][~beyond], members[node][beyond]]
        return cls(axes, limits, depth)

    def numbers(self, craters: Craters) -> np.ndarray:
        """The number (n) of the block that each crater lies in."""
        points = unit_vectors(craters.lon, craters.lat)
        node = np.zeros(len(points), int)
        for _ in range(self.depth):
            beyond = points[np.arange(len(points)), self.axes[node]] > self.limits[node]
            node = 2 * node + 1 + beyond
        return node - len(self.axes)


@dataclass(frozen=True)
class Blocks:
    """The blocks of one or several grounds, by the grounds' names, numbered through; `first` are their first numbers.

    A ground is a map, or a scene without one.
    """

    parts: dict[str, GroundBlocks]
    first: dict[str, int]
    count: int

    @classmethod
    def of(cls, craters: Mapping[str, Craters], least_blocks: int = LEAST_BLOCKS) -> Self:
        """Blocks for the true craters of each ground: entire grounds where there are many, else parts of them.

        `least_blocks` or more, and at most twice as many, if the craters suffice.
        """
        parts = {
            name: GroundBlocks.of(part, _depth(len(part), len(craters), least_blocks)) for name, part in craters.items()
        }
        ends = np.cumsum([0, *(2**part.depth for part in parts.values())]).tolist()
        return cls(parts, dict(zip(parts, ends, strict=False)), ends[-1])

    def numbers(self, ground: str, craters: Craters) -> np.ndarray:
        """The number (n) of the block that each crater of a ground lies in."""
        return self.first[ground] + self.parts[ground].numbers(craters)

    @property
    def unit(self) -> str:
        """What the blocks are."""
        return "scenes" if len(self.parts) >= ENOUGH_GROUNDS else "blocks"


def _depth(craters: int, grounds: int, least_blocks: int) -> int:
    """How often a ground with so many true craters is halved."""
    if grounds >= ENOUGH_GROUNDS:
        return 0
    enough = int(np.ceil(np.log2(least_blocks / grounds)))
    return min(enough, int(np.log2(max(craters // LEAST_CRATERS, 1))))
