"""Boxes in longitude and latitude around places on a body, by which tables are searched."""

import numpy as np

from orbitile.space.caps import grid_cap
from orbitile.space.footprints import LARGE_CAP
from orbitile.space.grids import Grid

LonLatBox = tuple[float, float, float, float]
"""West, south, east, north in degrees, inside -180..180 and -90..90, west never east of east."""
EVERYWHERE: LonLatBox = (-180.0, -90.0, 180.0, 90.0)


def boxes_around_grid(grid: Grid, radius_m: float) -> list[LonLatBox]:
    """Boxes that hold all that lies in a grid: one, or two on both sides of 180 E; everywhere for very large grids.

    They are those around a circle: its longitudes reach asin(sin radius / cos latitude) from its middle.
    """
    cap = grid_cap(grid, radius_m)
    radius = float(cap.radii[0])
    return [EVERYWHERE] if radius > LARGE_CAP else boxes_around_circle(cap.centres[0], radius)


def boxes_around_circle(middle: np.ndarray, radius: float) -> list[LonLatBox]:
    """Boxes that hold a circle of a radius in radians (at most a quarter turn) around a unit vector (3,)."""
    lat, reach = float(np.degrees(np.arcsin(np.clip(middle[2], -1, 1)))), float(np.degrees(radius))
    south, north = lat - reach, lat + reach
    if south <= -90 or north >= 90:
        return [(-180.0, max(south, -90.0), 180.0, min(north, 90.0))]
    lon = float(np.degrees(np.arctan2(middle[1], middle[0])))
    half = float(np.degrees(np.arcsin(np.sin(radius) / np.cos(np.radians(lat)))))
    west, east = lon - half, lon + half
    if west >= -180 and east <= 180:
        return [(west, south, east, north)]
    return [((west + 180) % 360 - 180, south, 180.0, north), (-180.0, south, (east + 180) % 360 - 180, north)]
