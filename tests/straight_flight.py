"""A made-up line scanner on a circle around a sphere, whose pixels are found in closed form: a reference for others."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StraightFlight:
    """Flies at a height over a sphere, from (lon, lat) towards an azimuth, and looks down, or `roll` to the right.

    Angles are in degrees, `gsd_m` is the size of pixels below it in both directions. A mirrored one has its first
    column on the right hand.
    """

    width: int
    height: int
    radius_m: float = 1737400.0
    lon: float = 0.0
    lat: float = 0.0
    azimuth: float = 0.0
    altitude_m: float = 50_000.0
    gsd_m: float = 100.0
    roll: float = 0.0
    mirrored: bool = False

    @property
    def axes(self):
        """Unit vectors (3, 3): up at the first row, ahead, and to the right."""
        lon, lat, azimuth = np.radians([self.lon, self.lat, self.azimuth])
        up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        east = np.array([-np.sin(lon), np.cos(lon), 0])
        ahead = np.sin(azimuth) * east + np.cos(azimuth) * np.cross(up, east)
        return np.stack([up, ahead, np.cross(ahead, up)])

    @property
    def distance(self):
        return self.radius_m + self.altitude_m

    @property
    def per_px(self):
        """Tangent of the angle that a pixel has across the flight, on the right hand if positive."""
        return (-1 if self.mirrored else 1) * self.gsd_m / self.altitude_m

    def rays(self, col, row):
        up, ahead, right = self.axes
        along = np.asarray(row, float)[:, None] * self.gsd_m / self.radius_m
        above = np.cos(along) * up + np.sin(along) * ahead
        aside = np.arctan((np.asarray(col) - self.width / 2) * self.per_px)[:, None] + np.radians(self.roll)
        return self.distance * above, np.sin(aside) * right - np.cos(aside) * above

    def to_image(self, points):
        u, v, w = np.moveaxis(points @ self.axes.T, -1, 0)
        along, out = np.arctan2(v, u), np.hypot(u, v)
        aside = np.arctan2(w, self.distance - out) - np.radians(self.roll)
        col = self.width / 2 + np.tan(aside) / self.per_px
        is_seen = out * self.distance > (points**2).sum(axis=-1)
        return np.where(is_seen, col, np.nan), np.where(is_seen, along * self.radius_m / self.gsd_m, np.nan)


@dataclass(frozen=True)
class Painted:
    """Pixels that a function of (col, row) of their centres gives; where `holes` is true, they are not valid.

    With several bands it gives (bands, rows, columns).
    """

    width: int
    height: int
    paint: object
    dtype: str = "float32"
    holes: object = None
    bands: int = 1

    def read(self, window):
        assert 0 <= window.col <= window.col + window.width <= self.width
        assert 0 <= window.row <= window.row + window.height <= self.height
        col, row = np.meshgrid(window.col + np.arange(window.width) + 0.5, window.row + np.arange(window.height) + 0.5)
        hole = self.holes(col, row) if self.holes else np.zeros(col.shape, bool)
        return self.paint(col, row).astype(self.dtype), ~hole
