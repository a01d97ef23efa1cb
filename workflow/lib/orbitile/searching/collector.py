"""Answers of the network put together to rows of tiles, and rows to fragments."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from orbitile.engine.passes import Answer
from orbitile.errors import reason_of
from orbitile.jobs.pieces import Work
from orbitile.searching.fragments import Fragments
from orbitile.searching.kinds import Kind
from orbitile.searching.rows import Place, Row

FRAGMENT_SECONDS = 60
"""How long tiles are searched before what was found is kept on disk; also kept whenever a raster ends."""
FRAGMENT_BYTES = 256 * 2**20
"""How much may wait for that."""


@dataclass
class _Open:
    """A row of which some tiles may still be missing: detections, failed tiles by place, tiles answered so far."""

    tables: list[pa.Table] = field(default_factory=list)
    failed: dict[int, Exception] = field(default_factory=dict)
    answered: int = 0


class Collector:
    """Puts answers of a kind together to rows of tiles, and rows to fragments.

    `kept` holds the fragments of each scene and scale; failures go to `work`.
    """

    def __init__(self, rows: Sequence[Row], kept: dict[Place, Fragments], kind: Kind, work: Work) -> None:
        self._rows, self._kept, self._kind, self._work = rows, kept, kind, work
        self._open: dict[int, _Open] = {}
        self._whole: list[tuple[Row, list[int], list[pa.Table]]] = []
        self._last = time.monotonic()

    def take(self, answer: Answer) -> None:
        """Take an answer in; keep rows that are whole by it when it is time."""
        batch = answer.batch
        rows, places = np.array(batch.rows, int), np.array(batch.places, int)
        for found in answer.found:
            columns = self._kind.columns(found, batch.incomplete)
            tile = columns["tile"]
            for number in np.unique(rows[tile]).tolist():
                own = rows[tile] == number
                some = {name: values[own] for name, values in columns.items()}
                self._row(number).tables.append(self._table(self._rows[number], places[tile[own]], some))
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
            tables = [self._kind.schema.empty_table(), *(table for *_, some in self._whole for table in some)]
            self._kept[self._whole[0][0].place].add(searched, pa.concat_tables(tables))
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
            held = sum(table.nbytes for *_, tables in self._whole for table in tables)
            if time.monotonic() - self._last > FRAGMENT_SECONDS or held > FRAGMENT_BYTES:
                self.keep()

    def _searched(self, row: Row, one: _Open) -> list[int]:
        """Count a row that is whole, and record what failed in it; the numbers of the others."""
        for reason in dict.fromkeys(reason_of(error) for error in one.failed.values()):
            places = [place for place, error in sorted(one.failed.items()) if reason_of(error) == reason]
            self._work.failed(row.failure(places, one.failed[places[0]]), one.failed[places[0]])
        numbers = [number for place, number in enumerate(row.numbers) if place not in one.failed]
        self._work.made(len(numbers), pieces=0 if one.failed else 1)
        return numbers

    def _table(self, row: Row, places: np.ndarray, found: dict[str, np.ndarray]) -> pa.Table:
        """What was found in one row as it is kept."""
        count, schema = len(places), self._kind.schema
        where = dict(
            scene=pa.repeat(row.raster.scene, count), scale_m=pa.repeat(float(row.raster.scale_m), count),
            tile=np.array(row.numbers)[places],
        )  # fmt: skip
        return pa.table({name: (found | where)[name] for name in schema.names}, schema)
