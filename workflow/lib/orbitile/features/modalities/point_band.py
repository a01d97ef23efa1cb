"""A further modality that is known at single spots only, such as spectra of a laser, on the grid of a scene."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.features import rasterize

from orbitile.base.errors import OrbitileError
from orbitile.features.labels.burn import shapes_on_grid
from orbitile.rasters.read import raster_grid, row_windows
from orbitile.rasters.write import Block
from orbitile.space.bodies import Body
from orbitile.tables.layer_geometry import checked_points
from orbitile.tables.layer_rows import refuse_rows
from orbitile.tables.layers import read_layers

BELOW, NOT_MEASURED, REACHED = 0, 127, 255
"""Levels of spots below a limit and from it on, and of all other pixels as of LIBS spots on images of ChemCam."""


@dataclass(frozen=True)
class PointBand:
    """A band by its name: points of a vector file whose value in a column reaches a limit, or not, as discs.

    Discs have a radius of `radius_px` pixels of the scene; where they overlap, the higher level counts.
    """

    name: str
    path: Path
    column: str
    limit: float
    radius_px: float = 2.5

    def check(self, body: Body) -> None:
        """OrbitileError for a file that cannot be read, holds no points of a map of the body, or no such numbers."""
        rows = np.arange(len(self._frame))
        is_point = (self._frame.geom_type == "Point").to_numpy() & ~self._frame.geometry.is_empty.to_numpy()
        refuse_rows(~is_point, rows, self.path, "is no point")
        checked_points(self._frame, self.path, body)
        refuse_rows(~np.isfinite(self._values), rows, self.path, f"has no number in the column {self.column}")

    def dtype(self, scene: str) -> str:
        """The data type of its pixels."""
        return "uint8"

    def blocks(self, scene: str, image: rasterio.DatasetReader) -> Iterator[Block]:
        """Its levels (rows, columns; uint8) on the grid of a scene's image, in windows of full width; all are valid.

        OrbitileError for an image without a map.
        """
        if image.crs is None:
            raise OrbitileError(f"{self.path}: points need a map, and the image of scene {scene} has none; give a "
                                "folder with an image of them for each scene")  # fmt: skip
        grid = raster_grid(image)
        ellipsoid = grid.crs.ellipsoid
        assert ellipsoid is not None  # of a map of the body
        assert self._frame.crs is not None  # see check
        places, wkt = self._frame.geometry.to_numpy(), self._frame.crs.to_wkt()
        points, row = shapes_on_grid(places, wkt, grid, ellipsoid.semi_major_metre)
        levels = np.where(self._values[row] >= self.limit, REACHED, BELOW)
        order = np.argsort(levels, kind="stable")
        discs, levels = shapely.buffer(points[order], self.radius_px), levels[order]
        for window in row_windows(grid):
            pixels = np.full((window.height, window.width), NOT_MEASURED, np.uint8)
            transform = rasterio.Affine.translation(window.col, window.row)
            is_inside = shapely.intersects(discs, shapely.box(*window.edges))
            if is_inside.any():
                rasterize(zip(discs[is_inside], levels[is_inside].tolist(), strict=True), out=pixels,
                          transform=transform)  # fmt: skip
            yield window, pixels, np.ones(pixels.shape, bool)

    @cached_property
    def _frame(self) -> geopandas.GeoDataFrame:
        layers = read_layers(self.path)
        if not layers:
            raise OrbitileError(f"{self.path}: the file holds no layer with shapes; give a file of points")
        frame = next(iter(layers.values()))
        if self.column not in frame.columns:
            raise OrbitileError(f"{self.path}: has no column {self.column}; it has "
                                f"{', '.join(map(str, frame.columns.drop('geometry')))}")  # fmt: skip
        return frame

    @cached_property
    def _values(self) -> np.ndarray:
        return pd.to_numeric(self._frame[self.column], errors="coerce").to_numpy(np.float64)
