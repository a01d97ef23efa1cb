"""Craters that reviewers added to a catalogue: each once, whoever added it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.detections.matching import crater_boxes, pair_craters
from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.review.judged_rows import attribution, circles_as_craters
from orbitile.review.judgements import ADDED, CIRCLE, FILE

ADDITION_COLUMNS = ("scene", *CIRCLE, "reviewers", "judgements", "judged_at")


@dataclass(frozen=True)
class FramePairing:
    """How craters in frames (columns CIRCLE, scene) are matched: by a least IoU, perhaps on the same scene alone."""

    iou_threshold: float
    radius_m: float
    scenes_apart: bool

    def overlapping(self, rows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
        """Which rows (n, bool) match any of another frame."""
        overlaps, criterion = np.zeros(len(rows), bool), OverlapCriterion(self.iou_threshold)
        for i, j in self._comparable(rows, others):
            boxes, other_boxes = self._boxes(rows.iloc[i]), self._boxes(others.iloc[j])
            overlaps[i[find_overlaps_between(boxes, other_boxes, criterion)[0]]] = True
        return overlaps

    def pairs(self, first: pd.DataFrame, second: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The indices (k each) of rows of two frames that match one to one."""
        pairs = [(np.zeros(0, int), np.zeros(0, int))]
        for i, j in self._comparable(first, second):
            craters = circles_as_craters(first.iloc[i]), circles_as_craters(second.iloc[j])
            matched = pair_craters(*craters, self.iou_threshold, self.radius_m)
            pairs.append((i[matched[0]], j[matched[1]]))
        return np.concatenate([i for i, _ in pairs]), np.concatenate([j for _, j in pairs])

    def _comparable(self, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices of rows of two frames that may match, as far as their scenes go; none of either is empty."""
        for scene in second["scene"].unique() if self.scenes_apart else [None]:
            i, j = (np.flatnonzero((frame["scene"] == scene) | (scene is None)) for frame in (first, second))
            if len(i) and len(j):
                yield i, j

    def _boxes(self, frame: pd.DataFrame) -> GroundBoxes:
        return crater_boxes(circles_as_craters(frame), self.radius_m)


def merge_additions(judgements: pd.DataFrame, pairing: FramePairing) -> pd.DataFrame:
    """The craters that were added (columns ADDITION_COLUMNS), each once.

    Those of different reviewers are the same crater where they match one to one by an IoU and, where scenes lie apart
    from each other, on the same scene; the place and the size that were given last count. OrbitileError for one that
    names no scene there.
    """
    added = judgements[judgements["verdict"] == ADDED]
    if pairing.scenes_apart and (added["scene"] == "").any():
        first = added[added["scene"] == ""].iloc[0]
        raise OrbitileError(f"{first[FILE]}: column scene is empty, but the images of this run have no map; name the "
                            "scene that the crater lies on")  # fmt: skip
    rows = list(_merged(added, pairing))
    return pd.DataFrame(rows, columns=list(ADDITION_COLUMNS)).sort_values([*CIRCLE], ignore_index=True)


def added_by(judgements: pd.DataFrame, reviewer: str) -> pd.DataFrame:
    """The additions of a reviewer."""
    return judgements[(judgements["verdict"] == ADDED) & (judgements["reviewer"] == reviewer)]


def _merged(added: pd.DataFrame, pairing: FramePairing) -> Iterator[dict]:
    number, craters = np.full(len(added), -1), 0
    for reviewer in sorted(added["reviewer"].unique()):
        mine, earlier = np.flatnonzero(added["reviewer"] == reviewer), _first_places(number)
        i, j = pairing.pairs(added.iloc[earlier], added.iloc[mine])
        is_new = ~np.isin(np.arange(len(mine)), j)
        number[mine[j]] = number[earlier[i]]
        number[mine[is_new]] = craters + np.arange(is_new.sum())
        craters += int(is_new.sum())
    for _, group in added.groupby(number):
        ordered = group.sort_values("judged_at", kind="stable")
        last = ordered.iloc[-1]
        yield {name: last[name] for name in ("scene", *CIRCLE)} | attribution(ordered)


def _first_places(number: np.ndarray) -> np.ndarray:
    """The index (k) of the first row of each number (n) that is not negative."""
    numbers, first = np.unique(number, return_index=True)
    return first[numbers >= 0]
