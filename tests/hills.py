"""A made-up hill on the Moon, as an elevation model."""

import numpy as np
from affine import Affine

from orbitile.georeferencing.cameras.elevation import ElevationSurface
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid

MOON = find_body("Moon")
HILL_M, WIDE_M, STEP_M = 2000.0, 6000.0, 50.0


def hill(lon=20.0, lat=10.0):
    """A made-up Gaussian hill of 2 km on the Moon, on a map of 1200 x 1200 pixels of 50 m around it."""
    crs = MOON.crs.from_user_input("IAU_2015:30110")
    degree_m = np.pi / 180 * MOON.radius_m
    left, top = lon * degree_m - 600 * STEP_M, lat * degree_m + 600 * STEP_M
    grid = Grid(crs.to_wkt(), Affine(STEP_M, 0, left, 0, -STEP_M, top), 1200, 1200)
    x, y = np.meshgrid(np.arange(1200) + 0.5 - 600, np.arange(1200) + 0.5 - 600)
    return ElevationSurface(
        grid, HILL_M * np.exp(-((x**2 + y**2) * STEP_M**2) / (2 * WIDE_M**2)).astype(np.float32), MOON.radius_m
    )
