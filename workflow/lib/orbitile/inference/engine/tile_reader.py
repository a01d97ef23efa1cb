"""Rows of tiles read in the background: every pixel once, in cells of whole blocks, of which tiles are assembled."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from queue import SimpleQueue

import numpy as np

from orbitile.base.bounded_map import BoundedMap
from orbitile.base.errors import OrbitileError
from orbitile.inference.engine.meter import Meter
from orbitile.rasters.enlarge import enlarged_window, source_window
from orbitile.rasters.mosaic import Mosaic, RasterPart, opened_mosaic
from orbitile.rasters.read import channel_numbers
from orbitile.rasters.stretch import FILL, Stretch
from orbitile.space.grids import Window, bounding_window

CELL_PX = 4 * 2**20
"""Pixels aimed at for one cell: more would be too coarse a unit of work, a block too fine."""
CELL_ROWS = 512
"""Least rows of a cell of a tiled raster."""
AHEAD_BYTES = 256 * 2**20
"""Memory for cells that are being read or wait for their tiles."""
MAX_CELLS_AHEAD = 8
"""Largest number of such cells, each of which may be of another raster: the number of open files is limited, too."""


@dataclass(frozen=True)
class RasterView:
    """A scene as a network gets it: the rasters of the scene and its neighbours, one stretch, tiles of one side.

    Each pixel of the rasters is enlarged to `factor` by `factor`; windows of the view count in enlarged pixels.
    """

    parts: tuple[RasterPart, ...]
    stretch: Stretch
    side: int
    factor: int = 1

    @property
    def bounds(self) -> Window:
        """The smallest window around its rasters, in their pixels."""
        return bounding_window(Window(part.col, part.row, part.width, part.height) for part in self.parts)


@dataclass(frozen=True)
class TileRow:
    """Tiles of a view whose windows begin in one row of pixels; `windows` (n, 4) are col, row, width, height.

    `number` identifies the row in predictions.
    """

    view: RasterView
    windows: np.ndarray
    number: int = 0


class ViewReader:
    """Reads windows of a view: the first `channels` of its rasters, stretched.

    The rasters are opened once for each of `threads`, and closed, by one thread, as GDAL's environment needs it. Where
    that fails, every window raises the error.
    """

    def __init__(self, view: RasterView, channels: int, threads: int) -> None:
        self.view, self._files, self._channels = view, ExitStack(), channel_numbers(channels)
        self._channel_count = channels
        self._error: OrbitileError | None = None
        self._idle: SimpleQueue[Mosaic] = SimpleQueue()
        self.block = CELL_ROWS, CELL_ROWS
        try:
            mosaics = [self._files.enter_context(opened_mosaic(view.parts)) for _ in range(threads)]
            mosaics[0].check_channels(channels)
        except OrbitileError as error:
            self._error = error
            return
        height, width = mosaics[0].first.block_shapes[0]
        self.block = height * view.factor, width * view.factor
        for mosaic in mosaics:
            self._idle.put(mosaic)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (channels, rows, columns) as uint8, and where all channels are valid (rows, columns)."""
        if self._error is not None:
            raise self._error
        factor = self.view.factor
        if factor == 1:
            return self._read_stored(window)
        source = source_window(window, factor).intersection(self.view.bounds)
        if source is None:
            image = np.full((self._channel_count, window.height, window.width), FILL, np.uint8)
            return image, np.zeros(image.shape[1:], bool)
        return enlarged_window(*self._read_stored(source), source, window, factor)

    def _read_stored(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """As `read`, in the rasters' pixels."""
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
class RasterCell:
    """A rectangle of a view that is read at once, for the rows of tiles from number `first` to `last`."""

    reader: ViewReader
    window: Window
    first: int
    last: int


@dataclass(frozen=True)
class CellPixels:
    """A cell's pixels (channels, rows, columns) as uint8 and where they are valid (None: everywhere), or an error."""

    cell: RasterCell
    pixels: np.ndarray | None = None
    valid: np.ndarray | None = None
    error: Exception | None = None

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """The pixels of a window of the cell, and where they are valid.

        Where the cell as a whole could not be read, the window is read by itself, and may raise the error.
        """
        if self.pixels is None:
            return self.cell.reader.read(window)
        area = window.slices_within(self.cell.window)
        return self.pixels[:, *area], None if self.valid is None else self.valid[area]


@dataclass(frozen=True)
class TilePixels:
    """The pixels of one tile: the number of its row, its position in the row, and the cells that it is made of."""

    row: int
    position: int
    view: RasterView
    window: Window
    cells: list[CellPixels]

    def fill(self, image: np.ndarray, reflect_padding: bool) -> np.ndarray | None:
        """Fill an image (channels, side, side) of uint8; return where it is valid (side, side), None for everywhere.

        Raises the error of reading its pixels, if there was one.
        """
        side, (height, width) = self.view.side, (self.window.height, self.window.width)
        valid = None if height == width == side else np.zeros((side, side), bool)
        if valid is not None:
            image[:] = FILL
        for cell_pixels in self.cells:
            shared = cell_pixels.cell.window.intersection(self.window)
            if shared is None:
                continue
            pixels, pixels_valid = cell_pixels.read(shared)
            area = shared.slices_within(self.window)
            image[:, *area] = pixels
            if pixels_valid is not None and valid is None:
                valid = np.ones((side, side), bool)
            if valid is not None:
                valid[area] = True if pixels_valid is None else pixels_valid
        if reflect_padding and not height == width == side:
            edges = ((0, 0), (0, side - height), (0, side - width))
            image[:] = np.pad(image[:, :height, :width], edges, mode="reflect" if min(height, width) > 1 else "edge")
        return None if valid is None or valid.all() else valid


class TileReader:
    """Reads tiles with several threads, row by row in the order given, while earlier tiles are worked on.

    It reads the first `channels` of their rasters, and as many cells ahead as AHEAD_BYTES hold.
    """

    def __init__(self, rows: Sequence[TileRow], channels: int, threads: int, meter: Meter) -> None:
        self._rows, self._channels, self._threads, self._meter = rows, channels, threads, meter
        self._readers: deque[ViewReader] = deque()
        self.cells = BoundedMap(threads, AHEAD_BYTES, partial(meter.waiting, "reading"))

    def tiles(self) -> Iterator[TilePixels]:
        """All tiles, in order."""
        cells = self.cells.map(self._read, self._cells(), self._weight)
        try:
            current: list[CellPixels] = []
            following = next(cells, None)
            for number, row in enumerate(self._rows):
                while following is not None and following.cell.first <= number:
                    current.append(following)
                    following = next(cells, None)
                current = [pixels for pixels in current if pixels.cell.last >= number]
                self._close_before(row.view)
                for position, values in enumerate(row.windows.tolist()):
                    window = Window(*values)
                    touched = [pixels for pixels in current if pixels.cell.window.intersection(window)]
                    yield TilePixels(row.number, position, row.view, window, touched)
        finally:
            cells.close()
            self._close_before(None)

    def _cells(self) -> Iterator[RasterCell]:
        """The cells of all views, each as soon as a row of tiles needs it."""
        for view, numbered in groupby(enumerate(self._rows), key=lambda number_and_row: number_and_row[1].view):
            reader = ViewReader(view, self._channels, self._threads)
            self._readers.append(reader)
            yield from _cells_of(reader, list(numbered))

    def _close_before(self, view: RasterView | None) -> None:
        """Close the files of all views before this one; None: of all."""
        while self._readers and self._readers[0].view != view:
            self._readers.popleft().close()

    def _weight(self, cell: RasterCell) -> float:
        """Memory for a cell in bytes: its pixels as uint8, those they are made of, and where they are valid."""
        size = cell.window.width * cell.window.height * (6 * self._channels + 1)
        return max(size, AHEAD_BYTES / MAX_CELLS_AHEAD)

    def _read(self, cell: RasterCell) -> CellPixels:
        try:
            pixels, valid = cell.reader.read(cell.window)
        except Exception as error:
            return CellPixels(cell, error=error)
        self._meter.count_bytes(pixels.nbytes)
        return CellPixels(cell, pixels, None if valid.all() else valid)


def _cells_of(reader: ViewReader, rows: list[tuple[int, TileRow]]) -> Iterator[RasterCell]:
    """The cells that numbered rows of tiles of one view need, in the order of need."""
    windows = np.concatenate([row.windows for _, row in rows])
    height, width = _cell_size(*reader.block)
    low = windows[:, :2].min(axis=0)
    high = (windows[:, :2] + windows[:, 2:]).max(axis=0)
    spans: dict[tuple[int, int], list[int]] = {}
    for number, row in rows:
        for index in _touched_cells(row.windows, height, width):
            spans.setdefault(index, [number, number])[1] = number
    for (line, column), (first, last) in spans.items():
        left, top = max(column * width, int(low[0])), max(line * height, int(low[1]))
        right, bottom = min((column + 1) * width, int(high[0])), min((line + 1) * height, int(high[1]))
        yield RasterCell(reader, Window(left, top, right - left, bottom - top), first, last)


def _cell_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of cells made of whole blocks of a height and width; strips are blocks as wide as the raster."""
    rows = CELL_ROWS if width < CELL_PX // CELL_ROWS else max(CELL_PX // width, 1)
    rows = math.ceil(rows / height) * height
    return rows, max(CELL_PX // rows // width, 1) * width


def _touched_cells(windows: np.ndarray, height: int, width: int) -> list[tuple[int, int]]:
    """The cells (line, column) that windows (n, 4) reach into, sorted."""
    touched: set[tuple[int, int]] = set()
    for col, row, across, down in windows.tolist():
        lines = range(row // height, (row + down - 1) // height + 1)
        columns = range(col // width, (col + across - 1) // width + 1)
        touched.update((line, column) for line in lines for column in columns)
    return sorted(touched)
