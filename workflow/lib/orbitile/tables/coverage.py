"""Where scenes have data."""

from collections.abc import Sequence

import numpy as np

from orbitile.rasters.gdal import raster_window
from orbitile.rasters.read import opened_raster, row_windows
from orbitile.space.ground import Ground
from orbitile.tables.rasters import RasterRow


def lies_on_data(lon: np.ndarray, lat: np.ndarray, scenes: Sequence[RasterRow], radius_m: float) -> np.ndarray:
    """Which places (n, bool), by longitude and latitude (n, degrees), lie on a valid pixel of one of the scenes."""
    inside = np.zeros(len(lon), bool)
    for scene in scenes:
        grid = scene.grid
        x, y = Ground(scene.crs_wkt, radius_m).xy(lon, lat, *grid.middle)
        col, row = (np.floor(np.nan_to_num(v, nan=-1, posinf=-1, neginf=-1)).astype(int) for v in grid.to_pixel(x, y))
        candidates = np.flatnonzero((col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height) & ~inside)
        inside[candidates] = _are_valid(scene, col[candidates], row[candidates])
    return inside


def _are_valid(scene: RasterRow, col: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Which pixels (n, bool) of a scene are valid in all bands, read window by window."""
    valid = np.zeros(len(col), bool)
    bands = list(range(1, scene.bands + 1))
    with opened_raster(scene.path) as source:
        for window in row_windows(scene.grid):
            inside = np.flatnonzero((row >= window.row) & (row < window.row + window.height))
            if len(inside):
                masks = source.read_masks(bands, window=raster_window(window))
                valid[inside] = masks[:, row[inside] - window.row, col[inside]].all(axis=0)
    return valid
