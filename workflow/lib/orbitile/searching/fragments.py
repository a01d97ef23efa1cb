"""Fragments: what an interrupted search of tiles has found so far, and which tiles it has searched."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from orbitile.files import key
from orbitile.tables.parquet import read_arrow, read_metadata, write_arrow

SEARCHED = "searched"
"""The metadata that tells the searched tiles' numbers, by the keys of their rows."""


@dataclass(frozen=True)
class Fragment:
    """A table of detections and the tiles searched for them, by the keys of their rows."""

    path: Path
    searched: Mapping[str, list[int]]

    def detections(self, wanted: Mapping[str, set[int]]) -> pa.Table:
        """The detections of those tiles that are wanted, by the keys of their rows."""
        table = read_arrow(self.path)
        tiles = [tile for row, tiles in self.searched.items() for tile in tiles if tile in wanted.get(row, ())]
        return table.filter(pc.is_in(table["tile"], pa.array(tiles, pa.int64())))


@dataclass
class Fragments:
    """The fragments of one scene at one scale in a folder."""

    folder: Path
    scene: str
    scale_m: float
    found: list[Fragment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.found = [Fragment(path, _searched(path)) for path in sorted(self._folder.glob(f"{self._prefix}*.parquet"))]

    def searched(self, row: str) -> set[int]:
        """The tiles of a row, by its key, that have been searched."""
        return {tile for fragment in self.found for tile in fragment.searched.get(row, ())}

    def add(self, searched: Mapping[str, list[int]], detections: pa.Table) -> None:
        """Write one more; `searched` are the tiles' numbers by the keys of their rows."""
        tiles = [tile for some in searched.values() for tile in some]
        path = self._folder / f"{self._prefix}{min(tiles)}-{max(tiles)}-{key(searched=searched)}.parquet"
        write_arrow(detections, path, {SEARCHED: json.dumps(searched)})
        self.found.append(Fragment(path, searched))

    def paths(self, rows: Iterable[str]) -> list[Path]:
        """The fragments that hold tiles of some rows."""
        return [fragment.path for fragment in self._with(rows)]

    def detections(self, rows: Sequence[str]) -> Iterator[pa.Table]:
        """The detections in the tiles of some rows, fragment by fragment."""
        wanted = {row: self.searched(row) for row in rows}
        return (fragment.detections(wanted) for fragment in self._with(rows))

    def tiles(self, rows: Sequence[str]) -> Iterator[tuple[Path, list[int]]]:
        """The fragments that hold tiles of some rows, and the numbers of these; each tile once."""
        told: set[int] = set()
        for fragment in self._with(rows):
            held = {tile for row in rows for tile in fragment.searched.get(row, ())} - told
            told |= held
            yield fragment.path, sorted(held)

    def _with(self, rows: Iterable[str]) -> list[Fragment]:
        wanted = set(rows)
        return [one for one in self.found if any(tiles for row, tiles in one.searched.items() if row in wanted)]

    @property
    def _folder(self) -> Path:
        return self.folder / self.scene

    @property
    def _prefix(self) -> str:
        return f"{self.scale_m:g}m-"


def _searched(path: Path) -> dict[str, list[int]]:
    return json.loads(read_metadata(path).get(SEARCHED, "{}"))
