"""Masks: rasters of class numbers beside images without a map, a file for each scene, as labels to learn from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shorten_names, shortened
from orbitile.features.labels.burn import LABEL_NODATA, write_labels
from orbitile.features.labels.read import VectorLabels
from orbitile.rasters.gdal import raster_window
from orbitile.rasters.read import explain_read_errors, opened_raster, read_window, row_windows
from orbitile.rasters.write import Block
from orbitile.tables.image_folders import masks_of_folder
from orbitile.tables.rasters import RasterRow

UNKNOWN = 255
"""The value of pixels of unknown class, unless a class has it."""


@dataclass(frozen=True)
class MaskFiles:
    """A folder of masks, the classes, and the value of each in the masks; None for 1 to K in their order.

    Other pixels are 0, background, or UNKNOWN.
    """

    folder: str
    classes: tuple[str, ...]
    values: Mapping[str, int] | None = None

    @classmethod
    def of(cls, settings: Mapping) -> Self:
        """From the settings' `mask_files`."""
        return cls(settings["folder"], tuple(settings["classes"]), settings["values"])

    @cached_property
    def by_scene(self) -> dict[str, Path]:
        """The masks by the names of their scenes."""
        return masks_of_folder(Path(self.folder))

    @cached_property
    def class_of_value(self) -> dict[int, int]:
        """The label of each value: 0 for background, 1 to K for the classes, LABEL_NODATA for unknown."""
        values = self.values or {name: number for number, name in enumerate(self.classes, 1)}
        named = {values[name]: number for number, name in enumerate(self.classes, 1)}
        return {0: 0, UNKNOWN: LABEL_NODATA} | named

    def check_scenes(self, scenes: list[str]) -> None:
        """OrbitileError where no scene has a mask."""
        if not set(scenes) & set(self.by_scene):
            raise OrbitileError(
                f"{self.folder}: none of its masks ({shorten_names(list(self.by_scene))}) has the name of a scene "
                f"({shorten_names(scenes)}); a mask is named as its scene, or as the image in a folder of images"
            )

    def write_raster(self, row: RasterRow, path: str | Path, points: VectorLabels | None = None) -> None:
        """Write the mask of a scene as a label raster on its grid: 255 where its class is unknown, or without data.

        For `points` see burn.write_labels. OrbitileError for a mask of another size, of several bands, or with a value
        that is none of a class.
        """
        mask = str(self.by_scene[row.scene])
        with opened_raster(mask) as source, opened_raster(row.path) as scene:
            _check_mask(source, row, mask)
            write_labels(row, self._blocks(source, scene, row, mask), path, points)

    def _blocks(
        self, source: rasterio.DatasetReader, scene: rasterio.DatasetReader, row: RasterRow, mask: str
    ) -> Iterator[Block]:
        values: set[int] = set()
        for window in row_windows(row.grid):
            with explain_read_errors(mask):
                pixels = source.read(1, window=raster_window(window))
            values |= set(np.unique(pixels).tolist())
            labels = self._labels(pixels, mask)
            valid = read_window(scene, window)[1]
            yield window, np.where(valid, labels, np.uint8(LABEL_NODATA)), valid
        if self.values is None and len(self.classes) == 1 and values == {0, UNKNOWN}:
            name = self.classes[0]
            raise OrbitileError(f"{mask}: holds 0 and {UNKNOWN} alone, and {UNKNOWN} is unknown; say mask_values: "
                                f"{{{name}: {UNKNOWN}}} if it is the class, else {{{name}: 1}}")  # fmt: skip

    def _labels(self, pixels: np.ndarray, mask: str) -> np.ndarray:
        """Labels (uint8) of a mask's pixels, of the same shape."""
        values, position = np.unique(pixels, return_inverse=True)
        if unknown := [value for value in values.tolist() if value not in self.class_of_value]:
            raise OrbitileError(f"{mask}: value {unknown[0]} is no class; allowed are {self._allowed}")
        labels = np.array([self.class_of_value[value] for value in values.tolist()], np.uint8)
        return labels[position].reshape(pixels.shape)

    @property
    def _allowed(self) -> str:
        names = {0: "background", LABEL_NODATA: "unknown"} | dict(enumerate(self.classes, 1))
        allowed = [f"{value} ({names[label]})" for value, label in sorted(self.class_of_value.items())]
        return shortened(", ".join(allowed), 300)


def _check_mask(source: rasterio.DatasetReader, row: RasterRow, mask: str) -> None:
    if source.count != 1:
        raise OrbitileError(f"{mask}: has {source.count} bands, as colours have; a mask is one band of class numbers")
    if not np.issubdtype(np.dtype(source.dtypes[0]), np.integer):
        raise OrbitileError(f"{mask}: holds {source.dtypes[0]}; a mask holds whole numbers, those of classes")
    if (source.width, source.height) != (row.width, row.height):
        raise OrbitileError(f"{mask}: {source.width} x {source.height} px, but the scene {row.scene} has "
                            f"{row.width} x {row.height}; a mask has the size of its image")  # fmt: skip
    if source.nodata not in (None, UNKNOWN):
        raise OrbitileError(f"{mask}: its nodata value is {source.nodata:g}, which is also a label; take it away "
                            f"(gdal_edit.py -unsetnodata), and write {UNKNOWN} where classes are unknown")  # fmt: skip
