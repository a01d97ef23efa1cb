"""A group's tiles as rows, each with a key made of all that its detections depend on."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np

from orbitile.engine.reading import TileRow, View
from orbitile.files import key
from orbitile.jobs.pieces import Failure
from orbitile.models.adapter import ModelChoice
from orbitile.space.grids import Window, bounds
from orbitile.tables.parquet import read_table
from orbitile.tables.rasters import RasterRow, Surroundings
from orbitile.tables.tiles import windows_of

Place = tuple[str, float]
"""A scene and a scale in m/px."""


@dataclass(frozen=True)
class Search:
    """How tiles are searched: with which network, tiles of which side at each scale in m/px, how many passes at once.

    On the CPU, `threads` batches go through the network at once, each on one core: split over several
    cores, a batch would give other last digits on another number of them.
    """

    choice: ModelChoice
    tile_px: dict[float, int]
    threads: int


@dataclass(frozen=True)
class Row:
    """A row of tiles of a raster, their numbers, and a key made of all that its detections depend on."""

    raster: RasterRow
    tiles: TileRow
    numbers: list[int]
    key: str

    @property
    def place(self) -> Place:
        """Its scene and scale."""
        return self.raster.scene, self.raster.scale_m

    def without(self, searched: set[int]) -> "Row":
        """The row without some of its tiles."""
        left = [place for place, number in enumerate(self.numbers) if number not in searched]
        tiles = replace(self.tiles, windows=self.tiles.windows[left])
        return replace(self, tiles=tiles, numbers=[self.numbers[place] for place in left])

    def failure(self, places: list[int], error: Exception) -> Failure:
        """The failure of some tiles, by their places in the row."""
        area = bounds(Window(*self.tiles.windows[place].tolist()) for place in places)
        numbers = _runs([self.numbers[place] for place in places])
        where = f"{area.width} x {area.height} px from column {area.col}, row {area.row}"
        return Failure.of(error, self.raster.scene, f"{self.raster.scale_m:g} m/px, tile {numbers} ({where})")


def _runs(numbers: list[int]) -> str:
    """Ascending numbers as 3, 7-9."""
    cuts = [place for place in range(1, len(numbers)) if numbers[place] != numbers[place - 1] + 1]
    runs = [(numbers[begin], numbers[end - 1]) for begin, end in pairwise([0, *cuts, len(numbers)])]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def rows_of_tiles(tiles: str, around: Surroundings, search: Search) -> Iterator[Row]:
    """The rows of tiles of each raster."""
    where = {(row.scene, row.scale_m): row for row in around.own}
    for place, table in read_table(tiles).groupby(["scene", "scale_m"], sort=True):
        raster, table = where[place], table.sort_values("tile")
        windows, numbers = table[["col", "row", "width", "height"]].to_numpy(), table["tile"].to_numpy()
        parts = tuple(around.parts(raster, bounds(windows_of(table))))
        view = View(parts, raster.stretch, search.tile_px[place[1]])
        starts = np.flatnonzero(np.diff(windows[:, 1], prepend=np.nan))
        for some in np.split(np.arange(len(table)), starts[1:]):
            row, own = TileRow(view, windows[some]), numbers[some].tolist()
            yield Row(raster, row, own, key_of(row, own, search.choice))


def key_of(row: TileRow, numbers: list[int], choice: ModelChoice) -> str:
    """The key of a row of tiles with these numbers."""
    band = bounds(Window(*one) for one in row.windows.tolist())
    return key(
        parts=[asdict(part) for part in row.view.parts if part.shared(band)], stretch=asdict(row.view.stretch),
        windows=row.windows.tolist(), side=row.view.side, tiles=numbers, model=choice.matters, version=3,
    )  # fmt: skip
