"""Strips on one pixel grid, read as one image."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.mosaicking.levels import (
    BandLevels,
    OverlapSample,
    apply_levels,
    fit_level,
    unchanged_levels,
)
from orbitile.georeferencing.mosaicking.order import Strip
from orbitile.rasters.read import band_names, channel_numbers, opened_raster, read_window, row_windows
from orbitile.rasters.resample import cast_pixels, pixel_type
from orbitile.rasters.write import Block
from orbitile.space.grids import Grid, Window, grid_around_grids
from orbitile.space.mosaics import grid_lattice


class Composition:
    """Strips in order, from the topmost down; each pixel of the grid around all is that of the first valid strip.

    Windows are in pixels of that grid; strips are numbered by their places in the order, counted from 0. All strips
    have the same number of bands. A strip is valid where all of its bands are, so that all bands of a pixel come from
    one strip.
    """

    def __init__(self, strips: Sequence[Strip], sources: Sequence[rasterio.DatasetReader]) -> None:
        self.grid = grid_around_grids([strip.grid for strip in strips])
        self.bands = sources[0].count
        self._channels = channel_numbers(self.bands)
        self.pixel_type = pixel_type(sources[0], self._channels, band_names(sources[0]))
        self._sources = sources
        left, top = self.grid.index
        indexes = [(strip.grid, *strip.grid.index) for strip in strips]
        self.strip_windows = [Window(col - left, row - top, grid.width, grid.height) for grid, col, row in indexes]

    @property
    def row_windows(self) -> Iterator[Window]:
        """The complete grid in windows of full width that fit into memory."""
        return row_windows(self.grid)

    def read_strip(self, strip: int, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Pixels ([bands,] rows, columns) of one strip in a window that lies in it, and where they are valid."""
        first = self.strip_windows[strip]
        strip_window = Window(window.col - first.col, window.row - first.row, window.width, window.height)
        return read_window(self._sources[strip], strip_window, self._channels)

    def read(self, window: Window, levels: Mapping[int, BandLevels]) -> tuple[np.ndarray, np.ndarray]:
        """A window of those strips that have levels: pixels on these levels, and numbers of the strips.

        Pixels are floats ([bands,] rows, columns). The numbers (rows, columns) count from 1, 0 stands for no strip.
        """
        shape = window.height, window.width
        layers = () if self.bands == 1 else (self.bands,)
        pixels = np.zeros(layers + shape, np.result_type(np.dtype(self.pixel_type.dtype), np.float32))
        index = np.zeros(shape, index_type(len(self.strip_windows)))
        for strip in sorted(levels):
            shared = self.strip_windows[strip].intersection(window)
            if shared is None or index[shared.slices_within(window)].all():
                continue
            strip_pixels, valid = self.read_strip(strip, shared)
            area = shared.slices_within(window)
            is_new = valid & (index[area] == 0)
            pixels[..., *area][..., is_new] = apply_levels(levels[strip], strip_pixels[..., is_new])
            index[area][is_new] = strip + 1
        return pixels, index

    def merged_blocks(self, levels: Mapping[int, BandLevels], windows: Iterable[Window]) -> Iterator[Block]:
        """The pixels of all strips in their own data type, window by window."""
        for window in windows:
            pixels, index = self.read(window, levels)
            yield window, cast_pixels(pixels, np.dtype(self.pixel_type.dtype)), index > 0

    def source_blocks(self, windows: Iterable[Window]) -> Iterator[Block]:
        """The number of the strip that each pixel comes from (rows, columns), window by window."""
        unchanged = dict.fromkeys(range(len(self.strip_windows)), unchanged_levels(self.bands))
        for window in windows:
            _, index = self.read(window, unchanged)
            yield window, index, index > 0

    def match_levels(self) -> dict[int, BandLevels]:
        """The levels of all strips: those of the topmost stay, every further strip is matched to those before it.

        Strips are matched in order, but one that overlaps none of those already matched waits for one that does; if
        there is none, its levels stay unchanged. Each band is matched by itself, over the same pixels.
        """
        levels, waiting = {0: unchanged_levels(self.bands)}, list(range(1, len(self.strip_windows)))
        tried: set[tuple[int, frozenset[int]]] = set()
        while waiting:
            strip, strip_levels = self._next_levels(waiting, levels, tried)
            levels[strip] = strip_levels
            waiting.remove(strip)
        return levels

    def _next_levels(
        self, waiting: Sequence[int], levels: Mapping[int, BandLevels], tried: set[tuple[int, frozenset[int]]]
    ) -> tuple[int, BandLevels]:
        """The first waiting strip that overlaps matched ones, and its levels; what failed is not tried again."""
        for strip in waiting:
            window = self.strip_windows[strip]
            near = frozenset(matched for matched in levels if self.strip_windows[matched].intersection(window))
            if near and (strip, near) not in tried:
                tried.add((strip, near))
                samples = self.sample_overlap(strip, {matched: levels[matched] for matched in near})
                fitted = [level for level in map(fit_level, samples) if level is not None]
                if len(fitted) == self.bands:
                    return strip, tuple(fitted)
        return waiting[0], unchanged_levels(self.bands)

    def sample_overlap(self, strip: int, levels: Mapping[int, BandLevels]) -> list[np.ndarray]:
        """For each band, pairs of values (n, 2) of pixels of a strip, and of those that have levels at the same pixels.

        The pixels are the same in all bands.
        """
        samples = [OverlapSample() for _ in range(self.bands)]
        for rows in self.row_windows:
            shared = self.strip_windows[strip].intersection(rows)
            if shared and any(self.strip_windows[matched].intersection(shared) for matched in levels):
                strip_pixels, valid = self.read_strip(strip, shared)
                pixels, index = self.read(shared, levels)
                shape = self.bands, *valid.shape
                pairs = strip_pixels.astype(pixels.dtype).reshape(shape), pixels.reshape(shape)
                for sample, values, matched_values in zip(samples, *pairs, strict=True):
                    sample.feed(values, matched_values, valid & (index > 0), (shared.col, shared.row))
        return [sample.values for sample in samples]


def index_type(strips: int) -> str:
    """The smallest data type that holds the numbers of so many strips."""
    return "uint8" if strips <= 255 else "uint16"


@contextmanager
def opened_strips(strips: Sequence[Strip]) -> Iterator[Composition]:
    """Open strips that are in order.

    OrbitileError where a strip has another pixel grid, data type or number of bands than the topmost.
    """
    first = strips[0]
    for strip in strips:
        _check_lattice(strip, first)
    with ExitStack() as stack:
        sources = [stack.enter_context(opened_raster(strip.path)) for strip in strips]
        for strip, source in zip(strips, sources, strict=True):
            _check_image(strip, source, sources[0])
        yield Composition(strips, sources)


def _check_lattice(strip: Strip, first: Strip) -> None:
    if grid_lattice(strip.grid) != grid_lattice(first.grid):
        raise OrbitileError(
            f"{strip.path}: its pixels ({_describe_lattice(strip.grid)}) are not on one grid with those of "
            f"{first.path} ({_describe_lattice(first.grid)}); georeference the strips of a mosaic to one crs and "
            "pixel size"
        )


def _check_image(strip: Strip, source: rasterio.DatasetReader, first: rasterio.DatasetReader) -> None:
    size, expected = (source.width, source.height), (strip.grid.width, strip.grid.height)
    if size != expected:
        raise OrbitileError(
            f"{strip.path}: has {size[0]} x {size[1]} pixels, but its grid has {expected[0]} x {expected[1]}; "
            "georeference it again"
        )
    if source.dtypes[0] != first.dtypes[0]:
        raise OrbitileError(
            f"{strip.path}: has pixels of type {source.dtypes[0]}, but {first.name} has {first.dtypes[0]}; "
            "convert the strips of a mosaic to one data type"
        )
    if source.count != first.count:
        raise OrbitileError(
            f"{strip.path}: number of bands {source.count}, but {first.count} in {first.name}; "
            "choose the same bands for all strips of a mosaic (column bands of the scene table)"
        )


def _describe_lattice(grid: Grid) -> str:
    right, down = (part + 0.0 for part in grid.fraction)  # not -0
    return f"{grid.crs.name}, {grid.gsd_m:g} m/px, {right:g} and {down:g} px off the origin"
