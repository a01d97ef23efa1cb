"""Masks: label rasters of scenes, drawn in the scenes' own pixels, in a folder of files named as the scenes."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.features.labels.burn import LABEL_NODATA
from orbitile.rasters.read import explain_read_errors, opened_raster
from orbitile.space.grids import Grid, Window

SUFFIXES = (".tif", ".tiff", ".png")
MOST_PX_OFF = 0.01
"""Pixels by which the corners of a mask with a map may lie off those of its scene."""


@dataclass(frozen=True)
class SceneMask:
    """The mask of a scene on its finest grid, to be read on `grid`, whose pixels are `factor` times larger.

    Values are 0 for the background, 1..`classes` for a class and 255 for what is unknown.
    """

    path: Path
    finest: Grid
    grid: Grid
    factor: int
    classes: int

    def burn(self, window: Window, valid: np.ndarray) -> np.ndarray:
        """Labels (rows, columns; uint8) of a window of the grid: 0 background, 1..K class, 255 unknown or not `valid`.

        A larger pixel has the most frequent of the known labels in it, of several the lowest. OrbitileError for values
        that are no class.
        """
        fine = self._read(window)
        self._check(fine)
        labels = fine if self.factor == 1 else _modes(fine, self.factor, self.classes)
        return np.where(valid, labels, np.uint8(LABEL_NODATA))

    def _read(self, window: Window) -> np.ndarray:
        """The mask's pixels in a window of the grid; 255 beyond the mask."""
        (fine_col, fine_row), (col, row) = self.finest.index, self.grid.index
        left, top = (col + window.col) * self.factor - fine_col, (row + window.row) * self.factor - fine_row
        reach = Window(left, top, window.width * self.factor, window.height * self.factor)
        pixels = np.full((reach.height, reach.width), LABEL_NODATA, np.uint16)
        shared = reach.intersection(Window(0, 0, self.finest.width, self.finest.height))
        if shared is not None:
            with opened_raster(str(self.path)) as source, explain_read_errors(source.name):
                limits = shared.row, shared.row + shared.height, shared.col, shared.col + shared.width
                read = source.read(1, window=(limits[:2], limits[2:]))
            if read.dtype != np.uint8 and ((read < 0) | (read > LABEL_NODATA)).any():
                self._refuse(int(read[(read < 0) | (read > LABEL_NODATA)][0]))
            pixels[shared.slices_within(reach)] = read
        return pixels.astype(np.uint8)

    def _check(self, labels: np.ndarray) -> None:
        beyond = labels[(labels > self.classes) & (labels != LABEL_NODATA)]
        if beyond.size:
            self._refuse(int(beyond.min()))

    def _refuse(self, value: int) -> None:
        raise OrbitileError(f"{self.path}: a pixel has the value {value}; allowed are 0 (background) to {self.classes} "
                            f"for the run's classes in their order, and {LABEL_NODATA} (unknown)")  # fmt: skip


@dataclass(frozen=True)
class MaskFolder:
    """A folder of masks, named as the scenes, and the names of the run's classes from 1 on."""

    folder: Path
    classes: tuple[str, ...]

    def of_scene(self, scene: str, finest: Grid, grid: Grid) -> SceneMask:
        """The mask of a scene, of the size of its `finest` grid, on a grid of the same lattice or a coarser one.

        OrbitileError as of `read_mask`.
        """
        return read_mask(mask_path(self.folder, scene), finest, grid, len(self.classes))


def mask_path(folder: Path, scene: str) -> Path:
    """The file of a scene's mask; OrbitileError where there is none, or several."""
    paths = [path for suffix in SUFFIXES if (path := folder / f"{scene}{suffix}").is_file()]
    if not paths:
        raise OrbitileError(f"{folder}: no mask of scene {scene}; add {scene}.png or {scene}.tif, 255 where nothing is "
                            "known")  # fmt: skip
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise OrbitileError(f"{folder}: {names} are both masks of scene {scene}; leave one of them there")
    return paths[0]


def read_mask(path: Path, finest: Grid, grid: Grid, classes: int) -> SceneMask:
    """A mask of the size of a scene at its finest scale, to be read on its grid at this or a coarser scale.

    OrbitileError for what is no raster of one band of whole numbers, for another size, and where the mask has a map
    on which it lies elsewhere than the scene.
    """
    with opened_raster(str(path)) as source:
        if source.count != 1 or not np.issubdtype(np.dtype(source.dtypes[0]), np.integer):
            raise OrbitileError(f"{path}: has {source.count} bands of {source.dtypes[0]}; a mask has one band of whole "
                                "numbers")  # fmt: skip
        if (source.width, source.height) != (finest.width, finest.height):
            raise OrbitileError(f"{path}: is {source.width} x {source.height} px, but its scene is "
                                f"{finest.width} x {finest.height} px at the finest scale; give a mask in the scene's "
                                "pixels")  # fmt: skip
        if source.crs is not None and _px_off(source, finest) > MOST_PX_OFF:
            raise OrbitileError(f"{path}: lies {_px_off(source, finest):.3g} px off its scene; give a mask on the "
                                "scene's grid, or one without a map")  # fmt: skip
    return SceneMask(path, finest, grid, round(grid.transform.a / finest.transform.a), classes)


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
