"""Elevation models as surfaces: heights over a body's sphere, in a GeoTIFF of any map of it."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from scipy.ndimage import map_coordinates

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.read import raster_grid, read_window
from orbitile.space.bodies import Body, lies_on
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground, goes_around_a_pole, lonlat_of_points, unit_vectors, wrap_width

MARGIN = 0.25
"""How far beyond a footprint heights are read, as a share of its size on the elevation model's map."""
STEPS_PER_PIXEL = 2
MAX_STEPS = 4096
HALVINGS = 40
UNDECLARED = (-32768.0, -32767.0, 32767.0, 65535.0, -9999.0, -99999.0)
"""Values that programs write where there is no elevation: no height of a body in metres is one of them."""
LARGEST_SHARE = 0.25
"""Of the body's radius: no height is larger."""
LEAST_RELIEF_M, WIDE_M = 20.0, 100_000.0
"""Ground so wide has more relief than this on every body."""
RELIEF_OF_RADII = 0.05
"""Largest range of radii, as a share of them; heights in metres of as many thousandths of a radius differ by more."""


@dataclass(frozen=True)
class ElevationSurface:
    """A part of an elevation model (see Surface).

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
        """Heights (n, m) at longitudes and latitudes (n, degrees); NaN where the model has none."""
        col, row = self.grid.to_pixel(*self._ground.xy(lon, lat, *self.grid.middle))
        row_col = np.stack([row, col]) - 0.5
        return map_coordinates(self.heights, row_col, order=1, mode="constant", cval=np.nan)

    def hit(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """See Surface.

        Each ray is followed from the highest to the lowest height, in steps shorter than a pixel, to the first point
        below the ground; between this and the point before, bisection finds the ground.
        """
        above, below = (self._hit_level(origins, directions, level) for level in self._levels)
        share = np.linspace(0, 1, self._step_count(above, below))
        clearance = np.stack([self._clearance(above + part * (below - above)) for part in share])
        is_below = clearance[1:] <= 0
        first = np.argmax(is_below, axis=0)
        low, high = share[first], share[first + 1]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_above = self._clearance(above + middle[:, None] * (below - above)) > 0
            low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
        hits = np.asarray(is_below.any(axis=0))
        return np.where(hits[:, None], above + low[:, None] * (below - above), np.nan)

    def _clearance(self, points: np.ndarray) -> np.ndarray:
        """How high (n, m) points (n, 3) lie over the ground; infinite for a point beyond the model."""
        clearance = np.linalg.norm(points, axis=-1) - self.radius_m - self.height(*lonlat_of_points(points))
        return np.where(np.isnan(clearance), np.inf, clearance)

    def _hit_level(self, origins: np.ndarray, directions: np.ndarray, height_m: float) -> np.ndarray:
        radius = self.radius_m + height_m
        return Ellipsoid(radius, radius).hit(origins, directions)

    def _step_count(self, above: np.ndarray, below: np.ndarray) -> int:
        longest_m = np.nanmax(np.linalg.norm(below - above, axis=-1), initial=0)
        return int(np.clip(np.ceil(longest_m / self.grid.gsd_m * STEPS_PER_PIXEL), 2, MAX_STEPS)) + 1

    @cached_property
    def _levels(self) -> tuple[float, float]:
        """A level above all heights, and one below, in m."""
        return float(np.nanmax(self.heights)) + 1, float(np.nanmin(self.heights)) - 1

    @cached_property
    def _ground(self) -> Ground:
        return Ground(self.grid.crs_wkt, self.radius_m)


def read_heights(path: Path, body: Body, lon: np.ndarray, lat: np.ndarray) -> ElevationSurface:
    """The part of an elevation model around a footprint (longitudes and latitudes, n, degrees).

    Its values count in metres, once its scale and offset are applied; radii, as of LOLA, become heights.
    OrbitileError for a model of another body, without georeferencing, or that does not reach all around the footprint.
    """
    with opened_values(str(path)) as (source, _):
        grid = elevation_grid(path, source, body, ", or leave `elevation` out")
        window = _footprint_window(grid, body, lon, lat)
        if window is None:
            raise OrbitileError(
                f"{path}: the elevation model does not cover longitude {lon.min():.3f} to {lon.max():.3f}, latitude "
                f"{lat.min():.3f} to {lat.max():.3f}; give one that does, or leave `elevation` out"
            )
        pixels, valid = read_window(source, window)
        if not valid.any():
            raise OrbitileError(
                f"{path}: the elevation model has no data around {lon[0]:.3f} E, {lat[0]:.3f} N; give one that has, or "
                "leave `elevation` out"
            )
        part = _window_grid(grid, window)
        base_m = base_level_m(path, source, pixels[valid].astype(np.float64), part, body)
    heights = np.where(valid, pixels, np.nan).astype(np.float64)
    refuse_undeclared(path, heights, base_m, body)
    return ElevationSurface(*_continued(part, (heights - base_m).astype(np.float32)), body.radius_m)


def base_level_m(path: Path, source: rasterio.DatasetReader, values: np.ndarray, grid: Grid, body: Body) -> float:
    """The radius of the body, where values (n, at least one) of a part of a model are radii; 0 where they are heights.

    `grid` is that of the part. OrbitileError for a model in kilometres or other units, by its header or its values.
    """
    unit = (source.units[0] or "m").strip().lower()
    if unit not in ("m", "metre", "metres", "meter", "meters"):
        raise OrbitileError(f"{path}: its heights are in {unit!r}; give an elevation model in metres")
    middle, relief = float(np.median(values)), float(np.ptp(values))
    are_radii_in_km = abs(middle * 1000 / body.radius_m - 1) < 0.05 and relief < RELIEF_OF_RADII * middle
    is_wide = grid.gsd_m * min(grid.width, grid.height) >= WIDE_M
    if are_radii_in_km or (is_wide and 0 < relief < LEAST_RELIEF_M):
        raise OrbitileError(
            f"{path}: its values, {values.min():g} to {values.max():g}, look like kilometres; give an elevation model "
            "in metres"
        )
    return body.radius_m if middle > body.radius_m / 2 else 0.0


def refuse_undeclared(path: Path, values: np.ndarray, base_m: float, body: Body) -> None:
    """OrbitileError for values (any shape, NaN: none) that can be no elevation over a base level."""
    is_odd = np.isin(values, UNDECLARED) | (np.abs(values - base_m) > LARGEST_SHARE * body.radius_m)
    if is_odd.any():
        raise OrbitileError(
            f"{path}: holds the value {values[is_odd][0]:g}, which is no elevation in metres and not declared "
            "as nodata; declare it (gdal_edit.py -a_nodata), or give a model in metres"
        )


def elevation_grid(path: Path, source: rasterio.DatasetReader, body: Body, other_way: str = "") -> Grid:
    """The grid of an elevation model; OrbitileError for a model of another body, or without georeferencing.

    `other_way` is what else one may do than give another model, as the end of the message.
    """
    if source.crs is None:
        raise OrbitileError(f"{path}: the elevation model has no georeferencing; give one on a map of {body.name}")
    grid = raster_grid(source)
    if not lies_on(grid.crs, body):
        datum = grid.crs.datum.name if grid.crs.datum else "an unknown body"
        raise OrbitileError(
            f"{path}: the elevation model lies on {datum}, but the run's body is {body.name}; give one of "
            f"{body.name}{other_way}"
        )
    return grid


def _footprint_window(grid: Grid, body: Body, lon: np.ndarray, lat: np.ndarray) -> Window | None:
    """The pixels around a footprint, as far as there are any; None where the footprint itself is not inside."""
    col, row = grid.to_pixel(*Ground(grid.crs_wkt, body.radius_m).xy(lon, lat, *grid.middle))
    edges = np.array([col.min(), row.min(), col.max(), row.max()])
    if not np.isfinite(edges).all() or (edges < 0).any() or edges[2] > grid.width or edges[3] > grid.height:
        return None
    if wrap_width(grid.crs_wkt) and goes_around_a_pole(lon):
        edges = np.array([0, 0, grid.width, edges[3]] if lat.mean() > 0 else [0, edges[1], grid.width, grid.height])
    margin = MARGIN * np.ptp(edges.reshape(2, 2), axis=0) + 2
    left, top = np.floor(np.maximum(edges[:2] - margin, 0)).astype(int).tolist()
    right, bottom = np.ceil(np.minimum(edges[2:] + margin, (grid.width, grid.height))).astype(int).tolist()
    return Window(left, top, right - left, bottom - top)


def _continued(grid: Grid, heights: np.ndarray) -> tuple[Grid, np.ndarray]:
    """A model all around the body with the columns beyond its seam and, at poles, its outermost rows once more.

    Heights are interpolated between the middles of pixels, so that the seam and the poles would have none.
    """
    t = grid.transform
    turn_px = wrap_width(grid.crs_wkt) / abs(t.a) if t.b == t.d == 0 else 0
    if not turn_px or abs(turn_px - grid.width) > 0.5:
        return grid, heights
    x, y = grid.to_map(np.zeros(2), np.array([0.0, grid.height]))
    _, lat = Ground(grid.crs_wkt, 1.0).lonlat(x, y)
    at_poles = [int(abs(edge) > 90 - 1e-3) for edge in lat]
    heights = np.pad(np.pad(heights, ((0, 0), (1, 1)), mode="wrap"), (at_poles, (0, 0)), mode="edge")
    return _window_grid(grid, Window(-1, -at_poles[0], heights.shape[1], heights.shape[0])), heights


def _window_grid(grid: Grid, window: Window) -> Grid:
    """The grid of a window of pixels."""
    t, (x, y) = grid.transform, grid.to_map(float(window.col), float(window.row))
    return replace(grid, transform=Affine(t.a, t.b, x, t.d, t.e, y), width=window.width, height=window.height)
