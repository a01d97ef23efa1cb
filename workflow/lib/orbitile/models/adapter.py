"""What every network looks like to the workflow, and which family is loaded by which adapter."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from orbitile.models.weights import check_hash


@dataclass(frozen=True)
class Boxes:
    """Boxes found in a batch of tiles, as arrays of one length.

    `tile` is the index in the batch, `corners` (n, 4) are left, top, right, bottom in pixels of
    the tile, `score` is 0..1, `label` the class's name.
    """

    tile: np.ndarray
    corners: np.ndarray
    score: np.ndarray
    label: np.ndarray


class Detector(Protocol):
    """A network that finds boxes; `on_cpu` tells where it runs."""

    on_cpu: bool

    def predict(self, tiles: np.ndarray) -> Boxes:
        """Find boxes in a batch (n, side, side) of 8-bit grey tiles."""
        ...


@dataclass(frozen=True)
class ModelChoice:
    """Which network to load, and where to run it; fields as in the settings' section `model`."""

    weights: str
    sha256: str
    family: str
    device: str
    batch: int
    score_threshold: float

    @property
    def matters(self) -> dict:
        """What the detections depend on: all but where the weights lie and where they run."""
        return {name: value for name, value in vars(self).items() if name not in ("weights", "device")}


def load(choice: ModelChoice) -> Detector:
    """Load a network after its weights' hash agreed; OrbitileError otherwise."""
    check_hash(Path(choice.weights), choice.sha256)
    from orbitile.models.yolo import Yolo

    families = {"yolo": Yolo}
    return families[choice.family].load(choice)
