"""Which detected crater is which true one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.tables.craters import Craters


@dataclass(frozen=True)
class MatchCriteria:
    """When a detected crater matches a true one: least IoU, least diameter and radius of the body in metres."""

    iou_threshold: float
    min_diameter_m: float
    radius_m: float


@dataclass(frozen=True)
class CraterMatches:
    """The detected and true craters that count, as tables of lon, lat (degrees), diameter_km and hit (bool)."""

    detected: pd.DataFrame
    truth: pd.DataFrame

    @classmethod
    def joined(cls, parts: Sequence["CraterMatches"]) -> "CraterMatches":
        """Those of several sets of scenes, of which there must be at least one."""
        tables = zip(*((part.detected, part.truth) for part in parts), strict=True)
        return cls(*(pd.concat(part, ignore_index=True) for part in tables))

    def between(self, column: str, low: float, high: float) -> "CraterMatches":
        """The craters whose value in a column lies in low..high (high excluded)."""
        return CraterMatches(*(t[(t[column] >= low) & (t[column] < high)] for t in (self.detected, self.truth)))


def match_craters(
    detected: Craters, truth: Craters, iou_threshold: float, min_diameter_m: float, radius_m: float
) -> CraterMatches:
    """Match detected and true craters one to one, the largest IoU first, on a sphere of `radius_m`.

    All craters take part, of any size. Then `min_diameter_m` decides which count, as in COCO's evaluation by size:
    true craters of that diameter and more; detected ones that match such a crater; detected ones without a match of
    that diameter and more. A true crater just above the limit that was measured just below it is thus a hit, not a
    miss.
    """
    criterion = OverlapCriterion(iou_threshold)
    i, j = pair_greedily(*find_overlaps_between(_boxes(detected, radius_m), _boxes(truth, radius_m), criterion))
    is_large = truth.diameter_m >= min_diameter_m
    detected_hit, truth_hit = np.zeros(len(detected), bool), np.zeros(len(truth), bool)
    detected_hit[i], truth_hit[j] = True, True
    counts = ~detected_hit & (detected.diameter_m >= min_diameter_m)
    counts[i[is_large[j]]] = True
    return CraterMatches(_table(detected, detected_hit)[counts], _table(truth, truth_hit)[is_large])


def pair_greedily(i: np.ndarray, j: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Greedy pairing of i (n) with j (n) by descending value (n), each used once; ties go to the lower indices."""
    used_i, used_j, chosen = set(), set(), []
    for pair in np.lexsort([j, i, -value]).tolist():
        if i[pair] not in used_i and j[pair] not in used_j:
            used_i.add(i[pair])
            used_j.add(j[pair])
            chosen.append(pair)
    return i[chosen], j[chosen]


def _boxes(craters: Craters, radius_m: float) -> GroundBoxes:
    side = craters.diameter_m / radius_m
    return GroundBoxes(craters.lon, craters.lat, side, side)


def _table(craters: Craters, hit: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(dict(lon=craters.lon, lat=craters.lat, diameter_km=craters.diameter_m / 1000, hit=hit))
