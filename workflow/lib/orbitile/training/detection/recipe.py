"""How the weights of a detector are trained."""

from dataclasses import dataclass, field, fields
from typing import Literal

from orbitile.base.errors import OrbitileError

Sun = Literal["any", "mirrored", "fixed"]
"""Which way light may come from in changed tiles: any, as the whole tile is turned by quarters and mirrored; mirrored,
from either side of the scene's own direction, which is east to west; fixed, as in the scene."""


@dataclass(frozen=True, kw_only=True)
class CropAugmentation:
    """How much tiles are changed at random.

    Tiles are turned by up to `turn_deg` either way (beside the quarters of `sun`), and made smaller or larger by up to
    a factor exp(`zoom`). With probability `tone` grey values are multiplied by exp(-`contrast` to `contrast`) about the
    middle and moved by up to `brightness`, in shares of the range. With probability `gamma` they are raised to a power
    between exp(-0.4) and exp(0.4); with `blur` smoothed by 0.4 to 1.2 px (standard deviation); with `noise` they get
    Gaussian noise of up to `noise_sigma`, in shares of the range.
    """

    sun: Sun = "any"
    turn_deg: float = 10
    zoom: float = 0.3
    tone: float = 0.5
    contrast: float = 0.4
    brightness: float = 0.14
    gamma: float = 0.3
    blur: float = 0.25
    noise: float = 0.3
    noise_sigma: float = 0.055


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe:
    """How weights are trained; fields as in the settings' section `training`.

    `start_from` is an ultralytics network (.yaml) or weights (.pt, .safetensors), of which all tensors are used that
    fit. `labelled_from_px` is the size (pixels of the finest scale) from which labels are complete: smaller boxes of
    the network count neither as right nor as wrong. `validation_scenes` are kept for validation, else those that the
    scene table names, else squares of `block_deg` degrees, or whole scenes or places where these have no map,
    `validation_share` of them. Training ends after `patience` epochs without a better one, or after `max_hours`,
    and exports the averaged weights of the best epoch: that of the largest F1 of all validation scenes at
    `iou_threshold`. `threads` None chooses by measuring. `purpose` is what the weights state of the images that
    they are for (weights_header.PURPOSE).
    """

    start_from: str = "yolo11n.yaml"
    labelled_from_px: float = 8
    validation_scenes: tuple[str, ...] = ()
    block_deg: float = 30
    validation_share: float = 0.15
    tile_px: int = 320
    tiles_per_epoch: int = 1000
    epochs: int = 30
    patience: int = 10
    max_hours: float | None = None
    batch: int = 16
    learning_rate: float = 1e-3
    averaging: float = 0.998
    precision: str = "auto"
    device: str = "auto"
    threads: int | None = None
    seed: int = 0
    iou_threshold: float = 0.3
    suppression_iou: float = 0.4
    augmentation: dict = field(default_factory=dict)
    purpose: dict = field(default_factory=dict)

    @property
    def changes(self) -> CropAugmentation:
        """How much tiles are changed; OrbitileError for unknown keys."""
        allowed = [item.name for item in fields(CropAugmentation)]
        if unknown := sorted(set(self.augmentation) - set(allowed)):
            raise OrbitileError(f"training.augmentation: unknown key {unknown[0]}; use any of {', '.join(allowed)}")
        return CropAugmentation(**self.augmentation)
