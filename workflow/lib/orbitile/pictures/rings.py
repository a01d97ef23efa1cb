"""Outlines of craters, and places, in pixels."""

import numpy as np

from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, ground_ellipses


def pixel_rings(
    place: tuple[np.ndarray, np.ndarray], size_m: tuple[np.ndarray, np.ndarray], grid: Grid, radius_m: float
) -> np.ndarray:
    """Closed rings (n, vertices, 2: column, row of a grid) around ellipses on a sphere of `radius_m`.

    `place` is longitude and latitude (n each) of their centres in degrees, `size_m` width and height (n each).
    """
    lon, lat = ground_ellipses(*place, *size_m, radius_m)
    rings = np.stack(grid.to_pixel(*Ground(grid.crs_wkt, radius_m).xy(lon, lat, *grid.middle)), axis=-1)
    return np.concatenate([rings, rings[:, :1]], axis=1)


def pixel_places(points: np.ndarray, grid: Grid, radius_m: float) -> np.ndarray:
    """Places (n, 2: column, row of a grid) of points (n, 2: longitude, latitude) on a sphere of `radius_m`."""
    lon, lat = points.T
    return np.column_stack(grid.to_pixel(*Ground(grid.crs_wkt, radius_m).xy(lon, lat, *grid.middle)))
