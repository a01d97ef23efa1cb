"""Pictures to draw on: one of all scenes of a run, and one of a single scene in its own pixels."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from orbitile.files import atomic
from orbitile.rasters.read import opened, read
from orbitile.space.grids import Window
from orbitile.tables.rasters import RasterRow, coarsest, read_rasters

LONGER_SIDE_PX = 1600
"""Longer side of a picture of all scenes."""
LARGEST_PX = 4096
"""Longer sides of a scene's picture are shrunk to this."""
HEADING_PX = 40


@dataclass(frozen=True)
class Frame:
    """The picture's frame on the reference map: bounds in map units, pixels per map unit."""

    crs_wkt: str
    west: float
    south: float
    east: float
    north: float

    @property
    def px_per_unit(self) -> float:
        """Picture pixels per map unit."""
        return LONGER_SIDE_PX / max(self.east - self.west, self.north - self.south)

    @property
    def size_px(self) -> tuple[float, float]:
        """Width and height in pixels."""
        return (self.east - self.west) * self.px_per_unit, (self.north - self.south) * self.px_per_unit


@dataclass(frozen=True)
class Picture:
    """All scenes at their coarsest scale on the first one's map, to be drawn on."""

    frame: Frame
    figure: Figure
    axes: Axes
    scenes: int

    @classmethod
    def of(cls, rasters: list[str]) -> "Picture":
        """Draw the scenes of groups' tables of rasters."""
        scenes = coarsest([row for path in rasters for row in read_rasters(path)])
        with ExitStack() as stack:
            views = [stack.enter_context(_view(scene, scenes[0].crs_wkt)) for scene in scenes]
            frame = _frame(views, scenes[0].crs_wkt)
            figure, axes = _canvas(*frame.size_px)
            for scene, view in zip(scenes, views, strict=True):
                bounds = view.bounds
                extent = (bounds.left, bounds.right, bounds.bottom, bounds.top)
                axes.imshow(_picture(scene, view, frame), extent=extent, cmap="gray", vmin=0, vmax=255)
        return cls(frame, figure, axes, len(scenes))

    def save(self, heading: str, out: str | Path) -> None:
        """Write it, with a line above, as a PNG."""
        frame = self.frame
        self.axes.set(xlim=(frame.west, frame.east), ylim=(frame.south, frame.north))
        self.figure.text(0.01, 0.99, heading, va="top", fontsize=14)
        _save(self.figure, out)


@dataclass(frozen=True)
class ScenePicture:
    """One scene in its own pixels, grey as it was stretched, to be drawn on."""

    raster: RasterRow
    figure: Figure
    axes: Axes

    @classmethod
    def of(cls, raster: RasterRow) -> "ScenePicture":
        """Draw a scene."""
        height, width = shape = _shape(raster)
        with opened(raster.path) as source:
            pixels, valid = read(source, Window(0, 0, raster.width, raster.height), shape=shape)
        picture = cls(raster, *_canvas(width, height))
        picture.axes.set(xlim=(0, raster.width), ylim=(raster.height, 0))
        picture.lay_over(raster.stretch.apply(pixels, valid), "gray")
        return picture

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the scene in the picture."""
        return _shape(self.raster)

    def lay_over(self, pixels: np.ndarray, colours: str | Colormap) -> None:
        """Lay values of 0..255 (rows, columns, of any number) over the whole scene."""
        extent = (0, self.raster.width, self.raster.height, 0)
        self.axes.imshow(pixels, cmap=colours, vmin=0, vmax=255, extent=extent, interpolation="none")

    def outline(self, kind: str, rings: list[np.ndarray], colour: str, width_pt: float) -> None:
        """Draw rings or lines (n, 2: column, row of the scene) of a kind, which the legend names and counts."""
        label = f"{kind} ({len(rings)})"
        self.axes.add_collection(LineCollection(rings, colors=colour, linewidths=width_pt, label=label))

    def save(self, out: str | Path, legend_columns: int) -> None:
        """Write it as a PNG, the scene's name and a legend above."""
        handles = self.axes.get_legend_handles_labels()
        self.figure.legend(*handles, loc="upper right", ncols=legend_columns, frameon=False, fontsize=14)
        heading = f"{self.raster.scene}, {self.raster.scale_m:g} m/px"
        self.figure.text(0.01, 0.995, heading, va="top", fontsize=14)
        _save(self.figure, out)


def _shape(raster: RasterRow) -> tuple[int, int]:
    """Rows and columns of a scene's picture."""
    shrink = min(1, LARGEST_PX / max(raster.width, raster.height))
    return max(1, round(raster.height * shrink)), max(1, round(raster.width * shrink))


@contextmanager
def _view(scene: RasterRow, crs_wkt: str) -> Iterator[WarpedVRT]:
    """A scene as it looks on a map."""
    with opened(scene.path) as source, WarpedVRT(source, crs=crs_wkt, resampling=Resampling.average) as view:
        yield view


def _frame(views: list[WarpedVRT], crs_wkt: str) -> Frame:
    bounds = np.array([view.bounds for view in views])
    return Frame(crs_wkt, *bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with room for so many pixels, and for a heading above them."""
    figure = plt.figure(figsize=(width / 100, (height + HEADING_PX) / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, height / (height + HEADING_PX)))
    axes.axis("off")
    return figure, axes


def _save(figure: Figure, out: str | Path) -> None:
    """Write a figure as a PNG, and close it."""
    with atomic(out) as temporary:
        figure.savefig(temporary)
    plt.close(figure)


def _picture(scene: RasterRow, view: WarpedVRT, frame: Frame) -> np.ma.MaskedArray:
    """A scene's stretched pixels at the picture's resolution, those without data masked."""
    shrink = min(1.0, frame.px_per_unit * view.transform.a)
    shape = (max(1, round(view.height * shrink)), max(1, round(view.width * shrink)))
    pixels = view.read(1, out_shape=shape, resampling=Resampling.average)
    valid = view.read_masks(1, out_shape=shape) > 0
    return np.ma.masked_array(scene.stretch.apply(pixels, valid), ~valid)
