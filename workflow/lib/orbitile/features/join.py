"""Outlines of scenes joined into features across the borders of scenes and groups."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, cast

import numpy as np
import pandas as pd
import shapely

from orbitile.features.shapes.ground import Lattice
from orbitile.features.shapes.polygons import join_features
from orbitile.features.shapes.skeleton import SMOOTHING_PX, join_lines, smooth_lines
from orbitile.space.grids import Grid, Window, grid_around_grids, grid_of_window
from orbitile.space.mosaics import grid_lattice
from orbitile.tables.masks import LINE, POLYGON
from orbitile.tables.rasters import RasterRow

PLACES = ["scene", "scale_m", "class"]
"""Columns of outlines that say which layer they belong to."""


class LayerKey(NamedTuple):
    """What features that are joined have in common: scale in m/px, class, and lattice of pixels, as a text."""

    scale_m: float
    class_name: str
    lattice: str


class LayerFrame(NamedTuple):
    """A layer's scenes with any features, by name, and the grid around all scenes of its lattice with features."""

    scenes: tuple[str, ...]
    grid: Grid


@dataclass(frozen=True)
class FeatureLayer:
    """Features of one class at one scale on one lattice of pixels; shapes are in its columns and rows.

    `frame` is that of the map's layer, whichever of its features these are: all that is computed depends on the frame
    and on the feature, never on what else is at hand. `attributes` has a row for each polygon: scene (with the largest
    part of it), scenes (how many), pixels, probability (sum over its pixels, 0..255 each), near_nodata (pixels).
    `polygon_of_line` holds the index of the polygon that each line lies in.
    """

    key: LayerKey
    frame: LayerFrame
    polygons: np.ndarray
    attributes: pd.DataFrame
    lines: np.ndarray
    polygon_of_line: np.ndarray

    @property
    def scale_m(self) -> float:
        """The scale in m/px."""
        return self.key.scale_m

    @property
    def class_name(self) -> str:
        """The class of all features."""
        return self.key.class_name

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scenes of the map's layer with any features."""
        return self.frame.scenes

    @property
    def grid(self) -> Grid:
        """The grid around all scenes of the lattice with features."""
        return self.frame.grid

    @property
    def extent(self) -> Grid:
        """The grid around the polygons, of which there must be at least one."""
        low, high = np.split(shapely.total_bounds(self.polygons), 2)
        (left, top), (width, height) = low.astype(int).tolist(), (high - low).astype(int).tolist()
        return grid_of_window(self.grid, Window(left, top, width, height))

    def select(self, chosen: np.ndarray) -> Self:
        """The features whose polygons a boolean array (n) chooses, with their lines."""
        number, line_chosen = np.cumsum(chosen) - 1, chosen[self.polygon_of_line]
        return replace(
            self, polygons=self.polygons[chosen], attributes=self.attributes[chosen].reset_index(drop=True),
            lines=self.lines[line_chosen], polygon_of_line=number[self.polygon_of_line[line_chosen]],
        )  # fmt: skip


@dataclass(frozen=True)
class MapFrames:
    """The layers of a map: their frames, and the raster of each scene (by scene and scale in m/px).

    A scene that stands alone has layers of its own: another image of the same place is not its continuation.
    """

    layers: Mapping[LayerKey, LayerFrame]
    lattices: Mapping[tuple[str, float], str]

    @classmethod
    def of(cls, places: pd.DataFrame, rasters: Mapping[tuple[str, float], RasterRow]) -> Self:
        """The layers with outlines at `places` (rows of PLACES, any number of times) of the scenes of `rasters`."""
        unique = places[PLACES].drop_duplicates().sort_values(PLACES)
        keys = sorted(set(zip(unique["scene"], unique["scale_m"], strict=True)))
        lattices = {key: _lattice_text(rasters[key]) for key in keys}
        grids = _grids_around((lattices[key], key[1], rasters[key].grid) for key in keys)
        scenes: dict[LayerKey, list[str]] = {}
        for scene, scale_m, class_name in unique.itertuples(index=False, name=None):
            key = LayerKey(scale_m, class_name, lattices[scene, scale_m])
            scenes.setdefault(key, []).append(scene)
        frames = {key: LayerFrame(tuple(scenes[key]), grids[key.lattice, key.scale_m]) for key in sorted(scenes)}
        return cls(frames, lattices)

    def split(self, outlines: pd.DataFrame) -> Iterator[tuple[LayerKey, pd.DataFrame]]:
        """Outlines (see orbitile.tables.masks.OUTLINES) by their layers, in the order of the layers' keys."""
        by_scene = outlines.groupby(["scene", "scale_m"], sort=False)
        lattices = [self.lattices[cast(tuple[str, float], scene)] for scene, _ in by_scene]
        with_lattices = outlines.assign(lattice=np.array([*lattices, ""], object)[by_scene.ngroup()])
        for key, rows in with_lattices.groupby(["scale_m", "class", "lattice"], sort=True):
            yield LayerKey(*cast(tuple[float, str, str], key)), rows

    def join(self, outlines: pd.DataFrame, radius_m: float) -> Iterator[FeatureLayer]:
        """The features of outlines, which must hold all pieces of each of them."""
        for key, rows in self.split(outlines):
            yield _layer(rows, key, self.layers[key], radius_m)


def _lattice_text(raster: RasterRow) -> str:
    """What rasters have in common whose features are joined."""
    return f"{grid_lattice(raster.grid)}{'' if raster.in_mosaic else raster.scene}"


def _grids_around(scenes: Iterable[tuple[str, float, Grid]]) -> dict[tuple[str, float], Grid]:
    """The grid around those of each lattice and scale.

    Its pixels are those of the first scene: sizes of pixels may differ in their last digits from scene to scene.
    """
    grids: dict[tuple[str, float], list[Grid]] = {}
    for lattice, scale_m, grid in scenes:
        grids.setdefault((lattice, scale_m), []).append(grid)
    return {key: grid_around_grids(of_lattice) for key, of_lattice in grids.items()}


def _layer(outlines: pd.DataFrame, key: LayerKey, frame: LayerFrame, radius_m: float) -> FeatureLayer:
    pieces, chains = (outlines[outlines["kind"] == kind] for kind in (POLYGON, LINE))
    polygons, number = join_features(shapes_of(pieces), None, pieces["continues_beyond_scene"].to_numpy(bool))
    lines = join_lines(shapes_of(chains if len(polygons) else chains[:0]))
    smooth = _smooth(lines, Lattice.of(frame.grid, radius_m))
    return FeatureLayer(key, frame, polygons, _attributes(pieces, number), smooth, _polygon_of_line(lines, polygons))


def _smooth(lines: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Lines smoothed in proportion to how much the map stretches pixels where they begin."""
    if not len(lines):
        return lines
    begins = shapely.get_coordinates(shapely.get_point(lines, 0))
    return smooth_lines(lines, SMOOTHING_PX * lattice.stretch(begins))


def _attributes(pieces: pd.DataFrame, number: np.ndarray) -> pd.DataFrame:
    """The attributes of each polygon, from those of its pieces; `number` (n) is the polygon of each piece."""
    numbered = pieces.assign(polygon=number)
    sums = numbered.groupby("polygon")[["pixels", "probability", "near_nodata"]].sum()
    of_scenes = numbered.groupby(["polygon", "scene"])["pixels"].sum().reset_index()
    by_share = of_scenes.sort_values(["polygon", "pixels", "scene"], ascending=[True, False, True]).groupby("polygon")
    return sums.assign(scene=by_share["scene"].first(), scenes=by_share.size()).reset_index(drop=True)


def _polygon_of_line(lines: np.ndarray, polygons: np.ndarray) -> np.ndarray:
    """The index of the polygon that each line lies in, which holds its beginning, the centre of one of its pixels.

    Lines are those before smoothing, which moves the beginnings of loops out of narrow polygons. A line may begin in a
    scene whose outlines were left out; then it is its second point that a polygon holds.
    """
    tree = shapely.STRtree(polygons)
    polygon, apart = _nearest(tree, shapely.get_point(lines, 0))
    is_outside = apart > 0
    polygon[is_outside] = _nearest(tree, shapely.get_point(lines[is_outside], 1))[0]
    return polygon


def _nearest(tree: shapely.STRtree, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the shapes nearest to points (n), and the distances."""
    (_, index), apart = tree.query_nearest(shapely.force_2d(points), all_matches=False, return_distance=True)
    return index, apart


def shapes_of(outlines: pd.DataFrame) -> np.ndarray:
    """The shapes (n) of outlines, in pixels of their lattice."""
    return shapely.from_wkb(outlines["geometry"].to_numpy(object))
