"""Polygons of masks: exact outlines on pixel corners, independent of how the mask was cut into blocks.

Coordinates are those of pixel corners on the map's lattice (column, row), whole numbers. Two pixels belong to one
polygon if they share an edge, and to one feature if they share a corner.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np
import shapely
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from orbitile.features.shapes.compiled_loops import count_corners, find_contacts, trace_rings
from orbitile.space.grids import Window

BLOCK_PX = 4096
"""Side of the blocks that large masks are read in: some 200 MB of memory at a time."""


@dataclass(frozen=True)
class PieceLayers:
    """A window's mask (rows, columns; bool), and layers of the same shape to sum up over its polygons.

    `probability` is 0..255, `near_nodata` marks pixels close to pixels without data; None counts as 0.
    """

    mask: np.ndarray
    probability: np.ndarray | None = None
    near_nodata: np.ndarray | None = None


@dataclass(frozen=True)
class FeaturePieces:
    """Polygons of a mask, or of a block of it: 4-connected regions with their holes."""

    polygons: np.ndarray
    """Shapely polygons (n)."""
    pixels: np.ndarray
    """Pixels of each (n)."""
    probability: np.ndarray
    """Sum of their probabilities (n), 0..255 each."""
    near_nodata: np.ndarray
    """Pixels of each that are close to pixels without data (n)."""
    at_edge: np.ndarray
    """Whether a polygon reaches the edge of its block (n): only these can touch polygons of other blocks."""
    contacts: np.ndarray
    """Polygons of one block that touch at a corner (m, 2)."""

    def __len__(self) -> int:
        return len(self.polygons)

    @classmethod
    def concat(cls, parts: Iterable["FeaturePieces"]) -> "FeaturePieces":
        """One table of several; without any, an empty one."""
        parts = [mask_polygons(PieceLayers(np.zeros((0, 0), bool)), 0, 0), *parts]
        first = np.cumsum([0, *(len(part) for part in parts)])
        columns = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)}
        contacts = [part.contacts + offset for part, offset in zip(parts, first[:-1], strict=True)]
        return cls(**columns | dict(contacts=np.concatenate(contacts)))

    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """Features of all pieces, and the feature of each piece (see `join_features`)."""
        return join_features(self.polygons, self.contacts, self.at_edge)


def mask_pieces(read: Callable[[Window], PieceLayers], window: Window, side: int = BLOCK_PX) -> FeaturePieces:
    """Polygons of a mask of any size, read in blocks of `side` pixels.

    `window` and the windows that `read` is called with are in pixels of the lattice.
    """
    return FeaturePieces.concat(
        mask_polygons(read(block), block.col, block.row) for block in window_blocks(window, side)
    )


def window_blocks(window: Window, side: int) -> Iterator[Window]:
    """Divide a window into blocks at the lattice's multiples of `side`."""
    right, bottom = window.col + window.width, window.row + window.height
    for row in range(window.row // side * side, bottom, side):
        for col in range(window.col // side * side, right, side):
            if shared := Window(col, row, side, side).intersection(window):
                yield shared


def mask_polygons(layers: PieceLayers, col: int, row: int) -> FeaturePieces:
    """Polygons of a block whose first pixel is (col, row) on the lattice; valid, without collinear vertices."""
    padded = np.zeros((layers.mask.shape[0] + 2, layers.mask.shape[1] + 2), bool)
    padded[1:-1, 1:-1] = layers.mask
    if padded.any():
        labels = np.zeros(padded.shape, np.int32)
        number = ndimage.label(padded, output=labels)
    else:
        labels, number = np.zeros((2, 2), np.int32), 0
    vertices, contacts = count_corners(labels)
    pairs = np.zeros((contacts, 2), np.int32)
    find_contacts(labels, pairs)
    polygons = _polygons(labels, number, vertices, np.array([col - 1, row - 1]))
    inner_labels = labels[1:-1, 1:-1]
    height, width = layers.mask.shape
    return FeaturePieces(
        polygons,
        *_sums(inner_labels, number, layers),
        reach_edge(polygons, Window(col, row, width, height)),
        np.unique(pairs.astype(np.int64) - 1, axis=0),
    )


def reach_edge(polygons: np.ndarray, window: Window) -> np.ndarray:
    """Which polygons (n) touch the edge of the window that they lie in: only these can continue beyond it."""
    low, high = np.split(shapely.bounds(polygons), 2, axis=1)
    first = np.array([window.col, window.row])
    return ((low <= first) | (high >= first + np.array([window.width, window.height]))).any(axis=1)


def _polygons(labels: np.ndarray, number: int, vertices: int, origin: np.ndarray) -> np.ndarray:
    """Shapely polygons of a labelled block with an empty border, in the order of the labels."""
    max_rings = vertices // 4
    corners, ends = np.empty((vertices + max_rings, 2), np.int32), np.zeros(max_rings, np.int64)
    owners, is_hole = np.zeros(max_rings, np.int32), np.zeros(max_rings, bool)
    rings = trace_rings(labels, corners, ends, owners, is_hole)
    ends, owners, is_hole = ends[:rings], owners[:rings], is_hole[:rings]
    order = np.lexsort([is_hole, owners])
    length = np.diff(ends, prepend=0)[order]
    offsets = np.concatenate([[0], np.cumsum(length)])
    sources = np.repeat(ends[order] - length - offsets[:-1], length) + np.arange(offsets[-1])
    of_polygon = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=number + 1)[1:])])
    coords = (corners[sources] + origin).astype(float)
    return shapely.from_ragged_array(shapely.GeometryType.POLYGON, coords, (offsets, of_polygon))


def _sums(labels: np.ndarray, number: int, layers: PieceLayers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of each label (n), and the sums over them of probability and of pixels near nodata (whole numbers)."""
    if not number:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    label_of_pixel = labels[layers.mask] - 1

    def summed(layer: np.ndarray | None) -> np.ndarray:
        values = np.zeros(0) if layer is None else layer[layers.mask]
        return np.bincount(label_of_pixel[: len(values)], values, minlength=number).astype(np.int64)

    pixels = np.bincount(label_of_pixel, minlength=number)
    return pixels, summed(layers.probability), summed(layers.near_nodata)


def join_features(
    polygons: np.ndarray, contacts: np.ndarray | None = None, at_edge: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Features of pieces on the lattice: pieces that overlap or touch, even at a corner, are one feature.

    `polygons` (n) are polygons or multipolygons. Given `at_edge` (n, bool), only these pieces are compared, in addition
    to the pairs `contacts` (m, 2) that touch at corners. Returns polygons and multipolygons in normal form, in the
    order of their topmost (leftmost of these) pixel, and the number of the feature of each piece (n). The result does
    not depend on how a mask was divided into pieces.
    """
    n = len(polygons)
    if not n:
        return polygons, np.zeros(0, np.int64)
    candidates = np.arange(n) if at_edge is None else np.flatnonzero(at_edge)
    touching = touching_pairs(polygons, candidates)
    solid = component_numbers(touching, n)
    links = touching if contacts is None else np.concatenate([touching, contacts])
    feature = component_numbers(links, n)
    parts, part_of = _unions(polygons, solid)
    features = _assemble(_without_collinear(parts), _value_by_group(solid, feature)[part_of])
    order = np.argsort(_topmost(features))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return features[order], rank[feature]


def touching_pairs(polygons: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Pairs (m, 2) among the candidates (indices) that share at least a point."""
    tree = shapely.STRtree(polygons[candidates])
    i, j = tree.query(polygons[candidates], predicate="intersects")
    return candidates[np.column_stack([i, j])[i < j]]


def component_numbers(pairs: np.ndarray, n: int) -> np.ndarray:
    """The number of the connected component of each of n nodes; `pairs` (m, 2) are linked."""
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(links, directed=False)[1].astype(np.int64)


def _value_by_group(group: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The value of each group, which all its members share."""
    values = np.empty(group.max() + 1, value.dtype)
    values[group] = value
    return values


def _unions(polygons: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The single polygons of each group's union, and their groups."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    united = polygons[order[starts]]
    sizes = np.diff(np.append(starts, len(order)))
    for i in np.flatnonzero(sizes > 1).tolist():
        united[i] = shapely.union_all(polygons[order[starts[i] : starts[i] + sizes[i]]])
    return shapely.get_parts(united, return_index=True)


def _without_collinear(polygons: np.ndarray) -> np.ndarray:
    """Polygons with edges along the axes, without the vertices in the middle of an edge."""
    kind, coords, (ring_ends, polygon_ends) = shapely.to_ragged_array(polygons)
    ring = np.repeat(np.arange(len(ring_ends) - 1), np.diff(ring_ends) - 1)
    vertex = np.arange(len(ring)) + ring  # every ring repeats its first vertex vertex its end
    before = np.where(vertex == ring_ends[ring], ring_ends[ring + 1] - 2, vertex - 1)
    is_corner = (coords[before] != coords[vertex + 1]).all(axis=1)
    vertex, ring = vertex[is_corner], ring[is_corner]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(ring) + 1)])
    corners = np.empty((offsets[-1], 2))
    corners[np.arange(len(vertex)) + ring] = coords[vertex]
    corners[offsets[1:] - 1] = corners[offsets[:-1]]
    return shapely.from_ragged_array(kind, corners, (offsets, polygon_ends))


def _assemble(parts: np.ndarray, feature: np.ndarray) -> np.ndarray:
    """Features in normal form: polygons where they have one part, else multipolygons."""
    order = np.argsort(feature, kind="stable")
    parts, feature = parts[order], feature[order]
    features = np.asarray(shapely.multipolygons(parts, indices=feature))
    single = np.bincount(feature) == 1
    features[single] = parts[single[feature]]
    return shapely.normalize(features)


def _topmost(features: np.ndarray) -> np.ndarray:
    """A number for each feature that grows with row, then column of its topmost, leftmost corner."""
    corners = topmost_corners(features)
    low = corners.min(axis=0)
    return (corners[:, 0] - low[0]) * (np.ptp(corners[:, 1]) + 1) + corners[:, 1] - low[1]


def topmost_corners(features: np.ndarray) -> np.ndarray:
    """Row and column (n, 2) of the topmost corner of each feature, of several the leftmost."""
    (cols, rows), index = (part.T for part in shapely.get_coordinates(features, return_index=True))
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    top = np.minimum.reduceat(rows, starts) if len(starts) else np.zeros(0)
    left = np.minimum.reduceat(np.where(rows == top[index], cols, np.inf), starts) if len(starts) else np.zeros(0)
    return np.column_stack([top, left])
