"""The features of a map on disk while it is made: group by group, not numbered yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.features.join import LayerKey
from orbitile.features.map_features import FilteredFeatures, feature_ranks
from orbitile.tables.feature_parts import CONTENT, plain_rows
from orbitile.tables.features import KINDS, TIES
from orbitile.tables.parquet import read_arrow, write_arrow

KEYS = ["lat", "lon", "length_m", *TIES, "layer"]
"""What features are sorted by."""
FIGURES = dict(polygons=["area_m2"], lines=["polygon"])
"""What else is kept in memory: areas, and the rows of the lines' polygons among all polygons."""


@dataclass
class FeatureStore:
    """Batches of features in a folder; in memory only what they are numbered by, some 60 bytes each."""

    folder: Path
    layers: Sequence[LayerKey]
    batches: dict[str, list[int]] = field(default_factory=dict)
    _keys: dict[str, list[pd.DataFrame]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _polygons: int = 0

    def add(self, group: str, features: FilteredFeatures) -> None:
        """Add features to a group."""
        number = len(self._keys["lines"])
        self.batches.setdefault(group, []).append(number)
        for kind in KINDS:
            frame = getattr(features, kind)
            plain = pd.DataFrame(frame.drop(columns="geometry"))
            write_arrow(plain_rows(plain[KINDS[kind]], frame.geometry.to_numpy(), kind), self._path(kind, number))
            self._keys[kind].append(self._numbers(plain, kind))
        self._polygons += len(features.polygons)

    def _path(self, kind: str, number: int) -> Path:
        return self.folder / f"{kind}-{number}.parquet"

    def _numbers(self, plain: pd.DataFrame, kind: str) -> pd.DataFrame:
        """What a batch is sorted by, and its figures."""
        polygon = plain["feature"] + self._polygons
        return plain.assign(polygon=polygon)[[*KEYS, *FIGURES[kind]]].astype(dict(layer=np.int32))

    def numbered(self) -> "NumberedFeatures":
        """The same features, once all are there, with their places in the order of the map."""
        keys = {kind: pd.concat(self._keys[kind], ignore_index=True) for kind in KINDS}
        starts = {kind: np.cumsum([0, *map(len, self._keys[kind])]) for kind in KINDS}
        for parts in self._keys.values():
            parts.clear()
        return NumberedFeatures(self, keys, {kind: feature_ranks(keys[kind], self.layers) for kind in KINDS}, starts)


@dataclass(frozen=True)
class NumberedFeatures:
    """Features with their places in the order of the map, from 0: `ranks` by kind, in the order of the batches."""

    store: FeatureStore
    keys: dict[str, pd.DataFrame]
    ranks: dict[str, np.ndarray]
    starts: dict[str, np.ndarray]

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        return self.store.folder

    @property
    def groups(self) -> list[str]:
        """The names of the groups."""
        return list(self.store.batches)

    def count(self, kind: str) -> int:
        """How many polygons or lines there are."""
        return len(self.ranks[kind])

    def figures(self, kind: str) -> pd.DataFrame:
        """Class, scale_m, length_m and, of polygons, area_m2 of all features, in the order of the map."""
        rows = np.argsort(self.ranks[kind])
        layer = self.keys[kind]["layer"].to_numpy()[rows]
        scales, classes = (
            np.array([key[n] for key in self.store.layers], dtype) for n, dtype in ((0, float), (1, object))
        )
        numbers = self.keys[kind][[name for name in ("area_m2", "length_m") if name in self.keys[kind]]].take(rows)
        return numbers.reset_index(drop=True).assign(**{"class": classes[layer], "scale_m": scales[layer]})

    def rows(self, kind: str, group: str) -> Iterator[tuple[pa.Table, np.ndarray]]:
        """The features of a group (columns CONTENT of the kind), batch by batch, and their places in the map."""
        for number in self.store.batches[group]:
            first, last = self.starts[kind][number : number + 2]
            polygons = (
                np.arange(first, last) if kind == "polygons" else self.keys[kind]["polygon"].to_numpy()[first:last]
            )
            feature = pa.array(self.ranks["polygons"][polygons] + 1)
            table = read_arrow(self.store._path(kind, number))
            numbered = table.set_column(table.column_names.index("feature"), "feature", feature)
            yield numbered.select(CONTENT[kind].names), self.ranks[kind][first:last]
