"""Pictures to draw on: one of all scenes of a run, and one of a single scene in its own pixels."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rasterio import DatasetReader
from rasterio.enums import MaskFlags, Resampling
from rasterio.transform import array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform

from orbitile.base.files import atomic
from orbitile.base.messages import format_count, shorten_names
from orbitile.pictures.class_colours import class_patches
from orbitile.pictures.map_frame import MapFrame, draw_map_frame
from orbitile.pictures.picture_size import enlargement, shrunken_shape
from orbitile.pictures.pixel_image import PixelImage, enlarged, opaque
from orbitile.rasters.read import opened_raster, read_window
from orbitile.rasters.stretch import Stretch
from orbitile.space.ground import Ground
from orbitile.tables.rasters import RasterRow, coarsest, read_rasters_of_groups

LONGER_SIDE_PX = 1600
"""Longer side of a picture of all scenes."""
COMPRESSION = 2
"""Of PNGs: as small as zlib's usual 6 makes them without opacity, in a quarter of the time."""
KEY = "Key"
"""The text in a PNG that tells by what it was drawn."""
DPI, HEADING_PX = 100, 40
GAP_PX = 10
"""Between the heading and what is beside it."""
LEGEND_GREY = "#444444"
"""Behind the legend: light lines show on it as they do on a scene."""
RIM_PT, RIM_COLOUR = 0.9, "#000000aa"
"""By how much the dark rim of a line is wider than the line."""
COLOUR_BANDS = ("red", "green", "blue")
"""Names that bands shown in colour may have, in this order."""


LineStyle = Literal["solid"] | tuple[float, tuple[float, ...]]
"""A line style of Matplotlib: solid, or an offset and the lengths of dashes and gaps in units of the line's width."""


@dataclass(frozen=True)
class Frame:
    """The picture's frame on a map: bounds in map units."""

    crs_wkt: str
    west: float
    south: float
    east: float
    north: float

    @property
    def middle(self) -> tuple[float, float]:
        """Map coordinates (x, y) of the middle."""
        return (self.west + self.east) / 2, (self.south + self.north) / 2

    @property
    def px_per_unit(self) -> float:
        """Picture pixels per map unit."""
        return LONGER_SIDE_PX / max(self.east - self.west, self.north - self.south)

    @property
    def size_px(self) -> tuple[float, float]:
        """Width and height in pixels."""
        return (self.east - self.west) * self.px_per_unit, (self.north - self.south) * self.px_per_unit


@dataclass(frozen=True)
class RunPicture:
    """All scenes at their coarsest scale on the map that most of them have, to be drawn on."""

    frame: Frame
    figure: Figure
    axes: Axes
    names: frozenset[str]

    @classmethod
    def of(cls, rasters: list[str]) -> "RunPicture":
        """Draw the scenes of groups' tables of rasters, one after another: only one is in memory at a time."""
        scenes = coarsest(read_rasters_of_groups(rasters))
        frame = _frame(scenes)
        figure, axes = _canvas(*frame.size_px)
        axes.set(xlim=(frame.west, frame.east), ylim=(frame.south, frame.north), autoscale_on=False)
        axes.add_artist(PixelImage(_paint(scenes, frame, figure, axes)))
        return cls(frame, figure, axes, frozenset(scene.scene for scene in scenes))

    @property
    def scenes(self) -> int:
        """How many scenes there are in it."""
        return len(self.names)

    def searched_text(self, exclusions: Sequence[Mapping[str, str]]) -> str:
        """How many of its scenes the result is of, and what of them it lacks, by what its manifest excludes."""
        return searched_scenes_text(self.names, exclusions)

    def add_map_frame(self, radius_m: float, graticule: bool = True) -> None:
        """Draw a scale bar and, where scenes have a place on the body, of that radius, a graticule."""
        frame = self.frame
        draw_map_frame(
            MapFrame(
                self.axes, Ground(frame.crs_wkt, radius_m), frame.middle, _unchanged, _unchanged,
                (frame.west, frame.east, frame.south, frame.north), frame.size_px,
            ),
            graticule,
        )  # fmt: skip

    def name_colours(self, class_colour: Mapping[str, str]) -> None:
        """Lay a legend of colours by the names of classes over a corner."""
        self.axes.legend(handles=class_patches(class_colour), loc="lower right", fontsize=12)

    def save(self, heading: str, out: str | Path) -> None:
        """Write it, with a line above, as a PNG."""
        self.figure.text(0.01, 0.99, heading, va="top", fontsize=14)
        save_picture(self.figure, out)


@dataclass(frozen=True)
class ScenePicture:
    """One scene in its own pixels, stretched, to be drawn on: three bands in colour, else the first in grey."""

    raster: RasterRow
    figure: Figure
    axes: Axes

    @classmethod
    def of(cls, raster: RasterRow) -> "ScenePicture":
        """Draw a scene, each pixel of a small one as a square."""
        pixels = read_scene(raster, shrunken_shape(raster.width, raster.height))
        picture = cls(raster, *_canvas(*_size_px(raster)))
        picture.axes.set(xlim=(0, raster.width), ylim=(raster.height, 0))
        picture.lay_over(pixels)
        return picture

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the scene, before its pixels become squares."""
        return shrunken_shape(self.raster.width, self.raster.height)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the scene in the picture."""
        return _size_px(self.raster)

    def lay_over(self, pixels: np.ndarray) -> None:
        """Lay an image of the scene's `shape` (rows, columns, 4: red, green, blue, opacity; uint8) over it."""
        factor = enlargement(self.raster.width, self.raster.height)
        self.axes.add_artist(PixelImage(enlarged(pixels, factor)))

    def add_map_frame(self, radius_m: float, graticule: bool = True) -> None:
        """Draw a scale bar and, where the scene has a place on the body, of that radius, a graticule."""
        raster, grid = self.raster, self.raster.grid
        frame = MapFrame(
            self.axes, Ground(raster.crs_wkt, radius_m), grid.middle, grid.to_map, grid.to_pixel,
            (0, raster.width, raster.height, 0), self.size_px,
        )  # fmt: skip
        draw_map_frame(frame, graticule)

    def outline(
        self, kind: str, rings: list[np.ndarray], colour: str, width_pt: float, style: LineStyle = "solid"
    ) -> None:
        """Draw rings or lines, each (n, 2: column, row of the scene), of a kind, which the legend names and counts.

        Lines have a dark rim, so that they show on bright ground.
        """
        draw_outlines(self.axes, rings, colour, width_pt, style).set_label(f"{kind} ({len(rings)})")

    def save(self, out: str | Path, legend_columns: int, key: str = "") -> None:
        """Write it as a PNG, the scene's name and a legend above; `picture_key` reads its key.

        Where the legend has no room beside the name, it stands below, in fewer columns if need be.
        """
        heading = f"{self.raster.scene}, {self.raster.scale_m:g} m/px"
        legend = self._add_legend(legend_columns, "upper right")
        title = self.figure.text(0.01, 0.995, heading, va="top", fontsize=14)
        if self._extent_px(title)[0] + self._extent_px(legend)[0] + 2 * GAP_PX > self.size_px[0]:
            legend.remove()
            self._stack_heading(title, legend_columns)
        save_picture(self.figure, out, key)

    def _stack_heading(self, title: Text, legend_columns: int) -> None:
        """Lay a legend below the title; the figure grows as far as they need."""
        width, height = self.size_px
        room_px = max(width, self._extent_px(title)[0] + 2 * GAP_PX)
        legend = self._add_legend(legend_columns, "lower left")
        while self._extent_px(legend)[0] + GAP_PX > room_px and legend_columns > 1:
            legend.remove()
            legend_columns -= 1
            legend = self._add_legend(legend_columns, "lower left")
        legend_width, legend_height = self._extent_px(legend)
        across, down = ceil(max(room_px, legend_width + GAP_PX)), height + HEADING_PX + ceil(legend_height)
        self.figure.set_size_inches(across / DPI, down / DPI)
        self.axes.set_position((0, 0, width / across, height / down))
        legend.set_bbox_to_anchor((0, height / down), self.figure.transFigure)
        title.set_position((GAP_PX / across, 1 - GAP_PX / down))

    def _add_legend(self, columns: int, place: Literal["upper right", "lower left"]) -> Legend:
        handles = self.axes.get_legend_handles_labels()
        legend = self.figure.legend(
            *handles, loc=place, ncols=columns, fontsize=14, facecolor=LEGEND_GREY, framealpha=1,
            edgecolor=LEGEND_GREY, labelcolor="white", borderpad=0.25, borderaxespad=0.15,
        )  # fmt: skip
        legend.set_visible(bool(handles[0]))
        return legend

    def _extent_px(self, part: Text | Legend) -> tuple[float, float]:
        """Width and height of a part of the heading; none of what is invisible."""
        extent = part.get_window_extent(FigureCanvasAgg(self.figure).get_renderer())
        return (extent.width, extent.height) if part.get_visible() else (0.0, 0.0)


def draw_outlines(
    axes: Axes, rings: list[np.ndarray], colour: str, width_pt: float, style: LineStyle = "solid"
) -> LineCollection:
    """Draw rings or lines, each (n, 2: x, y), with a dark rim; returns them without it."""
    rim_pt = width_pt + RIM_PT
    rim_style = _scaled(style, width_pt / rim_pt)
    rim = LineCollection(rings, colors=RIM_COLOUR, linewidths=rim_pt, linestyles=rim_style)
    line = LineCollection(rings, colors=colour, linewidths=width_pt, linestyles=style)
    for lines in (rim, line):  # not as an effect of the line, which would draw ring after ring in Python
        axes.add_collection(lines, autolim=False)
    return line


def _scaled(style: LineStyle, factor: float) -> LineStyle:
    """A line style with longer or shorter dashes."""
    return style if isinstance(style, str) else (style[0] * factor, tuple(length * factor for length in style[1]))


def searched_scenes_text(scenes: frozenset[str], exclusions: Sequence[Mapping[str, str]]) -> str:
    """How many of a picture's scenes a result is of, and what of them it lacks, by what its manifest excludes."""
    lacking = {piece["scene"]: piece["detail"] for piece in exclusions}
    searched = len(scenes - {scene for scene, detail in lacking.items() if not detail})
    parts = f"; left out, in part or as a whole: {shorten_names(sorted(lacking))}" if lacking else ""
    return f"{format_count(searched, 'scene')}{parts}"


def _unchanged(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places on axes that are those of the map."""
    return x, y


def picture_key(path: str | Path) -> str | None:
    """The key in a picture of a scene; None where there is no such picture."""
    try:
        with Image.open(path) as picture:
            return picture.info.get(KEY)
    except OSError:
        return None


def _size_px(raster: RasterRow) -> tuple[int, int]:
    """Width and height of a scene in its picture."""
    rows, columns = shrunken_shape(raster.width, raster.height)
    factor = enlargement(raster.width, raster.height)
    return columns * factor, rows * factor


@contextmanager
def _view(scene: RasterRow, crs_wkt: str) -> Iterator[WarpedVRT]:
    """A scene warped to a map, with a last band of opacity where the scene has a mask in place of a nodata value."""
    with opened_raster(scene.path) as source:
        has_mask = source.nodata is None and source.mask_flag_enums[0] == [MaskFlags.per_dataset]
        warp = dict(crs=crs_wkt, resampling=Resampling.average, add_alpha=has_mask)
        with WarpedVRT(source, **warp) as view:
            yield view


def _frame(scenes: Sequence[RasterRow]) -> Frame:
    """The frame around scenes on the map that most of them have, the first of several."""
    crs_wkt = Counter(scene.crs_wkt for scene in scenes).most_common(1)[0][0]
    bounds = np.array([_warped_bounds(scene, crs_wkt) for scene in scenes])
    return Frame(crs_wkt, *bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))


def _warped_bounds(scene: RasterRow, crs_wkt: str) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a scene warped to a map, as GDAL would warp it."""
    bounds = array_bounds(scene.height, scene.width, scene.grid.transform)
    transform, width, height = calculate_default_transform(scene.crs_wkt, crs_wkt, scene.width, scene.height, *bounds)
    return array_bounds(height, width, transform)


def _paint(scenes: Sequence[RasterRow], frame: Frame, figure: Figure, axes: Axes) -> np.ndarray:
    """The pixels (rows, columns, 4: red, green, blue, opacity) of a figure with all scenes in its axes."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.patch.draw(renderer)
    axes.apply_aspect()
    for scene in scenes:
        with _view(scene, frame.crs_wkt) as view:
            bounds = view.bounds
            extent = (bounds.left, bounds.right, bounds.bottom, bounds.top)
            image = axes.imshow(_warped_image(scene, view, frame), extent=extent, cmap="gray", vmin=0, vmax=255)
        image.draw(renderer)
        image.remove()
    return np.array(renderer.buffer_rgba())


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with room for so many pixels, and for a heading above them."""
    figure = Figure(figsize=(width / DPI, (height + HEADING_PX) / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, height / (height + HEADING_PX)))
    axes.axis("off")
    return figure, axes


def save_picture(figure: Figure, out: str | Path, key: str = "") -> None:
    """Write a figure as a PNG without opacity, with a key in it."""
    canvas, texts = FigureCanvasAgg(figure), PngInfo()
    canvas.draw()
    texts.add_text(KEY, key)
    with atomic(out) as temporary:
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        image.save(temporary, compress_level=COMPRESSION, pnginfo=texts)


def read_scene(raster: RasterRow, shape: tuple[int, int]) -> np.ndarray:
    """A scene's stretched pixels (rows, columns of a shape, 4: red, green, blue, opacity)."""
    with opened_raster(raster.path) as source:
        bands = displayed_bands(source, raster.bands)
        pixels, valid = read_window(source, raster.grid.window, bands, shape)
    return opaque(stretched_pixels(raster, bands, pixels, valid))


def displayed_bands(source: DatasetReader | WarpedVRT, count: int) -> tuple[int, ...]:
    """Numbers of the three bands of `count` to show as red, green and blue, or of the one to show in grey."""
    if count != len(COLOUR_BANDS):
        return (1,)
    names = [str(name).lower() for name in source.descriptions[:count]]
    return tuple(names.index(colour) + 1 for colour in COLOUR_BANDS) if set(names) == set(COLOUR_BANDS) else (1, 2, 3)


def stretched_pixels(scene: RasterRow, bands: tuple[int, ...], pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """8-bit pixels (rows, columns) of one band, or (rows, columns, bands) of several, from (bands, rows, columns)."""
    low, high = (tuple(limits[band - 1] for band in bands) for limits in (scene.low, scene.high))
    image = Stretch(low, high).apply(pixels if len(bands) > 1 else pixels[0], valid)
    return np.moveaxis(image, 0, -1) if len(bands) > 1 else image


def _warped_image(scene: RasterRow, view: WarpedVRT, frame: Frame) -> np.ndarray:
    """A scene's stretched pixels at the picture's resolution, those without data masked or transparent.

    (rows, columns) of one band, (rows, columns, 4: red, green, blue, opacity) of three.
    """
    shrink = min(1.0, frame.px_per_unit * view.transform.a)
    shape = (max(1, round(view.height * shrink)), max(1, round(view.width * shrink)))
    bands = displayed_bands(view, scene.bands)
    pixels = view.read(bands, out_shape=shape, resampling=Resampling.average)
    valid = (view.read_masks(bands, out_shape=shape) > 0).all(axis=0)
    image = stretched_pixels(scene, bands, pixels, valid)
    return np.ma.masked_array(image, ~valid) if image.ndim == 2 else np.dstack([image, np.where(valid, 255, 0)])
