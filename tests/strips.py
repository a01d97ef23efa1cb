"""Made-up strips on one pixel grid of 100 m on the Moon, written as GeoTIFFs, and plain answers for them."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.georeferencing.mosaicking.order import Strip
from orbitile.space.grids import Grid, Window

MAP = CRS("IAU_2015:30110").to_wkt()


def grid(width, height, col=0, row=0, gsd=100.0, wkt=MAP):
    return Grid(wkt, Affine(gsd, 0, col * gsd, 0, -gsd, -row * gsd), width, height)


class Strips:
    """Writes strips into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name, pixels, col=0, row=0, nodata=0, gsd_m=1.0, incidence_deg=None, **options) -> Strip:
        """A strip ([bands,] rows, columns) whose first pixel is at a column and row of the map's lattice."""
        pixels = np.array(pixels)
        bands = pixels.reshape(-1, *pixels.shape[-2:])
        strip_grid, path = grid(*bands.shape[:0:-1], col, row, **options), self.folder / f"{name}.tif"
        profile = dict(driver="GTiff", dtype=bands.dtype, crs=strip_grid.crs_wkt, transform=strip_grid.transform)
        size = dict(count=len(bands), width=strip_grid.width, height=strip_grid.height)
        with rasterio.open(path, "w", nodata=nodata, **size, **profile) as sink:
            sink.write(bands)
        return Strip(name, str(path), strip_grid, gsd_m, incidence_deg)


def row_windows_of(width, height, rows):
    """Windows of full width and a number of rows each."""
    return [Window(0, top, width, min(rows, height - top)) for top in range(0, height, rows)]


def on_top(layers):
    """Number of the first image (rows, columns; 0: no data) that has data, pixel by pixel; and its value."""
    index, merged = np.zeros(layers[0].shape, int), np.zeros_like(layers[0])
    for row, col in np.ndindex(index.shape):
        for number, layer in enumerate(layers, start=1):
            if layer[row, col]:
                index[row, col], merged[row, col] = number, layer[row, col]
                break
    return index, merged


def plain_edges(index):
    """The edges between pixels of two strips: {(left, right, from corner, to corner)}, the lower number on the left."""
    edges = set()
    for row, col in np.ndindex(index.shape):
        first = int(index[row, col])
        corners = {(0, 1): ((col + 1, row + 1), (col + 1, row)), (1, 0): ((col, row + 1), (col + 1, row + 1))}
        for (down, right), (begin, end) in corners.items():
            if row + down < index.shape[0] and col + right < index.shape[1]:
                second = int(index[row + down, col + right])
                if first and second and first != second:
                    edges.add((first, second, begin, end) if first < second else (second, first, end, begin))
    return edges
