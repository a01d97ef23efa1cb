"""Strips on one pixel grid, read as one image."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import rasterio

from orbitile.errors import OrbitileError
from orbitile.mosaicking.levels import Level, Sample, fitted
from orbitile.mosaicking.order import Strip
from orbitile.rasters.read import bands, opened, read
from orbitile.rasters.write import Block
from orbitile.space.grids import Grid, Window, around
from orbitile.space.mosaics import lattice_of


class Composition:
    """Strips in order, from the topmost down; of each pixel of the grid around all, the first that is valid counts.

    Windows are in pixels of that grid; strips go by their places in the order, counted from 0.
    """

    def __init__(self, strips: Sequence[Strip], sources: Sequence[rasterio.DatasetReader]) -> None:
        self.grid = around([strip.grid for strip in strips])
        self.dtype, self.nodata = np.dtype(sources[0].dtypes[0]), sources[0].nodata
        self._sources = sources
        left, top = self.grid.index
        indexes = [(strip.grid, *strip.grid.index) for strip in strips]
        self.windows = [Window(col - left, row - top, grid.width, grid.height) for grid, col, row in indexes]

    @property
    def bands(self) -> Iterator[Window]:
        """The whole grid in bands that fit into memory."""
        return bands(self.grid)

    def own(self, strip: int, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (rows, columns) of one strip in a window that lies in it, and where they are valid."""
        first = self.windows[strip]
        inside = Window(window.col - first.col, window.row - first.row, window.width, window.height)
        return read(self._sources[strip], inside)

    def read(self, window: Window, levels: Mapping[int, Level]) -> tuple[np.ndarray, np.ndarray]:
        """A window of the strips that have a level, put on it: pixels (rows, columns; floats), numbers of the strips.

        The numbers (rows, columns) count from 1, 0 stands for no strip.
        """
        shape = window.height, window.width
        pixels = np.zeros(shape, np.result_type(self.dtype, np.float32))
        index = np.zeros(shape, index_type(len(self.windows)))
        for strip in sorted(levels):
            shared = self.windows[strip].shared(window)
            if shared is None or index[shared.inside(window)].all():
                continue
            own, valid = self.own(strip, shared)
            place = shared.inside(window)
            new = valid & (index[place] == 0)
            pixels[place][new] = levels[strip].apply(own[new])
            index[place][new] = strip + 1
        return pixels, index

    def merged(self, levels: Mapping[int, Level], windows: Iterable[Window]) -> Iterator[Block]:
        """The pixels of all strips in their own data type, in some windows."""
        for window in windows:
            pixels, index = self.read(window, levels)
            yield window, _cast(pixels, self.dtype), index > 0

    def sources(self, windows: Iterable[Window]) -> Iterator[Block]:
        """The number of the strip that each pixel comes from, in some windows."""
        all_as_they_are = dict.fromkeys(range(len(self.windows)), Level())
        for window in windows:
            _, index = self.read(window, all_as_they_are)
            yield window, index, index > 0

    def matched(self) -> dict[int, Level]:
        """The levels of all strips: that of the topmost stays, each other one is matched to those before it.

        Strips are taken in order, but one that overlaps none of those already taken waits for others that do; if there
        are none, it stays as it is.
        """
        levels, waiting = {0: Level()}, list(range(1, len(self.windows)))
        tried: set[tuple[int, frozenset[int]]] = set()
        while waiting:
            strip, level = self._next_level(waiting, levels, tried)
            levels[strip] = level
            waiting.remove(strip)
        return levels

    def _next_level(
        self, waiting: Sequence[int], levels: Mapping[int, Level], tried: set[tuple[int, frozenset[int]]]
    ) -> tuple[int, Level]:
        """The first waiting strip that overlaps those with a level, and its own; what failed is not tried again."""
        for strip in waiting:
            near = frozenset(one for one in levels if self.windows[one].shared(self.windows[strip]))
            if near and (strip, near) not in tried:
                tried.add((strip, near))
                if level := fitted(self.overlap(strip, {one: levels[one] for one in near})):
                    return strip, level
        return waiting[0], Level()

    def overlap(self, strip: int, levels: Mapping[int, Level]) -> np.ndarray:
        """Pairs of values (n, 2) of pixels of a strip, and of what those that have a level show there."""
        sample = Sample()
        for band in self.bands:
            shared = self.windows[strip].shared(band)
            if shared and any(self.windows[one].shared(shared) for one in levels):
                own, valid = self.own(strip, shared)
                pixels, index = self.read(shared, levels)
                sample.feed(own.astype(pixels.dtype), pixels, valid & (index > 0), (shared.col, shared.row))
        return sample.values


def index_type(strips: int) -> str:
    """The smallest data type that holds the numbers of so many strips."""
    return "uint8" if strips <= 255 else "uint16"


def _cast(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if not np.issubdtype(dtype, np.integer):
        return pixels.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(pixels), limits.min, limits.max).astype(dtype)


@contextmanager
def opened_strips(strips: Sequence[Strip]) -> Iterator[Composition]:
    """Open strips that are in order; OrbitileError where one has another pixel grid or data type than the topmost."""
    first = strips[0]
    for strip in strips:
        _check_lattice(strip, first)
    with ExitStack() as stack:
        sources = [stack.enter_context(opened(strip.path)) for strip in strips]
        for strip, source in zip(strips, sources, strict=True):
            _check_image(strip, source, sources[0])
        yield Composition(strips, sources)


def _check_lattice(strip: Strip, first: Strip) -> None:
    if lattice_of(strip.grid) != lattice_of(first.grid):
        raise OrbitileError(
            f"{strip.path}: its pixels ({_place(strip.grid)}) are not on one grid with those of {first.path} "
            f"({_place(first.grid)}); georeference the strips of a mosaic to one crs and pixel size"
        )


def _check_image(strip: Strip, source: rasterio.DatasetReader, first: rasterio.DatasetReader) -> None:
    size, expected = (source.width, source.height), (strip.grid.width, strip.grid.height)
    if size != expected:
        raise OrbitileError(
            f"{strip.path}: has {size[0]} x {size[1]} pixels, not {expected[0]} x {expected[1]} as its grid; "
            f"georeference it again"
        )
    if source.dtypes[0] != first.dtypes[0]:
        raise OrbitileError(
            f"{strip.path}: has pixels of {source.dtypes[0]}, but those of {first.name} are of {first.dtypes[0]}; "
            f"convert the strips of a mosaic to one data type"
        )


def _place(grid: Grid) -> str:
    right, down = (part + 0.0 for part in grid.fraction)  # not -0
    return f"{grid.crs.name}, {grid.gsd_m:g} m/px, {right:g} and {down:g} px off the origin"
