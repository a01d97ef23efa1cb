"""Which detected crater is which true one."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.space.caps import Caps
from orbitile.space.ground import unit_vectors
from orbitile.tables.craters import Craters


@dataclass(frozen=True)
class MatchCriteria:
    """When a detected crater matches a true one: least IoU, least diameter and radius of the body in metres.

    True craters that a smaller share of annotators than `least_agreement` (0..1) marked are doubtful: neither they nor
    detected craters that match them count.
    """

    iou_threshold: float
    min_diameter_m: float
    radius_m: float
    least_agreement: float = 0.5

    def are_doubtful(self, truth: Craters) -> np.ndarray:
        """Which true craters (n, bool) are doubtful; those of unknown agreement are not."""
        agreement = truth.agreement
        return np.zeros(len(truth), bool) if agreement is None else agreement < self.least_agreement

    def are_judged(self, truth: Craters) -> np.ndarray:
        """Which true craters (n, bool) are large enough and not doubtful."""
        return (truth.diameter_m >= self.min_diameter_m) & ~self.are_doubtful(truth)


@dataclass(frozen=True)
class CraterMatches:
    """The detected and true craters that count, as tables of lon, lat (degrees), diameter_km and hit (bool)."""

    detected: pd.DataFrame
    truth: pd.DataFrame


def match_craters(
    detected: Craters,
    truth: Craters,
    iou_threshold: float,
    min_diameter_m: float,
    radius_m: float,
    least_agreement: float = 0.5,
) -> CraterMatches:
    """Match detected and true craters one to one, the largest IoU first, on a sphere of `radius_m`.

    All craters take part, of any size; doubtful true ones (see MatchCriteria) take what all others leave. Then
    `min_diameter_m` decides which count, as in COCO's evaluation by size: true craters of that diameter and more;
    detected ones that match such a crater; detected ones without a match of that diameter and more. A true crater just
    above the limit that was measured just below it is thus a hit, not a miss.
    """
    criteria = MatchCriteria(iou_threshold, min_diameter_m, radius_m, least_agreement)
    i, j = pair_craters(detected, truth, iou_threshold, radius_m, criteria.are_doubtful(truth))
    is_judged = criteria.are_judged(truth)
    detected_hit, truth_hit = np.zeros(len(detected), bool), np.zeros(len(truth), bool)
    detected_hit[i], truth_hit[j] = True, True
    counts = ~detected_hit & (detected.diameter_m >= min_diameter_m)
    counts[i[is_judged[j]]] = True
    return CraterMatches(_table(detected, detected_hit)[counts], _table(truth, truth_hit)[is_judged])


def pair_craters(
    first: Craters, second: Craters, iou_threshold: float, radius_m: float, is_last: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The indices (k each) of craters of two tables that match one to one, the largest IoU first.

    Those of the second table (m, bool) that are last take what all others leave.
    """
    pairs = find_overlaps_between(
        crater_boxes(first, radius_m), crater_boxes(second, radius_m), OverlapCriterion(iou_threshold)
    )
    return pair_greedily(*pairs, is_last=None if is_last is None else is_last[pairs[1]])


class DetectedCraters(NamedTuple):
    """Detected craters with scores (n) and the numbers (n) of the blocks of ground that they lie in."""

    craters: Craters
    score: np.ndarray
    block: np.ndarray


class CraterMatcher:
    """Matches detected craters that come in batches with true ones, one to one, the largest IoU first.

    Only pairs that overlap are kept. The matches are those of all batches together, whatever their order: ties go to
    the detected crater that comes first by latitude, longitude, diameter and falling score, then to the first true one.
    """

    def __init__(self, truth: Craters, criteria: MatchCriteria) -> None:
        self.truth = truth
        self._criterion, self._radius_m = OverlapCriterion(criteria.iou_threshold), criteria.radius_m
        self._is_doubtful = criteria.are_doubtful(truth)
        self._points = unit_vectors(truth.lon, truth.lat)
        self._reach = self._criterion.reach(truth.diameter_m / criteria.radius_m)
        nothing = np.zeros(0, int)
        none_detected = DetectedCraters(truth.select(nothing), np.zeros(0, np.float32), nothing)
        self._pairs = [_pairs(none_detected, nothing, nothing, np.zeros(0))]
        self._fed = 0

    def feed(self, detected: DetectedCraters, candidates: np.ndarray) -> None:
        """Take a batch of detected craters, and the indices (n) of the true ones that they may match."""
        craters = detected.craters
        if not len(craters):
            return
        cap = Caps.around(unit_vectors(craters.lon, craters.lat))
        near = candidates[cap.gaps_to(self._points[candidates]) <= self._reach[candidates]]
        if len(near):
            boxes, true_boxes = (crater_boxes(part, self._radius_m) for part in (craters, self.truth.select(near)))
            i, j, iou = find_overlaps_between(boxes, true_boxes, self._criterion)
            overlapping = DetectedCraters(craters.select(i), detected.score[i], detected.block[i])
            self._pairs.append(_pairs(overlapping, self._fed + i, near[j], iou))
        self._fed += len(craters)

    def pairs(self) -> "OverlappingPairs":
        """All pairs that overlap."""
        table = pd.concat(self._pairs, ignore_index=True)
        by_place = ["lat", "lon", "diameter_m", "score", "number"]
        table = table.sort_values(by_place, ascending=[True, True, True, False, True], ignore_index=True)
        rank, truth = pd.factorize(table["number"])[0], table["truth"].to_numpy()
        return OverlappingPairs(table, rank, truth, self._is_doubtful[truth])


@dataclass(frozen=True)
class OverlappingPairs:
    """Pairs (n) of a detected crater and a true one that overlap.

    `table` has the columns lon, lat, diameter_m, score and block of the detected crater, and iou; `detected` (n)
    numbers the detected craters by their order in ties, `truth` (n) holds the indices of the true ones, `is_last`
    (n, bool) says which of these are doubtful.
    """

    table: pd.DataFrame
    detected: np.ndarray
    truth: np.ndarray
    is_last: np.ndarray

    def matches(self, least_score: float = 0.0) -> np.ndarray:
        """The indices of the pairs that match where only detected craters of this score and more take part.

        Greedy pairing is not nested: with a crater of low score, its true crater's next best partner is free again. A
        pair neither of whose craters overlaps another one matches in any case; all others are paired anew.
        """
        takes_part = self.table["score"].to_numpy() >= np.float32(least_score)
        alone, rest = (np.flatnonzero(takes_part & contest) for contest in (~self._contested, self._contested))
        iou = self.table["iou"].to_numpy()[rest]
        chosen = _greedy_order(self.detected[rest], self.truth[rest], iou, self.is_last[rest])
        return np.concatenate([alone, rest[chosen]])

    def craters(self, chosen: np.ndarray) -> Craters:
        """The detected craters of pairs, by their indices."""
        table = self.table
        return Craters(*(table[name].to_numpy()[chosen] for name in ("lon", "lat", "diameter_m")))

    @cached_property
    def _contested(self) -> np.ndarray:
        """Which pairs (n, bool) share a crater with another pair."""
        return (np.bincount(self.detected)[self.detected] > 1) | (np.bincount(self.truth)[self.truth] > 1)


def pair_greedily(
    i: np.ndarray, j: np.ndarray, value: np.ndarray, is_last: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Greedy pairing of i (n) with j (n) by descending value (n), each used once; ties go to the lower indices.

    Pairs that are last (n, bool) come after all others, whatever their value.
    """
    chosen = _greedy_order(i, j, value, np.zeros(len(i), bool) if is_last is None else is_last)
    return i[chosen], j[chosen]


def _greedy_order(i: np.ndarray, j: np.ndarray, value: np.ndarray, is_last: np.ndarray) -> np.ndarray:
    """The pairs that greedy pairing chooses, in its order."""
    used_i, used_j, chosen = set(), set(), []
    for pair in np.lexsort([j, i, -value, is_last]).tolist():
        if i[pair] not in used_i and j[pair] not in used_j:
            used_i.add(i[pair])
            used_j.add(j[pair])
            chosen.append(pair)
    return np.array(chosen, int)


def crater_boxes(craters: Craters, radius_m: float) -> GroundBoxes:
    """Craters (n) as boxes on the ground, on a sphere of `radius_m`."""
    side = craters.diameter_m / radius_m
    return GroundBoxes(craters.lon, craters.lat, side, side)


def _pairs(detected: DetectedCraters, number: np.ndarray, truth: np.ndarray, iou: np.ndarray) -> pd.DataFrame:
    """Pairs (n) of detected craters, which have numbers, and true ones, by their indices."""
    craters = detected.craters
    columns = dict(lon=craters.lon, lat=craters.lat, diameter_m=craters.diameter_m)
    columns |= dict(score=detected.score.astype(np.float32), block=detected.block)
    return pd.DataFrame(columns | dict(number=number, truth=truth, iou=iou))


def _table(craters: Craters, hit: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(dict(lon=craters.lon, lat=craters.lat, diameter_km=craters.diameter_m / 1000, hit=hit))
