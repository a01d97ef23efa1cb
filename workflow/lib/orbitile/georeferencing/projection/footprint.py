"""The footprint of an image on the ground, and its ground sample distance."""

import numpy as np

from orbitile.georeferencing.cameras.camera import Camera, to_ground
from orbitile.georeferencing.cameras.surfaces import Surface
from orbitile.space.footprints import POINTS_PER_SIDE, image_border
from orbitile.space.ground import lonlat_of_points

STEP_PX = 1.0
"""Distance over which the size of a pixel is measured: small against the image, large against rounding."""


def footprint(camera: Camera, surface: Surface, per_side: int = POINTS_PER_SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes (east, -180..180) and planetocentric latitudes, in degrees, of points along an image's border.

    They go around from the upper left corner along the first row, `per_side` points a side, and are NaN where the
    image does not see the body.
    """
    return lonlat_of_points(to_ground(camera, surface, *image_border(camera.width, camera.height, per_side)))


def ground_sample_distances(camera: Camera, surface: Surface) -> tuple[float, float]:
    """Ground sample distances (across: from column to column, along: from row to row) at the image's middle, in metres.

    NaN if the middle does not see the body.
    """
    col = camera.width / 2 + np.array([-0.5, 0.5, 0, 0]) * STEP_PX
    row = camera.height / 2 + np.array([0, 0, -0.5, 0.5]) * STEP_PX
    left, right, above, below = to_ground(camera, surface, col, row)
    return float(np.linalg.norm(right - left)) / STEP_PX, float(np.linalg.norm(below - above)) / STEP_PX
