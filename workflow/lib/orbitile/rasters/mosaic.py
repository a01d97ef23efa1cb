"""A scene's raster and the pixels around it that abutting scenes of the same mosaic lend."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.rasters.read import Channels, opened_raster, read_window
from orbitile.space.grids import Window


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


class Mosaic:
    """Rasters on one pixel grid, read as one; where several have data, the first of them is taken."""

    def __init__(self, parts: Sequence[RasterPart], sources: Sequence[rasterio.DatasetReader]) -> None:
        self._parts = list(zip(parts, sources, strict=True))
        self.first = sources[0]

    def check_channels(self, count: int) -> None:
        """OrbitileError where a raster has fewer channels than a network takes."""
        for _, source in self._parts:
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
        touched = [
            (part, source, shared) for part, source in self._parts if (shared := part.intersection(window)) is not None
        ]
        if [shared for *_, shared in touched] == [window]:
            return _read_shared(*touched[0], channels)
        shape = window.height, window.width
        layers = () if isinstance(channels, int) else (len(channels),)
        pixels, valid = np.zeros(layers + shape, self.first.dtypes[0]), np.zeros(shape, bool)
        for part, source, shared in touched:
            part_pixels, part_valid = _read_shared(part, source, shared, channels)
            area = shared.slices_within(window)
            is_new = part_valid & ~valid[area]
            pixels[..., *area] = np.where(is_new, part_pixels, pixels[..., *area])
            valid[area] |= is_new
        return pixels, valid


def _read_shared(
    part: RasterPart, source: rasterio.DatasetReader, shared: Window, channels: Channels
) -> tuple[np.ndarray, np.ndarray]:
    """Read the window that a part shares with a window of the mosaic."""
    return read_window(
        source, Window(shared.col - part.col, shared.row - part.row, shared.width, shared.height), channels
    )


@contextmanager
def opened_mosaic(parts: Sequence[RasterPart]) -> Iterator[Mosaic]:
    """Open the parts of a mosaic."""
    with ExitStack() as stack:
        yield Mosaic(parts, [stack.enter_context(opened_raster(part.path)) for part in parts])
