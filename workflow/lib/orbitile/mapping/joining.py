"""Outlines of scenes joined to features that know no scene or group borders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from orbitile.shapes.ground import Lattice
from orbitile.shapes.polygons import joined
from orbitile.shapes.skeleton import SMOOTHING_PX, smooth, whole_lines
from orbitile.space.grids import Grid, around
from orbitile.space.mosaics import lattice_of
from orbitile.tables.masks import LINE, POLYGON
from orbitile.tables.rasters import RasterRow


@dataclass(frozen=True)
class Layer:
    """All features of one class at one scale on one lattice of pixels; shapes are in its columns and rows.

    `scenes` are those that hold any of them, `grid` covers these. `about` has a row for each polygon: scene (that holds
    most of it), scenes, pixels, probability (a sum, 0..255 each), near_nodata. `polygon_of` says which polygon a line
    lies in.
    """

    scale_m: float
    name: str
    scenes: tuple[str, ...]
    grid: Grid
    polygons: np.ndarray
    about: pd.DataFrame
    lines: np.ndarray
    polygon_of: np.ndarray


def layers(outlines: pd.DataFrame, rasters: Mapping[tuple[str, float], RasterRow], radius_m: float) -> Iterator[Layer]:
    """The layers of a table of outlines (see orbitile.tables.masks.OUTLINES) of scenes whose rasters are given.

    A scene that stands alone has layers of its own: another image of the same place is not its continuation.
    """
    places = list(zip(outlines["scene"], outlines["scale_m"], strict=True))
    lattices = {place: _lattice(rasters[place]) for place in set(places)}
    keys = outlines.assign(lattice=[lattices[place] for place in places])
    for (scale_m, name, lattice), some in keys.groupby(["scale_m", "class", "lattice"], sort=True):
        grids = [rasters[place].grid for place, own in lattices.items() if own == lattice and place[1] == scale_m]
        yield _layer(some, (scale_m, name), around(grids), radius_m)


def _lattice(raster: RasterRow) -> str:
    """What rasters have in common whose features are joined."""
    return f"{lattice_of(raster.grid)}{'' if raster.in_mosaic else raster.scene}"


def _layer(outlines: pd.DataFrame, what: tuple[float, str], grid: Grid, radius_m: float) -> Layer:
    pieces, chains = (outlines[outlines["kind"] == kind] for kind in (POLYGON, LINE))
    polygons, number = joined(_shapes(pieces), None, pieces["goes_on"].to_numpy(bool))
    lines = whole_lines(_shapes(chains if len(polygons) else chains[:0]))
    smoothed = _smooth(lines, Lattice.of(grid, radius_m))
    scenes = tuple(sorted(set(outlines["scene"])))
    return Layer(*what, scenes, grid, polygons, _about(pieces, number), smoothed, _owners(lines, polygons))


def _smooth(lines: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Lines smoothed the more, the more the map stretches pixels where they begin."""
    if not len(lines):
        return lines
    begins = shapely.get_coordinates(shapely.get_point(lines, 0))
    return smooth(lines, SMOOTHING_PX * lattice.stretch(begins))


def _about(pieces: pd.DataFrame, number: np.ndarray) -> pd.DataFrame:
    """What is known of each polygon, from the pieces that it is made of."""
    numbered = pieces.assign(polygon=number)
    sums = numbered.groupby("polygon")[["pixels", "probability", "near_nodata"]].sum()
    of_scenes = numbered.groupby(["polygon", "scene"], as_index=False)["pixels"].sum()
    most = of_scenes.sort_values(["polygon", "pixels", "scene"], ascending=[True, False, True]).groupby("polygon")
    return sums.assign(scene=most["scene"].first(), scenes=most.size()).reset_index(drop=True)


def _owners(lines: np.ndarray, polygons: np.ndarray) -> np.ndarray:
    """Which polygon holds the beginning of each line, the centre of one of its pixels.

    Lines as they are before smoothing, which takes the beginnings of loops out of narrow polygons. The nearest
    polygon is taken: a line may begin in a scene whose outlines were left out.
    """
    begins = shapely.points(shapely.get_coordinates(shapely.get_point(lines, 0)))
    return shapely.STRtree(polygons).query_nearest(begins, all_matches=False)[1]


def _shapes(outlines: pd.DataFrame) -> np.ndarray:
    return shapely.from_wkb(outlines["geometry"].to_numpy(object))
