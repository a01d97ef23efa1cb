"""Masks: rasters of class numbers in the pixels of scenes, a file for each, as labels to learn from and as truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shorten_names, shortened
from orbitile.features.labels.burn import LABEL_NODATA, write_labels
from orbitile.features.labels.read import VectorLabels
from orbitile.rasters.gdal import raster_window
from orbitile.rasters.read import explain_read_errors, image_grid, opened_raster, read_window, row_windows
from orbitile.rasters.write import Block
from orbitile.space.grids import Grid, Window
from orbitile.tables.image_folders import masks_of_folder
from orbitile.tables.rasters import RasterRow

UNKNOWN = 255
"""The value of pixels of unknown class, unless a class has it."""
MOST_PX_OFF = 0.01
"""Pixels by which the corners of a mask with a map may lie off those of its scene."""


@dataclass(frozen=True)
class MaskFolder:
    """A folder of masks, the classes, and the value of each in the masks; None for 1 to K in their order.

    Other pixels are 0, background, or UNKNOWN. OrbitileError where values are named, but not that of each class.
    """

    folder: Path
    classes: tuple[str, ...]
    values: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if self.values is not None and set(self.values) != set(self.classes):
            raise OrbitileError(f"labels.mask_values: has values of {', '.join(self.values)}, but the classes are "
                                f"{', '.join(self.classes)}; give the value of each")  # fmt: skip

    @cached_property
    def by_scene(self) -> dict[str, Path]:
        """The masks by the names of their scenes."""
        return masks_of_folder(self.folder)

    @cached_property
    def class_of_value(self) -> dict[int, int]:
        """The label of each value: 0 for background, 1 to K for the classes, LABEL_NODATA for unknown."""
        values = self.values or {name: number for number, name in enumerate(self.classes, 1)}
        named = {values[name]: number for number, name in enumerate(self.classes, 1)}
        return {0: 0, UNKNOWN: LABEL_NODATA} | named

    def check_scenes(self, scenes: Sequence[str]) -> None:
        """OrbitileError where no scene has a mask."""
        if not set(scenes) & set(self.by_scene):
            raise OrbitileError(
                f"{self.folder}: none of its masks ({shorten_names(list(self.by_scene))}) has the name of a scene "
                f"({shorten_names(scenes)}); a mask is named as its scene, or as the image in a folder of images"
            )

    def of_scene(self, scene: str, finest: Grid, grid: Grid) -> "SceneMask":
        """The mask of a scene, of the size of its `finest` grid, to be read on a grid of its lattice or a coarser one.

        OrbitileError as of `check`, and for a mask with a map on which it lies elsewhere than the scene.
        """
        self.check(scene, (finest.width, finest.height))
        path = self.by_scene[scene]
        with opened_raster(str(path)) as source:
            _check_place(source, finest)
        return SceneMask(self, path, finest, grid, round(grid.transform.a / finest.transform.a))

    def check(self, scene: str, size: tuple[int, int] | None) -> None:
        """Read the mask of a scene, whose width and height in pixels are its `size`, None where they are not known yet.

        OrbitileError where there is none, and for a mask of another size, of several bands, or with a value that is
        none of a class.
        """
        if scene not in self.by_scene:
            raise OrbitileError(f"{self.folder}: no mask of scene {scene}; add {scene}.png or {scene}.tif, {UNKNOWN} "
                                "where nothing is known")  # fmt: skip
        with opened_raster(str(self.by_scene[scene])) as source:
            _check_layout(source, size or (source.width, source.height), scene)
            self._check_values(source)

    def write_raster(self, row: RasterRow, finest: Grid, path: str | Path, points: VectorLabels | None = None) -> None:
        """Write the mask of a scene as a label raster on its grid: 255 where its class is unknown, or without data.

        For `points` see burn.write_labels. OrbitileError as of `of_scene`.
        """
        write_labels(row, _blocks(row, self.of_scene(row.scene, finest, row.grid)), path, points)

    def labels(self, pixels: np.ndarray, mask: str | Path) -> np.ndarray:
        """Labels (uint8) of a mask's pixels, of the same shape; OrbitileError for values that are none of a class."""
        values, position = np.unique(pixels, return_inverse=True)
        if unknown := [value for value in values.tolist() if value not in self.class_of_value]:
            raise OrbitileError(f"{mask}: value {unknown[0]} is no class; allowed are {self._allowed}")
        labels = np.array([self.class_of_value[value] for value in values.tolist()], np.uint8)
        return labels[position].reshape(pixels.shape)

    def _check_values(self, source: rasterio.DatasetReader) -> None:
        """OrbitileError for values that are none of a class, and where 255 may as well be the class as unknown."""
        values: set[int] = set()
        for window in row_windows(image_grid(source)):
            with explain_read_errors(source.name):
                distinct = np.unique(source.read(1, window=raster_window(window)))
            self.labels(distinct, source.name)
            values |= set(distinct.tolist())
        if self.values is None and len(self.classes) == 1 and values == {0, UNKNOWN}:
            name = self.classes[0]
            raise OrbitileError(f"{source.name}: holds 0 and {UNKNOWN} alone, and {UNKNOWN} is unknown; "
                                f"say labels.mask_values: {{{name}: {UNKNOWN}}} if it is the class, else "
                                f"{{{name}: 1}}")  # fmt: skip

    @property
    def _allowed(self) -> str:
        names = {0: "background", LABEL_NODATA: "unknown"} | dict(enumerate(self.classes, 1))
        allowed = [f"{value} ({names[label]})" for value, label in sorted(self.class_of_value.items())]
        return shortened(", ".join(allowed), 300)


@dataclass(frozen=True)
class SceneMask:
    """The mask of a scene on its finest grid, to be read on `grid`, whose pixels are `factor` times larger."""

    masks: MaskFolder
    path: Path
    finest: Grid
    grid: Grid
    factor: int

    def burn(self, window: Window, valid: np.ndarray) -> np.ndarray:
        """Labels (rows, columns; uint8) of a window of the grid: 0 background, 1..K class, 255 unknown or not `valid`.

        A larger pixel has the most frequent of the known labels in it, of several the lowest.
        """
        fine = self._read(window)
        labels = fine if self.factor == 1 else _modes(fine, self.factor, len(self.masks.classes))
        return np.where(valid, labels, np.uint8(LABEL_NODATA))

    def _read(self, window: Window) -> np.ndarray:
        """The labels of the mask's pixels in a window of the grid; 255 beyond the mask."""
        (fine_col, fine_row), (col, row) = self.finest.index, self.grid.index
        left, top = (col + window.col) * self.factor - fine_col, (row + window.row) * self.factor - fine_row
        reach = Window(left, top, window.width * self.factor, window.height * self.factor)
        labels = np.full((reach.height, reach.width), LABEL_NODATA, np.uint8)
        shared = reach.intersection(self.finest.window)
        if shared is not None:
            with opened_raster(str(self.path)) as source, explain_read_errors(source.name):
                pixels = source.read(1, window=raster_window(shared))
            labels[shared.slices_within(reach)] = self.masks.labels(pixels, self.path)
        return labels


def _blocks(row: RasterRow, mask: SceneMask) -> Iterator[Block]:
    with opened_raster(row.path) as scene:
        for window in row_windows(row.grid):
            valid = read_window(scene, window)[1]
            yield window, mask.burn(window, valid), valid


def _check_layout(source: rasterio.DatasetReader, size: tuple[int, int], scene: str) -> None:
    """OrbitileError for a raster that is no mask, or has another size (width, height) than its scene."""
    path = source.name
    if source.count != 1:
        raise OrbitileError(f"{path}: has {source.count} bands, as colours have; a mask is one band of class numbers")
    if not np.issubdtype(np.dtype(source.dtypes[0]), np.integer):
        raise OrbitileError(f"{path}: holds {source.dtypes[0]}; a mask holds whole numbers, those of classes")
    if (source.width, source.height) != size:
        raise OrbitileError(f"{path}: {source.width} x {source.height} px, but the scene {scene} has "
                            f"{size[0]} x {size[1]}; a mask has the size of its image")  # fmt: skip
    if source.nodata not in (None, UNKNOWN):
        way = "save it without transparent colours" if source.driver == "PNG" else "rio edit-info FILE --unset-nodata"
        raise OrbitileError(f"{path}: its nodata value is {source.nodata:g}, which is also a label; take it away "
                            f"({way}), and write {UNKNOWN} where classes are unknown")  # fmt: skip


def _check_place(source: rasterio.DatasetReader, finest: Grid) -> None:
    """OrbitileError for a mask with a map on which it lies elsewhere than its scene."""
    if source.crs is not None and _px_off(source, finest) > MOST_PX_OFF:
        raise OrbitileError(f"{source.name}: lies {_px_off(source, finest):.3g} px off its scene; give a mask on the "
                            "scene's grid, or one without a map")  # fmt: skip


def _px_off(source: rasterio.DatasetReader, grid: Grid) -> float:
    """How far apart the corners of a mask and of a grid of its size lie, in pixels, in units of their maps."""
    ends = np.array([0.0, grid.width]), np.array([0.0, grid.height])
    col, row = grid.to_pixel(*replace(grid, transform=source.transform).to_map(*ends))
    return float(max(np.abs(col - ends[0]).max(), np.abs(row - ends[1]).max()))


def _modes(labels: np.ndarray, factor: int, classes: int) -> np.ndarray:
    """The most frequent known label of each square of `factor` pixels, the lowest of several; 255 where none is."""
    rows, cols = labels.shape[0] // factor, labels.shape[1] // factor
    squares = labels.reshape(rows, factor, cols, factor)
    most, modes = np.zeros((rows, cols), np.int64), np.full((rows, cols), LABEL_NODATA, np.uint8)
    for number in range(classes + 1):
        count = np.count_nonzero(squares == number, axis=(1, 3))
        modes[count > most] = number
        most = np.maximum(most, count)
    return modes
