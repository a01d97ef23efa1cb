"""Which pixel of an image belongs to each pixel of a map: the exact camera on coarse nodes, linear between them.

Nodes lie on centres of the map's pixels. A map is cut into blocks of 256 x 256 px; each has its own spacing of
nodes, at most 32 px. A block's error is measured, not estimated: its nodes but every second one of every second row
are the middles of cells twice as wide, and of their edges, and there linear interpolation within those wider cells is
compared with the exact camera. While it is off by more than the tolerance, the block's nodes are taken twice as dense:
on rough terrain down to every pixel, where nothing is left to interpolate. The same is done where cells are seen in
part only, at the limb or where an elevation model ends. What is recorded is what was measured at twice the spacing in
use, so that on smooth ground the true error is about a quarter of it. On an elevation model, what is less than 32 px
wide can hide between the first nodes in a block that is smooth elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from orbitile.cameras.camera import Camera
from orbitile.cameras.surfaces import Surface
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground

BLOCK_PX = 256
"""Side of a block, the unit that has a spacing of its own."""

COARSEST_PX = 32
"""Spacing of the first nodes; their error is measured at twice of it."""

CELLS = BLOCK_PX // COARSEST_PX

TOLERANCE_PX = 0.1
"""Error allowed in the image's pixels."""

KEPT_BYTES = 256 * 2**20
"""Memory for denser nodes, so that they need not be computed again."""

AT_ONCE = 2**16
"""Nodes that the camera is asked for at once, or those of one block."""


@dataclass(frozen=True)
class View:
    """A camera over a surface of a body (radius in metres), as seen from the pixels of a map's grid."""

    camera: Camera
    surface: Surface
    grid: Grid
    radius_m: float

    def seen(self, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        """The image's pixel coordinates (..., 2: col, row) that see those of the grid (...); NaN where none do."""
        with np.errstate(invalid="ignore"):  # PROJ answers with infinity beyond the map
            lon, lat = Ground(self.grid.crs_wkt, self.radius_m).lonlat(*self.grid.to_map(col, row))
        found = np.full((*col.shape, 2), np.nan)
        known = np.isfinite(lon) & np.isfinite(lat)
        found[known] = self._imaged(lon[known], lat[known])
        return found

    def _imaged(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """The image's pixel coordinates (n, 2) of places on the surface."""
        points = self.surface.at(lon, lat)
        found = np.full((len(lon), 2), np.nan)
        known = np.isfinite(points).all(axis=-1)
        if known.any():
            found[known] = np.column_stack(self.camera.to_image(points[known]))
        found[~np.isfinite(found).all(axis=-1)] = np.nan
        return found

    @property
    def image(self) -> np.ndarray:
        """Width and height of the image (2) in pixels."""
        return np.array([self.camera.width, self.camera.height])


class Nodes(NamedTuple):
    """A block's nodes: their pixel coordinates in the image (n, n, 2), their spacing, the block's first column and row.

    The first node lies on the centre of the block's first pixel.
    """

    seen: np.ndarray
    spacing: int
    col: int
    row: int


Blocks = np.ndarray
"""Rows and columns of blocks (n, 2), counted in blocks."""


class Kept:
    """Dense nodes (k, k, 2) by block, as many as there is memory for."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], np.ndarray] = {}
        self._bytes = 0

    def get(self, block: tuple[int, int]) -> np.ndarray | None:
        """A block's nodes, if they were kept."""
        return self._seen.get(block)

    def add(self, blocks: Blocks, seen: np.ndarray) -> None:
        """Keep blocks' nodes (n, k, k, 2) if there is memory."""
        if self._bytes + seen.nbytes <= KEPT_BYTES:
            self._seen |= zip(map(tuple, blocks.tolist()), seen, strict=True)
            self._bytes += seen.nbytes


@dataclass(frozen=True, eq=False)
class InverseGrid:
    """Nodes for a whole map: the coarse ones (rows, columns, 2), each block's spacing, and dense ones that are kept.

    `spacings` (block rows, block columns) are 0 where the image is not seen. `ratio` is how many of the image's pixels
    a pixel of the map is wide and high: the mean of a block, in the block where it is largest.
    """

    view: View
    coarse: np.ndarray
    spacings: np.ndarray
    error_px: float
    ratio: tuple[float, float]
    kept: Kept

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
            for (i, j), seen in self._seen(np.add(np.argwhere(spacings == spacing), (top, left)), spacing):
                yield Nodes(seen, spacing, j * BLOCK_PX, i * BLOCK_PX)

    def _seen(self, blocks: Blocks, spacing: int) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """Blocks of one spacing and their nodes (k, k, 2)."""
        known = self._coarse if spacing == COARSEST_PX else self.kept.get
        missing = []
        for i, j in blocks.tolist():
            if (seen := known((i, j))) is None:
                missing.append((i, j))
            else:
                yield (i, j), seen
        for part in _parts(np.array(missing), spacing):
            yield from zip(map(tuple, part.tolist()), _block_nodes(self.view, part, spacing), strict=True)

    def _coarse(self, block: tuple[int, int]) -> np.ndarray:
        i, j = block
        return self.coarse[CELLS * i : CELLS * (i + 1) + 1, CELLS * j : CELLS * (j + 1) + 1]


class Measured(NamedTuple):
    """What nodes of blocks (n) tell: whether they see the image, the error at twice their spacing, pixels per pixel.

    The error is infinite where cells are seen in part. `ratio` (n, 2) is how far it is in the image, in pixels, from
    column to column and from row to row of the map.
    """

    is_used: np.ndarray
    error: np.ndarray
    ratio: np.ndarray


class Band(NamedTuple):
    """What was found in a row of blocks: their spacings (n, 0 where the image is not seen), largest error and ratio."""

    spacings: np.ndarray
    error: float
    ratio: np.ndarray


def inverse_grid(view: View, tolerance_px: float = TOLERANCE_PX) -> InverseGrid:
    """Compute a map's nodes, block row by block row, so dense that no error above the tolerance is measured."""
    blocks = -(-view.grid.height // BLOCK_PX), -(-view.grid.width // BLOCK_PX)
    coarse = np.full((CELLS * blocks[0] + 1, CELLS * blocks[1] + 1, 2), np.nan)
    kept, bands = Kept(), []
    for i in range(blocks[0]):
        nodes = coarse[CELLS * i : CELLS * (i + 1) + 1]
        nodes[:] = _band_nodes(view, i, blocks[1])
        bands.append(_dense_enough(view, i, measure(_in_blocks(nodes), view.image, COARSEST_PX), tolerance_px, kept))
    ratio = np.max([band.ratio for band in bands], axis=0)
    error = max(band.error for band in bands)
    return InverseGrid(view, coarse, np.stack([band.spacings for band in bands]), error, tuple(ratio.tolist()), kept)


def _band_nodes(view: View, i: int, blocks: int) -> np.ndarray:
    """The coarse nodes (rows, columns, 2) of a row of blocks."""
    col = np.arange(CELLS * blocks + 1) * float(COARSEST_PX) + 0.5
    row = np.arange(CELLS + 1) * float(COARSEST_PX) + i * BLOCK_PX + 0.5
    return view.seen(*np.meshgrid(col, row))


def _block_nodes(view: View, blocks: Blocks, spacing: int) -> np.ndarray:
    """The nodes (n, k, k, 2) of blocks."""
    steps = np.arange(0, BLOCK_PX + 1, spacing) + 0.5
    row, col = (start[:, None] * BLOCK_PX + steps for start in blocks.T)
    shape = len(blocks), len(steps), len(steps)
    return view.seen(np.broadcast_to(col[:, None, :], shape), np.broadcast_to(row[:, :, None], shape))


def _parts(blocks: Blocks, spacing: int) -> Iterator[Blocks]:
    """Blocks in parts of no more nodes than are computed at once."""
    size = max(1, AT_ONCE // (BLOCK_PX // spacing + 1) ** 2)
    return (blocks[start : start + size] for start in range(0, len(blocks), size))


def _dense_enough(view: View, i: int, found: Measured, tolerance: float, kept: Kept) -> Band:
    """Compute denser nodes for those of a row of blocks of whose coarse ones too large an error was found."""
    spacings, errors, spacing = np.where(found.is_used, COARSEST_PX, 0), found.error.copy(), COARSEST_PX
    while (errors > tolerance).any():
        spacing //= 2
        rough = np.flatnonzero(errors > tolerance)
        for part in _parts(np.column_stack([np.full(len(rough), i), rough]), spacing):
            seen, which = _block_nodes(view, part, spacing), part[:, 1]
            errors[which] = measure(seen, view.image, spacing).error if spacing > 1 else 0.0
            spacings[which] = spacing
            enough = errors[which] <= tolerance
            kept.add(part[enough], seen[enough])
    return Band(spacings, float(errors.max(initial=0)), found.ratio.max(axis=0, initial=0))


def _in_blocks(band: np.ndarray) -> np.ndarray:
    """A band of coarse nodes cut into blocks (n, rows, columns, 2), which share their borders."""
    views = np.lib.stride_tricks.sliding_window_view(band, CELLS + 1, axis=1)[:, ::CELLS]
    return np.moveaxis(views, [1, 3], [0, 2])


def measure(seen: np.ndarray, image: np.ndarray, spacing: int) -> Measured:
    """What blocks' nodes (n, rows, columns, 2) in an image of a width and height (2) tell; see Measured."""
    corners = _corners(seen)
    off = _corners(_deviation(seen)[..., None])[..., 0].max(axis=0)  # NaN where one of them is
    reach = 1 + np.nan_to_num(off)[..., None]
    touches = ((np.fmax.reduce(corners) > -reach) & (np.fmin.reduce(corners) < image + reach)).all(axis=-1)
    error = np.where(touches, np.where(np.isnan(off), np.inf, off), 0).max(axis=(1, 2))
    return Measured(touches.any(axis=(1, 2)), error, _ratio(seen, touches) / spacing)


def _corners(values: np.ndarray) -> np.ndarray:
    """The corners (4, n, rows, columns, k) of all cells between nodes (n, rows + 1, columns + 1, k)."""
    return np.stack([values[:, :-1, :-1], values[:, :-1, 1:], values[:, 1:, :-1], values[:, 1:, 1:]])


def _deviation(seen: np.ndarray) -> np.ndarray:
    """How far nodes (n, rows, columns, 2) are from what every second of every second row predicts; NaN if unknown."""
    predicted = seen.copy()
    predicted[:, ::2, 1::2] = (seen[:, ::2, :-2:2] + seen[:, ::2, 2::2]) / 2
    predicted[:, 1::2] = (predicted[:, :-2:2] + predicted[:, 2::2]) / 2
    return np.linalg.norm(predicted - seen, axis=-1)


def _ratio(seen: np.ndarray, touches: np.ndarray) -> np.ndarray:
    """Mean distances (n, 2) in the image of nodes side by side, and of nodes one above the other, in what it sees."""
    across = np.linalg.norm(seen[:, :-1, 1:] - seen[:, :-1, :-1], axis=-1)
    down = np.linalg.norm(seen[:, 1:, :-1] - seen[:, :-1, :-1], axis=-1)
    distance = np.where(touches, [across, down], np.nan)
    count = np.isfinite(distance).sum(axis=(2, 3))
    return (np.nansum(distance, axis=(2, 3)) / np.maximum(count, 1)).T
