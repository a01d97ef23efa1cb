"""Elevation models as surfaces: heights over a body's sphere, in a GeoTIFF of any map of it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from orbitile.cameras.surfaces import Ellipsoid
from orbitile.errors import OrbitileError
from orbitile.rasters.read import grid_of, opened, read
from orbitile.space.bodies import Body, lies_on
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground, places, unit_vectors

MARGIN = 0.25
"""How far beyond a footprint heights are read, as a share of its size on the elevation model's map."""
STEPS_PER_PIXEL = 2
MOST_STEPS = 4096
HALVINGS = 40


@dataclass(frozen=True)
class Heights:
    """A part of an elevation model (see orbitile.cameras.surfaces.Surface).

    `heights` (rows, columns) are metres over the sphere of `radius_m`, NaN where there are none, at the middles of the
    pixels of `grid`; between these they are bilinear.
    """

    grid: Grid
    heights: np.ndarray
    radius_m: float

    def at(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """See Surface. NaN beyond the model."""
        return unit_vectors(lon, lat) * (self.radius_m + self.height(lon, lat))[..., None]

    def height(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Heights (n, m) at places; NaN where the model has none."""
        col, row = self.grid.to_pixel(*self._ground.xy(lon, lat, *self.grid.middle))
        place = np.stack([row, col]) - 0.5
        return map_coordinates(self.heights, place, order=1, mode="constant", cval=np.nan)

    def hit(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """See Surface.

        Each ray is followed from the highest to the lowest height, in steps shorter than a pixel, to the first below
        the ground; there halving finds the ground itself.
        """
        above, below = (self._at_level(origins, directions, level) for level in self._range)
        share = np.linspace(0, 1, self._steps(above, below))
        over = np.stack([self._over(above + part * (below - above)) for part in share])
        first = np.argmax(over[1:] <= 0, axis=0)
        low, high = share[first], share[first + 1]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_over = self._over(above + middle[:, None] * (below - above)) > 0
            low, high = np.where(is_over, middle, low), np.where(is_over, high, middle)
        found = (over[1:] <= 0).any(axis=0)
        return np.where(found[:, None], above + low[:, None] * (below - above), np.nan)

    def _over(self, points: np.ndarray) -> np.ndarray:
        """How high (m) points (n, 3) lie over the ground; a point beyond the model is over it."""
        over = np.linalg.norm(points, axis=-1) - self.radius_m - self.height(*places(points))
        return np.where(np.isnan(over), np.inf, over)

    def _at_level(self, origins: np.ndarray, directions: np.ndarray, height_m: float) -> np.ndarray:
        radius = self.radius_m + height_m
        return Ellipsoid(radius, radius).hit(origins, directions)

    def _steps(self, above: np.ndarray, below: np.ndarray) -> int:
        longest = np.nanmax(np.linalg.norm(below - above, axis=-1), initial=0)
        return int(np.clip(np.ceil(longest / self.grid.gsd_m * STEPS_PER_PIXEL), 2, MOST_STEPS)) + 1

    @cached_property
    def _range(self) -> tuple[float, float]:
        """A level above all heights, and one below, in m."""
        return float(np.nanmax(self.heights)) + 1, float(np.nanmin(self.heights)) - 1

    @cached_property
    def _ground(self) -> Ground:
        return Ground(self.grid.crs_wkt, self.radius_m)


def read_heights(path: Path, where: Body, lon: np.ndarray, lat: np.ndarray) -> Heights:
    """The part of an elevation model around a footprint (n, degrees).

    OrbitileError for a model of another body, without georeferencing, or that does not reach all around the footprint.
    """
    with opened(str(path)) as source:
        if source.crs is None:
            raise OrbitileError(f"{path}: the elevation model has no georeferencing; give one on a map of {where.name}")
        grid = grid_of(source)
        if not lies_on(grid.crs, where):
            raise OrbitileError(f"{path}: the elevation model lies on {grid.crs.datum.name}, the run on {where.name}")
        window = _window(grid, where, lon, lat)
        if window is None:
            raise OrbitileError(
                f"{path}: the elevation model does not cover longitude {lon.min():.3f} to {lon.max():.3f}, latitude "
                f"{lat.min():.3f} to {lat.max():.3f}; give one that does, or leave `elevation` out"
            )
        pixels, valid = read(source, window)
    heights = np.where(valid, pixels, np.nan).astype(np.float32)
    if not valid.any():
        raise OrbitileError(f"{path}: the elevation model has no data around {lon[0]:.3f} E, {lat[0]:.3f} N")
    x, y = grid.to_map(window.col, window.row)
    transform = grid.transform.__class__(grid.transform.a, 0, float(x), 0, grid.transform.e, float(y))
    return Heights(Grid(grid.crs_wkt, transform, window.width, window.height), heights, where.radius_m)


def _window(grid: Grid, where: Body, lon: np.ndarray, lat: np.ndarray) -> Window | None:
    """The pixels around a footprint, as far as there are any; None where the footprint itself is not inside."""
    col, row = grid.to_pixel(*Ground(grid.crs_wkt, where.radius_m).xy(lon, lat, *grid.middle))
    edges = np.array([col.min(), row.min(), col.max(), row.max()])
    if not np.isfinite(edges).all() or (edges < 0).any() or edges[2] > grid.width or edges[3] > grid.height:
        return None
    margin = MARGIN * np.ptp(edges.reshape(2, 2), axis=0) + 2
    left, top = np.floor(np.maximum(edges[:2] - margin, 0)).astype(int).tolist()
    right, bottom = np.ceil(np.minimum(edges[2:] + margin, (grid.width, grid.height))).astype(int).tolist()
    return Window(left, top, right - left, bottom - top)
