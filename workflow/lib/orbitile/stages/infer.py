"""infer: the network's raw detections in every tile of a group."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.models.adapter import Boxes, Detector, ModelChoice, load
from orbitile.rasters.mosaic import Part, opened_mosaic
from orbitile.rasters.read import FILL
from orbitile.space.grids import bounds
from orbitile.tables.detections import BOX, RAW
from orbitile.tables.parquet import read_pieces, read_table, united, write_table
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings
from orbitile.tables.tiles import windows_of
from orbitile.tiling import touch_nodata

log = logging.getLogger(__name__)

TILES_PER_GROUP = 64
"""Least tiles that succeed or fail together: about a second of a GPU, so that little is done twice."""
PROGRESS_SECONDS = 10


@dataclass(frozen=True)
class TileGroup:
    """Whole rows of tiles of one raster; `parts` are the rasters they see, `side` is the tiles' side in pixels."""

    raster: RasterRow
    parts: list[Part]
    tiles: pd.DataFrame
    side: int

    def piece(self, choice: ModelChoice, folder: Path) -> Piece:
        """The piece of work it is, named by all that its detections depend on."""
        raster, first, last = self.raster, self.tiles["tile"].iloc[0], self.tiles["tile"].iloc[-1]
        name = key(
            parts=[asdict(part) for part in self.parts], stretch=[raster.low, raster.high],
            windows=[list(vars(window).values()) for window in windows_of(self.tiles)], side=self.side,
            tiles=self.tiles["tile"].tolist(), model=choice.matters, version=2,
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


@dataclass(frozen=True)
class Batch:
    """Tiles that go through the network at once: images and valid pixels (n, side, side), and their numbers."""

    images: np.ndarray
    valid: np.ndarray
    numbers: np.ndarray


def infer(tiles: str, tables: RasterTables, search: Search, folder: str, out: str, work: Work) -> None:
    """Run the network over a group's tiles.

    Finished tile groups stay in `folder`.
    """
    choice = search.choice
    groups = {one.piece(choice, Path(folder)): one for one in _tile_groups(tiles, Surroundings(tables), search.tile_px)}
    detector = load(choice) if any(not piece.path.is_file() for piece in groups) else None
    pool = ThreadPoolExecutor(search.threads if detector and detector.on_cpu else 1)
    progress = _Progress(work)

    def make(piece: Piece) -> None:
        found = _detections(groups[piece], detector, choice.batch, pool)
        write_table(found, RAW, piece.path)
        progress.add(piece, len(found))

    whole = work.each(list(groups), make, unit="tiles")
    write_table(read_pieces([piece.path for piece in whole], RAW), RAW, out, work.account)


def _tile_groups(tiles: str, around: Surroundings, tile_px: dict[float, int]) -> Iterator[TileGroup]:
    """Cut the tiles of each raster into groups of whole rows."""
    where = {(row.scene, row.scale_m): row for row in around.own}
    for place, part in read_table(tiles).groupby(["scene", "scale_m"], sort=True):
        for some in _whole_rows(part.sort_values("tile")):
            parts = around.parts(where[place], bounds(windows_of(some)))
            yield TileGroup(where[place], parts, some, tile_px[place[1]])


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


def _detections(group: TileGroup, detector: Detector, size: int, pool: Executor) -> pd.DataFrame:
    """What the network finds in a group of tiles."""
    found = list(pool.map(lambda batch: _rows(detector.predict(batch.images), batch), _batches(group, size)))
    return united(found, RAW).assign(scene=group.raster.scene, scale_m=group.raster.scale_m)


def _images(group: TileGroup) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Stretched 8-bit images of tiles and where they are valid, in order; rows of tiles are read in one band each.

    Tiles that reach beyond the data are filled up with FILL.
    """
    with opened_mosaic(group.parts) as mosaic:
        for _, in_row in group.tiles.groupby("row", sort=True):
            windows = windows_of(in_row)
            band = bounds(windows)
            pixels, known = mosaic.read(band)
            stretched = group.raster.stretch.apply(pixels, known)
            for window in windows:
                image, valid = np.full((group.side,) * 2, FILL, np.uint8), np.zeros((group.side,) * 2, bool)
                columns = np.s_[:, window.col - band.col : window.col - band.col + window.width]
                image[: window.height, : window.width] = stretched[columns]
                valid[: window.height, : window.width] = known[columns]
                yield image, valid


def _batches(group: TileGroup, size: int) -> Iterator[Batch]:
    """The tiles of a group in batches."""
    images, numbers = _images(group), group.tiles["tile"].to_numpy()
    for start in range(0, len(numbers), size):
        chosen = numbers[start : start + size]
        some = [next(images) for _ in chosen]
        yield Batch(np.stack([image for image, _ in some]), np.stack([valid for _, valid in some]), chosen)


def _rows(boxes: Boxes, batch: Batch) -> pd.DataFrame:
    columns = dict(zip(BOX, boxes.corners.T, strict=True))
    cut = touch_nodata(boxes.corners, boxes.tile, batch.valid)
    about = {"tile": batch.numbers[boxes.tile], "class": boxes.label, "score": boxes.score, "cut": cut}
    return pd.DataFrame(about | columns)


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
