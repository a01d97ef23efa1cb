"""The rows of a catalogue beside another table, such as a truth: which are right, which false, what was missed."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from orbitile.detections.matching import pair_craters
from orbitile.detections.truth_on_ground import TruthOnGround
from orbitile.tables.craters import Craters

NOT_JUDGED, RIGHT_ROW, FALSE_ROW = range(3)
"""What a row is: neither where it lies beside the ground that is judged, is too small, or matches a doubtful crater."""


class ComparedTable(NamedTuple):
    """A table that a catalogue is compared with, on the ground of the run: the truth, or one of a name."""

    craters: TruthOnGround
    name: str | None

    def words(self) -> dict[str, Any]:
        """How the page calls the table, the kinds of rows in their order, and what only the table has."""
        if self.name is None:
            kinds, missed = ["not judged", "right", "false"], "true craters that were missed"
            return dict(name="the truth", kinds=kinds, missed_title=missed)
        kinds, missed = ["not compared", "in both", "only in this run"], f"craters only in {self.name}"
        return dict(name=self.name, kinds=kinds, missed_title=missed)


@dataclass(frozen=True)
class TruthComparison:
    """What each row (n) of a catalogue is, and the true craters that no row matches."""

    kinds: np.ndarray
    missed: Craters

    @classmethod
    def of(cls, rows: Craters, truth: TruthOnGround) -> "TruthComparison":
        """All rows matched one to one with the true craters of a map, the largest IoU first (see match_craters)."""
        (ground,) = truth.on_ground
        true, criteria = truth.true.select(truth.on_ground[ground]), truth.criteria
        on_ground = dict(truth.ground.split(rows)).get(ground, np.zeros(0, int))
        i, j = pair_craters(
            rows.select(on_ground), true, criteria.iou_threshold, criteria.radius_m, criteria.are_doubtful(true)
        )
        is_judged, is_matched = criteria.are_judged(true), np.zeros(len(true), bool)
        is_matched[j] = True
        kinds = np.full(len(rows), NOT_JUDGED, np.uint8)
        is_large = rows.diameter_m[on_ground] >= criteria.min_diameter_m
        kinds[on_ground[is_large]] = FALSE_ROW
        kinds[on_ground[i]] = np.where(is_judged[j], RIGHT_ROW, NOT_JUDGED)
        return cls(kinds, true.select(is_judged & ~is_matched))

    @property
    def counts(self) -> list[int]:
        """How many rows are not judged, right and false."""
        return np.bincount(self.kinds, minlength=3).tolist()
