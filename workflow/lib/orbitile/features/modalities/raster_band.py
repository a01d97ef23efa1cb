"""A further modality that is an image itself, such as elevation or thermal inertia, on the grid of a scene."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import rasterio
from pyproj import CRS
from rasterio.enums import Resampling

from orbitile.base.errors import OrbitileError
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.read import image_grid, opened_raster, raster_grid
from orbitile.rasters.resample import unchanged_blocks, warped_blocks
from orbitile.rasters.write import Block
from orbitile.space.bodies import Body, lies_on
from orbitile.space.grids import Grid
from orbitile.tables.image_folders import images_of_folder

FINER = 0.5
"""Of a raster with pixels smaller than this share of the scene's, averages are taken; else it is interpolated."""


@dataclass(frozen=True)
class RasterBand:
    """A band by its name: of a map of the body, or of a folder with an image for each scene, by the scene's name."""

    name: str
    path: Path

    def check(self, body: Body) -> None:
        """OrbitileError for a map that cannot be read or lies on another body."""
        if not self.path.is_dir():
            with opened_raster(str(self.path)) as source:
                if source.crs is None or not lies_on(CRS.from_wkt(source.crs.to_wkt()), body):
                    raise OrbitileError(f"{self.path}: is no map of {body.name}; give one, or a folder with an image "
                                        "for each scene")  # fmt: skip

    def dtype(self, scene: str) -> str:
        """The data type of its pixels for a scene."""
        with opened_values(self._file(scene)) as (source, channel):
            return source.dtypes[channel - 1 if isinstance(channel, int) else 0]

    def blocks(self, scene: str, image: rasterio.DatasetReader) -> Iterator[Block]:
        """Its pixels (rows, columns) on the grid of a scene's image, in windows of full width.

        OrbitileError where both have no map and another size.
        """
        path = self._file(scene)
        with ExitStack() as files:
            source, channel = files.enter_context(opened_values(path))
            if image.crs is not None and source.crs is not None:
                grid = raster_grid(image)
                yield from warped_blocks(source, grid, _resampling(source, grid), channel)
                return
            if image.crs is not None or source.crs is not None:
                raise OrbitileError(f"{path}: of this and the image of scene {scene} only one is a map; give both maps")
            if (source.width, source.height) != (image.width, image.height):
                raise OrbitileError(
                    f"{path}: has {source.width} x {source.height} px, the image of scene {scene} "
                    f"{image.width} x {image.height}; without maps both must have the same"
                )
            yield from unchanged_blocks(source, image_grid(source), channel)

    def _file(self, scene: str) -> str:
        if not self.path.is_dir():
            return str(self.path)
        if scene not in self._images:
            raise OrbitileError(f"{self.path}: has no image called {scene}, as the scene is")
        return str(self._images[scene])

    @cached_property
    def _images(self) -> dict[str, Path]:
        """The images of the folder, by the names of their scenes."""
        return images_of_folder(self.path)


def _resampling(source: rasterio.DatasetReader, grid: Grid) -> Resampling:
    is_finer = raster_grid(source).gsd_m < FINER * grid.gsd_m
    return Resampling.average if is_finer else Resampling.bilinear
