"""Which outlines of a group belong to features that may continue in another group.

Joining is a question of links: two pieces of polygons are linked where they touch, two chains where they end at the
same pixel, and a chain with the piece that it lies in. A feature with its lines is a component of the graph of all
outlines of a layer, and depends on nothing else. So a component of a group's own graph that has no link out of the
group is a component of the graph of the whole map: it can be joined with the group, and comes out as from one join
over everything. All others, of all groups, hold between them every link from group to group, and are joined at once.

Where a link may lead out follows from where scenes lie: a piece stays in the window of its scene, and a chain goes at
most one pixel beyond, to where the neighbour's begins. A link out is a point of both ends' windows, the neighbour's one
pixel wider for chains. To take a component for unfinished that is not is harmless: it is joined with those of all
groups, with the same result.
"""

from collections.abc import Mapping, Set

import numpy as np
import pandas as pd
import shapely

from orbitile.features.join import LayerKey, MapFrames, shapes_of
from orbitile.features.shapes.polygons import component_numbers, touching_pairs
from orbitile.space.grids import Window
from orbitile.tables.masks import LINE, POLYGON

CHAIN_REACH_PX = 1
"""How far chains reach beyond their scene."""

SceneWindows = Mapping[tuple[str, float], Window]
"""Windows on their lattices of scenes, by scene and scale in m/px."""


def continue_beyond_group(outlines: pd.DataFrame, frames: MapFrames, windows: SceneWindows) -> np.ndarray:
    """Which outlines of a group (n, bool; see orbitile.tables.masks.OUTLINES) may be parts of features of other groups.

    `windows` are those of all scenes of the map.
    """
    scenes, indexed = set(outlines["scene"]), outlines.reset_index(drop=True)
    continues = np.zeros(len(outlines), bool)
    for key, rows in frames.split(indexed):
        continues[rows.index] = _continue(rows, _windows_around(rows, key, frames, windows, scenes))
    return continues


def _windows_around(
    rows: pd.DataFrame, key: LayerKey, frames: MapFrames, windows: SceneWindows, scenes: Set[str]
) -> np.ndarray:
    """Boxes (n, 4: left, top, right, bottom) of a layer's scenes of other groups around those of a group."""
    names = frames.layers[key].scenes
    boxes = np.array([windows[name, key.scale_m].edges for name in names]).reshape(-1, 4)
    in_group = np.array([name in scenes for name in names])
    low, high = boxes[in_group, :2].min(axis=0), boxes[in_group, 2:].max(axis=0)
    is_near = (boxes[:, :2] <= high + 2 * CHAIN_REACH_PX).all(axis=1)
    is_near &= (boxes[:, 2:] >= low - 2 * CHAIN_REACH_PX).all(axis=1)
    return boxes[~in_group & is_near]


def _continue(rows: pd.DataFrame, beyond: np.ndarray) -> np.ndarray:
    """Which outlines of a layer (n, bool) hang together with any that reaches windows of other groups."""
    is_piece = (rows["kind"] == POLYGON).to_numpy()
    if not len(beyond) or not is_piece.any():
        return np.full(len(rows), len(beyond) > 0)
    shapes, joins = shapes_of(rows), is_piece & rows["continues_beyond_scene"].to_numpy(bool)
    pieces, chains = np.flatnonzero(is_piece), np.flatnonzero(rows["kind"] == LINE)
    ends = _ends(shapes[chains])
    reaches = np.zeros(len(rows), bool)
    reaches[joins] = _meet(shapes[joins], beyond)
    ends_reach = _meet(np.asarray(shapely.points(ends)), beyond + np.array([-1, -1, 1, 1]) * CHAIN_REACH_PX)
    reaches[chains] = ends_reach.reshape(2, -1).any(axis=0)
    if not reaches.any():
        return reaches
    links = [touching_pairs(shapes, np.flatnonzero(joins)), chains[_same_ends(ends)], _holders(shapes, pieces, chains)]
    component = component_numbers(np.concatenate(links), len(rows))
    return np.isin(component, component[reaches])


def _ends(chains: np.ndarray) -> np.ndarray:
    """The first points of all chains (n), then their last ones (2 n, 2)."""
    return shapely.get_coordinates([shapely.get_point(chains, 0), shapely.get_point(chains, -1)])


def _meet(shapes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which shapes (n, bool) share a point with any of the boxes."""
    meets = np.zeros(len(shapes), bool)
    meets[shapely.STRtree(shapes).query(shapely.box(*boxes.T), predicate="intersects")[1]] = True
    return meets


def _same_ends(ends: np.ndarray) -> np.ndarray:
    """Pairs (m, 2) of chains (n) with a common end, of `ends` (2 n, 2): enough of them to link all that share it."""
    chain = np.tile(np.arange(len(ends) // 2), 2)
    order = np.lexsort(ends.T)
    is_same = (ends[order[1:]] == ends[order[:-1]]).all(axis=1)
    return np.column_stack([chain[order[:-1]], chain[order[1:]]])[is_same]


def _holders(shapes: np.ndarray, pieces: np.ndarray, chains: np.ndarray) -> np.ndarray:
    """Pairs (n, 2) of the chains (indices) with the pieces (indices) that they lie in.

    Of the first two pixels of a chain, the one that comes first in reading order lies in the chain's scene.
    """
    first, second = (shapely.get_coordinates(shapely.get_point(shapes[chains], place)) for place in (0, 1))
    is_second = (second[:, 1] < first[:, 1]) | ((second[:, 1] == first[:, 1]) & (second[:, 0] < first[:, 0]))
    pixels = shapely.points(np.where(is_second[:, None], second, first))
    return np.column_stack(
        [chains, pieces[shapely.STRtree(shapes[pieces]).query_nearest(pixels, all_matches=False)[1]]]
    )
