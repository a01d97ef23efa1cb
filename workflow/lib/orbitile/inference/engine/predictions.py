"""Predictions of a network for a batch of tiles, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from orbitile.detections.fusion.fuse_boxes import fuse_boxes
from orbitile.detections.nms.boxes import PlaneBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps
from orbitile.detections.nms.greedy import greedy_nms
from orbitile.inference.engine.views import ViewFusion
from orbitile.inference.models.network import BoxOutput, MaskOutput

TILE_NMS = OverlapCriterion(0.7, threads=1)
"""Boxes of one tile and class that overlap more come from neighbouring anchors. Looser than the suppression of the
whole run, which follows."""
TILE_SPACING_PX = 1e5
"""Distance at which tiles are laid out side by side: more than any tile is wide."""


@dataclass(frozen=True)
class PredictedBoxes:
    """Boxes: tile (n) in the batch, corners (n, 4) in pixels of the tile, score (n) 0..1, label (n) of the class."""

    tile: np.ndarray
    corners: np.ndarray
    score: np.ndarray
    label: np.ndarray

    @classmethod
    def from_output(cls, output: BoxOutput) -> Self:
        """Boxes in the order of their tiles, without those of tiles with numbers that are not finite."""
        tile = output.tile.numpy()
        order = np.argsort(tile, kind="stable")
        order = order[~output.non_finite.numpy()[tile[order]]]
        return cls(*(array.numpy()[order] for array in (output.tile, output.corners, output.score, output.label)))

    def __len__(self) -> int:
        return len(self.tile)

    def select(self, index: np.ndarray) -> Self:
        """The boxes that an index or a mask (n) selects."""
        return type(self)(self.tile[index], self.corners[index], self.score[index], self.label[index])

    def count_capped_tiles(self, max_objects: int | None) -> int:
        """Number of tiles with as many boxes as a network can find, so that it may have missed objects."""
        return 0 if max_objects is None else int((np.bincount(self.tile, minlength=1) >= max_objects).sum())

    @classmethod
    def fused(cls, views: Sequence[Self], fusion: ViewFusion) -> Self:
        """The boxes of several views of the same tiles as one set, by weighted boxes fusion within tile and class."""
        tile, corners, score, label = (
            np.concatenate([getattr(boxes, name) for boxes in views]) for name in ("tile", "corners", "score", "label")
        )
        classes = int(label.max(initial=0)) + 1
        fused = fuse_boxes(tile * classes + label, corners, score, len(views), fusion.iou_threshold)
        boxes = cls(
            fused.group // classes, fused.corners.astype(corners.dtype), fused.score.astype(score.dtype),
            fused.group % classes,
        )  # fmt: skip
        return boxes.select(fused.score >= fusion.score_threshold)

    def suppressed(self) -> Self:
        """The boxes that survive non-maximum suppression inside their tiles and classes, however many."""
        offsets = np.column_stack([self.tile, np.zeros_like(self.tile)] * 2) * TILE_SPACING_PX
        groups = self.tile * (int(self.label.max(initial=0)) + 1) + self.label
        overlaps = find_overlaps(PlaneBoxes(self.corners.astype(float) + offsets), self.score, TILE_NMS, groups)
        return self.select(greedy_nms(overlaps, None).alive)


@dataclass(frozen=True)
class PredictedMasks:
    """Masks: tile (n) in the batch, probability (n, classes, side, side) of 0..255 for 0..1."""

    tile: np.ndarray
    probability: np.ndarray

    @classmethod
    def from_output(cls, output: MaskOutput) -> Self:
        """The masks of all tiles but those with numbers that are not finite."""
        tile = np.flatnonzero(~output.non_finite.numpy())
        return cls(tile, output.probability.numpy()[tile])

    def __len__(self) -> int:
        return len(self.tile)
