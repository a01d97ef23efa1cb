"""Elevation around a crater: a patch in the local frame of its centre, and radial profiles in it.

The local frame is azimuthal equidistant: distances from the centre, and directions there, are those on the sphere at
every latitude, also where a pole or the antimeridian lies in the patch.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import gaussian_filter, map_coordinates

from orbitile.counting.elevation_model import ElevationModel
from orbitile.space.ground import destination

AZIMUTHS = 48
"""Profiles around a crater, from east to north: a multiple of the eight octants."""
STEPS_PER_RADIUS = 40
PROFILE_RADII = 2.25
"""Length of a profile, in radii of the crater."""
PATCH_RADII = 3.1
"""From its centre a patch reaches so many radii of the crater: room for a circle that is moved and enlarged."""
PATCH_STEPS_PER_RADIUS = 40
"""Least spacing of heights in a patch, where the model's pixels are smaller: it is sampled there."""
NODES = 21
"""Places along each side of a patch whose pixels are computed; splines give all others."""
LARGEST_SPLINE_ERROR_PX = 0.02
FWHM_PER_SIGMA = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""

STEPS = np.arange(round(PROFILE_RADII * STEPS_PER_RADIUS) + 1) / STEPS_PER_RADIUS
"""Distances from the centre along a profile, in radii."""
_ANGLES = 2 * np.pi * np.arange(AZIMUTHS) / AZIMUTHS
EAST, NORTH = np.cos(_ANGLES), np.sin(_ANGLES)
"""The directions of profiles (AZIMUTHS)."""


@dataclass(frozen=True, eq=False)
class TerrainPatch:
    """Heights (n, n; metres, NaN without data) around a crater's centre, `spacing_m` apart, rows from south on."""

    heights: np.ndarray
    spacing_m: float

    @classmethod
    def around(cls, model: ElevationModel, lon: float, lat: float, radius_m: float, pixel_m: float) -> "TerrainPatch":
        """That of a crater by its centre and radius; `pixel_m` is the model's pixel there."""
        spacing_m = max(radius_m / PATCH_STEPS_PER_RADIUS, pixel_m / 2)
        half = int(np.ceil(PATCH_RADII * radius_m / spacing_m))
        pixels = patch_pixels(model, lon, lat, np.arange(-half, half + 1) * spacing_m)
        return cls(model.heights_at(*map(np.ravel, pixels)).reshape(pixels[0].shape), spacing_m)

    def blurred(self, sigma_m: float) -> "TerrainPatch":
        """The patch under a Gaussian blur of a standard deviation in metres; gaps stay."""
        sigma = sigma_m / self.spacing_m
        has_data = np.isfinite(self.heights)
        middle = np.mean(self.heights, where=has_data) if has_data.any() else 0.0
        share = gaussian_filter(has_data.astype(float), sigma, mode="nearest")
        total = gaussian_filter(np.where(has_data, self.heights - middle, 0), sigma, mode="nearest")
        return TerrainPatch(np.where(has_data, total / np.where(has_data, share, 1) + middle, np.nan), self.spacing_m)

    def profiles(self, circles: np.ndarray) -> np.ndarray:
        """Heights (k, AZIMUTHS, STEPS) along profiles of circles (k, 3: east, north of the patch's centre, radius; m).

        NaN where there is no data, and beyond the patch.
        """
        east, north, radius = circles[:, :, None, None].swapaxes(0, 1)
        along = radius * STEPS
        place = np.stack([north + NORTH[:, None] * along, east + EAST[:, None] * along])
        middle = (len(self.heights) - 1) / 2
        return map_coordinates(
            self.heights, place / self.spacing_m + middle, order=1, mode="constant", cval=np.nan, prefilter=False
        )


def patch_pixels(model: ElevationModel, lon: float, lat: float, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows (n, n) of places `offset` (n, metres) north and east of a centre.

    By cubic splines through NODES x NODES of them, which is ten times as fast, where these are right at places between;
    else, as around a pole on a cylindrical map, one by one.
    """
    nodes = np.linspace(offset[0], offset[-1], NODES)
    between = (nodes[1:] + nodes[:-1]) / 2
    col, row = exact_pixels(model, lon, lat, nodes)
    if len(offset) > 2 * NODES and np.isfinite(col).all() and np.isfinite(row).all():
        col = col[NODES // 2, NODES // 2] + model.columns_apart(col, col[NODES // 2, NODES // 2])
        splines = [RectBivariateSpline(nodes, nodes, values) for values in (col, row)]
        true_col, true_row = exact_pixels(model, lon, lat, between)
        errors = [model.columns_apart(splines[0](between, between), true_col), splines[1](between, between) - true_row]
        if np.abs(errors).max() < LARGEST_SPLINE_ERROR_PX:
            return splines[0](offset, offset), splines[1](offset, offset)
    return exact_pixels(model, lon, lat, offset)


def exact_pixels(model: ElevationModel, lon: float, lat: float, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `patch_pixels`, one by one."""
    north, east = np.meshgrid(offset, offset, indexing="ij")
    col, row = model.pixels(*destination(lon, lat, east.ravel(), north.ravel(), model.body.radius_m))
    return col.reshape(north.shape), row.reshape(north.shape)
