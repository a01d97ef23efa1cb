"""Boxes that fit rotated and sheared craters tightly."""

import numpy as np
from ultralytics.data.augment import Compose, RandomPerspective


def transform_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes (n, 4: left, top, right, bottom) around axis-parallel ellipses after an affine map.

    The corners' box, which detection toolkits use, grows by up to 41 % when a circle is turned.
    The exact half-widths of an ellipse with semi-axes a, b under a linear map m are
    sqrt((m00 a)^2 + (m01 b)^2) and sqrt((m10 a)^2 + (m11 b)^2).
    """
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    linear, shift = matrix[:2, :2], matrix[:2, 2]
    centre = centre @ linear.T + shift
    half = np.sqrt(half**2 @ (linear**2).T)
    return np.concatenate([centre - half, centre + half], axis=1).astype(boxes.dtype)


def use_ellipses(transforms: Compose) -> None:
    """Make a training pipeline's affine steps treat boxes as ellipses."""
    for step in transforms.transforms:
        if isinstance(step, Compose):
            use_ellipses(step)
        elif isinstance(step, RandomPerspective):
            step.apply_bboxes = transform_boxes  # type: ignore[method-assign, assignment]  # of this step alone
