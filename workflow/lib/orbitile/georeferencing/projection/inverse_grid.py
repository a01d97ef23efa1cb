"""Which pixel of an image belongs to each pixel of a map: the exact camera on coarse nodes, linear between them.

Nodes lie on centres of the map's pixels. A map is cut into blocks of 256 x 256 px; each has its own spacing of
nodes, at most 32 px. A block's error is measured, not estimated: its nodes but every second one of every second row
are the middles of cells twice as wide, and of their edges, and there linear interpolation within those wider cells is
compared with the exact camera. While it is off by more than the tolerance, the block's nodes are made twice as dense:
on rough terrain down to every pixel, where nothing is left to interpolate. The same is done where cells are visible in
part only, at the limb or where an elevation model ends. The error recorded is that measured at twice the spacing in
use, so that on smooth ground the true error is about a quarter of it. On an elevation model, what is less than 32 px
wide can hide between the first nodes in a block that is smooth elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from orbitile.georeferencing.cameras.camera import Camera
from orbitile.georeferencing.cameras.surfaces import Surface
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground

BLOCK_PX = 256
"""Side of a block; every block has its own spacing of nodes."""

COARSEST_SPACING_PX = 32
"""Spacing of the first nodes; their error is measured at twice of it."""

CELLS = BLOCK_PX // COARSEST_SPACING_PX

TOLERANCE_PX = 0.1
"""Error allowed in the image's pixels."""

CACHE_BYTES = 256 * 2**20
"""Memory for denser nodes, so that they need not be computed again."""

NODES_PER_CALL = 2**16
"""Largest number of nodes computed by one call of the camera, unless one block has more."""


@dataclass(frozen=True)
class MapView:
    """A camera over a surface of a body (radius in metres), as seen from the pixels of a map's grid."""

    camera: Camera
    surface: Surface
    grid: Grid
    radius_m: float

    def image_xy(self, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        """The image's pixel coordinates (..., 2: col, row) that see those of the grid (...); NaN where none do."""
        with np.errstate(invalid="ignore"):  # PROJ returns infinity beyond the map
            lon, lat = Ground(self.grid.crs_wkt, self.radius_m).lonlat(*self.grid.to_map(col, row))
        image_xy = np.full((*col.shape, 2), np.nan)
        on_body = np.isfinite(lon) & np.isfinite(lat)
        image_xy[on_body] = self._project(lon[on_body], lat[on_body])
        return image_xy

    def _project(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """The image's pixel coordinates (n, 2) of places on the surface."""
        points = self.surface.at(lon, lat)
        image_xy = np.full((len(lon), 2), np.nan)
        on_surface = np.isfinite(points).all(axis=-1)
        if on_surface.any():
            image_xy[on_surface] = np.column_stack(self.camera.to_image(points[on_surface]))
        image_xy[~np.isfinite(image_xy).all(axis=-1)] = np.nan
        return image_xy

    @property
    def image_size(self) -> np.ndarray:
        """Width and height of the image (2) in pixels."""
        return np.array([self.camera.width, self.camera.height])


class Nodes(NamedTuple):
    """A block's nodes: their pixel coordinates in the image (n, n, 2), their spacing, the block's first column and row.

    The first node lies on the centre of the block's first pixel.
    """

    image_xy: np.ndarray
    spacing: int
    col: int
    row: int


Blocks = np.ndarray
"""Rows and columns of blocks (n, 2), counted in blocks."""


class NodeCache:
    """Dense nodes (k, k, 2) by block, as many as there is memory for."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, int], np.ndarray] = {}
        self._bytes = 0

    def get(self, block: tuple[int, int]) -> np.ndarray | None:
        """A block's nodes, if they are in the cache."""
        return self._nodes.get(block)

    def add(self, blocks: Blocks, nodes: np.ndarray) -> None:
        """Store blocks' nodes (n, k, k, 2) if there is memory."""
        if self._bytes + nodes.nbytes <= CACHE_BYTES:
            self._nodes |= zip(map(tuple, blocks.tolist()), nodes, strict=True)
            self._bytes += nodes.nbytes


@dataclass(frozen=True, eq=False)
class InverseGrid:
    """Nodes for a complete map: coarse ones (rows, columns, 2), each block's spacing, and a cache of dense ones.

    `spacings` (block rows, block columns) are 0 where the image is not seen. `ratio` is how many of the image's pixels
    a pixel of the map is wide and high: the mean of a block, in the block where it is largest.
    """

    view: MapView
    coarse_nodes: np.ndarray
    spacings: np.ndarray
    error_px: float
    ratio: tuple[float, float]
    dense_nodes: NodeCache

    @property
    def spacing_px(self) -> int:
        """The least spacing of nodes, in pixels of the map; 0 if the image is not seen at all."""
        used = self.spacings[self.spacings > 0]
        return int(used.min()) if used.size else 0

    def nodes(self, window: Window) -> Iterator[Nodes]:
        """The nodes of all blocks that touch a window of the map and see the image."""
        top, left = window.row // BLOCK_PX, window.col // BLOCK_PX
        bottom, right = -(-(window.row + window.height) // BLOCK_PX), -(-(window.col + window.width) // BLOCK_PX)
        spacings = self.spacings[top:bottom, left:right]
        for spacing in np.unique(spacings[spacings > 0]).tolist():
            for (i, j), image_xy in self._block_nodes(np.add(np.argwhere(spacings == spacing), (top, left)), spacing):
                yield Nodes(image_xy, spacing, j * BLOCK_PX, i * BLOCK_PX)

    def _block_nodes(self, blocks: Blocks, spacing: int) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """Blocks of one spacing and their nodes (k, k, 2)."""
        get = self._coarse if spacing == COARSEST_SPACING_PX else self.dense_nodes.get
        missing = []
        for i, j in blocks.tolist():
            if (image_xy := get((i, j))) is None:
                missing.append((i, j))
            else:
                yield (i, j), image_xy
        for part in _parts(np.array(missing), spacing):
            yield from zip(map(tuple, part.tolist()), _block_nodes(self.view, part, spacing), strict=True)

    def _coarse(self, block: tuple[int, int]) -> np.ndarray:
        i, j = block
        return self.coarse_nodes[CELLS * i : CELLS * (i + 1) + 1, CELLS * j : CELLS * (j + 1) + 1]


class BlockErrors(NamedTuple):
    """Measured on the nodes of blocks (n): whether they see the image, the error at twice their spacing, the ratio.

    The error is infinite where cells are visible in part. `ratio` (n, 2) is the distance in the image, in pixels, from
    column to column and from row to row of the map.
    """

    is_used: np.ndarray
    error: np.ndarray
    ratio: np.ndarray


class BlockRow(NamedTuple):
    """A row of blocks: their spacings (n, 0 where the image is not seen), the largest error and ratio."""

    spacings: np.ndarray
    error: float
    ratio: np.ndarray


def compute_inverse_grid(view: MapView, tolerance_px: float = TOLERANCE_PX) -> InverseGrid:
    """Compute a map's nodes, block row by block row, so dense that no error above the tolerance is measured."""
    blocks = -(-view.grid.height // BLOCK_PX), -(-view.grid.width // BLOCK_PX)
    coarse = np.full((CELLS * blocks[0] + 1, CELLS * blocks[1] + 1, 2), np.nan)
    cache, rows = NodeCache(), []
    for i in range(blocks[0]):
        nodes = coarse[CELLS * i : CELLS * (i + 1) + 1]
        nodes[:] = _coarse_nodes(view, i, blocks[1])
        errors = measure_blocks(_in_blocks(nodes), view.image_size, COARSEST_SPACING_PX)
        rows.append(_refine(view, i, errors, tolerance_px, cache))
    across, down = np.max([row.ratio for row in rows], axis=0).tolist()
    error = max(row.error for row in rows)
    return InverseGrid(view, coarse, np.stack([row.spacings for row in rows]), error, (across, down), cache)


def _coarse_nodes(view: MapView, i: int, blocks: int) -> np.ndarray:
    """The coarse nodes (rows, columns, 2) of a row of blocks."""
    col = np.arange(CELLS * blocks + 1) * float(COARSEST_SPACING_PX) + 0.5
    row = np.arange(CELLS + 1) * float(COARSEST_SPACING_PX) + i * BLOCK_PX + 0.5
    return view.image_xy(*np.meshgrid(col, row))


def _block_nodes(view: MapView, blocks: Blocks, spacing: int) -> np.ndarray:
    """The nodes (n, k, k, 2) of blocks."""
    steps = np.arange(0, BLOCK_PX + 1, spacing) + 0.5
    row, col = (start[:, None] * BLOCK_PX + steps for start in blocks.T)
    shape = len(blocks), len(steps), len(steps)
    return view.image_xy(np.broadcast_to(col[:, None, :], shape), np.broadcast_to(row[:, :, None], shape))


def _parts(blocks: Blocks, spacing: int) -> Iterator[Blocks]:
    """Blocks in parts of no more nodes than are computed at once."""
    size = max(1, NODES_PER_CALL // (BLOCK_PX // spacing + 1) ** 2)
    return (blocks[start : start + size] for start in range(0, len(blocks), size))


def _refine(view: MapView, i: int, coarse: BlockErrors, tolerance_px: float, cache: NodeCache) -> BlockRow:
    """Compute denser nodes for those of a row of blocks whose error on coarse ones is too large."""
    spacings, errors = np.where(coarse.is_used, COARSEST_SPACING_PX, 0), coarse.error.copy()
    spacing = COARSEST_SPACING_PX
    while (errors > tolerance_px).any():
        spacing //= 2
        rough = np.flatnonzero(errors > tolerance_px)
        for part in _parts(np.column_stack([np.full(len(rough), i), rough]), spacing):
            image_xy, columns = _block_nodes(view, part, spacing), part[:, 1]
            errors[columns] = measure_blocks(image_xy, view.image_size, spacing).error if spacing > 1 else 0.0
            spacings[columns] = spacing
            enough = errors[columns] <= tolerance_px
            cache.add(part[enough], image_xy[enough])
    return BlockRow(spacings, float(errors.max(initial=0)), coarse.ratio.max(axis=0, initial=0))


def _in_blocks(nodes: np.ndarray) -> np.ndarray:
    """Coarse nodes of a row of blocks cut into blocks (n, rows, columns, 2), which share their borders."""
    views = np.lib.stride_tricks.sliding_window_view(nodes, CELLS + 1, axis=1)[:, ::CELLS]
    return np.moveaxis(views, [1, 3], [0, 2])


def measure_blocks(image_xy: np.ndarray, image_size: np.ndarray, spacing: int) -> BlockErrors:
    """Measure blocks' nodes (n, rows, columns, 2) in an image of a width and height (2); see BlockErrors."""
    corners = _corners(image_xy)
    deviation = _corners(_deviation(image_xy)[..., None])[..., 0].max(axis=0)  # NaN where that of a corner is
    reach = 1 + np.nan_to_num(deviation)[..., None]
    touches = ((np.fmax.reduce(corners) > -reach) & (np.fmin.reduce(corners) < image_size + reach)).all(axis=-1)
    error = np.where(touches, np.where(np.isnan(deviation), np.inf, deviation), 0).max(axis=(1, 2))
    return BlockErrors(touches.any(axis=(1, 2)), error, _ratio(image_xy, touches) / spacing)


def _corners(values: np.ndarray) -> np.ndarray:
    """The corners (4, n, rows, columns, k) of all cells between nodes (n, rows + 1, columns + 1, k)."""
    return np.stack([values[:, :-1, :-1], values[:, :-1, 1:], values[:, 1:, :-1], values[:, 1:, 1:]])


def _deviation(image_xy: np.ndarray) -> np.ndarray:
    """Distances (n, rows, columns) of nodes from those interpolated in every second of every second row, or NaN."""
    predicted = image_xy.copy()
    predicted[:, ::2, 1::2] = (image_xy[:, ::2, :-2:2] + image_xy[:, ::2, 2::2]) / 2
    predicted[:, 1::2] = (predicted[:, :-2:2] + predicted[:, 2::2]) / 2
    return np.linalg.norm(predicted - image_xy, axis=-1)


def _ratio(image_xy: np.ndarray, touches: np.ndarray) -> np.ndarray:
    """Mean distances (n, 2) in the image between nodes side by side, and one above the other, where it is visible."""
    across = np.linalg.norm(image_xy[:, :-1, 1:] - image_xy[:, :-1, :-1], axis=-1)
    down = np.linalg.norm(image_xy[:, 1:, :-1] - image_xy[:, :-1, :-1], axis=-1)
    distance = np.where(touches, [across, down], np.nan)
    count = np.isfinite(distance).sum(axis=(2, 3))
    return (np.nansum(distance, axis=(2, 3)) / np.maximum(count, 1)).T
