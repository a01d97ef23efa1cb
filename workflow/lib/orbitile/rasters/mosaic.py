"""A scene's raster and the pixels around it that abutting scenes of the same mosaic lend."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio

from orbitile.rasters.read import opened, read
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
        left, top = max(self.col, window.col), max(self.row, window.row)
        right = min(self.col + self.width, window.col + window.width)
        bottom = min(self.row + self.height, window.row + window.height)
        return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


class Mosaic:
    """Rasters on one pixel grid, read as one; where several have data, the first of them counts."""

    def __init__(self, parts: Sequence[Part], sources: Sequence[rasterio.DatasetReader]) -> None:
        self._parts = list(zip(parts, sources, strict=True))
        self.first = sources[0]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Read a window, which may reach beyond all parts: pixels, and where they are valid."""
        shape = (window.height, window.width)
        pixels, valid = np.zeros(shape, self.first.dtypes[0]), np.zeros(shape, bool)
        for part, source in self._parts:
            shared = part.shared(window)
            if shared is None:
                continue
            own, known = read(source, Window(shared.col - part.col, shared.row - part.row, shared.width, shared.height))
            top, left = shared.row - window.row, shared.col - window.col
            where = np.s_[top : top + shared.height, left : left + shared.width]
            new = known & ~valid[where]
            pixels[where] = np.where(new, own, pixels[where])
            valid[where] |= new
        return pixels, valid


@contextmanager
def opened_mosaic(parts: Sequence[Part]) -> Iterator[Mosaic]:
    """Open the parts of a mosaic."""
    with ExitStack() as stack:
        yield Mosaic(parts, [stack.enter_context(opened(part.path)) for part in parts])
