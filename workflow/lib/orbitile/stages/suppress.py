"""suppress: the detections of a group that survive, with its neighbours' in view."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbitile.overlap import GroundBoxes, survivors
from orbitile.tables.detections import DETECTIONS, ORDER
from orbitile.tables.parquet import read_table, write_table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """When one detection suppresses another.

    `scenes_apart` keeps scenes from suppressing each other: in runs in plain pixel coordinates
    their places mean nothing to each other.
    """

    iou_threshold: float
    score_threshold: float
    class_aware: bool
    scenes_apart: bool
    radius_m: float


def suppress(own: str, neighbours: list[str], rules: Rules, out: str) -> None:
    """Write the survivors among a group's detections; neighbours' detections compete, but stay theirs."""
    mine = read_table(own)
    everything = pd.concat([mine, *(read_table(path) for path in neighbours)], ignore_index=True)
    alive = surviving(everything, rules)
    kept = mine[alive[: len(mine)]].sort_values(ORDER, ignore_index=True)
    log.info("%d of %d detections survive, %d of the neighbours in view", len(kept), len(mine), len(alive) - len(mine))
    write_table(kept, DETECTIONS, out)


def surviving(detections: pd.DataFrame, rules: Rules) -> np.ndarray:
    """Which rows (n, bool) are left of a table of detections: score high enough, not suppressed.

    Higher scores go first; equal scores by place, size and origin, never by the order of rows.
    """
    alive = detections["score"].to_numpy() >= np.float32(rules.score_threshold)
    scored = detections[alive]
    order = scored.assign(score=-scored["score"]).reset_index().sort_values(["score", *ORDER]).index.to_numpy()
    rank = np.empty(len(scored), np.int64)
    rank[order] = np.arange(len(scored))
    apart = [name for name, on in (("class", rules.class_aware), ("scene", rules.scenes_apart)) if on]
    number = scored.groupby(apart, sort=False).ngroup().to_numpy() if apart else np.zeros(len(scored), int)
    alive[alive] = survivors(GroundBoxes.of(scored, rules.radius_m), rank, number, rules.iou_threshold)
    return alive
