"""Chips of craters at the full resolution of their images, where the image tiles of a page are coarser.

There are as many as a number allows: a chip takes some kilobytes, and a catalogue may have ten million rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from orbitile.base.files import make_folder
from orbitile.web.image_tiles import SUFFIX, PyramidLevels, SceneRasters, drawn_square
from orbitile.web.row_blocks import PageRows
from orbitile.web.tile_maps import MAPS, MapSquare, TileMap

CHIP_DIAMETERS = 3.0
"""The side of a chip."""
MOST_PX = 560
"""Along its side, as many as the page shows: of large craters image tiles have as many."""
LEAST_PX = 24
POLAR_CHIP_DEG = 70.0
"""From this latitude on chips are on the polar map."""


@dataclass(frozen=True)
class ChipMap:
    """A map of the page with the scenes on it, on a body of a radius, and the finest level of its image tiles."""

    tile_map: TileMap
    scenes: Sequence[SceneRasters]
    finest: int
    radius_m: float

    @cached_property
    def _boxes(self) -> np.ndarray:
        """Least u and v, largest u and v (n, 4) of the scenes; NaN for those that are not on the map."""
        return np.array([scene.box(self.tile_map) or (np.nan,) * 4 for scene in self.scenes], float).reshape(-1, 4)

    def scenes_of(self, square: MapSquare) -> list[SceneRasters]:
        """The scenes that reach into a square, the finest first."""
        turns = (-self.tile_map.columns, 0, self.tile_map.columns) if self.tile_map.wraps else (0,)
        left, top, right, bottom = self._boxes.T
        is_near = (top < square.top + square.side) & (bottom > square.top)
        across = [(left + turn < square.left + square.side) & (right + turn > square.left) for turn in turns]
        return [self.scenes[i] for i in np.flatnonzero(is_near & np.any(across, axis=0)).tolist()]

    def is_coarse(self, lat: np.ndarray, diameter_km: np.ndarray) -> np.ndarray:
        """Of which craters (n) the image tiles have fewer pixels than a chip may have."""
        side_m = CHIP_DIAMETERS * 1000 * diameter_km
        return side_m / self._ground_scale(lat) < MOST_PX * self.tile_map.pixel_m(self.finest, self.radius_m)

    def square(self, lon: float, lat: float, diameter_km: float) -> tuple[MapSquare, list[SceneRasters]]:
        """The square around a crater in the pixels of its finest scene, and the scenes in it; none without any.

        East-west it is CHIP_DIAMETERS wide; on the cylindrical map it is higher than that.
        """
        stretch = float(self._ground_scale(np.array(lat)))
        side_m = CHIP_DIAMETERS * 1000 * diameter_km / stretch
        side = side_m / (self.tile_map.side_radii() * self.radius_m)
        u, v = (float(part) for part in self.tile_map.uv(np.array(lon), np.array(lat)))
        square = MapSquare(u - side / 2, v - side / 2, side)
        scenes = self.scenes_of(square)
        finest_m = min((scene.rows[0].grid.gsd_m for scene in scenes), default=side_m)
        along = side_m / finest_m * (1.0 if self.tile_map.wraps else stretch)
        return square._replace(pixels=int(np.clip(np.ceil(along), LEAST_PX, MOST_PX))), scenes

    def _ground_scale(self, lat: np.ndarray) -> np.ndarray:
        """Metres on the ground of a metre on the map, east-west, as the page reckons them."""
        if self.tile_map.wraps:
            return np.maximum(np.cos(np.radians(lat)), 0.01)
        return (1 + np.sin(np.abs(np.radians(lat)))) / 2


@dataclass(frozen=True)
class PageChips:
    """The maps of a page with too coarse image tiles, by name, and those of all maps that it has."""

    coarse: dict[str, ChipMap]
    maps: tuple[TileMap, ...]

    @classmethod
    def of(cls, scenes: Sequence[SceneRasters], levels: PyramidLevels, radius_m: float) -> "PageChips":
        """Those of a pyramid of scenes."""
        maps = tuple(tile_map for tile_map in MAPS if tile_map.name in levels.finest)
        coarse = {
            m.name: ChipMap(m, scenes, levels.finest[m.name], radius_m)
            for m in maps
            if levels.finest[m.name] < levels.needed[m.name]
        }
        return cls(coarse, maps)

    def choose(self, rows: PageRows, first: Sequence[int], most: int) -> np.ndarray:
        """The indices of at most so many rows that need a chip: the first ones that are named, then any by chance."""
        is_coarse = np.zeros(len(rows), bool)
        for name, members in self._members(rows.lat):
            if name in self.coarse:
                is_coarse[members] = self.coarse[name].is_coarse(rows.lat[members], rows.diameter_km[members])
        named = [i for i in first if is_coarse[i]][:most]
        is_coarse[named] = False
        others = np.flatnonzero(is_coarse)
        chance = np.ascontiguousarray(rows.identity[others, :8]).view("u8").ravel()
        return np.array([*named, *others[np.argsort(chance, kind="stable")[: most - len(named)]].tolist()], int)

    def write(self, rows: PageRows, chosen: np.ndarray, folder: Path) -> dict[str, float]:
        """Write the chips of rows by their indices, id.webp; returns metres per pixel of those with data, by id."""
        make_folder(folder)
        pixels_m = {}
        chips = [(self.coarse[name], i) for name, members in self._members(rows.lat[chosen]) if name in self.coarse
                 for i in chosen[members].tolist()]  # fmt: skip
        for chip_map, i in chips:
            square, scenes = chip_map.square(float(rows.lon[i]), float(rows.lat[i]), float(rows.diameter_km[i]))
            tile, row_id = drawn_square(scenes, chip_map.tile_map, square), rows.described(i)["id"]
            if tile.valid.any():
                tile.write(folder / f"{row_id}.{SUFFIX}")
                pixels_m[row_id] = float(f"{chip_map.tile_map.square_pixel_m(square, chip_map.radius_m):.4g}")
        return pixels_m

    def _members(self, lat: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """The indices of rows by the map that their chips are on: a polar one near a pole, where there is one."""
        is_left = np.ones(len(lat), bool)
        for tile_map, sign in ((m, getattr(m, "sign", 0)) for m in reversed(self.maps)):
            members = is_left & ((sign * lat > POLAR_CHIP_DEG) | tile_map.wraps)
            is_left &= ~members
            yield tile_map.name, np.flatnonzero(members)
