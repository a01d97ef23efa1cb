"""What every network looks like to the engine, and which family is loaded by which adapter."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from orbitile.models.weights import check_hash


class Boxes(NamedTuple):
    """Boxes found in a batch of tiles, as tensors of one length on the network's device.

    `tile` is the index in the batch, `corners` (n, 4) are left, top, right, bottom in pixels of
    the tile, `score` is 0..1, `label` the class's number. `broken` (tiles) tells in which tiles the
    network's answer is not a number.
    """

    tile: torch.Tensor
    corners: torch.Tensor
    score: torch.Tensor
    label: torch.Tensor
    broken: torch.Tensor


class Masks(NamedTuple):
    """Probabilities of classes in a batch of tiles, on the network's device.

    `probability` (tiles, classes, side, side) is 0..255 for 0..1. `broken` as in Boxes.
    """

    probability: torch.Tensor
    broken: torch.Tensor


class Network(Protocol):
    """A network on a device.

    `names` are its classes, by number. It takes images of `channels` channels; where tiles are larger than
    the data, their edges are reflected or (else) filled with grey. `most` is how many objects it can
    find in a tile, None where nothing limits them.
    """

    device: torch.device
    names: tuple[str, ...]
    channels: int
    reflects: bool
    most: int | None

    def predict_batch(self, images: torch.Tensor) -> Boxes | Masks:
        """Answer to a batch (tiles, channels, side, side) of 8-bit images on the network's device."""
        ...


@dataclass(frozen=True)
class ModelChoice:
    """Which network to load, and where and how to run it; fields as in the settings' section `model`.

    `network`, `classes`, `mean` and `std` describe weights that do not describe themselves.
    """

    weights: str
    sha256: str
    family: str
    device: str
    precision: str
    compile: bool
    batch: int | None
    score_threshold: float
    network: str | None = None
    classes: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def matters(self) -> dict:
        """What the answers depend on: all but where the weights lie and where they run."""
        return {name: value for name, value in vars(self).items() if name not in ("weights", "device")}


def load(choice: ModelChoice) -> Network:
    """Load a network after its weights' hash agreed; OrbitileError otherwise."""
    check_hash(Path(choice.weights), choice.sha256)
    from orbitile.models.segmentation import Segmenter
    from orbitile.models.yolo import Yolo

    families = dict(yolo=Yolo, segmentation=Segmenter)
    return families[choice.family].load(choice)
