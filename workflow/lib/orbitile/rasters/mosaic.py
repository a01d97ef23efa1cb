"""A scene's raster and the pixels around it that abutting scenes of the same mosaic lend."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio

from orbitile.errors import OrbitileError
from orbitile.rasters.read import Channels, opened, read
from orbitile.space.grids import Window


@dataclass(frozen=True)
class Part:
    """A raster and where it lies in a mosaic: the column and row of its first pixel, its width and height."""

    path: str
    col: int
    row: int
    width: int
    height: int

    def shared(self, window: Window) -> Window | None:
        """What this part and a window have in common; None for nothing."""
        return Window(self.col, self.row, self.width, self.height).shared(window)


class Mosaic:
    """Rasters on one pixel grid, read as one; where several have data, the first of them counts."""

    def __init__(self, parts: Sequence[Part], sources: Sequence[rasterio.DatasetReader]) -> None:
        self._parts = list(zip(parts, sources, strict=True))
        self.first = sources[0]

    def check_channels(self, count: int) -> None:
        """OrbitileError where a raster has fewer channels than a network takes."""
        for _, source in self._parts:
            if source.count < count:
                has = "1 channel" if source.count == 1 else f"{source.count} channels"
                raise OrbitileError(
                    f"{source.name}: has {has}, but the network takes {count}; use other weights, or images of {count}"
                )

    def read(self, window: Window, channels: Channels = 1) -> tuple[np.ndarray, np.ndarray]:
        """A window, which may reach beyond all parts: pixels ([channels,] rows, columns), and where they are valid."""
        touched = [(part, source, part.shared(window)) for part, source in self._parts]
        touched = [one for one in touched if one[2] is not None]
        if [shared for *_, shared in touched] == [window]:
            return _read_shared(*touched[0], channels)
        shape, several = (window.height, window.width), () if isinstance(channels, int) else (len(channels),)
        pixels, valid = np.zeros(several + shape, self.first.dtypes[0]), np.zeros(shape, bool)
        for part, source, shared in touched:
            own, known = _read_shared(part, source, shared, channels)
            where = np.s_[..., *shared.inside(window)]
            new = known & ~valid[where]
            pixels[where] = np.where(new, own, pixels[where])
            valid[where] |= new
        return pixels, valid


def _read_shared(part: Part, source: rasterio.DatasetReader, shared: Window, channels: Channels) -> tuple:
    """Read what a part shares with a window of the mosaic."""
    return read(source, Window(shared.col - part.col, shared.row - part.row, shared.width, shared.height), channels)


@contextmanager
def opened_mosaic(parts: Sequence[Part]) -> Iterator[Mosaic]:
    """Open the parts of a mosaic."""
    with ExitStack() as stack:
        yield Mosaic(parts, [stack.enter_context(opened(part.path)) for part in parts])
