"""From an image and its camera to blocks of a map, in bounded memory."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np

from orbitile.base.bounded_map import BoundedMap
from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.camera import Camera
from orbitile.georeferencing.cameras.surfaces import Surface
from orbitile.georeferencing.projection.compiled_loops import resample
from orbitile.georeferencing.projection.inverse_grid import BLOCK_PX, InverseGrid, MapView, Nodes, compute_inverse_grid
from orbitile.rasters.source import PixelSource
from orbitile.rasters.write import Block
from orbitile.space.grids import Grid, Window, bounding_window

OUTPUT_WINDOW_PX = 8192, 512
"""Width and height of the blocks that are yielded, multiples of BLOCK_PX."""

READ_PX = 16 * 2**20
"""Pixels of the image, counted in all bands, that are read at once."""

MIN_PART_PX = 32
"""Side of the smallest part of a block that is filled at once, however many pixels of the image it takes."""

SHARP_RATIO = 1.5
"""Up to this many pixels of the image across one of the map, the map takes the value at its pixel's centre."""

MAX_SAMPLES = 32
"""Largest number of values along a side that a pixel of the map is the mean of."""


@dataclass(frozen=True, eq=False)
class RemappedImage:
    """An image on a map's grid. Pixels are computed as `blocks` is consumed."""

    source: PixelSource
    inverse_grid: InverseGrid
    threads: int = 1
    _read_lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def grid(self) -> Grid:
        """The map's grid."""
        return self.inverse_grid.view.grid

    @property
    def error_px(self) -> float:
        """Largest measured distance of coordinates in the image from those of the exact camera, in image pixels."""
        return self.inverse_grid.error_px

    @property
    def spacing_px(self) -> int:
        """The least spacing of exact nodes, in pixels of the map; 0 if the map does not show the image."""
        return self.inverse_grid.spacing_px

    @property
    def samples(self) -> tuple[int, int]:
        """Number of values across and down that a pixel is the mean of; 1 where the map is as fine as the image."""
        across, down = (
            1 if r <= SHARP_RATIO else min(int(np.ceil(r - 0.05)), MAX_SAMPLES) for r in self.inverse_grid.ratio
        )
        return across, down

    @property
    def blocks(self) -> Iterator[Block]:
        """All pixels of the map and where they are valid, from north to south, the same for any number of threads.

        Pixels are (rows, columns) of an image of one band, else (bands, rows, columns).
        """
        flow = BoundedMap(self.threads, self.threads + 1, nullcontext)
        return flow.map(self._project, list(_output_windows(self.grid)))

    def _project(self, window: Window) -> Block:
        """The pixels of a window, whole blocks of nodes but for the map's borders."""
        canvas = Canvas.empty(window, self.source.dtype, self.source.bands)
        parts = [MapPart(nodes, _overlap(nodes, window)) for nodes in self.inverse_grid.nodes(window)]
        areas = [(part, part.source_window(self._image_window, self.inverse_grid.ratio)) for part in parts]
        self._fill(canvas, [(part, area) for part, area in areas if area is not None])
        return window, canvas.pixels, canvas.valid

    @property
    def _image_window(self) -> Window:
        return Window(0, 0, self.source.width, self.source.height)

    def _fill(self, canvas: "Canvas", parts: "list[tuple[MapPart, Window]]") -> None:
        """Fill parts from their windows of the image, read at once if these are not too large, else half by half."""
        if not parts:
            return
        area = bounding_window(source_window for _, source_window in parts)
        is_divisible = len(parts) > 1 or parts[0][0].is_divisible
        if area.width * area.height * self.source.bands > READ_PX and is_divisible:
            for half in _halves(parts, self._image_window, self.inverse_grid.ratio):
                self._fill(canvas, half)
            return
        with self._read_lock:
            pixels, valid = self.source.read(area)
        size = self.source.width, self.source.height
        for part, _ in parts:
            canvas.draw(part, ImageArea(pixels, valid, (area.col, area.row), size), self.samples)


class ImageArea(NamedTuple):
    """A part of an image: pixels ([bands,] rows, columns), where they are valid, and where the part lies.

    `corner` is the column and row of its first pixel, `size` the width and height of the complete image.
    """

    pixels: np.ndarray
    valid: np.ndarray
    corner: tuple[int, int]
    size: tuple[int, int]


class MapPart(NamedTuple):
    """A window of the map inside one block, and the block's nodes."""

    nodes: Nodes
    window: Window

    @property
    def is_divisible(self) -> bool:
        """Whether it may be cut into halves."""
        return max(self.window.width, self.window.height) > MIN_PART_PX

    def halves(self) -> list[Self]:
        """Two parts, cut across the longer side."""
        w = self.window
        if w.width >= w.height:
            half = w.width // 2
            windows = Window(w.col, w.row, half, w.height), Window(w.col + half, w.row, w.width - half, w.height)
        else:
            half = w.height // 2
            windows = Window(w.col, w.row, w.width, half), Window(w.col, w.row + half, w.width, w.height - half)
        return [self._replace(window=window) for window in windows]

    def source_window(self, image: Window, ratio: tuple[float, float]) -> Window | None:
        """The window of the image that its pixels may be computed from; None if it does not see the image."""
        xy = self.nodes.image_xy[_around(self.window.row - self.nodes.row, self.window.height, self.nodes.spacing)]
        xy = xy[:, _around(self.window.col - self.nodes.col, self.window.width, self.nodes.spacing)].reshape(-1, 2)
        xy = xy[np.isfinite(xy).all(axis=-1)]
        if not len(xy):
            return None
        margin = 2 + np.ceil(max(ratio))
        left, top = (int(v) for v in np.floor(xy.min(axis=0) - margin))
        right, bottom = (int(v) for v in np.ceil(xy.max(axis=0) + margin))
        return Window(left, top, right - left, bottom - top).intersection(image)


class Canvas(NamedTuple):
    """A window of the map, its pixels ([bands,] rows, columns) and where they are valid, at first nowhere."""

    window: Window
    pixels: np.ndarray
    valid: np.ndarray

    @classmethod
    def empty(cls, window: Window, dtype: np.dtype | str, bands: int) -> Self:
        """A canvas without any valid pixel."""
        shape = window.height, window.width
        return cls(window, np.zeros(shape if bands == 1 else (bands, *shape), dtype), np.zeros(shape, bool))

    def draw(self, part: MapPart, area: ImageArea, samples: tuple[int, int]) -> None:
        """Fill a part, band by band, from the same places of the image."""
        target, nodes = part.window.slices_within(self.window), part.nodes
        first = part.window.col - nodes.col, part.window.row - nodes.row
        rounds = np.issubdtype(self.pixels.dtype, np.integer)
        layers = area.pixels.reshape(-1, *area.valid.shape), self.pixels.reshape(-1, *self.valid.shape)
        for pixels, out in zip(*layers, strict=True):
            resample(
                pixels,
                *area[1:],
                nodes.image_xy,
                nodes.spacing,
                first,
                samples,
                rounds,
                out[target],
                self.valid[target],
            )


def remap_image(
    camera: Camera, surface: Surface, source: PixelSource, grid: Grid, radius_m: float, threads: int = 1
) -> RemappedImage:
    """Bring an image onto a map's grid by its camera.

    The camera's exact coordinates at nodes (see `orbitile.georeferencing.projection.inverse_grid`) are computed now,
    pixels as `blocks` is consumed, at most 16 million values of the image in memory per thread. Values are bilinear
    between the image's pixels; valid where all of those that count (share of at least 1/1000) are, in all bands. Where
    a pixel of the map covers more than 1.5 of the image's, it is the mean of as many values, valid where half of them
    are. OrbitileError where image and camera differ in size.
    """
    if (camera.width, camera.height) != (source.width, source.height):
        raise OrbitileError(
            f"the image has {source.width} x {source.height} px, but its camera {camera.width} x {camera.height}; "
            "is the camera that of another product, or the image a part of a larger one?"
        )
    view = MapView(camera, surface, grid, radius_m)
    return RemappedImage(source, compute_inverse_grid(view), threads)


def _output_windows(grid: Grid) -> Iterator[Window]:
    """A grid cut into windows of at most OUTPUT_WINDOW_PX, row by row."""
    width, height = OUTPUT_WINDOW_PX
    for row in range(0, grid.height, height):
        for col in range(0, grid.width, width):
            yield Window(col, row, min(width, grid.width - col), min(height, grid.height - row))


def _overlap(nodes: Nodes, window: Window) -> Window:
    """The window that a block shares with a window that it touches."""
    shared = Window(nodes.col, nodes.row, BLOCK_PX, BLOCK_PX).intersection(window)
    assert shared is not None  # InverseGrid.nodes yields only blocks that touch the window
    return shared


def _around(start: int, length: int, spacing: int) -> slice:
    """The nodes around pixels of a block, with those just outside that its pixels' borders are interpolated from."""
    return slice(max(start - 1, 0) // spacing, -(-(start + length) // spacing) + 1)


def _halves(
    parts: list[tuple[MapPart, Window]], image: Window, ratio: tuple[float, float]
) -> list[list[tuple[MapPart, Window]]]:
    """Parts and their windows of the image, in two lists."""
    if len(parts) > 1:
        return [parts[: len(parts) // 2], parts[len(parts) // 2 :]]
    halves = [(half, half.source_window(image, ratio)) for half in parts[0][0].halves()]
    return [[(half, area)] for half, area in halves if area is not None]
