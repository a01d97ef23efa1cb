"""When one detection suppresses another."""

from dataclasses import dataclass

from orbitile.detections.nms.find_overlaps import OverlapCriterion, Shape


@dataclass(frozen=True)
class NmsSettings:
    """When one detection suppresses another: overlap above `iou_threshold`, scores from `score_threshold` on.

    `class_aware` keeps detections of different classes from suppressing each other. `scenes_apart` does the same for
    scenes: in runs in plain pixel coordinates, positions in two scenes have nothing to do with each other. Detections
    whose centres are `reach_m` (metres) or more apart do not overlap, and a centre may lie up to `slack_m` (metres)
    outside its scene. `rings` is how many rings of neighbouring groups are read at most. `radius_m` is the radius of
    the body in metres.
    """

    iou_threshold: float
    score_threshold: float
    class_aware: bool
    shape: Shape
    rings: int
    scenes_apart: bool
    reach_m: float
    slack_m: float
    radius_m: float

    @property
    def criterion(self) -> OverlapCriterion:
        """Which detections count as overlapping."""
        return OverlapCriterion(self.iou_threshold, self.shape)
