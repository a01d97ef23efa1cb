"""The scenes of a run as image tiles of the page's maps: a pyramid, each level half as fine as the one below."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.image import imsave
from scipy.ndimage import map_coordinates

from orbitile.base.files import make_folder
from orbitile.pictures.scene_picture import displayed_bands, stretched_pixels
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.footprints import grid_outline
from orbitile.space.grids import Window
from orbitile.space.ground import Ground, wrap_longitude
from orbitile.tables.rasters import RasterRow
from orbitile.web.tile_maps import TILE_PX, MapBox, MapSquare, TileMap

SUFFIX = "webp"
QUALITY = 82
NODES = 33
"""Exact places along a side of a tile; between them they are interpolated, where that is right to TOLERANCE_PX."""
TOLERANCE_PX = 0.2
FINE_ENOUGH = 1.1
"""Pixels of a tile may be so many times those of the finest scale without a further level."""
OPAQUE = 255

TileNumber = tuple[int, int, int]
"""Level, column and row."""


class MapTile(NamedTuple):
    """8-bit pixels (n, n, 3), and where they are valid (n, n)."""

    colours: np.ndarray
    valid: np.ndarray

    @classmethod
    def empty(cls, pixels: int = TILE_PX) -> "MapTile":
        """So many pixels along a side, without any data."""
        return cls(np.zeros((pixels, pixels, 3), np.uint8), np.zeros((pixels, pixels), bool))

    def write(self, path: Path) -> None:
        """Write it as an image, transparent where there is no data."""
        opacity = np.where(self.valid, OPAQUE, 0).astype(np.uint8)
        imsave(path, np.dstack([self.colours, opacity]), format=SUFFIX, pil_kwargs=dict(quality=QUALITY))


@dataclass(frozen=True)
class SceneRasters:
    """A scene's rasters from the finest scale on, on a body of a radius."""

    rows: tuple[RasterRow, ...]
    radius_m: float

    @cached_property
    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """Points along its border, in degrees."""
        grid = self.rows[0].grid
        return grid_outline(grid, Ground(grid.crs_wkt, self.radius_m))

    def box(self, tile_map: TileMap) -> MapBox | None:
        """Where it lies on a map; None where it does not."""
        return tile_map.box(*self.outline)

    def level(self, tile_map: TileMap) -> int:
        """The level of a map from which on tiles show all of its pixels."""
        coarsest_m = self.rows[0].grid.gsd_m * FINE_ENOUGH
        return max(0, int(np.ceil(np.log2(tile_map.pixel_m(0, self.radius_m) / coarsest_m))))

    def fill(self, tile: MapTile, tile_map: TileMap, square: MapSquare) -> None:
        """Fill what is empty yet of a square of a map, from the coarsest scale that is fine enough."""
        pixel_m = tile_map.square_pixel_m(square, self.radius_m)
        row = next((row for row in reversed(self.rows) if row.scale_m <= pixel_m * FINE_ENOUGH), self.rows[0])
        places = _image_places(row, self.radius_m, tile_map, square)
        if places is not None:
            _fill(tile, row, places)


class PyramidLevels(NamedTuple):
    """By the names of the maps that scenes reach: the finest level, and the one that shows all of their pixels."""

    finest: dict[str, int]
    needed: dict[str, int]


def scenes_of_rasters(rows: Iterable[RasterRow], radius_m: float) -> list[SceneRasters]:
    """The scenes of rows, those of the finest pixels first, then by name: so they lie upon each other."""
    by_scene: dict[str, list[RasterRow]] = defaultdict(list)
    for row in rows:
        by_scene[row.scene].append(row)
    scenes = [SceneRasters(tuple(sorted(m, key=lambda row: row.scale_m)), radius_m) for m in by_scene.values()]
    return sorted(scenes, key=lambda scene: (scene.rows[0].scale_m, scene.rows[0].scene))


def choose_levels(scenes: Sequence[SceneRasters], maps: Iterable[TileMap], most_tiles: int) -> PyramidLevels:
    """The finest levels with which there are at most so many tiles in all maps together, level 0 always."""
    reached = [tile_map for tile_map in maps if any(scene.box(tile_map) for scene in scenes)]
    needed = {tile_map.name: max(scene.level(tile_map) for scene in scenes) for tile_map in reached}
    finest, tiles = dict.fromkeys(needed, 0), 0
    for level in range(max(needed.values(), default=0) + 1):
        deeper = [tile_map for tile_map in reached if needed[tile_map.name] >= level]
        tiles += sum(len(tiles_of_scenes(scenes, tile_map, level)) for tile_map in deeper)
        if level and tiles > most_tiles:
            break
        finest |= {tile_map.name: level for tile_map in deeper}
    return PyramidLevels(finest, needed)


def drawn_square(scenes: Iterable[SceneRasters], tile_map: TileMap, square: MapSquare) -> MapTile:
    """The pixels of a square of a map, where scenes lie upon each other those of the first."""
    tile = MapTile.empty(square.pixels)
    for scene in scenes:
        if tile.valid.all():
            break
        scene.fill(tile, tile_map, square)
    return tile


def tiles_of_scenes(scenes: Sequence[SceneRasters], tile_map: TileMap, level: int) -> dict[TileNumber, list[int]]:
    """The tiles of a level that scenes may lie in, each with the indices of these scenes."""
    tiles = defaultdict(list)
    for index, scene in enumerate(scenes):
        for number in _touched(scene.box(tile_map), tile_map, level):
            tiles[number].append(index)
    return dict(tiles)


def write_pyramid(scenes: Sequence[SceneRasters], tile_map: TileMap, finest: int, folder: Path) -> list[TileNumber]:
    """Write the tiles of a map, level-column-row.webp, in a folder; returns the numbers of those that hold any data."""
    make_folder(folder)
    pyramid = _Pyramid(scenes, tile_map, finest, folder, tiles_of_scenes(scenes, tile_map, finest), [])
    for column in range(tile_map.columns):
        pyramid.write((0, column, 0))
    return sorted(pyramid.written)


@dataclass(frozen=True)
class _Pyramid:
    """What the tiles of a map are made of (`members`: scenes of the finest ones), and those that are written."""

    scenes: Sequence[SceneRasters]
    tile_map: TileMap
    finest: int
    folder: Path
    members: Mapping[TileNumber, list[int]]
    written: list[TileNumber]

    @cached_property
    def _branches(self) -> set[TileNumber]:
        """The tiles that there may be, of all levels."""
        return {(self.finest - up, c >> up, r >> up) for _, c, r in self.members for up in range(self.finest + 1)}

    def write(self, number: TileNumber) -> MapTile | None:
        """Write a tile and all below it; its pixels, None without data."""
        if number not in self._branches:
            return None
        tile = self._draw(number) if number[0] == self.finest else self._merge(number)
        if not tile.valid.any():
            return None
        level, column, row = number
        tile.write(self.folder / f"{level}-{column}-{row}.{SUFFIX}")
        self.written.append(number)
        return tile

    def _draw(self, number: TileNumber) -> MapTile:
        return drawn_square([self.scenes[i] for i in self.members[number]], self.tile_map, MapSquare.of_tile(*number))

    def _merge(self, number: TileNumber) -> MapTile:
        """A tile of the four below it, each of its pixels the mean of the valid ones among four."""
        level, column, row = number
        weights, sums = np.zeros((TILE_PX, TILE_PX)), np.zeros((TILE_PX, TILE_PX, 3))
        half = TILE_PX // 2
        for down, right in np.ndindex(2, 2):
            child = self.write((level + 1, 2 * column + right, 2 * row + down))
            if child is not None:
                area = slice(down * half, (down + 1) * half), slice(right * half, (right + 1) * half)
                weights[area] = _quarters(child.valid.astype(float))
                sums[area] = _quarters(child.colours * child.valid[..., None].astype(float))
        valid = weights > 0
        colours = np.round(sums / np.maximum(weights, 1)[..., None]).astype(np.uint8)
        return MapTile(colours, valid)


def _quarters(values: np.ndarray) -> np.ndarray:
    """Sums of 2 x 2 pixels."""
    half = TILE_PX // 2
    return values.reshape(half, 2, half, 2, *values.shape[2:]).sum(axis=(1, 3))


def _touched(box: MapBox | None, tile_map: TileMap, level: int) -> Iterator[TileNumber]:
    """The tiles of a level that a box touches."""
    if box is None:
        return
    size, across = 2**level, tile_map.columns * 2**level
    left, top, right, bottom = (int(np.floor(edge * size)) for edge in box)
    for column in range(left, min(right, left + across - 1) + 1):
        for row in range(max(top, 0), min(bottom, size - 1) + 1):
            yield level, column % across, row


def _image_places(row: RasterRow, radius_m: float, tile_map: TileMap, square: MapSquare) -> np.ndarray | None:
    """Columns and rows (2, n, n) of a raster at the n x n pixels of a square; None where none is in it."""
    centres = square.centres
    nodes = np.linspace(centres[0], centres[-1], NODES)
    places = _exact_places(row, radius_m, tile_map, square, nodes)
    bend = max(float(np.abs(np.diff(places, 2, axis=axis)).max()) / 8 for axis in (1, 2))
    if not bend <= TOLERANCE_PX:
        places = _exact_places(row, radius_m, tile_map, square, centres)
    else:
        weights = _hats(np.linspace(0, NODES - 1, square.pixels))
        places = weights @ places @ weights.T
    columns, lines = places
    is_inside = (columns >= 0) & (columns < row.width) & (lines >= 0) & (lines < row.height)
    return places if is_inside.any() else None


def _exact_places(
    row: RasterRow, radius_m: float, tile_map: TileMap, square: MapSquare, along: np.ndarray
) -> np.ndarray:
    """Columns and rows (2, n, n) of a raster at places (n, 0..1) along the sides of a square."""
    u, v = np.meshgrid(square.left + along * square.side, square.top + along * square.side)
    lon, lat = tile_map.lonlat(u, v)
    ground, grid = Ground(row.crs_wkt, radius_m), row.grid
    middle = square.left + square.side / 2, square.top + square.side / 2
    middle_lon, middle_lat = tile_map.lonlat(*map(np.array, middle))
    around = middle_lon + wrap_longitude(lon - middle_lon)
    # As a ring that begins in the middle of the square: it is unwrapped as a whole, from there.
    rings = [np.append(first, part)[None] for first, part in ((middle_lon, around), (middle_lat, lat))]
    x, y = ground.xy(rings[0], rings[1], *grid.middle)
    return np.stack([part[0, 1:].reshape(u.shape) for part in grid.to_pixel(x, y)])


def _hats(places: np.ndarray) -> np.ndarray:
    """Weights (n, NODES) of linear interpolation at places among nodes (n)."""
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(NODES)))


def _fill(tile: MapTile, row: RasterRow, places: np.ndarray) -> None:
    """Fill the pixels of a tile that are empty yet by those of a raster at places (2, TILE_PX, TILE_PX)."""
    columns, lines = places
    is_inside = (columns >= 0) & (columns < row.width) & (lines >= 0) & (lines < row.height) & ~tile.valid
    if not is_inside.any():
        return
    window = _window_around(columns[is_inside], lines[is_inside], row)
    shrink = max(1.0, _step(places))
    shape = max(1, round(window.height / shrink)), max(1, round(window.width / shrink))
    with opened_raster(row.path) as source:
        bands = displayed_bands(source, row.bands)
        pixels, valid = read_window(source, window, bands, shape)
    image = stretched_pixels(row, bands, pixels, valid)
    at = np.stack([
        (lines[is_inside] - window.row) * shape[0] / window.height - 0.5,
        (columns[is_inside] - window.col) * shape[1] / window.width - 0.5,
    ])  # fmt: skip
    nearest = tuple(np.clip(np.round(at), 0, np.array(shape)[:, None] - 1).astype(int))
    layers = image[..., None] if image.ndim == 2 else image
    colours = [map_coordinates(layers[..., n], at, order=1, mode="nearest") for n in range(layers.shape[-1])]
    has_data = valid[nearest]
    filled = np.zeros_like(tile.valid)
    filled[is_inside] = has_data
    tile.colours[filled] = np.stack(colours * (3 // len(colours)), axis=-1)[has_data]
    tile.valid[filled] = True


def _window_around(columns: np.ndarray, lines: np.ndarray, row: RasterRow) -> Window:
    """The window of a raster that holds places and a pixel around them."""
    left, top = max(int(columns.min()) - 1, 0), max(int(lines.min()) - 1, 0)
    right, bottom = min(int(columns.max()) + 2, row.width), min(int(lines.max()) + 2, row.height)
    return Window(left, top, right - left, bottom - top)


def _step(places: np.ndarray) -> float:
    """Pixels of a raster from a pixel of a tile to the next, by the finer direction of the median pixel."""
    across = np.hypot(*np.diff(places, axis=2))
    down = np.hypot(*np.diff(places, axis=1))
    return float(min(np.nanmedian(across), np.nanmedian(down)))
