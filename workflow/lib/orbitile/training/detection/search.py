"""The search of validation scenes with a network, tile by tile, and what is judged of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from orbitile.detections.box_correction import UNCHANGED, BoxCorrection
from orbitile.inference.models.network_channels import COLOURS
from orbitile.inference.models.yolo import Yolo
from orbitile.training.detection.labelled_scenes import LabelledScene
from orbitile.training.detection.validation import (
    DetectedBoxes,
    JudgedScene,
    SearchScale,
    ValidationTile,
    reported_boxes,
)


@dataclass(frozen=True)
class ValidationSet:
    """What a network is judged on: scenes at all scales, how they are searched, and from which size they count."""

    scenes: Sequence[LabelledScene]
    scales: Mapping[float, SearchScale]
    least_px: float

    @property
    def finest_m(self) -> float:
        """The finest scale in m/px."""
        return min(self.scales)


class ValidationSearch:
    """The search of a validation set with a network, in lists of tiles of the same side; `sizes` corrects its boxes."""

    def __init__(self, network: Yolo, validation: ValidationSet, sizes: BoxCorrection = UNCHANGED) -> None:
        self._network, self._validation, self._sizes = network, validation, sizes
        self._detected: dict[str, list[DetectedBoxes]] = {}

    def feed(self, tiles: Sequence[ValidationTile]) -> None:
        """Search tiles."""
        images = torch.from_numpy(self._stacked(tiles)).to(self._network.device)
        output = self._network.predict_batch(images)
        for index, tile in enumerate(tiles):
            scene = self._validation.scenes[tile.scene]
            scale = self._validation.scales[scene.row.scale_m]
            in_tile = output.tile == index
            corners = torch.from_numpy(self._sizes.apply(output.corners[in_tile].cpu().numpy()))
            boxes = output._replace(corners=corners, score=output.score[in_tile].cpu())
            reported = reported_boxes(tile, scene, scale, boxes, self._validation.finest_m)
            self._detected.setdefault(scene.row.scene, []).append(reported)

    def judged_scenes(self, suppression_iou: float) -> list[JudgedScene]:
        """What was found in each scene, after suppression, beside its labels."""
        finest = {s.row.scene: s for s in self._validation.scenes if s.row.scale_m == self._validation.finest_m}
        return [JudgedScene.of(parts, finest[name], suppression_iou) for name, parts in sorted(self._detected.items())]

    def _stacked(self, tiles: Sequence[ValidationTile]) -> np.ndarray:
        """Images (tiles, channels, side, side); grey as three equal colours, where the network takes these."""
        images = np.stack([tile.image for tile in tiles])
        is_grey = images.shape[1] == 1 and self._network.channels == COLOURS
        return np.repeat(images, COLOURS, axis=1) if is_grey else images
