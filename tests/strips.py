"""Made-up strips on one pixel grid of 100 m on the Moon, written as GeoTIFFs, and plain answers for them."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS

from orbitile.mosaicking.order import Strip
from orbitile.space.grids import Grid, Window

MAP = CRS("IAU_2015:30110").to_wkt()


def grid(width, height, col=0, row=0, gsd=100.0, wkt=MAP):
    return Grid(wkt, Affine(gsd, 0, col * gsd, 0, -gsd, -row * gsd), width, height)


class Strips:
    """Writes strips into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name, pixels, col=0, row=0, nodata=0, gsd_m=1.0, incidence_deg=None, **where) -> Strip:
        """A strip whose first pixel is at a column and row of the map's lattice."""
        pixels = np.array(pixels)
        own, path = grid(*pixels.shape[::-1], col, row, **where), self.folder / f"{name}.tif"
        profile = dict(driver="GTiff", count=1, dtype=pixels.dtype, crs=own.crs_wkt, transform=own.transform)
        with rasterio.open(path, "w", width=own.width, height=own.height, nodata=nodata, **profile) as sink:
            sink.write(pixels, 1)
        return Strip(name, str(path), own, gsd_m, incidence_deg)


def bands_of(width, height, rows):
    """Windows of full width and some rows each."""
    return [Window(0, top, width, min(rows, height - top)) for top in range(0, height, rows)]


def on_top(layers):
    """Number of the first of some images (rows, columns; 0: no data) that has data, pixel by pixel; and its value."""
    index, merged = np.zeros(layers[0].shape, int), np.zeros_like(layers[0])
    for row, col in np.ndindex(index.shape):
        for number, layer in enumerate(layers, start=1):
            if layer[row, col]:
                index[row, col], merged[row, col] = number, layer[row, col]
                break
    return index, merged


def plain_edges(index):
    """The edges between pixels of two strips: {(left, right, from corner, to corner)}, the lower number on the left."""
    found = set()
    for row, col in np.ndindex(index.shape):
        one = int(index[row, col])
        corners = {(0, 1): ((col + 1, row + 1), (col + 1, row)), (1, 0): ((col, row + 1), (col + 1, row + 1))}
        for (down, right), (begin, end) in corners.items():
            if row + down < index.shape[0] and col + right < index.shape[1]:
                other = int(index[row + down, col + right])
                if one and other and one != other:
                    found.add((one, other, begin, end) if one < other else (other, one, end, begin))
    return found
