"""Where scenes have data."""

from collections.abc import Sequence

import numpy as np

from orbitile.rasters.gdal import area
from orbitile.rasters.read import bands, opened
from orbitile.space.ground import Ground
from orbitile.tables.rasters import RasterRow


def on_data(lon: np.ndarray, lat: np.ndarray, scenes: Sequence[RasterRow], radius_m: float) -> np.ndarray:
    """Which places (n, bool; degrees) lie on a valid pixel of one of the scenes."""
    inside = np.zeros(len(lon), bool)
    for scene in scenes:
        grid = scene.grid
        x, y = Ground(scene.crs_wkt, radius_m).xy(lon, lat, *grid.middle)
        col, row = (np.floor(np.nan_to_num(v, nan=-1, posinf=-1, neginf=-1)).astype(int) for v in grid.to_pixel(x, y))
        here = np.flatnonzero((col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height) & ~inside)
        inside[here] = _are_valid(scene, col[here], row[here])
    return inside


def _are_valid(scene: RasterRow, col: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Which pixels (n, bool) of a scene are valid, read band by band."""
    valid = np.zeros(len(col), bool)
    with opened(scene.path) as source:
        for band in bands(scene.grid):
            own = np.flatnonzero((row >= band.row) & (row < band.row + band.height))
            if len(own):
                valid[own] = source.read_masks(1, window=area(band))[row[own] - band.row, col[own]] > 0
    return valid
