"""Where scenes have data. All of them are made up."""

import numpy as np

from orbitile.space.ground import Ground
from orbitile.tables.coverage import lies_on_data

RADIUS_M = 1737400.0


def test_all_bands_must_have_data(raster):
    """Of the last three pixels one band, the other or both have none."""
    pixels = np.array([[[1, 1, 0, 0]], [[1, 0, 1, 0]]], np.uint8)
    row = raster(pixels, nodata=0)
    x, y = row.grid.to_map(np.arange(4) + 0.5, np.full(4, 0.5))
    lon, lat = Ground(row.crs_wkt, RADIUS_M).lonlat(x, y)
    assert lies_on_data(lon, lat, [row], RADIUS_M).tolist() == [True, False, False, False]
