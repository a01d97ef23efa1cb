"""Burning labels into rasters: lines buffered by their width class, merged with polygons, on a scene's grid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize

from orbitile.labels.read import WIDTHS, Labels, Layer
from orbitile.rasters.read import bands, opened, read
from orbitile.rasters.write import Block, PixelType, write_cog
from orbitile.space.footprints import LARGE, middle, outline
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground, unit_vectors, wrap
from orbitile.tables.rasters import RasterRow

BUFFERS_PX = {"tiny": 2.5, "small": 4.0, "medium": 7.5, "large": 12.5, "huge": 17.5}
"""Half widths in pixels of the lines of each class: half of the middle of the class, in
whole half pixels, but the whole middle for the tiny, which would be thinner than they are drawn exactly; the huge,
whose class has no upper end, count as 35 px wide."""
NOT_VALID = 255
PIXELS = PixelType("uint8", NOT_VALID, overviews="MODE")
STEP_PX = 8
"""Lines get a vertex every so many pixels before they leave their map: what is straight there is not straight here."""
STEPS = 256
"""No label gets many more vertices than this, however long it is."""
SLACK = 1.25
"""A segment may bulge out of the circle around its ends; labels within this many radii may reach a scene."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Labels as areas in the pixels of a grid, in the order in which they are burnt, and their values."""

    areas: np.ndarray
    values: np.ndarray
    tree: shapely.STRtree

    def burn(self, window: Window, valid: np.ndarray) -> np.ndarray:
        """Labels (rows, columns; uint8) of a window: 0 background, 1..K class, 255 where not `valid`.

        A pixel belongs to an area if its centre does. Where classes overlap, the later one wins.
        """
        right, bottom = window.col + window.width, window.row + window.height
        near = np.sort(self.tree.query(shapely.box(window.col, window.row, right, bottom)))
        pixels = np.zeros((window.height, window.width), np.uint8)
        if near.size:
            shapes = zip(self.areas[near], self.values[near].tolist(), strict=True)
            rasterize(shapes, out=pixels, transform=Affine.translation(window.col, window.row))
        return np.where(valid, pixels, np.uint8(NOT_VALID))


def place(labels: Labels, grid: Grid, buffers_px: Mapping[str, float] = BUFFERS_PX) -> Placed:
    """Lay labels onto a grid: those that may reach it, lines buffered by their half widths in its pixels.

    Words that `buffers_px` leaves out have their half widths of BUFFERS_PX.
    """
    parts = [_areas(layer, grid, labels.radius_m, buffers_px) for layer in labels.layers]
    areas, values = (np.concatenate(both) for both in zip(*parts, strict=True))
    on_grid = shapely.intersects(areas, shapely.box(0, 0, grid.width, grid.height))
    areas, values = areas[on_grid], values[on_grid]
    order = np.argsort(values, kind="stable")
    return Placed(areas[order], values[order], shapely.STRtree(areas[order]))


def burn(labels: Labels, grid: Grid, valid: np.ndarray, buffers_px: Mapping[str, float] = BUFFERS_PX) -> np.ndarray:
    """Labels (rows, columns; uint8) of a whole grid: 0 background, 1..K class, 255 where not `valid`."""
    return place(labels, grid, buffers_px).burn(Window(0, 0, grid.width, grid.height), valid)


def label_raster(
    row: RasterRow, labels: Labels, path: str | Path, buffers_px: Mapping[str, float] = BUFFERS_PX
) -> None:
    """Write the labels of a scene as a cloud-optimised GeoTIFF on its grid, 255 where the scene has no data.

    Band by band: memory does not grow with the height of the scene.
    """
    write_cog(path, row.grid, PIXELS, _blocks(row, place(labels, row.grid, buffers_px)))


def _blocks(row: RasterRow, placed: Placed) -> Iterator[Block]:
    with opened(row.path) as scene:
        for window in bands(row.grid):
            _, valid = read(scene, window)
            yield window, placed.burn(window, valid), valid


def _areas(layer: Layer, grid: Grid, radius_m: float, buffers_px: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Areas in a grid's pixels, and values, of the labels of a layer that may reach the grid."""
    by_word = np.array([(BUFFERS_PX | dict(buffers_px))[word] for word in WIDTHS] + [0.0])
    half = by_word[layer.word] + layer.width_px / 2
    near = _may_reach(layer, grid, radius_m, margin_px=half)
    shapes, owner = on_grid(layer.geometry[near], layer.crs_wkt, grid, radius_m)
    half = half[near][owner]
    is_line = half > 0
    shapes[is_line] = shapely.buffer(shapes[is_line], half[is_line])
    return shapes, layer.class_[near][owner]


def _may_reach(layer: Layer, grid: Grid, radius_m: float, margin_px: np.ndarray) -> np.ndarray:
    """Which labels of a layer (bool, n) may reach a grid; on grids too large for a circle around them, all."""
    border = outline(grid, Ground(grid.crs_wkt, radius_m))
    centre = middle(*border)
    cap = _angle(unit_vectors(*border), centre).max()
    if cap > LARGE:
        return np.ones(len(layer.geometry), bool)
    margin = 2 * margin_px * grid.gsd_m / radius_m  # twice: the map may shrink the ground
    return _angle(layer.centre, centre) <= SLACK * (cap + layer.reach) + margin


def _angle(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return 2 * np.arcsin(np.clip(np.linalg.norm(points - centre, axis=-1) / 2, 0, 1))


def on_grid(geometry: np.ndarray, crs_wkt: str, grid: Grid, radius_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Shapes of a map in a grid's pixels, and which of `geometry` each is.

    Shapes are laid around the grid's middle. Those that cross the meridian opposite to it, where that
    would tear them, appear twice, to the left and to the right of the tear; a ring around the pole is not
    whole on a cylindrical map.
    """
    dense = shapely.segmentize(geometry, _steps(geometry, crs_wkt, grid))
    places, owner = shapely.get_coordinates(dense, return_index=True)
    lon, lat = Ground(crs_wkt, radius_m).lonlat(*places.T)
    here = _Here(grid, radius_m)
    off = wrap(lon - here.lon)
    shapes = here.shapes(dense, off, lat)
    torn = np.flatnonzero(_spans(off, owner) > 180)
    if not torn.size:
        return shapes, np.arange(len(geometry))
    left, right = (here.shapes(dense, turned, lat)[torn] for turned in (off - 360 * (off > 0), off + 360 * (off < 0)))
    whole = np.setdiff1d(np.arange(len(geometry)), torn)
    return np.concatenate([shapes[whole], left, right]), np.concatenate([whole, torn, torn])


def _steps(geometry: np.ndarray, crs_wkt: str, grid: Grid) -> np.ndarray:
    """How far apart, in units of their map, the vertices of shapes need to be."""
    unit_m = Grid(crs_wkt, Affine.identity(), 1, 1).gsd_m
    return np.maximum(STEP_PX * grid.gsd_m / unit_m, shapely.length(geometry) / STEPS)


def _spans(off: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """The longest way in degrees between one vertex and the next, for each of the shapes that own them."""
    jump = np.abs(np.diff(off, prepend=off[:1])) * (np.diff(owner, prepend=-1) == 0)
    return np.maximum.reduceat(jump, np.flatnonzero(np.diff(owner, prepend=-1)))


@dataclass(frozen=True)
class _Here:
    """The way from the ground to a grid's pixels, with longitudes counted from the grid's middle."""

    grid: Grid
    radius_m: float

    @property
    def _ground(self) -> Ground:
        return Ground(self.grid.crs_wkt, self.radius_m)

    @property
    def lon(self) -> float:
        """Longitude of the grid's middle in degrees."""
        return float(self._ground.lonlat(*self.grid.middle)[0])

    def shapes(self, shapes: np.ndarray, off: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Shapes with their vertices at longitudes `off` the middle, in pixels; none is torn or turned."""
        ring = np.concatenate([[0.0], off])[None]  # as one ring with the middle, which stays where it is
        x, y = self._ground.xy(self.lon + ring, np.concatenate([[0.0], lat])[None], *self.grid.middle)
        return shapely.set_coordinates(shapes.copy(), np.column_stack(self.grid.to_pixel(x[0, 1:], y[0, 1:])))
