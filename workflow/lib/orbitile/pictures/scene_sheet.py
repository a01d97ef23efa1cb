"""A sheet to draw on, with scenes side by side: those of a run in pixel coordinates all lie at one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, sqrt
from pathlib import Path
from typing import Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from orbitile.base.messages import shortened
from orbitile.pictures.class_colours import class_patches
from orbitile.pictures.pixel_image import PixelImage, enlarged
from orbitile.pictures.scene_picture import (
    DPI,
    HEADING_PX,
    LONGER_SIDE_PX,
    draw_outlines,
    read_scene,
    save_picture,
)
from orbitile.tables.rasters import RasterRow, read_rasters_of_groups

MOST_SCENES, MOST_COLUMNS = 48, 8
CAPTION_PX, GAP_PX = 34, 8
LETTER_PX = 8
"""Width of a letter of a caption; few names are of wider ones."""
FONT_PT, LINE_PT = 9, 0.8


@dataclass(frozen=True)
class SheetGrid:
    """The cells of a sheet of so many scenes, `aspect` times as high as wide; all sizes and places in pixels."""

    scenes: int
    aspect: float

    @property
    def columns(self) -> int:
        """How many cells lie side by side."""
        return max(1, min(MOST_COLUMNS, ceil(sqrt(self.scenes))))

    @property
    def cell_size(self) -> tuple[int, int]:
        """Width and height of a cell, without its caption."""
        side = (LONGER_SIDE_PX - GAP_PX) // self.columns - GAP_PX
        return side, ceil(side * self.aspect)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        (width, _), rows = self.cell_size, ceil(self.scenes / self.columns)
        return self.corner(self.columns - 1)[0] + width + GAP_PX, self.corner(rows * self.columns)[1] - CAPTION_PX

    def corner(self, number: int) -> tuple[int, int]:
        """Left and upper side of the cell of a scene by its number, from the sheet's upper left corner."""
        row, column = divmod(number, self.columns)
        width, height = self.cell_size
        return GAP_PX + column * (width + GAP_PX), HEADING_PX + row * (height + CAPTION_PX + GAP_PX) + CAPTION_PX


@dataclass(frozen=True)
class SheetCell:
    """A scene on a sheet: its raster, and axes in the raster's columns and rows."""

    raster: RasterRow
    axes: Axes

    def outline(self, rings: list[np.ndarray], colour: str) -> None:
        """Draw rings or lines, each (n, 2: column, row of the raster)."""
        draw_outlines(self.axes, rings, colour, LINE_PT)


@dataclass(frozen=True)
class SceneSheet:
    """The first scenes of a run by name, each in a cell, and the names of all scenes."""

    figure: Figure
    cells: Mapping[str, SheetCell]
    names: frozenset[str]

    @classmethod
    def of(cls, rasters: Sequence[str]) -> Self:
        """Draw the scenes of groups' tables of rasters, each at the coarsest scale that fills its cell."""
        rows = sorted(read_rasters_of_groups(rasters), key=lambda row: (row.scene, row.scale_m))
        scales = {scene: list(of_scene) for scene, of_scene in groupby(rows, lambda row: row.scene)}
        shown = list(scales)[:MOST_SCENES]
        aspects = [scales[scene][0].height / scales[scene][0].width for scene in shown]
        grid = SheetGrid(len(shown), min(1.0, max(aspects, default=1.0)))
        figure = Figure(figsize=(grid.size[0] / DPI, grid.size[1] / DPI), dpi=DPI)
        cells = {scene: _cell(figure, scales[scene], grid, number) for number, scene in enumerate(shown)}
        return cls(figure, cells, frozenset(scales))

    @property
    def more_text(self) -> str:
        """How many scenes it does not show; nothing where it shows all."""
        more = len(self.names) - len(self.cells)
        return f"; the first {len(self.cells)} are shown, {more:,} more are not" if more else ""

    def name_colours(self, class_colour: Mapping[str, str]) -> None:
        """Lay a legend of colours by the names of classes over a corner."""
        self.figure.legend(handles=class_patches(class_colour), loc="lower right", fontsize=12)

    def save(self, heading: str, out: str | Path) -> None:
        """Write it, with a line above, as a PNG."""
        _write(self.figure, GAP_PX, GAP_PX, heading, "black", fontsize=14)
        save_picture(self.figure, out)


def _cell(figure: Figure, scales: Sequence[RasterRow], grid: SheetGrid, number: int) -> SheetCell:
    """Draw a scene, of which there are rasters from the finest scale on, into the cell of a number."""
    (left, top), (width, height) = grid.corner(number), grid.size
    raster = scales[0]
    _write_name(figure, left, top - CAPTION_PX, raster.scene, grid.cell_size[0])
    _write(figure, left, top - CAPTION_PX / 2, f"{raster.width} x {raster.height} px", "0.4")
    raster = next((row for row in scales[::-1] if _zoom(row, grid) <= 1), raster)
    pixels = _pixels(raster, _zoom(raster, grid))
    rows, columns, _ = pixels.shape
    bottom = height - top - rows
    axes = figure.add_axes((left / width, bottom / height, columns / width, rows / height))
    axes.set(xlim=(0, raster.width), ylim=(raster.height, 0))
    axes.axis("off")
    axes.add_artist(PixelImage(pixels, (left, bottom)))
    return SheetCell(raster, axes)


def _zoom(raster: RasterRow, grid: SheetGrid) -> float:
    """By how much a raster would have to be enlarged to fill a cell."""
    width, height = grid.cell_size
    return min(width / raster.width, height / raster.height)


def _pixels(raster: RasterRow, zoom: float) -> np.ndarray:
    """A scene's pixels (rows, columns, 4), shrunk, or each as a square."""
    shrink = min(1.0, zoom)
    shape = max(1, round(raster.height * shrink)), max(1, round(raster.width * shrink))
    return enlarged(read_scene(raster, shape), max(1, int(zoom)))


def _write_name(figure: Figure, left: float, top: float, name: str, width: float) -> None:
    """Write a name, shortened, and in smaller letters where these are so wide that it would pass a width."""
    text = _write(figure, left, top, shortened(name, int(width) // LETTER_PX), "black")
    extent = text.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    text.set_fontsize(FONT_PT * min(1.0, width / extent.width))


def _write(figure: Figure, left: float, top: float, text: str, colour: str, fontsize: float = FONT_PT) -> Text:
    """Write a line at a place in pixels from the upper left corner."""
    width, height = figure.bbox.size
    return figure.text(left / width, 1 - top / height, text, color=colour, va="top", fontsize=fontsize)
