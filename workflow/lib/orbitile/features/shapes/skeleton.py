"""Centre lines of masks: chains of pixels block by block, joined to complete lines and smoothed.

Coordinates are those of the map's lattice (column, row): a pixel's centre lies at its first corner + 0.5. The third
coordinate of a line is the width there, in pixels, perpendicular to it.

Thinning and pruning are local. A block is read with a halo of HALO_PX pixels; as long as a mask is nowhere wider than
WIDEST_PX, the chains do not depend on the blocks. With wider shapes they may: near an edge of a block a line can then
be slightly off, or end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from scipy.spatial import cKDTree

from orbitile.features.shapes import compiled_loops
from orbitile.features.shapes.polygons import BLOCK_PX, window_blocks
from orbitile.space.grids import Window

HALO_PX = 192
"""Reach of thinning (about WIDEST_PX), two rounds of pruning (LONGEST_SPUR_PX each) and smoothing."""
WIDEST_PX = 60
SPUR_TO_HALF_WIDTH = 1.5
"""A side branch that is shorter than this many half widths where it leaves is a bump of the edge."""
LONGEST_SPUR_PX = SPUR_TO_HALF_WIDTH * WIDEST_PX / 2
"""No spur is longer, so that the reach of pruning is limited."""
SMOOTHING_PX = 3.0
CHORD_STEP_PX = 0.25
CHORD_MARGIN_PX = 2.0
"""How much farther than the nearer edge the other edge may be: Zhang's skeletons are not always in the middle."""
TOLERANCE_PX, WIDTH_TOLERANCE_PX = 0.25, 0.5
"""How far simplified lines, and their widths, may be from the smooth ones."""
WIDTH_DECIMALS = 3
"""Chains run in either direction in different blocks; rounding makes widths independent of it."""
LOOP_PER_SIGMA = 16
"""Small loops are smoothed less: with a sigma of this part of their length, or they would shrink to a point."""


def mask_chains(
    read: Callable[[Window], np.ndarray], window: Window, minimum_px: float = 10.0, side: int = BLOCK_PX
) -> np.ndarray:
    """Centre lines of a mask (bool) of any size as chains of pixels, read in blocks of `side` pixels.

    `window` and the windows that `read` is called with are in pixels of the lattice. The latter reach HALO_PX beyond
    `window`, where the mask must continue as in the neighbouring scene, or be False. Each edge between two pixels
    belongs to the window with the first of them in reading order, so that neighbours' chains meet. Branches with a free
    end that are shorter than `minimum_px`, or than 1.5 half widths where they begin, are left out. A single pixel gives
    no chain. Returns lines with widths (shapely LineStrings with z).
    """
    chains = [block_chains(read(block.grown(HALO_PX)), block, minimum_px) for block in window_blocks(window, side)]
    return np.concatenate([np.zeros(0, object), *chains])


def block_chains(mask: np.ndarray, block: Window, minimum_px: float = 10.0) -> np.ndarray:
    """Chains of a block; `mask` (bool) reaches HALO_PX beyond it on all sides."""
    if not mask.any():
        return np.zeros(0, object)
    edge = SkeletonEdge(mask)
    skeleton = skeletonise(mask, edge, minimum_px)
    pixels, starts = skeleton.chains()
    width = _widths(mask, edge, pixels, starts)
    return _chains_of_block(pixels - HALO_PX, starts, width, block)


@dataclass(frozen=True)
class Skeleton:
    """Lines one pixel wide: the image (bool), which has a border of False, and its pixels in reading order."""

    image: np.ndarray
    rows: np.ndarray
    cols: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> "Skeleton":
        """The skeleton of an image (bool) that is thin already; pixels that only round off steps are removed."""
        image = image.copy()
        image[[0, -1]] = image[:, [0, -1]] = False
        return cls(image, *np.nonzero(image))._tidied()

    def without_spurs(self, degree: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> "Skeleton":
        """The skeleton without the branches that begin at given free ends; `degree` is that of `degrees`."""
        image = self.image.copy()
        compiled_loops.erase_spurs(self.image, degree, rows, cols, image)
        return Skeleton(image, self.rows, self.cols)._tidied()

    def _tidied(self) -> "Skeleton":
        """The skeleton after steps are removed from its image, in place; it lists the pixels that are still set."""
        compiled_loops.remove_corners(self.image, self.rows, self.cols)
        is_set = self.image[self.rows, self.cols]
        return Skeleton(self.image, self.rows[is_set], self.cols[is_set])

    def degrees(self) -> np.ndarray:
        """How many neighbours each pixel is linked with (uint8 image): 1 at free ends, 3 and more at junctions."""
        degree = np.zeros(self.image.shape, np.uint8)
        compiled_loops.count_links(self.image, self.rows, self.cols, degree)
        return degree

    def chains(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n: row, column) of all branches and loops, and the start of each (chains + 1)."""
        degree = self.degrees()
        edges = int(degree[self.rows, self.cols].sum()) // 2
        pixels, ends = np.empty((2 * edges, 2), np.int64), np.empty(edges, np.int64)
        number = compiled_loops.trace_chains(self.image, degree, self.rows, self.cols, pixels, ends)
        starts = np.concatenate([[0], ends[:number]])
        return pixels[: starts[-1]], starts


class SkeletonEdge:
    """The pixels around a mask's edge, outside it."""

    def __init__(self, mask: np.ndarray) -> None:
        self._pixels = cKDTree(np.argwhere(~mask & ~_inside(~mask)))

    def distances(self, pixels: np.ndarray) -> np.ndarray:
        """Distances (n) of pixels (n: row, column) to the nearest one outside the mask, at most WIDEST_PX."""
        if not self._pixels.n or not len(pixels):
            return np.full(len(pixels), float(WIDEST_PX))
        return np.minimum(self._pixels.query(pixels)[0], WIDEST_PX)


def skeletonise(mask: np.ndarray, edge: SkeletonEdge, minimum_px: float) -> Skeleton:
    """The skeleton of a mask (bool) without spurs, after two rounds of pruning."""
    skeleton = Skeleton.of(thin_mask(mask))
    for _ in range(2):  # the rest of a fork may be a spur itself
        skeleton = _pruned(skeleton, edge, minimum_px)
    return skeleton


def thin_mask(mask: np.ndarray) -> np.ndarray:
    """The pixels (bool) of a mask (bool) that remain when it is thinned to lines, connected as before.

    By Guo & Hall 1989, algorithm A1: it is parallel, so that a pixel depends only on its surroundings within the width
    of the mask. (Zhang & Suen's, which is better known, loses diagonal lines of two pixels.)
    """
    image = np.pad(mask, 1)
    compiled_loops.thin_image(image, np.argwhere(image & ~_inside(image)).astype(np.int32), _removable())
    return image[1:-1, 1:-1]


def _inside(image: np.ndarray) -> np.ndarray:
    """Pixels whose neighbours along both axes are set."""
    inside = image.copy()
    inside[1:] &= image[:-1]
    inside[:-1] &= image[1:]
    inside[:, 1:] &= image[:, :-1]
    inside[:, :-1] &= image[:, 1:]
    return inside


@cache
def _removable() -> np.ndarray:
    """Whether a pixel is removed, by its surroundings as bits, in the two turns of Guo & Hall's algorithm (2, 256)."""
    east, southeast, south, southwest, west, northwest, north, northeast = (
        (np.arange(256) >> k & 1).astype(bool) for k in range(8)
    )
    ring = [north, northeast, east, southeast, south, southwest, west, northwest]
    sides = sum((~ring[k] & (ring[k + 1] | ring[(k + 2) % 8])).astype(int) for k in (0, 2, 4, 6))
    pairs = [sum((ring[k - 1 + shift] | ring[(k + shift) % 8]).astype(int) for k in (0, 2, 4, 6)) for shift in (0, 1)]
    fewest = np.minimum(*pairs)
    may_go = (sides == 1) & (fewest >= 2) & (fewest <= 3)
    north_east = (north | northeast | ~southeast) & east
    south_west = (south | southwest | ~northwest) & west
    return np.stack([may_go & ~north_east, may_go & ~south_west])


def _pruned(skeleton: Skeleton, edge: SkeletonEdge, minimum_px: float) -> Skeleton:
    """A skeleton without its short branches that have a free end."""
    degree = skeleton.degrees()
    is_end = degree[skeleton.rows, skeleton.cols] == 1
    rows, cols = skeleton.rows[is_end], skeleton.cols[is_end]
    junctions, lengths = np.zeros((len(rows), 2), np.int64), np.zeros(len(rows))
    compiled_loops.walk_spurs(skeleton.image, degree, rows, cols, LONGEST_SPUR_PX, junctions, lengths)
    limit = np.maximum(minimum_px, SPUR_TO_HALF_WIDTH * edge.distances(junctions))
    spurs = np.flatnonzero(lengths < np.minimum(limit, LONGEST_SPUR_PX))
    spurs = spurs[_dispensable(junctions[spurs], lengths[spurs], degree)]
    return skeleton.without_spurs(degree, rows[spurs], cols[spurs])


def _dispensable(junctions: np.ndarray, lengths: np.ndarray, degree: np.ndarray) -> np.ndarray:
    """Which spurs may be removed: where a junction has only spurs, the two longest stay as one line."""
    order = np.lexsort([-lengths, junctions[:, 1], junctions[:, 0]])
    junctions = junctions[order]
    is_first = np.append(True, (junctions[1:] != junctions[:-1]).any(axis=1))[: len(order)]
    group = np.cumsum(is_first) - 1
    rank = np.arange(len(order)) - np.flatnonzero(is_first)[group]
    has_more = np.bincount(group)[group] < degree[junctions[:, 0], junctions[:, 1]]
    may_go = np.empty(len(order), bool)
    may_go[order] = has_more | (rank >= 2)
    return may_go


def _widths(mask: np.ndarray, edge: SkeletonEdge, pixels: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Width of a mask at the pixels (n: row, column) of chains, in pixels, perpendicular to the smoothed chains.

    The mean of such chords is the area over the length, whatever the angle of the line to the pixels; twice the
    distance to the edge would be off by up to a pixel.
    """
    along = _directions(pixels.astype(float), starts)
    across = np.column_stack([along[:, 1], -along[:, 0]])
    reach = edge.distances(pixels) + CHORD_MARGIN_PX
    width = np.empty(len(pixels))
    compiled_loops.measure_chords(mask, pixels, across, reach, CHORD_STEP_PX, width)
    return np.round(width, WIDTH_DECIMALS)


def _directions(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 2) along lines at their points, after smoothing."""
    smoothed = _convolved(points, starts, _free_loops(points, starts), SMOOTHING_PX, is_odd=True)
    before, after = np.arange(len(points)) - 1, np.arange(len(points)) + 1
    before[starts[:-1]] += 1
    after[starts[1:] - 1] -= 1
    direction = smoothed[after] - smoothed[before]
    return direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), np.finfo(float).tiny)


def _chains_of_block(pixels: np.ndarray, starts: np.ndarray, width: np.ndarray, block: Window) -> np.ndarray:
    """The stretches of chains whose edges belong to a block: those with their first pixel, in reading order, in it."""
    precedes = _comes_first(pixels[:-1], pixels[1:])
    pixel = np.where(precedes[:, None], pixels[:-1], pixels[1:])
    is_owned = np.all((pixel >= 0) & (pixel < [block.height, block.width]), axis=1)
    is_owned[starts[1:-1] - 1] = False  # from one chain to the next
    change = np.flatnonzero(np.diff(is_owned, prepend=False, append=False))
    begin, end = change[::2], change[1::2] + 1
    centres = np.column_stack([pixels[:, ::-1] + [block.col + 0.5, block.row + 0.5], width])
    return _lines(*_stretches(centres, begin, end))


def _comes_first(pixel: np.ndarray, next_pixel: np.ndarray) -> np.ndarray:
    """Which pixels (n: row, column) come before the others in reading order."""
    return (pixel[:, 0] < next_pixel[:, 0]) | ((pixel[:, 0] == next_pixel[:, 0]) & (pixel[:, 1] < next_pixel[:, 1]))


def _stretches(points: np.ndarray, begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stretches of points as points and starts."""
    starts = _starts(end - begin)
    return points[np.repeat(begin - starts[:-1], end - begin) + np.arange(starts[-1])], starts


def _lines(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return shapely.from_ragged_array(shapely.GeometryType.LINESTRING, points, (starts,))


def _points(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3: x, y, width) of lines, and where each starts (lines + 1)."""
    points = shapely.get_coordinates(lines, include_z=True)
    return points, _starts(shapely.get_num_coordinates(lines))


def _free_loops(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Which lines are closed and meet no other line where they begin."""
    position = points[:, 0] + 1j * points[:, 1]
    first, last = position[starts[:-1]], position[starts[1:] - 1]
    _, index, count = np.unique(np.concatenate([first, last]), return_inverse=True, return_counts=True)
    return (first == last) & (count[index[: len(first)]] == 2)


def _convolved(
    points: np.ndarray, starts: np.ndarray, is_loop: np.ndarray, sigma_px: float | np.ndarray, is_odd: bool
) -> np.ndarray:
    """Columns of points along lines after smoothing; small loops are smoothed less.

    By a Gaussian g twice, as 2 g - g * g: a Gaussian alone moves bends inwards, this one only by the square of that.
    """
    sigmas = np.where(is_loop, np.minimum(sigma_px, np.diff(starts) / LOOP_PER_SIGMA), sigma_px)
    once = compiled_loops.convolve_lines(points, starts, is_loop, sigmas, is_odd)
    return 2 * once - compiled_loops.convolve_lines(once, starts, is_loop, sigmas, is_odd)


def join_lines(chains: np.ndarray) -> np.ndarray:
    """Branches between junctions and free ends, and loops, of the chains of all blocks and scenes.

    Their direction and order do not depend on how they were divided: each begins at the end that comes first in reading
    order, a loop that meets no other line at its first point; lines are in the order of their beginnings.
    """
    if not len(chains):
        return chains
    merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(chains)))
    points, starts = _points(merged)
    is_free = _free_loops(points, starts)
    ordered = [
        _canonical(points[begin:end], free)
        for begin, end, free in zip(starts[:-1].tolist(), starts[1:].tolist(), is_free.tolist(), strict=True)
    ]
    first, second = (np.array([line[i, :2] for line in ordered]) for i in (0, 1))
    order = np.lexsort([second[:, 0], second[:, 1], first[:, 0], first[:, 1]])
    return _lines(np.concatenate([ordered[i] for i in order]), _starts(np.diff(starts)[order]))


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)])


def _canonical(points: np.ndarray, is_free_loop: bool) -> np.ndarray:
    """The points (n, 3) of a line in reading order: its direction, and the first point of a free loop."""
    if is_free_loop:
        start = np.lexsort([points[:-1, 0], points[:-1, 1]])[0]
        points = np.concatenate([points[start:-1], points[: start + 1]])
    is_closed = (points[0, :2] == points[-1, :2]).all()
    start, end = (points[1], points[-2]) if is_closed else (points[0], points[-1])
    return points if (start[1], start[0]) < (end[1], end[0]) else points[::-1]


def smooth_lines(lines: np.ndarray, sigma_px: float | np.ndarray = SMOOTHING_PX) -> np.ndarray:
    """Lines of pixel centres, with widths, as smooth lines of fewer points.

    Gaussian smoothing along each line, by steps from pixel to pixel, removes the stairs of the pixels; ends keep their
    positions, so that branches still meet at junctions. Then points are left out as long as lines stay within
    TOLERANCE_PX and widths within WIDTH_TOLERANCE_PX (Douglas & Peucker 1973). All branches of a network must be given
    at once, or loops at a junction are treated as loops that meet no other line. Where the map stretches pixels,
    multiply `sigma_px`, which may be one for each line, by `Lattice.stretch`: at 85 degrees in an equirectangular map
    lines are otherwise up to 6 % too long on the ground, and 5 % too narrow.
    """
    if not len(lines):
        return lines
    points, starts = _points(lines)
    is_loop = _free_loops(points, starts)
    positions = _convolved(points[:, :2].copy(), starts, is_loop, sigma_px, is_odd=True)
    width = _convolved(points[:, 2:].copy(), starts, is_loop, sigma_px, is_odd=False)
    points, is_kept = np.column_stack([positions, width]), np.zeros(len(points), bool)
    compiled_loops.simplify_lines(points, starts, TOLERANCE_PX, WIDTH_TOLERANCE_PX, is_kept)
    return _lines(points[is_kept], _starts(np.add.reduceat(is_kept.astype(np.int64), starts[:-1])))
