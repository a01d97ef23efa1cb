"""Where the survivors of all groups lie, by size: which of them may overlap what lies in one group.

Survivors are sorted into levels by powers of two of their size. For every group and level there is the cap of the
body that holds them. So the survivors of a few groups around are read, and of groups farther away only the large ones,
which are kept in memory: they are few, and reach far.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.detections.nms.find_overlaps import OverlapCriterion
from orbitile.detections.nms.settings import NmsSettings
from orbitile.space.caps import Caps
from orbitile.space.ground import lonlat_of_points, unit_vectors
from orbitile.space.hilbert import hilbert_numbers
from orbitile.tables.crater_parts import STORED, read_part, read_survivors
from orbitile.tables.detections import ORDER

LARGE_ROWS = 2_000_000
"""How many of the largest survivors are kept in memory: all of them in small runs."""
ROWS_IN_MEMORY = 4_000_000
"""How many survivors of the groups that were needed last are kept in memory for the groups beside them."""
CHUNK_ROWS = 200_000
"""How many rows are looked through at a time."""
LEVELS = 4096
"""More than there are powers of two."""
COLUMNS = [*ORDER, "score", "truncated"]
"""What decides about overlaps and about which of two detections is the better one."""


class Levels(NamedTuple):
    """Levels (n) of sizes, below 2^level metres, the caps around what has them, and the number (n) of its group."""

    level: np.ndarray
    caps: Caps
    group: np.ndarray

    @classmethod
    def of(cls, places: "Places", group: np.ndarray | None = None) -> Self:
        """The levels of what lies in groups, given by their numbers (m), or in a single one."""
        number = np.zeros(len(places.size_m), int) if group is None else group
        keys, caps = Caps.around_each(places.points, number * LEVELS + places.level + LEVELS // 2)
        return cls(keys % LEVELS - LEVELS // 2, caps, keys // LEVELS)

    @classmethod
    def joined(cls, parts: "list[Levels]") -> Self:
        """Those of several groups."""
        empty = np.zeros(0, int)
        level = np.concatenate([empty, *(part.level for part in parts)])
        group = np.concatenate([empty, *(part.group for part in parts)])
        return cls(level, Caps.joined([part.caps for part in parts]), group)

    def near(self, other: "Levels", criterion: OverlapCriterion, radius_m: float) -> np.ndarray:
        """Which of the levels (n, bool) may hold anything that overlaps something of others."""
        smaller = np.minimum(self.level[:, None], other.level[None])
        comparable = np.abs(self.level[:, None] - other.level[None]) <= _levels_apart(criterion)
        reach = criterion.reach(np.exp2(smaller)) / radius_m
        return (comparable & (self.caps.gaps(other.caps) <= reach)).any(axis=1)


class Places(NamedTuple):
    """Where detections lie, as unit vectors (n, 3), and their longer sides (n, metres)."""

    points: np.ndarray
    size_m: np.ndarray

    @classmethod
    def of(cls, table: pa.Table | pd.DataFrame) -> Self:
        """Those of a table with lon, lat (degrees), width_m and height_m."""
        lon, lat, width, height = (table[name].to_numpy() for name in ("lon", "lat", "width_m", "height_m"))
        return cls(unit_vectors(lon, lat), np.maximum(width, height))

    @property
    def level(self) -> np.ndarray:
        """The level of each (n): its longer side lies below 2^level metres, and not below half of that."""
        return np.frexp(self.size_m)[1]

    def in_reach(self, cap: Caps, settings: NmsSettings) -> np.ndarray:
        """Which of them (n, bool) may overlap something in a cap."""
        return cap.gaps_to(self.points) <= settings.criterion.reach(self.size_m) / settings.radius_m


class LargeSurvivors(NamedTuple):
    """Survivors (columns COLUMNS) from a level on, with the number of the group of each (n), and where they lie."""

    level: int
    rows: pa.Table
    group: np.ndarray
    places: Places


@dataclass(frozen=True)
class SurvivorIndex:
    """The survivors of all groups: their levels, the large ones among them, and a reader of all of a group.

    `read` gives the survivors of a group (columns COLUMNS).
    """

    groups: list[str]
    levels: Levels
    large: LargeSurvivors
    read: Callable[[str], pd.DataFrame]
    settings: NmsSettings

    @classmethod
    def of(cls, paths: Mapping[str, str], settings: NmsSettings, large_rows: int = LARGE_ROWS) -> Self:
        """Look through the parts of all groups, given by their paths."""
        levels, large, most_rows = [], _LargestSurvivors(large_rows), 1
        for survivors, group in _chunks(paths.values()):
            places = Places.of(survivors)
            levels.append(Levels.of(places, group))
            large.add(survivors, group, places)
            most_rows = max(most_rows, *np.bincount(group, minlength=1).tolist())
        read = lru_cache(max(ROWS_IN_MEMORY // most_rows, 1))(partial(_read, paths))
        return cls(list(paths), Levels.joined(levels), large.joined(), read, settings)

    def rivals(self, groups: Collection[str], detections: pd.DataFrame) -> pd.DataFrame:
        """The survivors of other groups (columns COLUMNS) that may overlap any of the detections of some groups."""
        if not len(detections) or self.settings.scenes_apart:
            return detections[COLUMNS].iloc[:0]
        places = Places.of(detections)
        near = self.levels.near(Levels.of(places), self.settings.criterion, self.settings.radius_m)
        near &= ~np.isin(self.levels.group, [self.groups.index(group) for group in groups])
        cap, is_small = Caps.around(places.points), self.levels.level < self.large.level
        with_small = np.unique(self.levels.group[near & is_small])
        small = [self._in_reach(self.groups[number], cap) for number in with_small]
        large = self._large_in_reach(np.setdiff1d(self.levels.group[near], with_small), cap)
        return pd.concat([detections[COLUMNS].iloc[:0], large, *small], ignore_index=True)

    @property
    def groups_along_curve(self) -> list[str]:
        """All groups along a Hilbert curve, so that the parts beside one are in memory when the next one needs them."""
        middles = np.zeros((len(self.groups), 3))
        np.add.at(middles, self.levels.group, self.levels.caps.centres)
        numbers = hilbert_numbers(*lonlat_of_points(middles))
        return [self.groups[number] for number in np.lexsort([np.arange(len(numbers)), numbers])]

    def _in_reach(self, group: str, cap: Caps) -> pd.DataFrame:
        """The survivors of a group that may overlap something in a cap."""
        survivors = self.read(group)
        return survivors[Places.of(survivors).in_reach(cap, self.settings)]

    def _large_in_reach(self, groups: np.ndarray, cap: Caps) -> pd.DataFrame:
        """The large survivors of groups, given by their numbers, that may overlap something in a cap."""
        rows = np.flatnonzero(np.isin(self.large.group, groups))
        places = Places(*(values[rows] for values in self.large.places))
        return self.large.rows.take(pa.array(rows[places.in_reach(cap, self.settings)])).to_pandas()


class _LargestSurvivors:
    """Collects the largest survivors of all groups, at most so many rows: from a level on, which rises with them."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows, self._level = most_rows, np.iinfo(np.int32).min
        self._parts: list[LargeSurvivors] = []

    def add(self, survivors: pa.Table, group: np.ndarray, places: Places) -> None:
        """Take what is large enough of survivors with the numbers of their groups (n), and where they lie."""
        self._parts.append(_from_level(self._level, survivors, group, places))
        if sum(len(part.group) for part in self._parts) > self._most_rows:
            descending = np.sort(np.concatenate([part.places.level for part in self._parts]))[::-1]
            self._level = int(descending[self._most_rows]) + 1
            self._parts = [_from_level(self._level, part.rows, part.group, part.places) for part in self._parts]

    def joined(self) -> LargeSurvivors:
        """All of them in one table."""
        parts = [_from_level(self._level, _EMPTY, np.zeros(0, int), Places.of(_EMPTY)), *self._parts]
        rows = pa.concat_tables([part.rows for part in parts])
        places = Places(*map(np.concatenate, zip(*(part.places for part in parts), strict=True)))
        return LargeSurvivors(self._level, rows, np.concatenate([part.group for part in parts]), places)


def _from_level(level: int, rows: pa.Table, group: np.ndarray, places: Places) -> LargeSurvivors:
    """Of survivors only those from a level on."""
    is_large = places.level >= level
    if is_large.all():
        return LargeSurvivors(level, rows, group, places)
    chosen = Places(*(values[is_large] for values in places))
    return LargeSurvivors(level, rows.filter(pa.array(is_large)), group[is_large], chosen)


def _chunks(paths: Iterable[str]) -> Iterator[tuple[pa.Table, np.ndarray]]:
    """The survivors of parts (columns COLUMNS) with the numbers (n) of these, several parts at a time."""
    tables: list[pa.Table] = []
    first = rows = 0
    for path in paths:
        tables.append(read_part(path, COLUMNS))
        rows += len(tables[-1])
        if rows >= CHUNK_ROWS:
            yield _numbered(tables, first)
            first, tables, rows = first + len(tables), [], 0
    if tables:
        yield _numbered(tables, first)


def _numbered(tables: Sequence[pa.Table], first: int) -> tuple[pa.Table, np.ndarray]:
    return pa.concat_tables(tables), np.repeat(np.arange(first, first + len(tables)), list(map(len, tables)))


_EMPTY = STORED.empty_table().select(COLUMNS)


def _levels_apart(criterion: OverlapCriterion) -> float:
    """How many levels detections that overlap may lie apart at most; a circle's diameter may be half of a side."""
    return np.ceil(-np.log2(max(criterion.ratio, np.finfo(float).tiny))) + (criterion.shape == "circle")


def _read(paths: Mapping[str, str], group: str) -> pd.DataFrame:
    return read_survivors(paths[group], COLUMNS)
