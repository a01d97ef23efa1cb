"""suppress: the detections of a group that survive non-max suppression against those of its neighbours."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.greedy import NmsResult
from orbitile.detections.nms.settings import NmsSettings
from orbitile.space.bodies import Body
from orbitile.space.footprints import least_distance
from orbitile.space.ground import unit_vectors
from orbitile.tables.crater_parts import write_part
from orbitile.tables.parquet import read_table
from orbitile.tables.plan import Plan, read_georef_methods, read_outlines, read_plan

log = logging.getLogger(__name__)


class DetectionTables(NamedTuple):
    """The table of a group's detections, and those of the groups in the rings around it; each has its group's name."""

    group_table: str
    ring_tables: Sequence[str] = ()


@dataclass(frozen=True)
class GroupNeighbourhood:
    """A group, the plan that names its neighbours, and the tables of detections that may be read."""

    tables: DetectionTables
    plan_path: Path

    @property
    def group(self) -> str:
        """The group's name."""
        return Path(self.tables.group_table).stem

    @cached_property
    def plan(self) -> Plan:
        """The plan of the run."""
        return read_plan(self.plan_path)

    @cached_property
    def _ring_tables(self) -> dict[str, str]:
        return {Path(path).stem: path for path in self.tables.ring_tables}

    def candidates(self, name: str, settings: NmsSettings) -> pd.DataFrame:
        """The detections of a group in a ring that take part; OrbitileError where its table was not handed over."""
        if name not in self._ring_tables:
            raise OrbitileError(
                f"{self.plan_path}: group {name} is in a ring around {self.group}, but its detections are not among "
                "the inputs of this job; the plan was changed after the run began: start the run again"
            )
        return select_candidates(read_table(self._ring_tables[name]), settings)


def suppress(
    tables: DetectionTables, plan: str, settings: NmsSettings, body: Body, out: str,
    confidence: RowConfidence | None = None,
) -> None:  # fmt: skip
    """Write the survivors among a group's detections; those of its neighbours compete, but are not written.

    With a `confidence`, each has a probability and the bound of false rows at which it is still in the catalogue.
    They are written as they will stand in the catalogue (see orbitile.tables.crater_parts). Tables of farther rings are
    read only where a chain of overlaps leads to them. OrbitileError where a chain goes beyond the last ring.
    """
    candidates, result = _group_survivors(GroupNeighbourhood(tables, Path(plan)), settings)
    survivors = candidates[result.alive[: len(candidates)]]
    log.info("%d of %d detections survive, longest chain %d", len(survivors), len(candidates), result.longest_chain)
    if confidence:
        columns = [survivors[name].to_numpy() for name in ("score", "diameter_km")]
        survivors = survivors.assign(**confidence.columns(columns[0], columns[1] * 1000))
    methods = read_georef_methods(Path(plan))
    write_part(survivors, methods, body, result.longest_chain, out, settings.scenes_apart)


def _group_survivors(neighbourhood: GroupNeighbourhood, settings: NmsSettings) -> tuple[pd.DataFrame, NmsResult]:
    """A group's candidates, and the result for them (first rows) and for the candidates of all rings that were read."""
    plan, group = neighbourhood.plan, neighbourhood.group
    candidates = in_view = select_candidates(read_table(neighbourhood.tables.group_table), settings)
    groups = {group}
    for ring in plan.rings(group, settings.rings):
        in_view = pd.concat([in_view, *(neighbourhood.candidates(name, settings) for name in ring)], ignore_index=True)
        groups |= set(ring)
        result = catalogue_nms(in_view, settings, _complete(in_view, groups, neighbourhood, settings))
        undecided = result.undecided[: len(candidates)]
        if not undecided.any():
            return candidates, result
        log.info(
            "%d of %d detections need more than the %d groups read so far: they overlap others in a chain that goes on",
            undecided.sum(), len(candidates), len(groups),
        )  # fmt: skip
    first = candidates[undecided].iloc[0]
    raise OrbitileError(
        f"group {group}: suppression cannot decide {undecided.sum()} of {len(candidates)} detections, because they "
        f"overlap others in a chain that goes beyond the neighbouring groups it may read (suppression.rings is "
        f"{settings.rings}); the first is at {first['lon']:.4f} E, {first['lat']:.4f} N; raise suppression.rings"
    )


def _complete(
    detections: pd.DataFrame, groups: set[str], neighbourhood: GroupNeighbourhood, settings: NmsSettings
) -> np.ndarray:
    """Which detections (n, bool) have no rival outside the groups that were read.

    Those of groups whose neighbours were all read, and those that lie far enough from all scenes of other groups.
    """
    plan = neighbourhood.plan
    surrounded = {group for group in groups if groups.issuperset(plan.group(group).neighbours)}
    complete = detections["scene"].map(plan.group_of_scene).isin(surrounded).to_numpy()
    outlines = [] if complete.all() else read_outlines(neighbourhood.plan_path)
    unread = [outline for group, outline in outlines if group not in groups]
    if not unread or settings.scenes_apart:
        return np.ones(len(detections), bool)
    points = unit_vectors(detections["lon"].to_numpy(float), detections["lat"].to_numpy(float))
    size_m = detections[["width_m", "height_m"]].max(axis=1).to_numpy(float)
    reach_m = np.minimum(settings.criterion.reach(size_m), settings.reach_m) + settings.slack_m
    return complete | (least_distance(points, unread) * settings.radius_m > reach_m)
