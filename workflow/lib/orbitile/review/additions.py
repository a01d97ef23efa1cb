"""Craters that reviewers added to a catalogue: each once, whoever added it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.detections.matching import pair_craters
from orbitile.review.judged_rows import attribution, circles_as_craters
from orbitile.review.judgements import ADDED, CIRCLE, FILE

ADDITION_COLUMNS = ("scene", *CIRCLE, "reviewers", "judgements", "judged_at")


def merge_additions(
    judgements: pd.DataFrame, iou_threshold: float, radius_m: float, scenes_apart: bool
) -> pd.DataFrame:
    """The craters that were added (columns ADDITION_COLUMNS), each once.

    Those of different reviewers are the same crater where they match one to one by an IoU and, where scenes lie apart
    from each other, on the same scene; the place and the size that were given last count. OrbitileError for one that
    names no scene there.
    """
    added = judgements[judgements["verdict"] == ADDED]
    if scenes_apart and (added["scene"] == "").any():
        first = added[added["scene"] == ""].iloc[0]
        raise OrbitileError(f"{first[FILE]}: column scene is empty, but the images of this run have no map; name the "
                            "scene that the crater lies on")  # fmt: skip
    rows = list(_merged(added, FramePairing(iou_threshold, radius_m, scenes_apart)))
    return pd.DataFrame(rows, columns=list(ADDITION_COLUMNS)).sort_values([*CIRCLE], ignore_index=True)


def added_by(judgements: pd.DataFrame, reviewer: str) -> pd.DataFrame:
    """The additions of a reviewer."""
    return judgements[(judgements["verdict"] == ADDED) & (judgements["reviewer"] == reviewer)]


@dataclass(frozen=True)
class FramePairing:
    """How craters in frames (columns CIRCLE, scene) are matched: by a least IoU, perhaps on the same scene alone."""

    iou_threshold: float
    radius_m: float
    scenes_apart: bool

    def pairs(self, first: pd.DataFrame, second: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The indices (k each) of rows of two frames that match one to one."""
        if not len(first) or not len(second):
            return np.zeros(0, int), np.zeros(0, int)
        if not self.scenes_apart:
            return pair_craters(
                circles_as_craters(first), circles_as_craters(second), self.iou_threshold, self.radius_m
            )
        within, pairs = replace(self, scenes_apart=False), [(np.zeros(0, int), np.zeros(0, int))]
        for scene in second["scene"].unique():
            i, j = (np.flatnonzero(frame["scene"] == scene) for frame in (first, second))
            matched = within.pairs(first.iloc[i], second.iloc[j])
            pairs.append((i[matched[0]], j[matched[1]]))
        return np.concatenate([i for i, _ in pairs]), np.concatenate([j for _, j in pairs])


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
