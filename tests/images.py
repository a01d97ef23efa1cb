"""Rows of a plan for images in tests."""

import rasterio

from orbitile.files import version_of
from orbitile.rasters.read import grid_of
from orbitile.space.footprints import outline
from orbitile.space.ground import Ground
from orbitile.tables.ways import PROJECTED
from orbitile.ways.planned import header


def planned_row(path, scene="a", radius_m=1737400.0, **changes):
    """What a plan holds of a map-projected image that stands alone."""
    with rasterio.open(path) as source:
        grid = grid_of(source)
        pixels = source.dtypes[0], source.nodata
    row = header(PROJECTED, grid, pixels, outline(grid, Ground(grid.crs_wkt, radius_m)))
    about = dict(
        scene=scene, path=str(path), inputs=[str(path)], fingerprint=version_of(path), kernels=None, corners=None,
        elevation=None, in_mosaic=False, beside=[], turns=[],
    )  # fmt: skip
    return row | about | changes
