"""Fragments: the finished part of a search of tiles, on disk, and the tiles that it covers."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from orbitile.base.files import cache_key
from orbitile.base.seals import find_damage, write_seal
from orbitile.tables.parquet import read_arrow, read_metadata, write_arrow

log = logging.getLogger(__name__)

SEARCHED = "searched"
"""Metadata of a fragment: the numbers of the searched tiles, by the keys of their rows."""


@dataclass(frozen=True)
class Fragment:
    """A table of detections or masks, and the tiles searched for them, by the keys of their rows."""

    path: Path
    searched: Mapping[str, list[int]]

    def read(self, tiles_by_key: Mapping[str, set[int]]) -> pa.Table:
        """Read the detections or masks of some tiles, which are given by the keys of their rows."""
        table = read_arrow(self.path)
        tiles = [tile for key, tiles in self.searched.items() for tile in tiles if tile in tiles_by_key.get(key, ())]
        return table.filter(pc.is_in(table["tile"], pa.array(tiles, pa.int64())))


@dataclass
class Fragments:
    """The fragments of one scene at one scale in a folder."""

    folder: Path
    scene: str
    scale_m: float
    fragments: list[Fragment] = field(default_factory=list)

    def __post_init__(self) -> None:
        paths = [path for path in sorted(self._scene_folder.glob(f"{self._prefix}*.parquet")) if _is_whole(path)]
        self.fragments = [Fragment(path, _read_searched(path)) for path in paths]

    def searched(self, key: str) -> set[int]:
        """The numbers of the searched tiles of the row with a key."""
        return {tile for fragment in self.fragments for tile in fragment.searched.get(key, ())}

    def add(self, searched: Mapping[str, list[int]], table: pa.Table) -> None:
        """Write a fragment: a table of detections or masks, and the searched tiles by the keys of their rows."""
        numbers = [tile for tiles in searched.values() for tile in tiles]
        name = f"{self._prefix}{min(numbers)}-{max(numbers)}-{cache_key(searched=searched)}.parquet"
        write_arrow(table, self._scene_folder / name, {SEARCHED: json.dumps(searched)})
        write_seal(self._scene_folder / name)
        added = Fragment(self._scene_folder / name, searched)
        self.fragments = sorted([*self.fragments, added], key=lambda fragment: fragment.path)  # as when they are read

    def paths(self, keys: Iterable[str]) -> list[Path]:
        """The files of the fragments that hold tiles of the rows with some keys."""
        return [fragment.path for fragment in self._with_rows(keys)]

    def read(self, keys: Sequence[str]) -> Iterator[pa.Table]:
        """Read the detections or masks of the rows with some keys, fragment by fragment."""
        tiles_by_key = {key: self.searched(key) for key in keys}
        return (fragment.read(tiles_by_key) for fragment in self._with_rows(keys))

    def tiles_by_path(self, keys: Sequence[str]) -> Iterator[tuple[Path, list[int]]]:
        """The files that hold tiles of the rows with some keys, and the numbers of these tiles; each tile once."""
        listed: set[int] = set()
        for fragment in self._with_rows(keys):
            tiles = {tile for key in keys for tile in fragment.searched.get(key, ())} - listed
            listed |= tiles
            yield fragment.path, sorted(tiles)

    def _with_rows(self, keys: Iterable[str]) -> list[Fragment]:
        keys = set(keys)
        return [f for f in self.fragments if any(tiles for key, tiles in f.searched.items() if key in keys)]

    @property
    def _scene_folder(self) -> Path:
        return self.folder / self.scene

    @property
    def _prefix(self) -> str:
        return f"{self.scale_m:g}m-"


def _is_whole(path: Path) -> bool:
    """Whether a fragment is as it was finished; a line in the log where it is not."""
    damage = find_damage(path)
    if damage:
        log.warning("%s; its tiles count as missing and are searched again", damage)
    return damage is None


def _read_searched(path: Path) -> dict[str, list[int]]:
    return json.loads(read_metadata(path).get(SEARCHED, "{}"))
