"""Cells of nearly equal sides over the searched ground, compact up to the poles: what sums over a sphere run over."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.counting.ground_plane import GroundPlane

MOST_SPHERE_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class SphereCells:
    """Rows of equal height in latitude, each divided into columns about as wide, around the bounds of a ground.

    `south` (rows + 1; radians of latitude) are the rows' edges, `columns` (rows) how many cells each has, between the
    ground's western and eastern bounds. Cells are numbered row by row from the south, in a row from the west.
    """

    ground: GroundPlane
    south: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, ground: GroundPlane, side_km: float, key: str) -> Self:
        """Cells of about `side_km`; OrbitileError, with the settings' key, where they are too many."""
        west, south, east, north = ground.bounds
        low, high = np.arcsin([south, north])
        side = side_km / ground.radius_km
        rows = max(1, int(np.ceil((high - low) / side)))
        if rows > MOST_SPHERE_CELLS:
            raise too_many_cells(key, side_km)
        edges = np.linspace(low, high, rows + 1)
        nearest = np.where((edges[:-1] < 0) & (edges[1:] > 0), 0.0, np.minimum(abs(edges[:-1]), abs(edges[1:])))
        columns = np.maximum(1, np.ceil((east - west) * np.cos(nearest) / side)).astype(np.int64)
        if columns.sum() > MOST_SPHERE_CELLS:
            raise too_many_cells(key, side_km)
        return cls(ground, edges, columns)

    def __len__(self) -> int:
        return int(self.columns.sum())

    @cached_property
    def first(self) -> np.ndarray:
        """The number (rows) of each row's first cell."""
        return np.cumsum(self.columns) - self.columns

    @cached_property
    def boxes(self) -> np.ndarray:
        """Bounds (n, 4: west, south, east, north) of the cells in the plane."""
        west, _, east, _ = self.ground.bounds
        row = np.repeat(np.arange(len(self.columns)), self.columns)
        column, width = np.arange(len(self)) - self.first[row], (east - west) / self.columns[row]
        y = np.sin(self.south)
        return np.column_stack([west + column * width, y[row], west + (column + 1) * width, y[row + 1]])

    @cached_property
    def searched_km2(self) -> np.ndarray:
        """The area (n) of searched ground in each cell."""
        return self.ground.areas_in_boxes_km2(self.boxes)

    @cached_property
    def centres(self) -> np.ndarray:
        """Unit vectors (n, 3) of the cells' middles."""
        west, south, east, north = self.boxes.T
        middle = np.sin((np.arcsin(np.clip(south, -1, 1)) + np.arcsin(np.clip(north, -1, 1))) / 2)
        return self.ground.vectors((west + east) / 2, middle)

    def numbers(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The numbers (n) of the cells at places in the plane; of places beyond the bounds, the nearest in the row."""
        west, _, east, _ = self.ground.bounds
        row = np.searchsorted(np.sin(self.south), y, side="right") - 1
        row = row.clip(0, len(self.columns) - 1)
        column = np.floor((x - west) / (east - west) * self.columns[row]).astype(np.int64)
        return self.first[row] + column.clip(0, self.columns[row] - 1)


def too_many_cells(key: str, side_km: float) -> OrbitileError:
    """The error of cells of a side, or of what is made of such cells, that are too many."""
    return OrbitileError(f"{key}: cells of {side_km:.3g} km over the searched ground are more than "
                         f"{MOST_SPHERE_CELLS:,}; choose a larger value")  # fmt: skip
