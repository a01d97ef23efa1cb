"""Which places a camera can see."""

import numpy as np


def faces(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Which points (n, 3) of a body lie on the side that faces a camera (n, 3): its horizon, but for flattening."""
    return (points * (camera - points)).sum(axis=-1) > 0
