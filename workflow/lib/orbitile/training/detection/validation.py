"""The figure that a catalogue is judged by, on scenes kept for validation: F1 after tiles, scales and suppression."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from orbitile.detections.matching import OverlappingPairs
from orbitile.detections.nms.boxes import PlaneBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.detections.nms.greedy import plane_nms
from orbitile.detections.tiling import SizeLimits, Tile, TilePlacement, TileSize, scene_tiles, spans_of_scene
from orbitile.inference.models.network import BoxOutput
from orbitile.space.grids import Window
from orbitile.training.detection.labelled_scenes import LabelledScene

THRESHOLDS = np.round(np.arange(0.05, 0.75, 0.01), 2)
"""Scores among which the best is chosen."""
SURE = 0.5
"""Craters with a smaller agreement are neither true nor false."""
LEAST_IOU = 1e-3
"""Boxes that share less do not match, whatever the threshold."""


class ValidationTile(NamedTuple):
    """A tile of a scene (by its index), and its pixels (bands, side, side; uint8)."""

    scene: int
    window: Window
    core: tuple[float, float, float, float]
    image: np.ndarray


@dataclass(frozen=True)
class SearchScale:
    """How scenes are searched at a scale: tiles, and the sizes that are reported, as in a run."""

    size: TileSize
    limits: SizeLimits


def validation_tiles(scenes: Sequence[LabelledScene], scales: Mapping[float, SearchScale]) -> Iterator[ValidationTile]:
    """The tiles of all scenes that reach into what is kept for validation."""
    for index, scene in enumerate(scenes):
        size = scales[scene.row.scale_m].size
        for tile in validation_windows(scene, size):
            whole = Window(tile.window.col, tile.window.row, size.tile_px, size.tile_px)
            yield ValidationTile(index, tile.window, tile.core, scene.pixels.window(whole))


def validation_windows(scene: LabelledScene, size: TileSize) -> Iterator[Tile]:
    """The tiles of a scene that reach into what is kept for validation."""
    spans = (spans_of_scene(length, size) for length in (scene.row.width, scene.row.height))
    return (tile for tile in scene_tiles(*spans) if scene.is_for_validation(tile.window))


class DetectedBoxes(NamedTuple):
    """Boxes (n, 4; pixels of the finest scale) and scores (n) in a scene."""

    boxes: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, parts: Sequence["DetectedBoxes"], iou_threshold: float) -> Self:
        """All boxes of a scene, without those that overlap a better one by more than a threshold."""
        boxes = np.concatenate([np.zeros((0, 4), np.float32), *(part.boxes for part in parts)]).astype(np.float32)
        scores = np.concatenate([np.zeros(0, np.float32), *(part.scores for part in parts)]).astype(np.float32)
        alive = plane_nms(PlaneBoxes(boxes), scores, iou_threshold).alive
        return cls(boxes[alive], scores[alive])


def reported_boxes(tile: ValidationTile, scene: LabelledScene, scale: SearchScale, output: BoxOutput, finest_m: float
                   ) -> DetectedBoxes:  # fmt: skip
    """The boxes of a tile (the only one of `output`) that it reports, in pixels of the finest scale."""
    window = tile.window
    corners = output.corners.numpy() + np.array([window.col, window.row] * 2)
    count = len(corners)
    lying = np.array([[window.col, window.row, window.col + window.width, window.row + window.height]], float)
    placement = TilePlacement(
        np.repeat(np.array([tile.core], float), count, axis=0), np.repeat(lying, count, axis=0),
        np.array([scene.row.width, scene.row.height]),
    )  # fmt: skip
    reported = scale.limits.is_reported(corners, placement)
    return DetectedBoxes(corners[reported] * (scene.row.scale_m / finest_m), output.score.numpy()[reported])


class JudgedScene(NamedTuple):
    """The boxes found in a scene and the labelled ones (m, 4), in pixels of the finest scale.

    `is_true` (m; bool) tells which of these count; a detection that matches another one counts neither way.
    """

    detected: DetectedBoxes
    true: np.ndarray
    is_true: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[DetectedBoxes], scene: LabelledScene, iou_threshold: float) -> Self:
        """What a scene's tiles report, suppressed; what lies outside of what is kept for validation does not count."""
        detected = DetectedBoxes.of(parts, iou_threshold)
        counts = scene.judges(detected.boxes)
        is_true = scene.judges(scene.boxes) & (scene.agreement >= SURE)
        return cls(DetectedBoxes(detected.boxes[counts], detected.scores[counts]), scene.boxes, is_true)


@dataclass(frozen=True)
class ThresholdCounts:
    """How many craters are detected and right at each score of THRESHOLDS, and how many are true."""

    detected: np.ndarray
    right: np.ndarray
    true: int

    @property
    def precision(self) -> np.ndarray:
        """Of each threshold."""
        return self.right / np.maximum(self.detected, 1)

    @property
    def recall(self) -> np.ndarray:
        """Of each threshold."""
        return self.right / max(self.true, 1)

    @property
    def f1(self) -> np.ndarray:
        """Of each threshold."""
        return 2 * self.right / np.maximum(self.detected + self.true, 1)

    @property
    def best(self) -> int:
        """The index of the threshold with the largest F1 (the mean of three neighbours, for less chance in it)."""
        padded = np.pad(self.f1, 1, mode="edge")
        return int(np.argmax((padded[:-2] + padded[1:-1] + padded[2:]) / 3))


def count_at_thresholds(scenes: Sequence[JudgedScene], iou_threshold: float, least_px: float) -> ThresholdCounts:
    """Count craters of `least_px` and more as orbitile.detections.matching does, at each of THRESHOLDS."""
    counts = np.zeros((len(THRESHOLDS), 2), int)
    for scene in scenes:
        pairs = overlapping_pairs(scene, iou_threshold)
        for number, threshold in enumerate(THRESHOLDS):
            counts[number] += _count(scene, pairs, threshold, least_px)
    true = sum(int((scene.is_true & (mean_sides(scene.true) >= least_px)).sum()) for scene in scenes)
    return ThresholdCounts(counts[:, 0], counts[:, 1], true)


def _count(scene: JudgedScene, pairs: OverlappingPairs, threshold: float, least_px: float) -> tuple[int, int]:
    """Detections of a score and more that count, and those of them that match a true crater."""
    chosen = pairs.matches(threshold)
    j = pairs.truth[chosen]
    right = int((scene.is_true[j] & (mean_sides(scene.true[j]) >= least_px)).sum())
    is_false = (scene.detected.scores >= np.float32(threshold)) & (mean_sides(scene.detected.boxes) >= least_px)
    is_false[pairs.detected[chosen]] = False
    return right + int(is_false.sum()), right


def overlapping_pairs(scene: JudgedScene, iou_threshold: float) -> OverlappingPairs:
    """The detected boxes of a scene with the labelled ones that they overlap by a threshold or more.

    Labelled ones that do not count take what the others leave.
    """
    criterion = OverlapCriterion(float(np.nextafter(max(iou_threshold, LEAST_IOU), 0)))
    detected, true = (PlaneBoxes(boxes.astype(float)) for boxes in (scene.detected.boxes, scene.true))
    i, j, iou = find_overlaps_between(detected, true, criterion)
    table = pd.DataFrame(dict(score=scene.detected.scores[i].astype(np.float32), iou=iou))
    return OverlappingPairs(table, i, j, is_last=~scene.is_true[j])


def mean_sides(boxes: np.ndarray) -> np.ndarray:
    """The means (n) of width and height of boxes (n, 4)."""
    return (boxes[:, 2:] - boxes[:, :2]).mean(axis=1)
