"""Craters per area in the cells of an equal-area raster, with Poisson errors."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from affine import Affine
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import LambertCylindricalEqualAreaConversion

from orbitile.base.errors import OrbitileError
from orbitile.counting.ground_plane import GroundPlane
from orbitile.space.bodies import Body
from orbitile.space.grids import Grid

PARALLEL_STEP_DEG, HIGHEST_PARALLEL_DEG = 5, 75
MOST_RASTER_CELLS = 4_000_000
ZERO_LIMIT = 1.841
"""Craters that a cell without any may hold, with the probability of one sigma, 84.13 % (Gehrels 1986, table 1)."""


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Counts of craters in the cells of an equal-area raster around the searched ground.

    `searched_km2` (rows, columns) is the searched ground of each cell, `counts` (diameters, rows, columns) how many
    craters of each diameter (km) and more lie in it, added batch by batch. Rows run from north to south.
    """

    ground: GroundPlane
    grid: Grid
    diameters_km: tuple[float, ...]
    searched_km2: np.ndarray
    counts: np.ndarray
    outside: list[int] = field(default_factory=lambda: [0])

    @classmethod
    def of(cls, ground: GroundPlane, body: Body, cell_km: float, diameters_km: tuple[float, ...]) -> Self:
        """Empty counts in cells of about `cell_km`; OrbitileError where they would be too many."""
        grid = equal_area_grid(ground, body, cell_km)
        boxes = _cell_boxes(ground, grid)
        searched = ground.areas_in_boxes_km2(boxes.reshape(-1, 4)).reshape(boxes.shape[:2])
        return cls(ground, grid, diameters_km, searched, np.zeros((len(diameters_km), *searched.shape), np.int64))

    def add(self, x: np.ndarray, y: np.ndarray, diameter_km: np.ndarray) -> None:
        """Count craters at places in the plane (n); those in cells without any searched ground stand in `outside`."""
        rows, columns = self.searched_km2.shape
        west, south, east, north = self.ground.bounds
        column = np.floor((x - west) / (east - west) * columns).astype(np.int64)
        row = np.floor((north - y) / (north - south) * rows).astype(np.int64)
        near = (column >= -1) & (column <= columns) & (row >= -1) & (row <= rows)  # on the border, but for rounding
        cell = np.where(near, row.clip(0, rows - 1) * columns + column.clip(0, columns - 1), 0)
        is_searched = near & (self.searched_km2.ravel()[cell] > 0)
        self.outside[0] += int((~is_searched & (diameter_km >= self.diameters_km[0])).sum())
        for number, diameter in enumerate(self.diameters_km):
            members = cell[is_searched & (diameter_km >= diameter)]
            self.counts[number] += np.bincount(members, minlength=rows * columns).reshape(rows, columns)

    @property
    def cell_km2(self) -> float:
        """The area of a cell on the sphere, the same for all."""
        t = self.grid.transform
        return abs(t.a * t.e) / 1e6

    def is_searched(self, least_share: float) -> np.ndarray:
        """The cells (rows, columns) of which at least a share was searched, and any of it."""
        return (self.searched_km2 >= least_share * self.cell_km2 * (1 - 1e-9)) & (self.searched_km2 > 0)

    @property
    def density(self) -> np.ndarray:
        """Craters per km2 of searched ground (diameters, rows, columns); NaN where nothing was searched."""
        return self.counts / np.where(self.searched_km2 > 0, self.searched_km2, np.nan)

    @property
    def error(self) -> np.ndarray:
        """Poisson's standard deviation of the density: the root of the count; without any crater the 1-sigma limit."""
        deviation = np.where(self.counts > 0, np.sqrt(self.counts), ZERO_LIMIT)
        return deviation / np.where(self.searched_km2 > 0, self.searched_km2, np.nan)

    @property
    def middles(self) -> tuple[np.ndarray, np.ndarray]:
        """Places (rows, columns each) of the cells' middles in the plane."""
        boxes = _cell_boxes(self.ground, self.grid)
        return (boxes[..., 0] + boxes[..., 2]) / 2, (boxes[..., 1] + boxes[..., 3]) / 2


def equal_area_grid(ground: GroundPlane, body: Body, cell_km: float) -> Grid:
    """Cells of equal area around a ground, in Lambert's cylindrical equal-area projection.

    Its standard parallel, where cells are square on the ground, is in the middle of the ground (30 degrees for all of
    a body). OrbitileError for too many cells.
    """
    west, south, east, north = ground.bounds
    parallel = _standard_parallel(ground)
    stretch = np.cos(np.radians(parallel))
    radius_m = body.radius_m
    columns = max(1, int(np.ceil((east - west) * stretch * radius_m / 1000 / cell_km - 1e-6)))
    rows = max(1, int(np.ceil((north - south) / stretch * radius_m / 1000 / cell_km - 1e-6)))
    if columns * rows > MOST_RASTER_CELLS:
        raise OrbitileError(f"density.cell_km: {columns:,} x {rows:,} cells of {cell_km:g} km are more than "
                            f"{MOST_RASTER_CELLS:,}; choose larger cells")  # fmt: skip
    crs = ProjectedCRS(
        LambertCylindricalEqualAreaConversion(float(parallel), ground.middle_deg),
        name=f"{body.name} cylindrical equal area", geodetic_crs=body.crs,
    )  # fmt: skip
    width, height = (east - west) * stretch * radius_m / columns, (north - south) / stretch * radius_m / rows
    origin = west * stretch * radius_m, north / stretch * radius_m
    return Grid(crs.to_wkt(), Affine(width, 0, origin[0], 0, -height, origin[1]), columns, rows)


def _standard_parallel(ground: GroundPlane) -> int:
    """The latitude whose sine is the mean over the ground, in steps."""
    _, south, _, north = ground.bounds
    edges = np.linspace(south, north, 101)
    west, _, east, _ = ground.bounds
    bands = np.column_stack([np.full(100, west), edges[:-1], np.full(100, east), edges[1:]])
    mean = np.average(np.abs(edges[:-1] + edges[1:]) / 2, weights=ground.areas_in_boxes_km2(bands))
    return min(round(float(np.degrees(np.arcsin(mean))) / PARALLEL_STEP_DEG) * PARALLEL_STEP_DEG, HIGHEST_PARALLEL_DEG)


def _cell_boxes(ground: GroundPlane, grid: Grid) -> np.ndarray:
    """Bounds (rows, columns, 4: west, south, east, north) of a grid's cells in the plane."""
    west, south, east, north = ground.bounds
    x, y = np.linspace(west, east, grid.width + 1), np.linspace(north, south, grid.height + 1)
    left, top = np.meshgrid(x[:-1], y[:-1])
    right, bottom = np.meshgrid(x[1:], y[1:])
    return np.stack([left, bottom, right, top], axis=-1)
