"""infer: the network's raw detections in every tile of a group."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.models.adapter import Boxes, Detector, ModelChoice, load
from orbitile.rasters.read import FILL, opened, read
from orbitile.space.grids import Window
from orbitile.tables.detections import BOX, RAW
from orbitile.tables.parquet import read_pieces, read_table, united, write_table
from orbitile.tables.rasters import RasterRow, read_rasters

log = logging.getLogger(__name__)

TILES_PER_GROUP = 64
"""Least tiles that succeed or fail together: about a second of a GPU, so that little is done twice."""
PROGRESS_SECONDS = 10


@dataclass(frozen=True)
class TileGroup:
    """Whole rows of tiles of one raster; `side` is the tiles' side in pixels."""

    raster: RasterRow
    tiles: pd.DataFrame
    side: int

    def piece(self, choice: ModelChoice, folder: Path) -> Piece:
        """The piece of work it is, named by all that its detections depend on."""
        raster, first, last = self.raster, self.tiles["tile"].iloc[0], self.tiles["tile"].iloc[-1]
        windows = self.tiles[["tile", "col", "row", "width", "height"]].to_numpy().tolist()
        name = key(
            raster=raster.path, stretch=[raster.low, raster.high], windows=windows, side=self.side,
            model=choice.matters, version=1,
        )  # fmt: skip
        path = folder / raster.scene / f"{raster.scale_m:g}m-{first}-{last}-{name}.parquet"
        return Piece(raster.scene, path, f"{raster.scale_m:g} m/px, tiles {first}-{last}", len(self.tiles))


@dataclass(frozen=True)
class Search:
    """How tiles are searched: with which network, tiles of which side at each scale in m/px, how many at once.

    On the CPU, `threads` batches go through the network at once, each on one core: split over several
    cores, a batch would give other last digits on another number of them.
    """

    choice: ModelChoice
    tile_px: dict[float, int]
    threads: int


def infer(tables: tuple[str, str], search: Search, folder: str, out: str, work: Work) -> None:
    """Run the network over a group's tiles; `tables` are its tiles and its rasters.

    Finished tile groups stay in `folder`.
    """
    choice = search.choice
    groups = {one.piece(choice, Path(folder)): one for one in _tile_groups(*tables, search.tile_px)}
    detector = load(choice) if any(not piece.path.is_file() for piece in groups) else None
    pool = ThreadPoolExecutor(search.threads if detector and detector.on_cpu else 1)
    progress = _Progress(work)

    def make(piece: Piece) -> None:
        found = _detections(groups[piece], detector, choice.batch, pool)
        write_table(found, RAW, piece.path)
        progress.add(piece, len(found))

    whole = work.each(list(groups), make, unit="tiles")
    write_table(read_pieces([piece.path for piece in whole], RAW), RAW, out, work.account)


def _tile_groups(tiles: str, rasters: str, tile_px: dict[float, int]) -> Iterator[TileGroup]:
    """Cut the tiles of each raster into groups of whole rows."""
    where = {(row.scene, row.scale_m): row for row in read_rasters(rasters)}
    for place, part in read_table(tiles).groupby(["scene", "scale_m"], sort=True):
        for some in _whole_rows(part.sort_values("tile")):
            yield TileGroup(where[place], some, tile_px[place[1]])


def _whole_rows(tiles: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut tiles of one raster into runs of whole rows, of TILES_PER_GROUP at least while there are as many."""
    start, count = 0, 0
    for size in tiles.groupby("row", sort=True)["tile"].size():
        count += size
        if count - start >= TILES_PER_GROUP:
            yield tiles.iloc[start:count]
            start = count
    if count > start:
        yield tiles.iloc[start:count]


def _detections(group: TileGroup, detector: Detector, batch: int, pool: Executor) -> pd.DataFrame:
    """What the network finds in a group of tiles."""
    batches = _batches(_images(group.raster, group.tiles, group.side), group.tiles["tile"], batch)
    found = list(pool.map(lambda one: _rows(detector.predict(one[0]), one[1]), batches))
    return united(found, RAW).assign(scene=group.raster.scene, scale_m=group.raster.scale_m)


def _images(raster: RasterRow, tiles: pd.DataFrame, side: int) -> Iterator[np.ndarray]:
    """Stretched 8-bit images of tiles, in order; rows of tiles are read in one band each.

    Tiles that reach beyond the scene are filled up with FILL.
    """
    with opened(raster.path) as source:
        for row, in_band in tiles.groupby("row", sort=True):
            height = int(in_band["height"].iloc[0])
            band = raster.stretch.apply(*read(source, Window(0, int(row), raster.width, height)))
            for col, width in zip(in_band["col"], in_band["width"], strict=True):
                image = np.full((side, side), FILL, np.uint8)
                image[:height, :width] = band[:, col : col + width]
                yield image


def _batches(images: Iterator[np.ndarray], tiles: pd.Series, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of images with their tile numbers."""
    for start in range(0, len(tiles), size):
        chosen = tiles.to_numpy()[start : start + size]
        yield np.stack([next(images) for _ in chosen]), chosen


def _rows(boxes: Boxes, numbers: np.ndarray) -> pd.DataFrame:
    columns = dict(zip(BOX, boxes.corners.T, strict=True))
    return pd.DataFrame({"tile": numbers[boxes.tile], "class": boxes.label, "score": boxes.score} | columns)


class _Progress:
    """Lines in the log about tiles done, rate and time left."""

    def __init__(self, work: Work) -> None:
        self._work, self._found = work, 0
        self._start = self._last = time.monotonic()

    def add(self, piece: Piece, detections: int) -> None:
        """Count a tile group that is made; say so every few seconds."""
        self._found += detections
        if time.monotonic() - self._last < PROGRESS_SECONDS:
            return
        self._last = time.monotonic()
        progress = self._work.progress
        made = progress.size_done + piece.size
        done, rate = progress.size_before + made, made / (self._last - self._start)
        text = "%d of %d tiles, %d detections, %.1f tiles/s, %.0f s left"
        log.info(text, done, progress.size, self._found, rate, (progress.size - done) / rate)
