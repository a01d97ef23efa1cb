"""A group's tiles as rows, each with a key made of all that its predictions depend on."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import cast

import numpy as np

from orbitile.base.files import cache_key
from orbitile.inference.engine.tile_reader import RasterView, TileRow
from orbitile.inference.models.network import ModelChoice
from orbitile.jobs.pieces import Failure
from orbitile.pipeline import code_version
from orbitile.rasters.enlarge import source_window
from orbitile.rasters.stretch import Stretch
from orbitile.space.grids import Window, bounding_window
from orbitile.tables.enlarged_rasters import searched_rasters
from orbitile.tables.parquet import read_table
from orbitile.tables.rasters import RasterRow, Surroundings
from orbitile.tables.tile_areas import tile_area_text
from orbitile.tables.tiles import windows_of

SceneScale = tuple[str, float]
"""A scene and a scale in m/px."""


@dataclass(frozen=True)
class InferenceSettings:
    """The network, the side of tiles in pixels for each scale in m/px, and the threads of a job.

    `enlarged` holds the factors of scales that are searched in enlarged pixels.

    On the CPU, `threads` batches go through the network at once, each on one core: split over several cores, a batch
    would give other last digits on another number of them.
    """

    model_choice: ModelChoice
    tile_px: dict[float, int]
    threads: int
    enlarged: Mapping[float, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TileRowTask:
    """A row of tiles of a raster, their numbers, and a key made of all that their predictions depend on."""

    raster: RasterRow
    row: TileRow
    numbers: list[int]
    key: str

    @property
    def scene_scale(self) -> SceneScale:
        """Its scene and scale."""
        return self.raster.scene, self.raster.scale_m

    def without(self, searched: set[int]) -> "TileRowTask":
        """The row without the tiles of these numbers."""
        positions = [position for position, number in enumerate(self.numbers) if number not in searched]
        row = replace(self.row, windows=self.row.windows[positions])
        return replace(self, row=row, numbers=[self.numbers[position] for position in positions])

    def failure(self, positions: list[int], error: Exception) -> Failure:
        """The failure of the tiles at some positions in the row."""
        area = bounding_window(Window(*self.row.windows[position].tolist()) for position in positions)
        numbers = [self.numbers[position] for position in positions]
        return Failure.of(error, self.raster.scene, tile_area_text(self.raster.scale_m, numbers, area))


def read_tile_rows(tiles: str, surroundings: Surroundings, settings: InferenceSettings) -> Iterator[TileRowTask]:
    """The rows of tiles of each raster, from a table of tiles.

    Their keys depend on the bands of their raster: the network gets images of as many channels.
    """
    searched = searched_rasters(surroundings.group_rows, settings.tile_px, settings.enlarged)
    rasters = {(raster.stored.scene, raster.scale_m): raster for raster in searched}
    for group, table in read_table(tiles).groupby(["scene", "scale_m"], sort=True):
        place = cast(SceneScale, group)
        (stored, _, factor), raster, table = rasters[place], rasters[place].row, table.sort_values("tile")
        choice = replace(settings.model_choice, bands=raster.bands)
        windows, numbers = table[["col", "row", "width", "height"]].to_numpy(), table["tile"].to_numpy()
        parts = tuple(surroundings.parts(stored, stored_window(bounding_window(windows_of(table)), factor)))
        view = RasterView(parts, raster.stretch, settings.tile_px[place[1]], factor)
        starts = np.flatnonzero(np.diff(windows[:, 1], prepend=np.nan))
        for indices in np.split(np.arange(len(table)), starts[1:]):
            row, row_numbers = TileRow(view, windows[indices]), numbers[indices].tolist()
            yield TileRowTask(raster, row, row_numbers, row_key(row, row_numbers, choice))


def stored_window(window: Window, factor: int) -> Window:
    """The pixels of a raster that a window of it in pixels enlarged by `factor` is made of."""
    return window if factor == 1 else source_window(window, factor)


def row_key(row: TileRow, numbers: list[int], choice: ModelChoice) -> str:
    """The key of a row of tiles with these numbers."""
    view = row.view
    extent = stored_window(bounding_window(Window(*window) for window in row.windows.tolist()), view.factor)
    return cache_key(
        parts=[asdict(part) for part in view.parts if part.intersection(extent)],
        stretch=_stretch_fields(view.stretch), windows=row.windows.tolist(), side=view.side, tiles=numbers,
        model=choice.cache_fields, version=code_version("infer"),
        **({} if view.factor == 1 else dict(factor=view.factor)),
    )  # fmt: skip


def _stretch_fields(stretch: Stretch) -> dict[str, object]:
    """A stretch as a part of keys: of a single band as numbers, so that these keep the keys that they have."""
    if len(stretch.low) == 1:
        return dict(low=stretch.low[0], high=stretch.high[0])
    return dict(low=list(stretch.low), high=list(stretch.high))
