"""A scene's raster and the pixels around it that abutting scenes of the same mosaic lend."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.rasters.linked_files import LinkedFiles
from orbitile.rasters.read import Channels, open_raster, read_validity, read_window
from orbitile.space.grids import Window

T = TypeVar("T")


@dataclass(frozen=True)
class RasterPart:
    """A raster and where it lies in a mosaic: the column and row of its first pixel, its width and height."""

    path: str
    col: int
    row: int
    width: int
    height: int

    def intersection(self, window: Window) -> Window | None:
        """The window that this part and a window of the mosaic share; None if they do not touch."""
        return Window(self.col, self.row, self.width, self.height).intersection(window)


class _OpenPart(NamedTuple):
    part: RasterPart
    source: rasterio.DatasetReader
    files: LinkedFiles


class Mosaic:
    """Rasters on one pixel grid, read as one; where several have data, the first of them is taken."""

    def __init__(self, parts: Sequence[RasterPart], sources: Sequence[rasterio.DatasetReader]) -> None:
        self._parts = [_OpenPart(*opened) for opened in zip(parts, sources, map(LinkedFiles.of, sources), strict=True)]
        self.first = sources[0]

    def check_channels(self, count: int) -> None:
        """OrbitileError where a raster has fewer channels than a network takes."""
        for _, source, _ in self._parts:
            if source.count < count:
                available = "1 channel" if source.count == 1 else f"{source.count} channels"
                raise OrbitileError(
                    f"{source.name}: has {available}, but the network takes {count}; use other weights, or images "
                    f"with {count} bands"
                )

    def read(self, window: Window, channels: Channels = 1) -> tuple[np.ndarray, np.ndarray]:
        """Read a window, which may reach beyond all parts: pixels ([channels,] rows, columns), and where all are valid.

        Valid (rows, columns) means in all of the channels.
        """
        touched = self._touched(window)
        if [shared for *_, shared in touched] == [window]:
            return _read_shared(read_window, *touched[0], channels)
        shape = window.height, window.width
        layers = () if isinstance(channels, int) else (len(channels),)
        pixels, valid = np.zeros(layers + shape, self.first.dtypes[0]), np.zeros(shape, bool)
        for opened, shared in touched:
            part_pixels, part_valid = _read_shared(read_window, opened, shared, channels)
            area = shared.slices_within(window)
            is_new = part_valid & ~valid[area]
            pixels[..., *area] = np.where(is_new, part_pixels, pixels[..., *area])
            valid[area] |= is_new
        return pixels, valid

    def read_validity(self, window: Window, channels: Channels = 1) -> np.ndarray:
        """Which pixels (rows, columns) of a window `read` takes for valid; pixels are read only where they tell."""
        valid = np.zeros((window.height, window.width), bool)
        for opened, shared in self._touched(window):
            valid[shared.slices_within(window)] |= _read_shared(read_validity, opened, shared, channels)
        return valid

    def _touched(self, window: Window) -> list[tuple[_OpenPart, Window]]:
        """The parts that share pixels with a window, and the windows that they share."""
        shared_windows = [(opened, opened.part.intersection(window)) for opened in self._parts]
        return [(opened, shared) for opened, shared in shared_windows if shared is not None]


def _read_shared(
    read: Callable[[rasterio.DatasetReader, Window, Channels], T], opened: _OpenPart, shared: Window, channels: Channels
) -> T:
    """Read the window that a part shares with a window of the mosaic; OrbitileError if its linked files have changed.

    They are looked at after every reading, so that the windows read before are known to be right.
    """
    part, source, files = opened
    window = Window(shared.col - part.col, shared.row - part.row, shared.width, shared.height)
    try:
        return read(source, window, channels)
    finally:
        files.check()


@contextmanager
def opened_mosaic(parts: Sequence[RasterPart]) -> Iterator[Mosaic]:
    """Open the parts of a mosaic."""
    with ExitStack() as stack:
        yield Mosaic(parts, [stack.enter_context(open_raster(part.path)) for part in parts])


@contextmanager
def opened_validity(parts: Sequence[RasterPart]) -> Iterator[Callable[[Window], np.ndarray]]:
    """Open parts of a mosaic, perhaps none: gives which pixels (rows, columns) of a window any has."""
    if not parts:
        yield lambda window: np.zeros((window.height, window.width), bool)
        return
    with opened_mosaic(parts) as mosaic:
        yield mosaic.read_validity
