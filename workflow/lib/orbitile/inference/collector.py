"""Predictions of batches gathered into rows of tiles, and rows into fragments."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from orbitile.base.errors import reason_of
from orbitile.inference.engine.passes import Prediction
from orbitile.inference.fragments import Fragments
from orbitile.inference.outputs import Columns, OutputKind
from orbitile.inference.tile_rows import SceneScale, TileRowTask
from orbitile.jobs.pieces import JobWork

FRAGMENT_SECONDS = 60
"""Time after which predictions are written to disk; they are also written whenever a raster ends."""
FRAGMENT_BYTES = 256 * 2**20
"""Size of the predictions that are written earlier."""


@dataclass
class _OpenRow:
    """A row some of whose tiles may be missing: its tables, errors by position in the row, tiles counted so far."""

    tables: list[pa.Table] = field(default_factory=list)
    errors: dict[int, Exception] = field(default_factory=dict)
    tiles: int = 0


class _CompleteRow(NamedTuple):
    """A row all of whose tiles were searched or failed: the numbers of the searched ones, and its tables."""

    row: TileRowTask
    numbers: list[int]
    tables: list[pa.Table]


class Collector:
    """Gathers predictions of a kind into rows of tiles, and rows into the fragments of each scene and scale.

    Tiles that fail are recorded in `work`.
    """

    def __init__(
        self,
        rows: Sequence[TileRowTask],
        fragments: Mapping[SceneScale, Fragments],
        kind: OutputKind,
        work: JobWork,
    ) -> None:
        self._rows, self._fragments, self._kind, self._work = rows, fragments, kind, work
        self._open_rows: dict[int, _OpenRow] = {}
        self._complete_rows: list[_CompleteRow] = []
        self._last = time.monotonic()

    def add(self, prediction: Prediction) -> None:
        """Add the predictions for a batch; write a fragment of complete rows when it is due."""
        batch = prediction.batch
        rows, positions = np.array(batch.row_numbers, int), np.array(batch.positions, int)
        for output in prediction.outputs:
            columns = self._kind.columns(output, batch.incomplete)
            tile = columns["tile"]
            for number in np.unique(rows[tile]).tolist():
                in_row = rows[tile] == number
                row_columns = {name: values[in_row] for name, values in columns.items()}
                table = self._table(self._rows[number], positions[tile[in_row]], row_columns)
                self._open_row(number).tables.append(table)
        errors = [(rows[tile], positions[tile], error) for tile, error in prediction.errors.items()]
        for number, position, error in [*errors, *batch.unreadable]:
            self._open_row(int(number)).errors[int(position)] = error
        for number in [*batch.row_numbers, *(row for row, *_ in batch.unreadable)]:
            self._open_row(number).tiles += 1
        self._close_rows()

    def write_fragment(self) -> None:
        """Write the complete rows as a fragment."""
        self._last = time.monotonic()
        searched = {complete.row.key: complete.numbers for complete in self._complete_rows if complete.numbers}
        if searched:
            tables = [table for complete in self._complete_rows for table in complete.tables]
            fragments = self._fragments[self._complete_rows[0].row.scene_scale]
            fragments.add(searched, pa.concat_tables([self._kind.schema.empty_table(), *tables]))
        self._complete_rows = []

    def _open_row(self, number: int) -> _OpenRow:
        return self._open_rows.setdefault(number, _OpenRow())

    def _close_rows(self) -> None:
        """Move rows whose tiles are all in to the complete ones; write these when a raster ends or when it is due."""
        open_rows = list(self._open_rows.items())
        for number in [number for number, row in open_rows if row.tiles == len(self._rows[number].numbers)]:
            row, open_row = self._rows[number], self._open_rows.pop(number)
            if self._complete_rows and self._complete_rows[0].row.scene_scale != row.scene_scale:
                self.write_fragment()
            self._complete_rows.append(_CompleteRow(row, self._record(row, open_row), open_row.tables))
            size = sum(table.nbytes for complete in self._complete_rows for table in complete.tables)
            if time.monotonic() - self._last > FRAGMENT_SECONDS or size > FRAGMENT_BYTES:
                self.write_fragment()

    def _record(self, row: TileRowTask, open_row: _OpenRow) -> list[int]:
        """Record the progress and the failures of a row; return the numbers of the tiles that did not fail."""
        errors = open_row.errors
        for reason in dict.fromkeys(reason_of(error) for error in errors.values()):
            positions = [position for position, error in sorted(errors.items()) if reason_of(error) == reason]
            self._work.record_failure(row.failure(positions, errors[positions[0]]), errors[positions[0]])
        numbers = [number for position, number in enumerate(row.numbers) if position not in errors]
        self._work.record_made(len(numbers), pieces=0 if errors else 1)
        return numbers

    def _table(self, row: TileRowTask, positions: np.ndarray, columns: Columns) -> pa.Table:
        """The predictions for one row of tiles as a table of the fragments' schema."""
        count, schema = len(positions), self._kind.schema
        all_columns = columns | dict(
            scene=pa.repeat(row.raster.scene, count), scale_m=pa.repeat(float(row.raster.scale_m), count),
            tile=np.array(row.numbers)[positions],
        )  # fmt: skip
        return pa.table({name: all_columns[name] for name in schema.names}, schema)
