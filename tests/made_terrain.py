"""Made-up elevation models with craters of known shape on tilted, rough ground, anywhere on the Moon."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from scipy.ndimage import gaussian_filter

from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, distance, unit_vectors

MOON = find_body("Moon")
PIXEL_M = 200.0
FLANK = -3
"""Power by which the height of the ejecta falls with the distance (McGetchin et al. 1973)."""


@dataclass(frozen=True)
class MadeCrater:
    """A parabolic bowl with a raised rim; lengths in metres. `catalogued` is what a catalogue says: lon, lat, km."""

    lon: float
    lat: float
    radius_m: float
    depth_m: float
    rim_height_m: float
    catalogued: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def heights(self, lon, lat):
        step = distance(self.lon, self.lat, lon, lat) * MOON.radius_m / self.radius_m
        bowl = self.rim_height_m - self.depth_m * (1 - step**2)
        return np.where(step < 1, bowl, self.rim_height_m * np.maximum(step, 1) ** FLANK)

    @property
    def truth(self):
        """By the definitions of orbitile.counting.crater_shape."""
        flank = np.mean(np.linspace(1.75, 2.25, 200) ** FLANK)
        run = (0.9**0.5 - 0.1**0.5) * self.radius_m
        return dict(
            rim_diameter_km=self.radius_m / 500, depth_m=self.depth_m, rim_height_m=self.rim_height_m * (1 - flank),
            depth_to_diameter=self.depth_m / self.radius_m / 2,
            wall_slope_deg=np.degrees(np.arctan(0.8 * self.depth_m / run)),
        )  # fmt: skip


def raster_around(crs, lon, lat, width=560, height=460, pixel_m=PIXEL_M):
    """The grid of a raster whose middle is a place."""
    wkt = CRS.from_user_input(crs).to_wkt()
    x, y = Ground(wkt, MOON.radius_m).xy(np.array([lon]), np.array([lat]), lon, lat)
    size = pixel_m if not CRS.from_wkt(wkt).is_geographic else np.degrees(pixel_m / MOON.radius_m)
    left, top = float(x[0]) - width / 2 * size, float(y[0]) + height / 2 * size
    return Grid(wkt, Affine(size, 0, left, 0, -size, top), width, height)


def places_of(grid):
    """Longitudes and latitudes (rows, columns) of the middles of pixels."""
    col, row = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    return Ground(grid.crs_wkt, MOON.radius_m).lonlat(*grid.to_map(col, row))


def made_craters(grid, random, columns=5, rows=4, radius_px=15):
    """Craters in columns and rows on a grid, each catalogued with an error of 3 % of its place, 5 % of its diameter."""
    col, row = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    ground = Ground(grid.crs_wkt, MOON.radius_m)
    lon, lat = ground.lonlat(*grid.to_map(col.ravel() * grid.width, row.ravel() * grid.height))
    return [_made_crater(*place, radius_px * PIXEL_M, random) for place in zip(lon, lat, strict=True)]


def _made_crater(lon, lat, radius_m, random):
    radius_m *= random.uniform(0.8, 1.2)
    depth_m = 2 * radius_m * random.uniform(0.1, 0.2)
    east, north = random.normal(0, 0.03, 2) * 2 * radius_m / MOON.radius_m
    up, angle = unit_vectors(lon, lat), np.radians(lon)
    east_axis = np.array([-np.sin(angle), np.cos(angle), 0])
    x, y, z = up + east * east_axis + north * np.cross(up, east_axis)
    place = (np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y))))
    catalogued = (*place, 2 * radius_m / 1000 * (1 + random.normal(0, 0.05)))
    return MadeCrater(lon, lat, radius_m, depth_m, depth_m * random.uniform(0.15, 0.25), catalogued)


def terrain_of(grid, craters, random, tilt=0.05, roughness_m=10.0, noise_m=3.0):
    """Heights (rows, columns) of craters on ground that is tilted about the grid's middle, rough, and noisy."""
    lon, lat = places_of(grid)
    heights = sum(crater.heights(lon, lat) for crater in craters)
    middle = unit_vectors(*Ground(grid.crs_wkt, MOON.radius_m).lonlat(*map(np.array, grid.middle)))
    axis = np.cross(middle, [0.3, 0.5, 0.8])
    heights = heights + tilt * MOON.radius_m * (unit_vectors(lon, lat) @ (axis / np.linalg.norm(axis)))
    rough = gaussian_filter(random.normal(size=heights.shape), 4)
    return heights + roughness_m * rough / rough.std() + random.normal(0, noise_m, heights.shape)


def write_elevation(path: Path, grid, heights, nodata=None, dtype="float32", **profile):
    """Write heights as a GeoTIFF; returns its path as text."""
    with rasterio.open(
        path, "w", driver="GTiff", width=grid.width, height=grid.height, count=1, dtype=dtype, crs=grid.crs_wkt or None,
        transform=grid.transform, nodata=nodata, tiled=True, **profile,
    ) as target:  # fmt: skip
        target.write(heights.astype(dtype), 1)
    return str(path)
