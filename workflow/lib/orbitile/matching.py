"""Which found crater is which true one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbitile.overlap.boxes import GroundBoxes
from orbitile.overlap.search import Question, overlapping
from orbitile.tables.craters import Craters


@dataclass(frozen=True)
class Matches:
    """Judged craters, found and true, as tables of lon, lat, diameter_km and hit."""

    found: pd.DataFrame
    truth: pd.DataFrame

    def between(self, column: str, low: float, high: float) -> "Matches":
        """The craters whose value in a column lies in low..high (high excluded)."""
        return Matches(*(t[(t[column] >= low) & (t[column] < high)] for t in (self.found, self.truth)))


def match(found: Craters, truth: Craters, iou_threshold: float, min_diameter_m: float, radius_m: float) -> Matches:
    """Match found and true craters one to one, the largest IoU first.

    All craters take part, of any size. Then the smallest diameter decides who is judged, as in
    COCO's evaluation by size: true craters of that size and more; found ones that match such a
    one; found ones without a match of that size and more. A true crater just above the limit that
    was measured just below it is thus a hit, not a miss.
    """
    i, j = one_to_one(*overlapping(_boxes(found, radius_m), _boxes(truth, radius_m), Question(iou_threshold)))
    large = truth.diameter_m >= min_diameter_m
    hit_found, hit_truth = np.zeros(len(found), bool), np.zeros(len(truth), bool)
    hit_found[i], hit_truth[j] = True, True
    judged = ~hit_found & (found.diameter_m >= min_diameter_m)
    judged[i[large[j]]] = True
    return Matches(_table(found, hit_found)[judged], _table(truth, hit_truth)[large])


def one_to_one(i: np.ndarray, j: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Greedy pairing of i with j by descending value, each used once; ties go to the lower indices."""
    taken_i, taken_j, chosen = set(), set(), []
    for at in np.lexsort([j, i, -value]).tolist():
        if i[at] not in taken_i and j[at] not in taken_j:
            taken_i.add(i[at])
            taken_j.add(j[at])
            chosen.append(at)
    return i[chosen], j[chosen]


def _boxes(craters: Craters, radius_m: float) -> GroundBoxes:
    side = craters.diameter_m / radius_m
    return GroundBoxes(craters.lon, craters.lat, side, side)


def _table(craters: Craters, hit: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(dict(lon=craters.lon, lat=craters.lat, diameter_km=craters.diameter_m / 1000, hit=hit))
