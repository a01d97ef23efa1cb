"""Scenes with further modalities: images written anew with bands beside theirs, on the images' grids."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.base.files import make_folder, write_text
from orbitile.features.modalities.point_band import PointBand
from orbitile.features.modalities.raster_band import RasterBand
from orbitile.planning.band_choice import choose_bands
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.data_bands import DataBand, data_bands, join_types
from orbitile.rasters.read import Channels, image_grid, opened_raster
from orbitile.rasters.resample import unchanged_blocks
from orbitile.rasters.write import Block, PixelType, write_cog
from orbitile.space.bodies import Body
from orbitile.tables.scenes import SceneEntry, read_scene_table

log = logging.getLogger(__name__)

Modality = RasterBand | PointBand
PLACED_LATER = ("georef_method", "kernels", "corners", "mosaic")
"""Columns of the scene table of images that are no maps yet: their pixels have no place to which bands could be put."""


@dataclass(frozen=True)
class Stacking:
    """Which modalities are put beside the bands of images of a body, and how much of an image they must cover."""

    body: Body
    modalities: Sequence[Modality]
    least_overlap: float = 0.5

    def __post_init__(self) -> None:
        if not self.modalities:
            raise OrbitileError("stack: no band is named; give --band NAME=FILE or --points NAME=FILE:COLUMN:LIMIT")
        if not 0 < self.least_overlap <= 1:
            raise OrbitileError(f"--least-overlap: {self.least_overlap:g} given; allowed is a share, 0..1")
        for modality in self.modalities:
            modality.check(self.body)


def stack_scenes(scenes: Path, stacking: Stacking, folder: Path) -> Path:
    """Write each image of a scene table, or folder, with the modalities' bands as <scene>.tif into a folder.

    The path of the scene table of these images, written last. A pixel is valid where it is in all bands. OrbitileError
    after all others were written where images are no maps, cannot be read, or are covered too little.
    """
    table = read_scene_table(scenes)
    make_folder(folder)
    complete, faults = [], []
    for entry in map(SceneEntry._make, table.itertuples(index=False, name=None)):
        try:
            share = StackedScene(entry, stacking).write(folder / f"{entry.scene}.tif")
            log.info("scene %s: further bands cover %.1f %% of its pixels", entry.scene, 100 * share)
            complete.append(entry)
        except OrbitileError as error:
            faults.append(str(error))
    if complete:
        write_text(folder / "scenes.csv", _table_text(complete))
    if faults:
        more = f"; and {len(faults) - 1} scenes more" if len(faults) > 1 else ""
        raise OrbitileError(f"{faults[0]}{more}; {len(complete)} of {len(table)} scenes are in {folder}")
    return folder / "scenes.csv"


def _table_text(entries: Sequence[SceneEntry]) -> str:
    columns = ("body", "group", "place", "split")
    rows = [dict(scene=entry.scene, path=f"{entry.scene}.tif") | {name: getattr(entry, name) for name in columns}
            for entry in entries]  # fmt: skip
    return pd.DataFrame(rows).to_csv(index=False)


@dataclass
class StackedScene:
    """A scene's image and the bands beside its own."""

    entry: SceneEntry
    stacking: Stacking
    _valid_px: int = field(default=0, init=False)
    _covered_px: int = field(default=0, init=False)

    def write(self, path: Path) -> float:
        """Write the image with all bands; the share of its valid pixels that the further bands cover."""
        if column := next((name for name in PLACED_LATER if getattr(self.entry, name)), None):
            raise OrbitileError(f"scene {self.entry.scene}: names its {column}, so its image is no map yet; stack the "
                                "maps that a run makes of it (results/<run>/rasters)")  # fmt: skip
        bands = self._image_bands()
        with opened_values(self.entry.path, [band.number for band in bands]) as (image, channels):
            write_cog(path, image_grid(image), self._pixel_type(bands), self._checked(self._blocks(image, channels)))
        return self._covered_px / self._valid_px

    def _image_bands(self) -> tuple[DataBand, ...]:
        with opened_raster(self.entry.path) as source:
            bands = data_bands(source)
        names = self.entry.bands or [band.number for band in bands]
        return choose_bands(bands, names, lambda: None, self.entry.path)

    def _pixel_type(self, bands: Sequence[DataBand]) -> PixelType:
        modalities = self.stacking.modalities
        dtype = join_types([band.dtype for band in bands] + [each.dtype(self.entry.scene) for each in modalities])
        names = [band.name or "image" for band in bands] + [each.name for each in modalities]
        return PixelType(dtype, None, bands=tuple(names))

    def _blocks(self, image: rasterio.DatasetReader, channels: Channels) -> Iterator[Block]:
        """All bands (bands, rows, columns), window by window."""
        layers = [unchanged_blocks(image, image_grid(image), channels)]
        layers += [modality.blocks(self.entry.scene, image) for modality in self.stacking.modalities]
        for blocks in zip(*layers, strict=True):
            (window, _, valid), *further = blocks
            covered = np.logical_and.reduce([block[2] for block in further]) & valid
            self._valid_px += int(valid.sum())
            self._covered_px += int(covered.sum())
            planes = [pixels.reshape(-1, window.height, window.width) for _, pixels, _ in blocks]
            yield window, np.concatenate(planes, dtype=np.result_type(*planes)), covered

    def _checked(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The blocks; OrbitileError after the last where the further bands cover too little."""
        yield from blocks
        if self._covered_px < max(1, self.stacking.least_overlap * self._valid_px):
            share = self._covered_px / max(self._valid_px, 1)
            names = ", ".join(modality.name for modality in self.stacking.modalities)
            raise OrbitileError(f"{self.entry.path}: {names} cover {share:.1%} of its pixels with data; at least "
                                f"{self.stacking.least_overlap:.0%} are needed; give data of this place, or lower "
                                "--least-overlap")  # fmt: skip
