"""Where scenes have data that were searched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import shapely

from orbitile.rasters.gdal import raster_window
from orbitile.rasters.read import opened_raster, row_windows
from orbitile.space.caps import Caps, grid_cap
from orbitile.space.ground import Ground, unit_vectors
from orbitile.tables.rasters import RasterRow

ROUNDING = 1e-12
"""Of cosines and sines of angles."""


@dataclass(frozen=True)
class Coverage:
    """Scenes (n) and the caps of the body that they lie in, by which the few scenes around a place are known.

    `failed` holds where scenes, by name, failed: shapes in the coordinates of their maps.
    """

    scenes: Sequence[RasterRow]
    caps: Caps
    radius_m: float
    failed: Mapping[str, shapely.Geometry] = field(default_factory=dict)

    @classmethod
    def of(
        cls, scenes: Sequence[RasterRow], radius_m: float, failed: Mapping[str, shapely.Geometry] | None = None
    ) -> Self:
        """The coverage of scenes on a sphere of a radius in metres, without what failed."""
        return cls(scenes, Caps.joined([grid_cap(scene.grid, radius_m) for scene in scenes]), radius_m, failed or {})

    def holds(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Which places (n, bool), by longitude and latitude (n, degrees), lie on a valid pixel of one of the scenes."""
        inside = np.zeros(len(lon), bool)
        for scene, around in self._places_around(unit_vectors(lon, lat)):
            candidates = around[~inside[around]]
            failed = self.failed.get(scene.scene)
            inside[candidates] = _lie_on_scene(lon[candidates], lat[candidates], scene, self.radius_m, failed)
        return inside

    def _places_around(self, points: np.ndarray) -> Iterator[tuple[RasterRow, np.ndarray]]:
        """The scenes near points (n, 3: unit vectors), each with the indices of the points in its cap."""
        if not len(points):
            return
        order = np.argsort(points[:, 2])
        ordered = points[order]
        for number in np.flatnonzero(self.caps.gaps(Caps.around(points))[:, 0] <= 0):
            centre, radius = self.caps.centres[number], self.caps.radii[number]
            first, last = np.searchsorted(ordered[:, 2], _sines(centre, radius))
            in_cap = ordered[first:last] @ centre >= np.cos(min(radius, np.pi)) - ROUNDING
            if in_cap.any():
                yield self.scenes[int(number)], order[first:last][in_cap]


def _sines(centre: np.ndarray, radius: float) -> tuple[float, float]:
    """Sines of the lowest and highest latitude of a cap."""
    lat = np.arcsin(np.clip(centre[2], -1, 1))
    south, north = np.clip([lat - radius, lat + radius], -np.pi / 2, np.pi / 2)
    return np.sin(south) - ROUNDING, np.sin(north) + ROUNDING


def _lie_on_scene(
    lon: np.ndarray, lat: np.ndarray, scene: RasterRow, radius_m: float, failed: shapely.Geometry | None
) -> np.ndarray:
    """Which places (n, bool) lie on a valid pixel of a scene, and not where it failed on its map."""
    grid = scene.grid
    x, y = Ground(scene.crs_wkt, radius_m).xy(lon, lat, *grid.middle)
    col, row = (np.floor(np.nan_to_num(v, nan=-1, posinf=-1, neginf=-1)).astype(int) for v in grid.to_pixel(x, y))
    within = np.flatnonzero((col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height))
    if failed is not None:
        within = within[~shapely.intersects_xy(failed, x[within], y[within])]
    valid = np.zeros(len(lon), bool)
    valid[within] = _are_valid(scene, col[within], row[within])
    return valid


def _are_valid(scene: RasterRow, col: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Which pixels (n, bool) of a scene are valid in all bands, read window by window."""
    valid = np.zeros(len(col), bool)
    if not len(col):
        return valid
    bands = list(range(1, scene.bands + 1))
    with opened_raster(scene.path) as source:
        for window in row_windows(scene.grid):
            inside = np.flatnonzero((row >= window.row) & (row < window.row + window.height))
            if len(inside):
                masks = source.read_masks(bands, window=raster_window(window))
                valid[inside] = masks[:, row[inside] - window.row, col[inside]].all(axis=0)
    return valid
