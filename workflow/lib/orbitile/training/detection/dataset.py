"""Training tiles of an epoch, drawn at random from scenes, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from orbitile.base.errors import OrbitileError
from orbitile.training.detection.crops import Crop, Placement, VisibleBoxes, changed_tones
from orbitile.training.detection.labelled_scenes import LabelledScene
from orbitile.training.detection.recipe import CropAugmentation
from orbitile.training.split import SPLITS

TRIES = 1000
"""Places that are tried for a tile: those that reach into what is kept for validation are not taken."""
AROUND_CRATERS = 0.5
"""Share of tiles that are placed around a crater; the others lie anywhere."""
INSIDE = 0.8
"""Tiles lie in their scene with at least this share of half their side from its edges to their centre."""


class CropBatch(NamedTuple):
    """Tiles as a network learns from them.

    `image` (tiles, bands, side, side; uint8); for all n boxes of the batch `tile` (n) is the index of the tile,
    `boxes` (n, 4) are centre x and y, width and height as shares of the side, `agreement` (n) is 0..1, and
    `smallest_px` (tiles) the size below which the network's boxes count neither as right nor as wrong.
    """

    image: torch.Tensor
    tile: torch.Tensor
    boxes: torch.Tensor
    agreement: torch.Tensor
    smallest_px: torch.Tensor


@dataclass(frozen=True)
class CropDrawing:
    """How tiles are drawn: side in pixels, changes, how many in an epoch, seed."""

    tile_px: int
    changes: CropAugmentation
    tiles_per_epoch: int
    seed: int


class RandomCrops(Dataset):
    """The training tiles of an epoch; an item depends on seed, epoch and its number alone."""

    def __init__(self, scenes: Sequence[LabelledScene], drawing: CropDrawing, epoch: int) -> None:
        self._scenes, self._drawing, self._epoch = scenes, drawing, epoch
        weights = np.array([scene.weight * (scene.split.whole != SPLITS[1]) for scene in scenes])
        self._ends = np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return self._drawing.tiles_per_epoch

    def __getitem__(self, number: int) -> Crop:
        if not 0 <= number < len(self):
            raise IndexError(number)
        rng = np.random.default_rng([self._drawing.seed, self._epoch, number])
        for _ in range(TRIES):
            index = int(np.searchsorted(self._ends, rng.random(), side="right"))
            scene = self._scenes[min(index, len(self._scenes) - 1)]
            placement = Placement.draw(self._centre(scene, rng), self._drawing.tile_px, self._drawing.changes, rng)
            inside = placement.window.intersection(scene.bounds)
            if inside is not None and scene.is_for_training(inside):
                return self._crop(scene, placement, rng)
        raise OrbitileError(f"training.tile_px: of {TRIES} tiles of {self._drawing.tile_px} px that were drawn, all "
                            "reach into what is kept for validation; use smaller tiles, a larger training.block_deg or "
                            "a smaller training.validation_share")  # fmt: skip

    def _centre(self, scene: LabelledScene, rng: np.random.Generator) -> np.ndarray:
        """The middle of a tile: near a crater, or anywhere in the scene."""
        size, half = np.array([scene.row.width, scene.row.height], float), self._drawing.tile_px / 2 * INSIDE
        centre = rng.random(2) * size
        if len(scene.boxes) and rng.random() < AROUND_CRATERS:
            box = scene.boxes[rng.integers(len(scene.boxes))]
            centre = (box[:2] + box[2:]) / 2 + rng.uniform(-half, half, 2)
        return np.where(size > 2 * half, np.clip(centre, half, size - half), size / 2)

    def _crop(self, scene: LabelledScene, placement: Placement, rng: np.random.Generator) -> Crop:
        image = placement.image(scene.pixels.window(placement.window))
        visible = VisibleBoxes.of(placement.boxes(scene.boxes), scene.agreement, placement.side)
        image = changed_tones(image, self._drawing.changes, rng)
        return Crop(image, *visible, smallest_px=scene.smallest_px * placement.scale)


def batch_of(crops: Sequence[Crop]) -> CropBatch:
    """Tiles put together."""
    tile = np.repeat(np.arange(len(crops)), [len(crop.boxes) for crop in crops])
    corners = np.concatenate([crop.boxes for crop in crops]) / crops[0].image.shape[-1]
    boxes = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)
    return CropBatch(
        torch.from_numpy(np.stack([crop.image for crop in crops])), torch.from_numpy(tile).float(),
        torch.from_numpy(boxes).float(), torch.from_numpy(np.concatenate([crop.agreement for crop in crops])).float(),
        torch.tensor([crop.smallest_px for crop in crops], dtype=torch.float32),
    )  # fmt: skip
