"""Where an image lies on the ground, and how large its pixels are there."""

import numpy as np

from orbitile.cameras.camera import Camera, to_ground
from orbitile.cameras.surfaces import Surface
from orbitile.space.footprints import POINTS_PER_SIDE, border
from orbitile.space.ground import places

STEP_PX = 1.0
"""Distance over which the size of a pixel is taken: small beside the image, large beside rounding."""


def footprint(camera: Camera, surface: Surface, per_side: int = POINTS_PER_SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes (east, -180..180) and planetocentric latitudes, in degrees, of points along an image's border.

    They go around from the upper left corner along the first row, `per_side` points a side, and are NaN where the
    image looks past the body.
    """
    return places(to_ground(camera, surface, *border(camera.width, camera.height, per_side)))


def gsd_m(camera: Camera, surface: Surface) -> tuple[float, float]:
    """Ground sample distances (across: from column to column, along: from row to row) at the image's middle, in metres.

    NaN where the middle looks past the body.
    """
    col = camera.width / 2 + np.array([-0.5, 0.5, 0, 0]) * STEP_PX
    row = camera.height / 2 + np.array([0, 0, -0.5, 0.5]) * STEP_PX
    left, right, above, below = to_ground(camera, surface, col, row)
    return float(np.linalg.norm(right - left)) / STEP_PX, float(np.linalg.norm(below - above)) / STEP_PX
