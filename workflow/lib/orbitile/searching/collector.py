"""Answers of the network put together to rows of tiles, and rows to fragments."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from orbitile.engine.answers import FoundBoxes
from orbitile.engine.passes import Answer
from orbitile.errors import reason_of
from orbitile.jobs.pieces import Work
from orbitile.searching.fragments import Fragments
from orbitile.searching.rows import Place, Row
from orbitile.tables.detections import BOX, RAW
from orbitile.tiling import touch_nodata

FRAGMENT_SECONDS = 60
"""How long tiles are searched before what was found is kept on disk; also kept whenever a raster ends."""


@dataclass
class _Open:
    """A row of which some tiles may still be missing: detections, failed tiles by place, tiles answered so far."""

    tables: list[pa.Table] = field(default_factory=list)
    failed: dict[int, Exception] = field(default_factory=dict)
    answered: int = 0


class Collector:
    """Puts answers together to rows of tiles, and rows to fragments.

    `kept` holds the fragments of each scene and scale; failures go to `work`.
    """

    def __init__(self, rows: Sequence[Row], kept: dict[Place, Fragments], names: Sequence[str], work: Work) -> None:
        self._rows, self._kept, self._work = rows, kept, work
        self._names = pa.array(names, pa.string())
        self._open: dict[int, _Open] = {}
        self._whole: list[tuple[Row, list[int], list[pa.Table]]] = []
        self._last = time.monotonic()

    def take(self, answer: Answer) -> None:
        """Take an answer in; keep rows that are whole by it when it is time."""
        batch = answer.batch
        rows, places = np.array(batch.rows, int), np.array(batch.places, int)
        for found in answer.found:
            cut = touch_nodata(found.corners, found.tile, batch.incomplete)
            for number in np.unique(rows[found.tile]).tolist():
                own = rows[found.tile] == number
                table = self._table(self._rows[number], places[found.tile[own]], found.at(own), cut[own])
                self._row(number).tables.append(table)
        failed = [(rows[tile], places[tile], error) for tile, error in answer.failed.items()]
        for number, place, error in [*failed, *batch.unread]:
            self._row(int(number)).failed[int(place)] = error
        for number in [*batch.rows, *(row for row, *_ in batch.unread)]:
            self._row(number).answered += 1
        self._close()

    def keep(self) -> None:
        """Write what is whole as a fragment."""
        self._last = time.monotonic()
        searched = {row.key: numbers for row, numbers, _ in self._whole if numbers}
        if searched:
            tables = [table for *_, some in self._whole for table in some]
            self._kept[self._whole[0][0].place].add(searched, pa.concat_tables([RAW.empty_table(), *tables]))
        self._whole = []

    def _row(self, number: int) -> _Open:
        return self._open.setdefault(number, _Open())

    def _close(self) -> None:
        """Take rows that are whole out of the open ones, and keep them at the end of a raster or when it is time."""
        for number in [number for number, one in self._open.items() if one.answered == len(self._rows[number].numbers)]:
            row, one = self._rows[number], self._open.pop(number)
            if self._whole and self._whole[0][0].place != row.place:
                self.keep()
            self._whole.append((row, self._searched(row, one), one.tables))
            if time.monotonic() - self._last > FRAGMENT_SECONDS:
                self.keep()

    def _searched(self, row: Row, one: _Open) -> list[int]:
        """Count a row that is whole, and record what failed in it; the numbers of the others."""
        for reason in dict.fromkeys(reason_of(error) for error in one.failed.values()):
            places = [place for place, error in sorted(one.failed.items()) if reason_of(error) == reason]
            self._work.failed(row.failure(places, one.failed[places[0]]), one.failed[places[0]])
        numbers = [number for place, number in enumerate(row.numbers) if place not in one.failed]
        self._work.made(len(numbers), pieces=0 if one.failed else 1)
        return numbers

    def _table(self, row: Row, places: np.ndarray, found: FoundBoxes, cut: np.ndarray) -> pa.Table:
        """Boxes of one row as they are kept."""
        count = len(places)
        about = dict(
            scene=pa.repeat(row.raster.scene, count), scale_m=pa.repeat(float(row.raster.scale_m), count),
            tile=np.array(row.numbers)[places], score=found.score.astype(np.float32), cut=cut,
        ) | {"class": self._names.take(pa.array(found.label))}  # fmt: skip
        corners = dict(zip(BOX, found.corners.astype(np.float32).T, strict=True))
        return pa.table({name: (about | corners)[name] for name in RAW.names}, RAW)
