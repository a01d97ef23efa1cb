"""Move drawn lines of ridges onto the crests that the shaded relief shows beside them.

The maps were drawn at a small scale: lines run as ridges do, but several pixels beside them. A network that learns from
them as they are learns broad stripes. The truth that maps are judged by stays as it was drawn.
"""

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

SUN_AZIMUTH_DEG = 285
"""Where the light of the relief comes from: so the lines' crests are the most distinct."""
FLAT, CLIP = 150, 15
"""Grey value of level ground, and how far others may be from it."""
SIGMA_PX = 3.0
REACH_PX = 10
"""How far a line may be moved."""
BEND_COST = 0.3
"""What it costs to move a point by one pixel more than the point before it, in grey values per pixel."""
SMOOTHING_PX = 4
LEAST_PX = 20
"""Shorter lines stay where they are."""


def snapped(lines: gpd.GeoDataFrame, scenes: Sequence[Path]) -> gpd.GeoDataFrame:
    """Lines on the crests in scenes; each line lies within a single scene."""
    parts = lines.explode(ignore_index=True)
    for path in scenes:
        with rasterio.open(path) as scene:
            crests, to_map, crs = crest_strength(scene.read(1)), scene.transform, scene.crs
        on_map = parts.to_crs(crs)
        pixels = on_map.affine_transform((~to_map).to_shapely())
        is_here = pixels.centroid.within(shapely.box(0, 0, *crests.shape[::-1])) & (pixels.length >= LEAST_PX)
        moved = gpd.GeoSeries([snap(line, crests) for line in pixels[is_here]], pixels[is_here].index, crs)
        parts.loc[is_here, "geometry"] = moved.affine_transform(to_map.to_shapely()).to_crs(parts.crs)
    return parts


def crest_strength(relief: np.ndarray) -> np.ndarray:
    """How much brighter (grey values per pixel) the side towards the light is: most on crests, least in grooves."""
    level = np.clip(relief.astype(float) - FLAT, -CLIP, CLIP)
    east, south = (gaussian_filter(level, SIGMA_PX, order=order) for order in ((0, 1), (1, 0)))
    azimuth = np.radians(SUN_AZIMUTH_DEG)
    return np.sin(azimuth) * east - np.cos(azimuth) * south


def snap(line: shapely.LineString, crests: np.ndarray) -> shapely.LineString:
    """The course beside a line (in pixels) along which crests are strongest, less the cost of its bends.

    Found by dynamic programming over the distances to the left and right of points one pixel apart.
    """
    points = shapely.get_coordinates(shapely.line_interpolate_point(line, np.arange(0, line.length, 1.0)))
    along = np.gradient(gaussian_filter1d(points, SMOOTHING_PX, axis=0), axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.column_stack([-along[:, 1], along[:, 0]])
    distances = np.arange(-REACH_PX, REACH_PX + 1)
    places = points[:, None] + distances[:, None] * across[:, None]
    gain = map_coordinates(crests, [places[..., 1] - 0.5, places[..., 0] - 0.5], order=1, mode="nearest")
    distance = gaussian_filter1d(distances[_best_path(gain)].astype(float), SMOOTHING_PX, mode="nearest")
    return shapely.LineString(points + distance[:, None] * across)


def _best_path(gain: np.ndarray) -> np.ndarray:
    """The column of each row of `gain` (rows, columns) on the path of the largest sum, one column aside at most."""
    steps = np.array([-1, 0, 1])
    total, came_from = gain[0], []
    cost = BEND_COST * np.abs(steps)[:, None]
    for row in gain[1:]:
        padded = np.pad(total, 1, constant_values=-np.inf)
        before = np.stack([padded[1 + step : len(padded) - 1 + step] for step in steps]) - cost
        came_from.append(np.arange(len(row)) + steps[before.argmax(axis=0)])
        total = before.max(axis=0) + row
    path = [int(total.argmax())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return np.array(path[::-1])
