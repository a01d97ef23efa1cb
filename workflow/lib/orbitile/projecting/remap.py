"""From an image and its camera to blocks of a map, in bounded memory."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np

from orbitile.cameras.camera import Camera
from orbitile.cameras.surfaces import Surface
from orbitile.engine.flow import Flow
from orbitile.errors import OrbitileError
from orbitile.projecting.inverse import BLOCK_PX, InverseGrid, Nodes, View, inverse_grid
from orbitile.projecting.kernels import resample
from orbitile.rasters.source import PixelSource
from orbitile.rasters.write import Block
from orbitile.space.grids import Grid, Window, bounds

STRIP_PX = 8192, 512
"""Width and height of what is yielded at once, whole blocks of nodes."""

READ_PX = 16 * 2**20
"""Pixels of the image that are read at once."""

LEAST_PX = 32
"""Side of the smallest part of a block that is filled at once, however many pixels of the image it takes."""

SHARP_RATIO = 1.5
"""Up to this many pixels of the image across one of the map, the value at the middle stands for it."""

MOST_SAMPLES = 32
"""Values along a side that a pixel of the map is the mean of, at most."""


@dataclass(frozen=True, eq=False)
class Projected:
    """An image on a map's grid. Pixels are computed when `blocks` are asked for."""

    source: PixelSource
    inverse: InverseGrid
    threads: int = 1
    _reading: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def grid(self) -> Grid:
        """The map's grid."""
        return self.inverse.view.grid

    @property
    def error_px(self) -> float:
        """How far, at most, coordinates in the image were found to be off the exact camera, in the image's pixels."""
        return self.inverse.error_px

    @property
    def spacing_px(self) -> int:
        """The least spacing of exact nodes, in pixels of the map; 0 if the map does not show the image."""
        return self.inverse.spacing_px

    @property
    def samples(self) -> tuple[int, int]:
        """How many values across and down a pixel is the mean of: as many as the image has, 1 where it is finer."""
        across, down = (
            1 if r <= SHARP_RATIO else min(int(np.ceil(r - 0.05)), MOST_SAMPLES) for r in self.inverse.ratio
        )
        return across, down

    @property
    def blocks(self) -> Iterator[Block]:
        """All pixels of the map and where they are valid, from north to south, the same whatever the threads."""
        flow = Flow(self.threads, self.threads + 1, nullcontext)
        return flow.map(self._strip, list(_strips(self.grid)))

    def _strip(self, window: Window) -> Block:
        """The pixels of a row of blocks."""
        out = Canvas.of(window, self.source.dtype)
        limits = Window(0, 0, self.source.width, self.source.height)
        parts = [Part(nodes, _within(nodes, window)) for nodes in self.inverse.nodes(window)]
        needed = [(part, part.needed(limits, self.inverse.ratio)) for part in parts]
        self._fill(out, [(part, area) for part, area in needed if area is not None])
        return window, out.pixels, out.valid

    def _fill(self, out: "Canvas", parts: "list[tuple[Part, Window]]") -> None:
        """Fill parts from what they need of the image, read at once where that is not too much, else half by half."""
        if not parts:
            return
        area = bounds(needed for _, needed in parts)
        if area.width * area.height > READ_PX and (len(parts) > 1 or parts[0][0].is_divisible):
            for half in _halves(parts, Window(0, 0, self.source.width, self.source.height), self.inverse.ratio):
                self._fill(out, half)
            return
        with self._reading:
            pixels, valid = self.source.read(area)
        size = self.source.width, self.source.height
        for part, _ in parts:
            out.draw(part, Area(pixels, valid, (area.col, area.row), size), self.samples)


class Area(NamedTuple):
    """Pixels of an image and where they are valid, the first one's column and row, the image's width and height."""

    pixels: np.ndarray
    valid: np.ndarray
    corner: tuple[int, int]
    size: tuple[int, int]


class Part(NamedTuple):
    """A window of the map inside one block, and the block's nodes."""

    nodes: Nodes
    window: Window

    @property
    def is_divisible(self) -> bool:
        """Whether it may be cut into halves."""
        return max(self.window.width, self.window.height) > LEAST_PX

    def halves(self) -> list[Self]:
        """Two parts, cut across the longer side."""
        w = self.window
        if w.width >= w.height:
            half = w.width // 2
            cut = Window(w.col, w.row, half, w.height), Window(w.col + half, w.row, w.width - half, w.height)
        else:
            half = w.height // 2
            cut = Window(w.col, w.row, w.width, half), Window(w.col, w.row + half, w.width, w.height - half)
        return [self._replace(window=one) for one in cut]

    def needed(self, image: Window, ratio: tuple[float, float]) -> Window | None:
        """The pixels of the image that it may take, None for none."""
        seen = self.nodes.seen[_around(self.window.row - self.nodes.row, self.window.height, self.nodes.spacing)]
        seen = seen[:, _around(self.window.col - self.nodes.col, self.window.width, self.nodes.spacing)].reshape(-1, 2)
        seen = seen[np.isfinite(seen).all(axis=-1)]
        if not len(seen):
            return None
        margin = 2 + np.ceil(max(ratio))
        left, top = (int(v) for v in np.floor(seen.min(axis=0) - margin))
        right, bottom = (int(v) for v in np.ceil(seen.max(axis=0) + margin))
        return Window(left, top, right - left, bottom - top).shared(image)


class Canvas(NamedTuple):
    """A window of the map, its pixels and where they are valid, at first nowhere."""

    window: Window
    pixels: np.ndarray
    valid: np.ndarray

    @classmethod
    def of(cls, window: Window, dtype: str) -> Self:
        """An empty one."""
        shape = window.height, window.width
        return cls(window, np.zeros(shape, dtype), np.zeros(shape, bool))

    def draw(self, part: Part, area: Area, samples: tuple[int, int]) -> None:
        """Fill a part."""
        where, nodes = part.window.inside(self.window), part.nodes
        first = part.window.col - nodes.col, part.window.row - nodes.row
        whole = np.issubdtype(self.pixels.dtype, np.integer)
        resample(*area, nodes.seen, nodes.spacing, first, samples, whole, self.pixels[where], self.valid[where])


def project(
    camera: Camera, surface: Surface, source: PixelSource, grid: Grid, radius_m: float, threads: int = 1
) -> Projected:
    """Bring an image onto a map's grid by its camera.

    The camera's exact coordinates at nodes (see `orbitile.projecting.inverse`) are computed now, pixels as `blocks` are
    taken, at most 16 million of the image in memory per thread. Values are bilinear between the image's pixels; valid
    where all of those that count (share of at least 1/1000) are. Where a pixel of the map covers more than 1.5 of the
    image's, it is the mean of as many values, valid where half of them are. OrbitileError where image and camera
    differ in size.
    """
    if (camera.width, camera.height) != (source.width, source.height):
        raise OrbitileError(
            f"the image has {source.width} x {source.height} px, but its camera {camera.width} x {camera.height}; "
            "is it another product's, or cut out of its image?"
        )
    return Projected(source, inverse_grid(View(camera, surface, grid, radius_m)), threads)


def _strips(grid: Grid) -> Iterator[Window]:
    """A grid cut into strips, row by row."""
    width, height = STRIP_PX
    for row in range(0, grid.height, height):
        for col in range(0, grid.width, width):
            yield Window(col, row, min(width, grid.width - col), min(height, grid.height - row))


def _within(nodes: Nodes, window: Window) -> Window:
    """What a block shares with a window that it touches."""
    return Window(nodes.col, nodes.row, BLOCK_PX, BLOCK_PX).shared(window)


def _around(start: int, length: int, spacing: int) -> slice:
    """The nodes around pixels of a block, those outside included that a pixel's border looks back to."""
    return slice(max(start - 1, 0) // spacing, -(-(start + length) // spacing) + 1)


def _halves(parts: list[tuple[Part, Window]], image: Window, ratio: tuple[float, float]) -> list:
    """Parts and what they need, in two lists."""
    if len(parts) > 1:
        return [parts[: len(parts) // 2], parts[len(parts) // 2 :]]
    cut = [(half, half.needed(image, ratio)) for half in parts[0][0].halves()]
    return [[one] for one in cut if one[1] is not None]
