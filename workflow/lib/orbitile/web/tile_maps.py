"""The maps of the page and how they are cut into tiles: a plain cylindrical one, and one around each pole.

Places on a map are u and v, counted from its upper left corner in widths of the tiles of level 0; at each further level
the tiles are half as wide. As OGC Two Dimensional Tile Matrix Sets (17-083r4) have it, of other scales.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from orbitile.space.ground import wrap_longitude

TILE_PX = 512
"""Side of a tile."""
POLAR_LIMIT_DEG = 60.0
"""The latitude, north or south, down to which a polar map reaches in the middle of its sides."""


MapBox = tuple[float, float, float, float]
"""Least u and v, largest u and v."""


class MapSquare(NamedTuple):
    """A square of a map: its least u and v, its side, and how many pixels there are along it."""

    left: float
    top: float
    side: float
    pixels: int = TILE_PX

    @classmethod
    def of_tile(cls, level: int, column: int, row: int) -> "MapSquare":
        """That of a tile."""
        side = 2.0**-level
        return cls(column * side, row * side, side)

    @property
    def centres(self) -> np.ndarray:
        """Where the pixels (n) are along a side, 0..1."""
        return (np.arange(self.pixels) + 0.5) / self.pixels


class TileMap(ABC):
    """A map of the page: its name, how many tiles it has across at level 0, and the side of these on the ground."""

    name: ClassVar[str]
    columns: ClassVar[int]
    wraps: ClassVar[bool]

    @abstractmethod
    def side_radii(self) -> float:
        """The side of a tile of level 0 in radii of the body, in the middle of the map."""

    @abstractmethod
    def lonlat(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes, not wrapped, and latitudes in degrees."""

    @abstractmethod
    def uv(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places on the map; longitudes need not be wrapped."""

    @abstractmethod
    def box(self, lon: np.ndarray, lat: np.ndarray) -> MapBox | None:
        """Least and largest u and v of an outline (n points, degrees); None where none of it is on the map."""

    def pixel_m(self, level: int, radius_m: float) -> float:
        """The side of a pixel of a level in the middle of the map."""
        return self.square_pixel_m(MapSquare.of_tile(level, 0, 0), radius_m)

    def square_pixel_m(self, square: MapSquare, radius_m: float) -> float:
        """The side of a pixel of a square in metres on the map."""
        return self.side_radii() * radius_m * square.side / square.pixels


@dataclass(frozen=True)
class CylindricalMap(TileMap):
    """The plain cylindrical map (plate carree): two tiles across at level 0, from 180 W and 90 N on."""

    name: ClassVar[str] = "cylindrical"
    columns: ClassVar[int] = 2
    wraps: ClassVar[bool] = True

    def side_radii(self) -> float:
        """As TileMap says."""
        return np.pi

    def lonlat(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As TileMap says."""
        return np.asarray(u) * 180 - 180, 90 - np.asarray(v) * 180

    def uv(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As TileMap says."""
        return (np.asarray(lon) + 180) / 180, (90 - np.asarray(lat)) / 180

    def box(self, lon: np.ndarray, lat: np.ndarray) -> MapBox | None:
        """Around a pole: of all longitudes, up to the pole. The western end is in 0..2, the eastern may be more."""
        unwrapped = np.unwrap(np.asarray(lon, float), period=360)
        turn = unwrapped[-1] - unwrapped[0] + float(wrap_longitude(lon[0] - lon[-1]))
        top, bottom = float(np.max(lat)), float(np.min(lat))
        if abs(turn) > 180:
            ends = (bottom, 90.0) if np.mean(lat) > 0 else (-90.0, top)
            return 0.0, (90 - ends[1]) / 180, 2.0, (90 - ends[0]) / 180
        west, east = float(unwrapped.min()), float(unwrapped.max())
        first = float(wrap_longitude(np.array(west)))
        return (first + 180) / 180, (90 - top) / 180, (first + min(east - west, 360) + 180) / 180, (90 - bottom) / 180


@dataclass(frozen=True)
class PolarMap(TileMap):
    """The polar stereographic map (Snyder 1987, USGS Professional Paper 1395, pages 157-161), true at the pole.

    A tile at level 0; the prime meridian points down in the north and up in the south. `sign` is 1 or -1.
    """

    sign: int
    columns: ClassVar[int] = 1
    wraps: ClassVar[bool] = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """North or south."""
        return "north" if self.sign > 0 else "south"

    def side_radii(self) -> float:
        """As TileMap says."""
        return 4 * float(np.tan(np.radians(90 - POLAR_LIMIT_DEG) / 2))

    def lonlat(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As TileMap says."""
        x, y = (np.asarray(u) - 0.5) * self.side_radii(), (0.5 - np.asarray(v)) * self.side_radii()
        colatitude = 2 * np.degrees(np.arctan(np.hypot(x, y) / 2))
        return np.degrees(np.arctan2(x, -self.sign * y)), self.sign * (90 - colatitude)

    def uv(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As TileMap says."""
        rho = 2 * np.tan(np.radians(90 - self.sign * np.asarray(lat)) / 2) / self.side_radii()
        angle = np.radians(lon)
        return 0.5 + rho * np.sin(angle), 0.5 + self.sign * rho * np.cos(angle)

    def box(self, lon: np.ndarray, lat: np.ndarray) -> MapBox | None:
        """Around an outline that reaches beyond POLAR_LIMIT_DEG, as far as the map goes."""
        if np.max(self.sign * np.asarray(lat)) < POLAR_LIMIT_DEG:
            return None
        u, v = self.uv(np.asarray(lon), np.maximum(self.sign * np.asarray(lat), 0) * self.sign)
        edges = np.clip([u.min(), v.min(), u.max(), v.max()], 0, 1)
        return (edges[0], edges[1], edges[2], edges[3]) if edges[0] < edges[2] and edges[1] < edges[3] else None


MAPS: tuple[TileMap, ...] = (CylindricalMap(), PolarMap(1), PolarMap(-1))
"""All maps of the page."""
