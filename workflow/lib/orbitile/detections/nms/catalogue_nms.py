"""Non-max suppression of tables of detections on a body."""

import numpy as np
import pandas as pd

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import Overlaps, find_overlaps
from orbitile.detections.nms.greedy import NmsResult, greedy_nms, overlapped_by
from orbitile.detections.nms.settings import NmsSettings
from orbitile.tables.detections import ORDER


def select_candidates(detections: pd.DataFrame, settings: NmsSettings, out_of_reach: bool = False) -> pd.DataFrame:
    """The detections that may reach the catalogue: with a high enough score, and not too large for any scale.

    With `out_of_reach`, those that are too large for any scale instead; they only compete with each other.
    """
    scored = detections["score"].to_numpy() >= np.float32(settings.score_threshold)
    sized = detections["out_of_reach"].to_numpy(bool) == out_of_reach
    chosen = scored & sized
    return detections.reset_index(drop=True) if chosen.all() else detections[chosen].reset_index(drop=True)


def catalogue_nms(detections: pd.DataFrame, settings: NmsSettings, complete: np.ndarray | None = None) -> NmsResult:
    """Suppress duplicates among the candidates of a table (see `select_candidates`); the result is in its row order.

    Complete objects go before truncated ones, then higher scores before lower ones. Ties go by position, size and
    origin (see orbitile.tables.detections.ORDER), never by the order of rows. `complete` (n, bool) marks rows all of
    whose rivals are in the table; None stands for all rows.
    """
    order, overlaps = _ordered_overlaps(detections, settings)
    result = greedy_nms(overlaps, None if complete is None else complete[order])
    alive, undecided = np.empty((2, len(detections)), bool)
    alive[order], undecided[order] = result.alive, result.undecided
    return NmsResult(alive, undecided, result.longest_chain)


def overlaps_better(detections: pd.DataFrame, alive: np.ndarray, settings: NmsSettings) -> np.ndarray:
    """Which detections of a table (n, bool) overlap a better one among those that are alive (n, bool)."""
    order, overlaps = _ordered_overlaps(detections, settings)
    overlapping = np.empty(len(detections), bool)
    overlapping[order] = overlapped_by(overlaps, alive[order])
    return overlapping


def _ordered_overlaps(detections: pd.DataFrame, settings: NmsSettings) -> tuple[np.ndarray, Overlaps]:
    """Row numbers (n) in the canonical order, and the overlaps of the detections in that order."""
    order = _canonical_order(detections)
    priority = detections["score"].to_numpy(float) - detections["truncated"].to_numpy(float)
    apart = [name for name, is_on in (("class", settings.class_aware), ("scene", settings.scenes_apart)) if is_on]
    partition = detections.groupby(apart, sort=False).ngroup().to_numpy()[order] if apart else None
    boxes = GroundBoxes(*(column[order] for column in GroundBoxes.of(detections, settings.radius_m).columns))
    return order, find_overlaps(boxes, priority[order], settings.criterion, partition)


def _canonical_order(detections: pd.DataFrame) -> np.ndarray:
    """Row numbers (n) sorted by ORDER.

    Suppression treats boxes that differ in the last digit as equal: one object that was detected at the same pixels in
    two pieces of a mosaic. So it is not enough to sort only rows that are equal in all columns.
    """
    lat = detections["lat"].to_numpy(float)
    order = np.argsort(lat, kind="stable")  # of tables that are sorted already, in next to no time
    has_equals = _has_equals(lat[order])
    ties = order[has_equals]
    order[has_equals] = ties[detections.iloc[ties][ORDER].reset_index(drop=True).sort_values(ORDER).index]
    return order


def _has_equals(ordered: np.ndarray) -> np.ndarray:
    """Which of sorted values (n, bool) stand there more than once."""
    as_before = np.diff(ordered) == 0
    return np.append(as_before, False) | np.insert(as_before, 0, False) if len(ordered) else np.zeros(0, bool)
