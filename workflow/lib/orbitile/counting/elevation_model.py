"""Elevation models as rasters of heights, read by windows around places on the body."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.elevation import UNDECLARED, base_level_m, elevation_grid, refuse_undeclared
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.read import explain_read_errors, read_window
from orbitile.space.bodies import Body
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground, distance, wrap_width

log = logging.getLogger(__name__)

LARGEST_WINDOW_PX = 4_000_000
"""Pixels of a window that is read as a whole; places further apart are read block by block."""
BLOCK_PX = 512
STEP_PX = 0.5
"""How far beyond the middles of its outermost pixels a raster reaches."""
SAMPLE_PX = 512
"""Pixels along each side of a sample of all."""


@dataclass(frozen=True)
class ElevationModel:
    """An open raster of elevations in metres over the body's sphere; radii, as of LOLA, become heights.

    `path` is the name of the file, `base_m` what is taken off its values.
    """

    path: Path
    source: rasterio.DatasetReader
    grid: Grid
    body: Body
    base_m: float = 0.0

    def heights(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Heights (n, metres) at places (n, degrees), bilinear between the middles of pixels; NaN without data.

        Places over the edge of a map that goes all around the body are between its first and last column.
        OrbitileError where the raster cannot be read, or holds a value that means no elevation but is not declared.
        """
        return self.heights_at(*self.pixels(lon, lat))

    def heights_at(self, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        """As `heights`, by columns and rows (n); columns may be full turns off."""
        col = self._turned(col)
        is_inside = self._contains(col, row)
        heights = np.full(len(col), np.nan)
        if is_inside.any():
            heights[is_inside] = self._bilinear(col[is_inside] - STEP_PX, row[is_inside] - STEP_PX)
        return heights

    def covers(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Whether the raster's rectangle holds places (n)."""
        return self._contains(*self.pixels(lon, lat))

    def pixels(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows (n) of places, from the outer corner of the first pixel; infinite off the map."""
        x, y = self._ground.xy(lon, lat, *self.grid.middle)
        col, row = self.grid.to_pixel(x, y)
        return self._turned(col), row

    def columns_apart(self, col: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Columns from `other` to `col`, the short way around the body."""
        turn = self.turn_px
        return (col - other + turn / 2) % turn - turn / 2 if turn else col - other

    def _turned(self, col: np.ndarray) -> np.ndarray:
        """Columns of the first turn."""
        if not self.turn_px:
            return col
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(col), col % self.turn_px, np.inf)

    def pixel_m(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """The longer side (n, metres) of a pixel on the ground at places (n)."""
        x, y = self._ground.xy(lon, lat, *self.grid.middle)
        t = self.grid.transform
        sides = []
        for dx, dy in ((t.a, t.d), (t.b, t.e)):
            ends = [self._ground.lonlat(x + sign * dx / 2, y + sign * dy / 2) for sign in (-1, 1)]
            sides.append(distance(*ends[0], *ends[1]) * self.body.radius_m)
        return np.maximum(*sides)

    def _contains(self, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        return (col >= 0) & (col <= self.grid.width) & (row >= 0) & (row <= self.grid.height)

    def _bilinear(self, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Heights at positions from the middle of the first pixel."""
        left, top = np.floor(col).astype(np.int64), np.floor(row).astype(np.int64)
        right_share, down_share = col - left, row - top
        cols, rows = np.stack([left, left + 1]), np.stack([top, top + 1])
        cols = cols % self._full_turn_px if self._full_turn_px else cols.clip(0, self.grid.width - 1)
        rows = rows.clip(0, self.grid.height - 1)
        corners = self._values(rows[:, None], cols[None, :])
        upper, lower = corners[:, 0] + (corners[:, 1] - corners[:, 0]) * right_share
        return upper + (lower - upper) * down_share

    def _values(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Heights of pixels by their rows and columns, whose shapes go together."""
        top, left = int(rows.min()), int(cols.min())
        height, width = int(rows.max()) - top + 1, int(cols.max()) - left + 1
        if height * width <= LARGEST_WINDOW_PX:
            return self._read(Window(left, top, width, height))[rows - top, cols - left]
        rows, cols = np.broadcast_arrays(rows, cols)
        return self._values_by_block(rows.ravel(), cols.ravel()).reshape(rows.shape)

    def _values_by_block(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        across = -(-self.grid.width // BLOCK_PX)
        block = rows // BLOCK_PX * across + cols // BLOCK_PX
        order = np.argsort(block, kind="stable")
        values = np.empty(len(rows))
        for members in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
            values[members] = self._values(rows[members], cols[members])
        return values

    def _read(self, window: Window) -> np.ndarray:
        pixels, valid = read_window(self.source, window)
        heights = np.where(valid, pixels, np.nan).astype(np.float64)
        refuse_undeclared(self.path, heights, self.base_m, self.body)
        return heights - self.base_m

    @cached_property
    def _ground(self) -> Ground:
        return Ground(self.grid.crs_wkt, self.body.radius_m)

    @cached_property
    def turn_px(self) -> float:
        """Columns of a full turn around the body; 0 where the map's columns do not run around it."""
        t = self.grid.transform
        return wrap_width(self.grid.crs_wkt) / abs(t.a) if t.b == t.d == 0 else 0.0

    @cached_property
    def _full_turn_px(self) -> int:
        """The width of a raster that goes all around the body, so that its last column borders on the first; else 0."""
        return self.grid.width if abs(self.turn_px - self.grid.width) < STEP_PX else 0


@contextmanager
def opened_elevation(path: Path, body: Body) -> Iterator[ElevationModel]:
    """Open an elevation model; OrbitileError where it is none of the body, in metres, on a map."""
    with opened_values(str(path)) as (source, _):
        grid = elevation_grid(path, source, body)
        if source.count != 1:
            raise OrbitileError(f"{path}: has {source.count} bands; an elevation model has one, of heights in metres")
        with explain_read_errors(str(path)):
            base_m = _base_m(path, source, grid, body)
        yield ElevationModel(path, source, grid, body, base_m)


def _base_m(path: Path, source: rasterio.DatasetReader, grid: Grid, body: Body) -> float:
    """The radius of the body, where values are radii; else 0. OrbitileError for a model without data or in kilometres.

    By a sample of all pixels.
    """
    shape = (min(SAMPLE_PX, grid.height), min(SAMPLE_PX, grid.width))
    masked = source.read(1, out_shape=shape, masked=True)
    values = np.asarray(masked.compressed(), float)
    values = values[np.isfinite(values) & ~np.isin(values, UNDECLARED)]
    if not len(values):
        raise OrbitileError(f"{path}: the elevation model has no data")
    return base_level_m(path, source, values, grid, body)
