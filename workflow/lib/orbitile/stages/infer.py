"""infer: what the network says of every tile of a group."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orbitile.engine.engine import Engine
from orbitile.engine.meter import Meter
from orbitile.engine.sizing import fitting_size
from orbitile.jobs.pieces import Piece, Progress, Work
from orbitile.models.adapter import load
from orbitile.searching.collector import Collector
from orbitile.searching.fragments import Fragments
from orbitile.searching.kinds import KINDS
from orbitile.searching.rows import Place, Row, Search, rows_of_tiles
from orbitile.searching.telling import Telling
from orbitile.tables.parquet import write_arrow
from orbitile.tables.rasters import RasterTables, Surroundings

STREAMS = 2
"""Passes at once on a GPU."""


def infer(tiles: str, tables: RasterTables, search: Search, folder: str, out: str, work: Work) -> None:
    """Run the network over a group's tiles.

    What has been found stays in fragments in `folder`; a tile that fails is recorded and left for the next attempt.
    """
    rows = list(rows_of_tiles(tiles, Surroundings(tables), search))
    kept = {place: Fragments(Path(folder), *place) for place in dict.fromkeys(row.place for row in rows)}
    missing = [row.without(kept[row.place].searched(row.key)) for row in rows]
    missing = [row for row in missing if row.numbers]
    sizes = [sum(len(row.numbers) for row in some) for some in (rows, missing)]
    before = Progress("tiles", len(rows), len(rows) - len(missing), size=sizes[0], size_before=sizes[0] - sizes[1])
    work.begin(before)
    if missing:
        with work.inside():
            _search(missing, kept, search, work)
    wanted = {row.key for row in rows}
    work.finish([Piece("", path) for fragments in kept.values() for path in fragments.paths(wanted)])
    write_arrow(KINDS[search.choice.family]().whole(kept, rows), out, work.account)


def _search(rows: Sequence[Row], kept: dict[Place, Fragments], how: Search, work: Work) -> None:
    """Search rows of tiles, and keep what is found in fragments."""
    network = load(how.choice)
    workers = how.threads if network.device.type == "cpu" else STREAMS
    size = how.choice.batch or fitting_size(network, max(how.tile_px.values()), workers)
    kind = KINDS[how.choice.family](network.names)
    meter, collector = Meter(workers), Collector(rows, kept, kind, work)
    told = Telling(meter, work)
    try:
        tiles = [replace(row.tiles, number=number) for number, row in enumerate(rows)]
        for answer in Engine(network, size, workers, meter).search(tiles):
            with meter.waiting("writing"):
                collector.take(answer)
            told.now_and_then()
            work.go_on()
    finally:
        collector.keep()
    told.at_the_end()
