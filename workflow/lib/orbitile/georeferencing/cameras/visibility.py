"""Which points of a body a camera can see."""

import numpy as np


def faces_camera(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Which points (n, 3) of a body lie on the side that faces a camera at (n, 3) or (3); bool (n).

    The horizon is that of a sphere: flattening is left out.
    """
    return (points * (camera - points)).sum(axis=-1) > 0
