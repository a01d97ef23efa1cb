"""Objects in blocks that the page loads as they are needed: the largest first, then the rest.

A block is a square of longitudes and latitudes at a level, and has the largest objects in it that no block above
it has; an object is in one block. So the page shows the same objects at every zoom but smaller ones, and what it
does not show is smaller than what it does.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

DEEPEST = 16
"""The blocks of this level have all objects that are left."""
CELLS = 32
"""Along the side of a block: in each of them the objects of deeper levels are counted."""


PLACES_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class SizeBlock:
    """A block: level, column and row, the indices of its rows, and how many rows of deeper levels its cells have."""

    level: int
    column: int
    row: int
    rows: np.ndarray
    deeper: np.ndarray

    @property
    def name(self) -> str:
        """level-column-row."""
        return f"{self.level}-{self.column}-{self.row}"

    def deeper_cells(self) -> dict[str, list[int]]:
        """The cells with any rows of deeper levels, and how many, for the page."""
        cells = np.flatnonzero(self.deeper)
        return dict(cells=cells.tolist(), rows=self.deeper[cells].tolist())


def blocks_by_size(lon: np.ndarray, lat: np.ndarray, size: np.ndarray, block_rows: int) -> Iterator[SizeBlock]:
    """All blocks of objects (n: centres in degrees, sizes), level by level, each of so many at most.

    Of equally large objects the first ones by place are above the others.
    """
    left = np.lexsort([lat, lon, -size]).astype(np.uint32)
    for level in range(DEEPEST + 1):
        if not len(left):
            return
        number = _block_numbers(lon, lat, left, level)
        order = np.argsort(number, kind="stable").astype(np.uint32)
        starts = np.flatnonzero(np.diff(number[order], prepend=-1))
        is_deeper = np.zeros(len(left), bool)
        for start, end in zip(starts, [*starts[1:], len(number)], strict=True):
            members = order[start:end]
            most = len(members) if level == DEEPEST else block_rows
            is_deeper[members[most:]] = True
            row, column = divmod(int(number[members[0]]), 2 ** (level + 1))
            place = column, row
            rest = left[members[most:]]
            yield SizeBlock(level, *place, left[members[:most]], _cell_counts(lon[rest], lat[rest], level, place))
        left = left[is_deeper]


def rounded_reaches(reaches: Mapping[str, tuple[float, float]]) -> dict[str, list[float]]:
    """How far objects of blocks, by name, and of blocks below them reach from their places, rounded up.

    That is in degrees of longitude and of latitude: what lies beside a view may reach into it.
    """
    joined = {name: [math.ceil(1000 * part) / 1000 for part in reach] for name, reach in reaches.items()}
    for level, column, row in sorted((tuple(map(int, name.split("-"))) for name in reaches), reverse=True):
        above = f"{level - 1}-{column // 2}-{row // 2}"
        if above in joined:
            joined[above] = [max(pair) for pair in zip(joined[above], joined[f"{level}-{column}-{row}"], strict=True)]
    return joined


def _block_numbers(lon: np.ndarray, lat: np.ndarray, chosen: np.ndarray, level: int) -> np.ndarray:
    """The number (m), row by row, of the block of a level that each of the chosen places (m indices) lies in."""
    number = np.empty(len(chosen), np.int64)
    for first in range(0, len(chosen), PLACES_AT_ONCE):
        part = slice(first, first + PLACES_AT_ONCE)
        column, row = block_places(lon[chosen[part]], lat[chosen[part]], level)
        number[part] = row * 2 ** (level + 1) + column
    return number


def block_places(lon: np.ndarray, lat: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns from 180 W and rows from 90 N (n each) of the blocks of a level that places (degrees) lie in."""
    side = 180 / 2**level
    column = np.floor((np.asarray(lon) + 180) / side).astype(np.int64)
    row = np.floor((90 - np.asarray(lat)) / side).astype(np.int64)
    return np.clip(column, 0, 2 ** (level + 1) - 1), np.clip(row, 0, 2**level - 1)


def _cell_counts(lon: np.ndarray, lat: np.ndarray, level: int, place: tuple[int, int]) -> np.ndarray:
    """How many places lie in each of CELLS x CELLS cells of a block, from its north-western corner on."""
    column, row = block_places(lon, lat, level + CELLS.bit_length() - 1)
    cell = (row - place[1] * CELLS) * CELLS + column - place[0] * CELLS
    return np.bincount(cell, minlength=CELLS**2)
