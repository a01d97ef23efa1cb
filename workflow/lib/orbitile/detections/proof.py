"""The proof that the groups' survivors are what one suppression over the detections of all groups would leave.

Say that a detection is beaten if it overlaps a better one. One suppression over all detections, from the best one on,
leaves a set of which exactly those detections are part that no detection of the set beats. Only one set has this
property: "better" is an order, so that the graph of who beats whom has no cycle, and such a graph has a single kernel
(von Neumann and Morgenstern, Theory of Games and Economic Behavior, 1944, 65). Whether a detection has it depends on
the survivors that it overlaps alone, however long the chains are in which overlaps hang together. So it is enough to
check group by group, with those survivors of other groups in view that may overlap the group's detections.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.detections.nms.catalogue_nms import overlaps_better, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.nms.survivor_index import COLUMNS, LARGE_ROWS, SurvivorIndex
from orbitile.tables.content_hash import ContentHash, content_hash
from orbitile.tables.crater_parts import read_part
from orbitile.tables.detections import DETECTIONS, GEOLOCATED
from orbitile.tables.parquet import count_rows, read_arrow

log = logging.getLogger(__name__)

BATCH_ROWS = 1_000_000
"""Neighbouring groups are checked together up to so many survivors and detections; a single group may have more."""
GROUP = "group"
"""Column with the number of a row's group in its batch."""


STRANGE = "is not among the group's detections, or stands there twice"


class GroupTables(NamedTuple):
    """The tables of a group: its survivors (see orbitile.tables.crater_parts) and all its detections."""

    survivors: str
    detections: str


@dataclass(frozen=True)
class GroupProof:
    """What was counted while a group was checked: its survivors, its detections, and the hash of its survivors."""

    rows: int
    detections: int
    content: ContentHash


@dataclass(frozen=True)
class Fault:
    """Rows of a batch that are at fault, and the best of them: its group, what is wrong, and where it is."""

    group: str
    kind: str
    place: str
    priority: float
    rows: int

    @classmethod
    def of(cls, groups: Sequence[str], table: pd.DataFrame, kind: str) -> "Fault":
        """The rows of a table at fault, with the numbers of their groups."""
        priority = table["score"].to_numpy(float) - table["truncated"].to_numpy(float)
        best = table.iloc[np.argmax(priority)]
        place = f"scene {best['scene']} at {best['lon']:.4f} E, {best['lat']:.4f} N ({best['diameter_km']:.2f} km)"
        return cls(groups[best[GROUP]], kind, place, float(priority.max()), len(table))


@dataclass(frozen=True)
class Proof:
    """That the survivors of all groups are the global answer.

    `out_of_reach` are the detections that are too large for any scale (see `select_candidates`).
    """

    groups: dict[str, GroupProof]
    out_of_reach: pd.DataFrame


def prove(
    tables: Mapping[str, GroupTables], settings: NmsSettings, batch_rows: int = BATCH_ROWS, large_rows: int = LARGE_ROWS
) -> Proof:
    """Check the survivors of all groups against their detections and each other.

    Memory is bounded by `batch_rows` or by the largest group, and by `large_rows` (see SurvivorIndex).
    OrbitileError names the table at fault and a row that is not what suppression over all groups leaves.
    """
    index = SurvivorIndex.of({group: paths.survivors for group, paths in tables.items()}, settings, large_rows)
    groups: dict[str, GroupProof] = {}
    faults: list[Fault] = []
    out_of_reach = [GEOLOCATED.empty_table().to_pandas()]
    for batch in _batches(index.groups_along_curve, tables, batch_rows):
        rows = _BatchRows.read({group: tables[group] for group in batch})
        faults += _find_faults(rows, index, settings)
        groups |= rows.proofs
        out_of_reach.append(select_candidates(rows.detections, settings, True))
        log.info("%d of %d groups checked", len(groups), len(tables))
    if faults:
        raise OrbitileError(_describe_faults(faults))
    return Proof(groups, pd.concat(out_of_reach, ignore_index=True)[GEOLOCATED.names])


@dataclass(frozen=True)
class _BatchRows:
    """The survivors and the detections of the groups of a batch, each with the number of its group."""

    groups: list[str]
    survivors: pd.DataFrame
    detections: pd.DataFrame
    proofs: dict[str, GroupProof]

    @classmethod
    def read(cls, tables: Mapping[str, GroupTables]) -> "_BatchRows":
        survivors = [read_part(paths.survivors) for paths in tables.values()]
        detections = [read_arrow(paths.detections) for paths in tables.values()]
        proofs = {
            group: GroupProof(len(left), len(before), content_hash(left, DETECTIONS))
            for group, left, before in zip(tables, survivors, detections, strict=True)
        }
        return cls(list(tables), _joined(survivors, DETECTIONS), _joined(detections, GEOLOCATED), proofs)


def _joined(tables: Sequence[pa.Table], schema: pa.Schema) -> pd.DataFrame:
    """All rows, in the columns of a schema and with the numbers of their tables."""
    frame = pa.concat_tables([table.cast(schema) for table in tables]).to_pandas(split_blocks=True)
    return frame.assign(**{GROUP: np.repeat(np.arange(len(tables)), [len(table) for table in tables])})


def _batches(groups: Sequence[str], tables: Mapping[str, GroupTables], most_rows: int) -> Iterator[list[str]]:
    """Groups that follow each other, as many as have so many rows together, but at least one."""
    batch: list[str] = []
    rows = 0
    for group in groups:
        more = sum(map(count_rows, tables[group]))
        if batch and rows + more > most_rows:
            yield batch
            batch, rows = [], 0
        batch, rows = [*batch, group], rows + more
    if batch:
        yield batch


def _find_faults(rows: _BatchRows, index: SurvivorIndex, settings: NmsSettings) -> list[Fault]:
    """What a batch holds that one suppression over all groups would not leave, or lacks that it would."""
    candidates = select_candidates(rows.detections, settings)
    row_of_survivor = _rows_of_survivors(candidates, rows.survivors)
    alive = np.zeros(len(candidates), bool)
    alive[row_of_survivor[row_of_survivor >= 0]] = True
    beaten = _is_beaten(candidates, alive, index.rivals(rows.groups, candidates), settings)
    faulty = {
        STRANGE: rows.survivors[row_of_survivor < 0],
        "survives, although a better one overlaps it": candidates[alive & beaten],
        "is left out, although no better one overlaps it": candidates[~alive & ~beaten],
    }
    return [Fault.of(rows.groups, table, kind) for kind, table in faulty.items() if len(table)]


def _rows_of_survivors(candidates: pd.DataFrame, survivors: pd.DataFrame) -> np.ndarray:
    """The row (m) of each survivor among the candidates: the same in all columns, and each row once; -1 without any.

    Rows are told apart by hashes of 64 bits: among a million candidates a wrong row goes unnoticed once in 10^13 times.
    """
    hashes, wanted = (_row_hashes(table) for table in (candidates, survivors))
    order = np.argsort(hashes, kind="stable")
    position = np.searchsorted(hashes[order], wanted) + pd.Series(wanted).groupby(wanted).cumcount().to_numpy()
    rows = np.append(order, -1)[np.minimum(position, len(order))]
    return np.where((rows >= 0) & (np.append(hashes, 0)[rows] == wanted), rows, -1)


def _row_hashes(table: pd.DataFrame) -> np.ndarray:
    """A number (n, uint64) for each row that is the same for rows that are the same."""
    return pd.util.hash_pandas_object(table[[*DETECTIONS.names, GROUP]], index=False).to_numpy()


def _is_beaten(candidates: pd.DataFrame, alive: np.ndarray, rivals: pd.DataFrame, settings: NmsSettings) -> np.ndarray:
    """Which candidates (n, bool) overlap a better one that survives, among themselves or among rivals elsewhere."""
    in_view = pd.concat([candidates[COLUMNS], rivals], ignore_index=True)
    all_alive = np.concatenate([alive, np.ones(len(rivals), bool)])
    return overlaps_better(in_view, all_alive, settings)[: len(candidates)]


def _describe_faults(faults: Sequence[Fault]) -> str:
    """The message about a fault that is not the consequence of another: without a survivor worse ones count as well.

    A row that is not among the detections is wrong by itself, else the best row is: about better ones all is right.
    """
    fault, count = max(faults, key=lambda fault: (fault.kind == STRANGE, fault.priority)), sum(f.rows for f in faults)
    return (
        f"suppressed/{fault.group}.parquet: the detection in {fault.place} {fault.kind}; of all groups {count:,} "
        f"{'row is' if count == 1 else 'rows are'} not what one suppression over everything leaves; delete the file "
        "and run again"
    )
