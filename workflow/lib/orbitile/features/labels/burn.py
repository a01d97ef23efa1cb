"""Burning labels into rasters: lines buffered by their width class, merged with polygons, on a scene's grid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize

from orbitile.features.labels.read import WIDTH_CLASSES, LabelLayer, VectorLabels
from orbitile.features.shapes.lonlat_shapes import may_reach_pole, polygons_in_degrees
from orbitile.rasters.read import opened_raster, read_window, row_windows
from orbitile.rasters.write import Block, PixelType, write_cog
from orbitile.space.footprints import LARGE_CAP, grid_outline, outline_centre
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground, angles_between, unit_vectors, wrap_longitude, wrap_width
from orbitile.tables.layer_geometry import POLYGONS
from orbitile.tables.rasters import RasterRow

BUFFERS_PX = {"tiny": 2.5, "small": 4.0, "medium": 7.5, "large": 12.5, "huge": 17.5}
"""Half widths in pixels of the lines of each width class: half of the middle of the class, rounded to half pixels.

Tiny lines get the full middle of their class: with half of it they would be thinner than the accuracy of drawing.
Huge ones, whose class has no upper end, count as 35 px wide."""
LABEL_NODATA = 255
PIXELS = PixelType("uint8", LABEL_NODATA, overviews="MODE")
POINT_BAND = 2
"""Band of a label raster with labels that are known at single places."""
WITH_POINTS = replace(PIXELS, nodata=None, bands=("labels", "points"))
"""Without a nodata value: points count also where labels are unknown."""
STEP_PX = 8
"""Lines get a vertex every so many pixels before projection: what is straight in one map is curved in another."""
MAX_STEPS = 256
"""A label is divided into about this many steps at most, however long it is."""
POLE_STEP_DEG = 1.0
"""Polygons get a vertex every so many degrees along a pole."""
REACH_FACTOR = 1.25
"""A segment may bulge out of the circle around its ends: labels within this many radii may reach a scene."""


@dataclass(frozen=True, eq=False)
class GriddedLabels:
    """Labels as areas in the pixels of a grid, in the order in which they are burnt, and their values (n)."""

    areas: np.ndarray
    values: np.ndarray
    tree: shapely.STRtree

    def burn(self, window: Window, valid: np.ndarray) -> np.ndarray:
        """Labels (rows, columns; uint8) of a window: 0 background, 1..K class, 255 where uncertain or not `valid`.

        A pixel belongs to an area if its centre does. Where classes overlap, the higher one wins.
        """
        right, bottom = window.col + window.width, window.row + window.height
        indices = np.sort(self.tree.query(shapely.box(window.col, window.row, right, bottom)))
        pixels = np.zeros((window.height, window.width), np.uint8)
        if indices.size:
            shapes = zip(self.areas[indices], self.values[indices].tolist(), strict=True)
            rasterize(shapes, out=pixels, transform=Affine.translation(window.col, window.row))
        return np.where(valid, pixels, np.uint8(LABEL_NODATA))


def grid_labels(
    labels: VectorLabels, grid: Grid, buffers_px: Mapping[str, float] = BUFFERS_PX, uncertain_px: float = 0
) -> GriddedLabels:
    """Project labels onto a grid: those that may reach it, lines buffered by their half widths in its pixels.

    Width classes that `buffers_px` leaves out have their half widths of BUFFERS_PX. Pixels within `uncertain_px` of a
    label are of no known class (LABEL_NODATA), unless they belong to one.
    """
    parts = [_areas(layer, grid, labels.radius_m, buffers_px, uncertain_px) for layer in labels.layers]
    areas, values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if uncertain_px:
        surroundings = shapely.buffer(areas, uncertain_px)
        areas = np.concatenate([surroundings, areas])
        values = np.concatenate([np.full(len(values), LABEL_NODATA, np.uint8), values])
    is_on_grid = shapely.intersects(areas, shapely.box(0, 0, grid.width, grid.height))
    areas, values = areas[is_on_grid], values[is_on_grid]
    order = np.argsort(values % LABEL_NODATA, kind="stable")  # any class wins over what surrounds another
    return GriddedLabels(areas[order], values[order], shapely.STRtree(areas[order]))


def write_label_raster(
    row: RasterRow,
    labels: VectorLabels,
    path: str | Path,
    buffers_px: Mapping[str, float] = BUFFERS_PX,
    uncertain_px: float = 0,
    points: VectorLabels | None = None,
) -> None:
    """Write the labels of a scene as a cloud-optimised GeoTIFF on its grid, 255 where uncertain or without data.

    For `points` see write_labels. The scene is processed in windows of rows: memory does not grow with its height.
    """
    write_labels(row, _blocks(row, grid_labels(labels, row.grid, buffers_px, uncertain_px)), path, points)


def write_labels(row: RasterRow, blocks: Iterator[Block], path: str | Path, points: VectorLabels | None) -> None:
    """Write labels (rows, columns; 255 where unknown) of a scene, in blocks that say where the scene has data.

    `points` (see read_point_labels) are in a second band: 0 no point, 1 background, 2 to K + 1 the classes.
    """
    if points is None:
        labelled = ((window, labels, valid & (labels != LABEL_NODATA)) for window, labels, valid in blocks)
        write_cog(path, row.grid, PIXELS, labelled)
    else:
        gridded = grid_labels(points, row.grid)
        both = ((window, np.stack([labels, gridded.burn(window, valid)]), valid) for window, labels, valid in blocks)
        write_cog(path, row.grid, WITH_POINTS, both)


def count_burnt_points(path: str, row: RasterRow, points: VectorLabels) -> int:
    """How many points lie at pixels of a scene that have data, in its label raster."""
    centres = shapely.get_coordinates(shapely.centroid(grid_labels(points, row.grid).areas))
    col, row_number = np.floor(centres).astype(int).T
    count = 0
    with opened_raster(path) as raster:
        for window in row_windows(row.grid):
            valid = read_window(raster, window, POINT_BAND)[1]
            is_inside = (row_number >= window.row) & (row_number < window.row + window.height)
            is_inside &= (col >= 0) & (col < row.grid.width)
            count += int(valid[row_number[is_inside] - window.row, col[is_inside]].sum())
    return count


def _blocks(row: RasterRow, gridded: GriddedLabels) -> Iterator[Block]:
    with opened_raster(row.path) as scene:
        for window in row_windows(row.grid):
            _, valid = read_window(scene, window)
            yield window, gridded.burn(window, valid), valid


def _areas(
    layer: LabelLayer, grid: Grid, radius_m: float, buffers_px: Mapping[str, float], margin_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Areas in a grid's pixels (n), and their values (n), of the labels of a layer within a margin of it."""
    half_width_by_class = np.array([(BUFFERS_PX | dict(buffers_px))[word] for word in WIDTH_CLASSES] + [0.0])
    half_width_px = half_width_by_class[layer.width_class] + layer.width_px / 2
    is_near = may_reach(layer.centre, layer.reach, grid, radius_m, half_width_px + margin_px)
    shapes, owner = shapes_on_grid(layer.geometry[is_near], layer.crs_wkt, grid, radius_m)
    half_width_px = half_width_px[is_near][owner]
    is_line = half_width_px > 0
    shapes[is_line] = shapely.buffer(shapes[is_line], half_width_px[is_line])
    return shapes, layer.class_[is_near][owner]


def may_reach(
    centre: np.ndarray, reach: np.ndarray, grid: Grid, radius_m: float, margin_px: np.ndarray | float
) -> np.ndarray:
    """Which circles around shapes (bool, n) may reach a grid; all of them on grids too large for a circle around them.

    `centre` (n, 3) holds unit vectors, `reach` (n) radians, `margin_px` how far shapes are widened.
    """
    border = grid_outline(grid, Ground(grid.crs_wkt, radius_m))
    middle = outline_centre(*border)
    radius = angles_between(unit_vectors(*border), middle).max()
    if radius > LARGE_CAP:
        return np.ones(len(centre), bool)
    margin_rad = 2 * margin_px * grid.gsd_m / radius_m  # doubled, because the map may shrink the ground
    return angles_between(centre, middle) <= REACH_FACTOR * (radius + reach) + margin_rad


def shapes_on_grid(geometry: np.ndarray, crs_wkt: str, grid: Grid, radius_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (n) of a map in a grid's pixels, and the index in `geometry` of each.

    Longitudes are counted from the grid's middle. Shapes that cross the meridian opposite to it appear twice, to the
    left and to the right of the grid's middle.
    """
    dense = _in_degrees(geometry, crs_wkt, grid, radius_m)
    points, owner = shapely.get_coordinates(dense, return_index=True)
    lon, lat = points.T
    lat = np.clip(lat, -90, 90)  # a drawing may end a rounding beyond a pole, where PROJ knows no place
    frame = _GridFrame(grid, radius_m)
    offset_deg = wrap_longitude(lon - frame.lon)
    shapes = frame.shapes(dense, offset_deg, lat)
    wrapped = np.flatnonzero(_longest_steps(offset_deg, owner) > 180)
    if not wrapped.size:
        return shapes, np.arange(len(geometry))
    westward, eastward = offset_deg - 360 * (offset_deg > 0), offset_deg + 360 * (offset_deg < 0)
    left, right = (frame.shapes(dense, shifted, lat)[wrapped] for shifted in (westward, eastward))
    unwrapped = np.setdiff1d(np.arange(len(geometry)), wrapped)
    return np.concatenate([shapes[unwrapped], left, right]), np.concatenate([unwrapped, wrapped, wrapped])


def _in_degrees(geometry: np.ndarray, crs_wkt: str, grid: Grid, radius_m: float) -> np.ndarray:
    """Shapes (n) of a map in degrees, with a vertex wherever the grid may need it.

    A pole is a line on a cylindrical grid: polygons of another map that reach or enclose a pole go along that line.
    """
    ground = Ground(crs_wkt, radius_m)
    dense = shapely.segmentize(geometry, _vertex_spacing(geometry, crs_wkt, grid))
    in_degrees = shapely.transform(dense, lambda points: np.column_stack(ground.lonlat(*points.T)))
    if wrap_width(grid.crs_wkt) and not wrap_width(crs_wkt):
        over_pole = np.isin([shape.geom_type for shape in geometry], POLYGONS) & may_reach_pole(in_degrees)
        closed = polygons_in_degrees(geometry[over_pole], ground)
        in_degrees[over_pole] = shapely.segmentize(closed, POLE_STEP_DEG)
    return in_degrees


def _vertex_spacing(geometry: np.ndarray, crs_wkt: str, grid: Grid) -> np.ndarray:
    """How far apart (n), in units of their map, the vertices of shapes need to be."""
    unit_m = Grid(crs_wkt, Affine.identity(), 1, 1).gsd_m
    return np.maximum(STEP_PX * grid.gsd_m / unit_m, shapely.length(geometry) / MAX_STEPS)


def _longest_steps(offset_deg: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """The longest step (m) in degrees of longitude from one vertex (n) to the next, for each shape."""
    step = np.abs(np.diff(offset_deg, prepend=offset_deg[:1])) * (np.diff(owner, prepend=-1) == 0)
    return np.maximum.reduceat(step, np.flatnonzero(np.diff(owner, prepend=-1)))


@dataclass(frozen=True)
class _GridFrame:
    """The projection from the ground to a grid's pixels, with longitudes counted from the grid's middle."""

    grid: Grid
    radius_m: float

    @property
    def _ground(self) -> Ground:
        return Ground(self.grid.crs_wkt, self.radius_m)

    @property
    def lon(self) -> float:
        """Longitude of the grid's middle in degrees."""
        return float(self._ground.lonlat(*np.array(self.grid.middle))[0])

    def shapes(self, shapes: np.ndarray, offset_deg: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Shapes in pixels, with vertices at longitudes `offset_deg` from the middle, without jumps of 360 degrees."""
        ring = np.concatenate([[0.0], offset_deg])[None]  # one ring with the grid's middle, which keeps its longitude
        x, y = self._ground.xy(self.lon + ring, np.concatenate([[0.0], lat])[None], *self.grid.middle)
        return shapely.set_coordinates(shapes.copy(), np.column_stack(self.grid.to_pixel(x[0, 1:], y[0, 1:])))
