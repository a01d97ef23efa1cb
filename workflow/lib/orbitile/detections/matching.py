"""Which detected crater is which true one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.space.caps import Caps
from orbitile.space.ground import unit_vectors
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


class CraterMatcher:
    """Matches detected craters that come in batches with true ones, one to one, the largest IoU first.

    Only pairs that overlap are kept. The matches are those of all batches together, whatever their order: ties go to
    the detected crater that comes first by latitude, longitude and diameter (two that are the same in all three are
    the same to every figure), then to the first true one.
    """

    def __init__(self, truth: Craters, criteria: MatchCriteria) -> None:
        self.truth = truth
        self._criterion, self._radius_m = OverlapCriterion(criteria.iou_threshold), criteria.radius_m
        self._points = unit_vectors(truth.lon, truth.lat)
        self._reach = self._criterion.reach(truth.diameter_m / criteria.radius_m)
        self._pairs = [_pairs(truth.select(np.zeros(0, int)), np.zeros(0, int), np.zeros(0, int), np.zeros(0))]
        self._fed = 0

    def feed(self, detected: Craters, candidates: np.ndarray) -> None:
        """Take a batch of detected craters, and the indices (n) of the true ones that they may match."""
        if not len(detected):
            return
        cap = Caps.around(unit_vectors(detected.lon, detected.lat))
        near = candidates[cap.gaps_to(self._points[candidates]) <= self._reach[candidates]]
        if len(near):
            boxes, true_boxes = (_boxes(craters, self._radius_m) for craters in (detected, self.truth.select(near)))
            i, j, iou = find_overlaps_between(boxes, true_boxes, self._criterion)
            self._pairs.append(_pairs(detected.select(i), self._fed + i, near[j], iou))
        self._fed += len(detected)

    def matches(self) -> tuple[Craters, np.ndarray]:
        """Detected craters (n) with a match, and the indices (n) of the true ones that they match."""
        pairs = pd.concat(self._pairs, ignore_index=True).sort_values(["lat", "lon", "diameter_m", "number"])
        rank = pd.factorize(pairs["number"])[0]
        chosen, truth = pair_greedily(rank, pairs["truth"].to_numpy(), pairs["iou"].to_numpy())
        columns = pairs.iloc[np.unique(rank, return_index=True)[1][chosen]]
        return Craters(*(columns[name].to_numpy() for name in ("lon", "lat", "diameter_m"))), truth


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


def _pairs(detected: Craters, number: np.ndarray, truth: np.ndarray, iou: np.ndarray) -> pd.DataFrame:
    """Pairs (n) of detected craters, which have numbers, and true ones, by their indices."""
    columns = dict(lon=detected.lon, lat=detected.lat, diameter_m=detected.diameter_m)
    return pd.DataFrame(columns | dict(number=number, truth=truth, iou=iou))


def _table(craters: Craters, hit: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(dict(lon=craters.lon, lat=craters.lat, diameter_km=craters.diameter_m / 1000, hit=hit))
