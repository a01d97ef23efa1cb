"""Non-max suppression of tables of detections on a body."""

import numpy as np
import pandas as pd

from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import find_overlaps
from orbitile.detections.nms.greedy import NmsResult, greedy_nms
from orbitile.detections.nms.settings import NmsSettings
from orbitile.tables.detections import ORDER


def select_candidates(detections: pd.DataFrame, settings: NmsSettings, out_of_reach: bool = False) -> pd.DataFrame:
    """The detections that may reach the catalogue: with a high enough score, and not too large for any scale.

    With `out_of_reach`, those that are too large for any scale instead; they only compete with each other.
    """
    scored = detections["score"].to_numpy() >= np.float32(settings.score_threshold)
    sized = detections["out_of_reach"].to_numpy(bool) == out_of_reach
    return detections[scored & sized].reset_index(drop=True)


def catalogue_nms(detections: pd.DataFrame, settings: NmsSettings, complete: np.ndarray | None = None) -> NmsResult:
    """Suppress duplicates among the candidates of a table (see `select_candidates`); the result is in its row order.

    Complete objects go before truncated ones, then higher scores before lower ones. Ties go by position, size and
    origin (see orbitile.tables.detections.ORDER), never by the order of rows. `complete` (n, bool) marks rows all of
    whose rivals are in the table; None stands for all rows.
    """
    order = _canonical_order(detections)
    table = detections.iloc[order]
    priority = table["score"].to_numpy(float) - table["truncated"].to_numpy(float)
    apart = [name for name, is_on in (("class", settings.class_aware), ("scene", settings.scenes_apart)) if is_on]
    partition = table.groupby(apart, sort=False).ngroup().to_numpy() if apart else None
    boxes = GroundBoxes.of(table, settings.radius_m)
    overlaps = find_overlaps(boxes, priority, settings.criterion, partition)
    result = greedy_nms(overlaps, None if complete is None else complete[order])
    alive, undecided = np.empty((2, len(table)), bool)
    alive[order], undecided[order] = result.alive, result.undecided
    return NmsResult(alive, undecided, result.longest_chain)


def _canonical_order(detections: pd.DataFrame) -> np.ndarray:
    """Row numbers (n) sorted by latitude and longitude, and rows at the same position by all of ORDER.

    Suppression treats boxes that differ in the last digit as equal: one object that was detected at the same pixels in
    two pieces of a mosaic. So it is not enough to sort only rows that are equal in all columns.
    """
    lat, lon = (detections[name].to_numpy(float) for name in ("lat", "lon"))
    order = np.lexsort([lon, lat])
    as_before = (np.diff(lat[order]) == 0) & (np.diff(lon[order]) == 0)
    same_position = np.zeros(len(order), bool)
    same_position[1:] |= as_before
    same_position[:-1] |= as_before
    ties = order[same_position]
    order[same_position] = ties[detections.iloc[ties][ORDER].reset_index(drop=True).sort_values(ORDER).index]
    return order
