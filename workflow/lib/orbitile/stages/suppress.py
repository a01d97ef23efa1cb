"""suppress: the detections of a group that survive, with its neighbours' in view."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from orbitile.errors import OrbitileError
from orbitile.overlap.boxes import GroundBoxes
from orbitile.overlap.greedy import Survival, decide
from orbitile.overlap.search import Question, Shape, find_overlaps
from orbitile.space.footprints import least_distance
from orbitile.space.ground import unit_vectors
from orbitile.tables.detections import DETECTIONS, ORDER
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.plan import Plan, read_outlines, read_plan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """When one detection suppresses another.

    `scenes_apart` keeps scenes from suppressing each other: in runs in plain pixel coordinates
    their places mean nothing to each other. No two detections whose centres are `reach_m` apart overlap, and
    a centre may lie `slack_m` outside its scene. `rings` is how many rings of neighbouring groups may be looked at.
    """

    iou_threshold: float
    score_threshold: float
    class_aware: bool
    shape: Shape
    rings: int
    scenes_apart: bool
    reach_m: float
    slack_m: float
    radius_m: float

    @property
    def question(self) -> Question:
        """Which detections count as overlapping."""
        return Question(self.iou_threshold, self.shape)


class View(NamedTuple):
    """The groups whose detections are seen, of a plan and its file."""

    path: Path
    plan: Plan
    seen: set[str]


def suppress(group: str, plan: str, rules: Rules, out: str) -> None:
    """Write the survivors among a group's detections; neighbours' detections compete, but stay theirs.

    Neighbours of neighbours are looked at only where a chain of overlaps leads to them.
    """
    mine, survival = _survival(group, Path(plan), rules)
    kept = mine[survival.alive[: len(mine)]].sort_values(ORDER, ignore_index=True)
    log.info("%d of %d detections survive, longest chain %d", len(kept), len(mine), survival.longest_chain)
    write_table(kept, DETECTIONS, out)


def surviving(detections: pd.DataFrame, rules: Rules, complete: np.ndarray | None = None) -> Survival:
    """Which rows are left of a table of detections (see `competing`).

    Whole objects go before cut ones, then higher scores before lower ones; equal ones go by place, size
    and origin, never by the order of rows. `complete` (n, bool) tells which rows' rivals are all in the table.
    """
    order = _canonical_order(detections)
    table = detections.iloc[order]
    priority = table["score"].to_numpy(float) - table["cut"].to_numpy(float)
    apart = [name for name, on in (("class", rules.class_aware), ("scene", rules.scenes_apart)) if on]
    number = table.groupby(apart, sort=False).ngroup().to_numpy() if apart else None
    boxes = GroundBoxes.of(table, rules.radius_m)
    overlaps = find_overlaps(boxes, priority, rules.question, number)
    found = decide(overlaps, None if complete is None else complete[order])
    alive, open_ = np.empty((2, len(table)), bool)
    alive[order], open_[order] = found.alive, found.open
    return Survival(alive, open_, found.longest_chain)


def competing(detections: pd.DataFrame, rules: Rules, out_of_reach: bool = False) -> pd.DataFrame:
    """The detections that may reach the catalogue: those with a score high enough, of a size within reach.

    Or those `out_of_reach`, which only compete with each other.
    """
    scored = detections["score"].to_numpy() >= np.float32(rules.score_threshold)
    sized = detections["out_of_reach"].to_numpy(bool) == out_of_reach
    return detections[scored & sized].reset_index(drop=True)


def _survival(group: str, path: Path, rules: Rules) -> tuple[pd.DataFrame, Survival]:
    """A group's competing detections, and what becomes of them (first) and of all others in view."""
    plan = read_plan(path)
    mine = in_view = competing(read_table(path.parent / "detections" / f"{group}.parquet"), rules)
    seen = {group}
    for ring in plan.rings(group, rules.rings):
        tables = [read_table(path.parent / "detections" / f"{name}.parquet") for name in ring]
        in_view = pd.concat([in_view, *(competing(table, rules) for table in tables)], ignore_index=True)
        seen |= set(ring)
        survival = surviving(in_view, rules, _complete(in_view, View(path, plan, seen), rules))
        lost = survival.open[: len(mine)]
        if not lost.any():
            return mine, survival
        log.info("%d detections hang on groups beyond the %d in view", lost.sum(), len(seen))
    first = mine[lost].iloc[0]
    raise OrbitileError(
        f"suppress: {lost.sum()} detections of group {group} hang on a chain of overlaps that leaves the {rules.rings} "
        f"rings of groups around it, the first at {first['lon']:.4f} E, {first['lat']:.4f} N; raise suppression.rings"
    )


def _complete(detections: pd.DataFrame, view: View, rules: Rules) -> np.ndarray:
    """Which detections (n, bool) have no rival in any group that is not seen.

    Those of groups whose neighbours are all seen, and those that lie far enough from all other scenes.
    """
    plan, seen = view.plan, view.seen
    surrounded = {group for group in seen if seen.issuperset(plan.group(group).neighbours)}
    complete = detections["scene"].map(plan.group_of_scene).isin(surrounded).to_numpy()
    unseen = [] if complete.all() else [outline for group, outline in read_outlines(view.path) if group not in seen]
    if not unseen or rules.scenes_apart:
        return np.ones(len(detections), bool)
    points = unit_vectors(detections["lon"].to_numpy(float), detections["lat"].to_numpy(float))
    size_m = detections[["width_m", "height_m"]].max(axis=1).to_numpy(float)
    reach_m = np.minimum(rules.question.reach(size_m), rules.reach_m) + rules.slack_m
    return complete | (least_distance(points, unseen) * rules.radius_m > reach_m)


def _canonical_order(detections: pd.DataFrame) -> np.ndarray:
    """The rows (n) sorted by ORDER, at least where they lie at one place.

    Suppression takes boxes for equal that differ in the last digit: one object found at the same pixels for two
    pieces of a mosaic. So it is not enough to sort the equal ones.
    """
    lat, lon = (detections[name].to_numpy(float) for name in ("lat", "lon"))
    order = np.lexsort([lon, lat])
    as_before = (np.diff(lat[order]) == 0) & (np.diff(lon[order]) == 0)
    together = np.zeros(len(order), bool)
    together[1:] |= as_before
    together[:-1] |= as_before
    some = order[together]
    order[together] = some[detections.iloc[some][ORDER].reset_index(drop=True).sort_values(ORDER).index]
    return order
