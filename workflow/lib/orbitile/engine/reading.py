"""Rows of tiles read in the background: every pixel once, in cells of whole blocks, of which tiles are put together."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from queue import SimpleQueue

import numpy as np
import rasterio

from orbitile.engine.flow import Flow
from orbitile.engine.meter import Meter
from orbitile.errors import OrbitileError
from orbitile.rasters.mosaic import Mosaic, Part, opened_mosaic
from orbitile.rasters.read import FILL, Stretch
from orbitile.space.grids import Window

CELL_PX = 4 * 2**20
"""Pixels aimed at for one cell: a second's work would be too coarse, a block too fine."""
CELL_ROWS = 512
"""Least rows of a cell of a tiled raster."""
CACHE_BYTES = 64 * 2**20
"""GDAL's own cache of blocks, which are read once: its default, 5 % of the machine's memory, would fill up."""
AHEAD_BYTES = 256 * 2**20
"""Memory for cells that are being read or wait for their tiles."""
MOST_AHEAD = 8
"""Largest number of such cells, each of which may be of a raster of its own: files that are open are limited, too."""


@dataclass(frozen=True)
class View:
    """A raster as a network sees it: pixels of its own and of those beside it, one stretch, tiles of one side."""

    parts: tuple[Part, ...]
    stretch: Stretch
    side: int


@dataclass(frozen=True)
class TileRow:
    """Tiles of a view whose windows begin in one row of pixels; `windows` (n, 4) are col, row, width, height.

    `number` is what answers call it.
    """

    view: View
    windows: np.ndarray
    number: int = 0


class Source:
    """The first `channels` of a view's rasters, opened once for each thread that reads them, or why they could not be.

    Opened and closed by one thread, as GDAL's environment wants it.
    """

    def __init__(self, view: View, channels: int, threads: int) -> None:
        self.view, self._files, self._error = view, ExitStack(), None
        self._channels = 1 if channels == 1 else range(1, channels + 1)
        self._idle: SimpleQueue[Mosaic] = SimpleQueue()
        self.block = CELL_ROWS, CELL_ROWS
        try:
            opened = [self._files.enter_context(opened_mosaic(view.parts)) for _ in range(threads)]
            opened[0].check_channels(channels)
        except OrbitileError as error:
            self._error = error
            return
        self.block = opened[0].first.block_shapes[0]
        for mosaic in opened:
            self._idle.put(mosaic)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Grey values (channels, rows, columns), and where they are valid."""
        if self._error is not None:
            raise self._error
        mosaic = self._idle.get()
        try:
            pixels, valid = mosaic.read(window, self._channels)
        finally:
            self._idle.put(mosaic)
        return self.view.stretch.apply(pixels, valid).reshape(-1, *valid.shape), valid

    def close(self) -> None:
        """Close all files."""
        self._files.close()


@dataclass(frozen=True)
class Cell:
    """A rectangle of a view that is read as one, for the rows of tiles from number `first` to `last`."""

    source: Source
    window: Window
    first: int
    last: int


@dataclass(frozen=True)
class Pixels:
    """A cell that was read: grey values and where they are valid (None: everywhere), or why it could not be."""

    cell: Cell
    grey: np.ndarray | None = None
    valid: np.ndarray | None = None
    error: Exception | None = None

    def at(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """The pixels of a window; where the cell could not be read it is tried alone, and may raise why not."""
        if self.error is not None:
            return self.cell.source.read(window)
        where = window.inside(self.cell.window)
        return self.grey[:, *where], None if self.valid is None else self.valid[where]


@dataclass(frozen=True)
class Tile:
    """One tile that was read: its row's number, its place in the row, and what it is made of."""

    row: int
    place: int
    view: View
    window: Window
    pixels: list[Pixels]

    def into(self, image: np.ndarray, reflects: bool) -> np.ndarray | None:
        """Fill an image (channels, side, side); tell where it is valid, None for everywhere.

        Raises what went wrong when its pixels were read.
        """
        side, (height, width) = self.view.side, (self.window.height, self.window.width)
        valid = None if height == width == side else np.zeros((side, side), bool)
        if valid is not None:
            image[:] = FILL
        for some in self.pixels:
            shared = some.cell.window.shared(self.window)
            grey, known = some.at(shared)
            here = shared.inside(self.window)
            image[:, *here] = grey
            if known is not None and valid is None:
                valid = np.ones((side, side), bool)
            if valid is not None:
                valid[here] = True if known is None else known
        if reflects and not height == width == side:
            edges = ((0, 0), (0, side - height), (0, side - width))
            image[:] = np.pad(image[:, :height, :width], edges, mode="reflect" if min(height, width) > 1 else "edge")
        return None if valid is None or valid.all() else valid


class Reader:
    """Reads tiles with several threads, row by row in the order given, while the ones before are worked on.

    Of their rasters it reads the first `channels`, and as many cells ahead as AHEAD_BYTES hold.
    """

    def __init__(self, rows: Sequence[TileRow], channels: int, threads: int, meter: Meter) -> None:
        self._rows, self._channels, self._threads, self._meter = rows, channels, threads, meter
        self._sources: deque[Source] = deque()
        self.flow = Flow(threads, AHEAD_BYTES, partial(meter.waiting, "reading"))

    def tiles(self) -> Iterator[Tile]:
        """All tiles, in order."""
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
            yield from self._tiles()

    def _tiles(self) -> Iterator[Tile]:
        cells = self.flow.map(self._read, self._cells(), self._weight)
        try:
            held: list[Pixels] = []
            following = next(cells, None)
            for number, row in enumerate(self._rows):
                while following is not None and following.cell.first <= number:
                    held.append(following)
                    following = next(cells, None)
                held = [some for some in held if some.cell.last >= number]
                self._close_before(row.view)
                for place, window in enumerate(Window(*one) for one in row.windows.tolist()):
                    yield Tile(row.number, place, row.view, window, [p for p in held if p.cell.window.shared(window)])
        finally:
            cells.close()
            self._close_before(None)

    def _cells(self) -> Iterator[Cell]:
        """The cells of all views, each as soon as a row of tiles needs it."""
        for view, numbered in groupby(enumerate(self._rows), key=lambda one: one[1].view):
            source = Source(view, self._channels, self._threads)
            self._sources.append(source)
            yield from _cells_of(source, list(numbered))

    def _close_before(self, view: View | None) -> None:
        """Close all files but those of a view and the ones after it."""
        while self._sources and self._sources[0].view != view:
            self._sources.popleft().close()

    def _weight(self, cell: Cell) -> float:
        """Bytes of a cell: grey values, what they are made of, and where they are valid."""
        size = cell.window.width * cell.window.height * (6 * self._channels + 1)
        return max(size, AHEAD_BYTES / MOST_AHEAD)

    def _read(self, cell: Cell) -> Pixels:
        try:
            grey, valid = cell.source.read(cell.window)
        except Exception as error:
            return Pixels(cell, error=error)
        self._meter.read(grey.nbytes)
        return Pixels(cell, grey, None if valid.all() else valid)


def _cells_of(source: Source, rows: list[tuple[int, TileRow]]) -> Iterator[Cell]:
    """The cells that numbered rows of tiles of one source need, in the order of need."""
    windows = np.concatenate([row.windows for _, row in rows])
    height, width = _cell_size(*source.block)
    low = windows[:, :2].min(axis=0)
    high = (windows[:, :2] + windows[:, 2:]).max(axis=0)
    spans: dict[tuple[int, int], list[int]] = {}
    for number, row in rows:
        for place in _touched_by(row.windows, height, width):
            spans.setdefault(place, [number, number])[1] = number
    for (line, column), (first, last) in spans.items():
        left, top = max(column * width, int(low[0])), max(line * height, int(low[1]))
        right, bottom = min((column + 1) * width, int(high[0])), min((line + 1) * height, int(high[1]))
        yield Cell(source, Window(left, top, right - left, bottom - top), first, last)


def _cell_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of cells made of whole blocks of a height and width; strips are blocks as wide as the raster."""
    rows = CELL_ROWS if width < CELL_PX // CELL_ROWS else max(CELL_PX // width, 1)
    rows = math.ceil(rows / height) * height
    return rows, max(CELL_PX // rows // width, 1) * width


def _touched_by(windows: np.ndarray, height: int, width: int) -> list[tuple[int, int]]:
    """The cells (line, column) that windows (n, 4) reach into, sorted."""
    found = set()
    for col, row, across, down in windows.tolist():
        lines = range(row // height, (row + down - 1) // height + 1)
        columns = range(col // width, (col + across - 1) // width + 1)
        found.update((line, column) for line in lines for column in columns)
    return sorted(found)
