"""Outlines of scenes joined into features across the borders of scenes and groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import shapely

from orbitile.features.shapes.ground import Lattice
from orbitile.features.shapes.polygons import join_features
from orbitile.features.shapes.skeleton import SMOOTHING_PX, join_lines, smooth_lines
from orbitile.space.grids import Grid, grid_around_grids
from orbitile.space.mosaics import grid_lattice
from orbitile.tables.masks import LINE, POLYGON
from orbitile.tables.rasters import RasterRow


@dataclass(frozen=True)
class FeatureLayer:
    """All features of one class at one scale on one lattice of pixels; shapes are in its columns and rows.

    `scenes` are those with any of the features, `grid` covers these scenes. `attributes` has a row for each polygon:
    scene (with the largest part of it), scenes (how many), pixels, probability (sum over its pixels, 0..255 each),
    near_nodata (pixels). `polygon_of_line` holds the index of the polygon that each line lies in.
    """

    scale_m: float
    class_name: str
    scenes: tuple[str, ...]
    grid: Grid
    polygons: np.ndarray
    attributes: pd.DataFrame
    lines: np.ndarray
    polygon_of_line: np.ndarray


def feature_layers(
    outlines: pd.DataFrame, rasters: Mapping[tuple[str, float], RasterRow], radius_m: float
) -> Iterator[FeatureLayer]:
    """The layers of a table of outlines (see orbitile.tables.masks.OUTLINES); `rasters` are by scene and scale in m/px.

    A scene that stands alone has layers of its own: another image of the same place is not its continuation.
    """
    keys = list(zip(outlines["scene"], outlines["scale_m"], strict=True))
    lattices = {key: _lattice_key(rasters[key]) for key in set(keys)}
    with_lattices = outlines.assign(lattice=[lattices[key] for key in keys])
    for group_key, group in with_lattices.groupby(["scale_m", "class", "lattice"], sort=True):
        scale_m, class_name, lattice = cast(tuple[float, str, str], group_key)
        grids = [rasters[key].grid for key in lattices if lattices[key] == lattice and key[1] == scale_m]
        yield _layer(group, scale_m, class_name, grid_around_grids(grids), radius_m)


def _lattice_key(raster: RasterRow) -> str:
    """What rasters have in common whose features are joined."""
    return f"{grid_lattice(raster.grid)}{'' if raster.in_mosaic else raster.scene}"


def _layer(outlines: pd.DataFrame, scale_m: float, class_name: str, grid: Grid, radius_m: float) -> FeatureLayer:
    pieces, chains = (outlines[outlines["kind"] == kind] for kind in (POLYGON, LINE))
    polygons, number = join_features(_shapes(pieces), None, pieces["continues_beyond_scene"].to_numpy(bool))
    lines = join_lines(_shapes(chains if len(polygons) else chains[:0]))
    smooth = _smooth(lines, Lattice.of(grid, radius_m))
    scenes = tuple(sorted(set(outlines["scene"])))
    attributes = _attributes(pieces, number)
    return FeatureLayer(
        scale_m, class_name, scenes, grid, polygons, attributes, smooth, _polygon_of_line(lines, polygons)
    )


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
    """The index of the polygon with the beginning of each line, which is the centre of one of its pixels.

    Lines are those before smoothing, which moves the beginnings of loops out of narrow polygons. The nearest polygon
    counts, because a line may begin in a scene whose outlines were left out.
    """
    begins = shapely.points(shapely.get_coordinates(shapely.get_point(lines, 0)))
    return shapely.STRtree(polygons).query_nearest(begins, all_matches=False)[1]


def _shapes(outlines: pd.DataFrame) -> np.ndarray:
    return shapely.from_wkb(outlines["geometry"].to_numpy(object))
