"""One picture of all scenes of a run, to draw on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from orbitile.files import atomic
from orbitile.rasters.read import opened
from orbitile.tables.rasters import RasterRow, coarsest, read_rasters

LONGER_SIDE_PX = 1600
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
            figure, axes = _canvas(frame)
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
        with atomic(out) as temporary:
            self.figure.savefig(temporary)
        plt.close(self.figure)


@contextmanager
def _view(scene: RasterRow, crs_wkt: str) -> Iterator[WarpedVRT]:
    """A scene as it looks on a map."""
    with opened(scene.path) as source, WarpedVRT(source, crs=crs_wkt, resampling=Resampling.average) as view:
        yield view


def _frame(views: list[WarpedVRT], crs_wkt: str) -> Frame:
    bounds = np.array([view.bounds for view in views])
    return Frame(crs_wkt, *bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))


def _canvas(frame: Frame) -> tuple[Figure, Axes]:
    width, height = frame.size_px
    figure = plt.figure(figsize=(width / 100, (height + HEADING_PX) / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, height / (height + HEADING_PX)))
    axes.axis("off")
    return figure, axes


def _picture(scene: RasterRow, view: WarpedVRT, frame: Frame) -> np.ma.MaskedArray:
    """A scene's stretched pixels at the picture's resolution, those without data masked."""
    shrink = min(1.0, frame.px_per_unit * view.transform.a)
    shape = (max(1, round(view.height * shrink)), max(1, round(view.width * shrink)))
    pixels = view.read(1, out_shape=shape, resampling=Resampling.average)
    valid = view.read_masks(1, out_shape=shape) > 0
    return np.ma.masked_array(scene.stretch.apply(pixels, valid), ~valid)
