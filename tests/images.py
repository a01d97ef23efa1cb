"""Rows of a plan for images in tests, and images of several bands."""

from dataclasses import replace

import numpy as np
import rasterio

from orbitile.base.versions import files_version
from orbitile.planning.scene_rows import place_projected, row_of_placement
from orbitile.rasters.data_bands import data_bands
from orbitile.rasters.read import raster_grid
from orbitile.space.bodies import Body, find_body


def planned_row(path, /, scene="a", body: Body | None = None, bands=None, **changes):
    """What a plan holds of a map-projected image that stands alone, with all of its bands or those of given numbers."""
    with rasterio.open(path) as source:
        grid, all_bands = raster_grid(source), data_bands(source)
    used = [band for number in bands or range(1, 99) for band in all_bands if band.number == number]
    columns = dict(
        scene=scene, path=str(path), inputs=[str(path)], fingerprint=files_version([path]), kernels=None, corners=None,
        elevation=None, group=None, body="Moon", request_key="",
    )  # fmt: skip
    row = row_of_placement(place_projected(grid, all_bands, body or find_body("Moon")), used, **columns)
    return replace(row, **changes)


def describe_bands(path, descriptions=None, roles=None):
    """Name the bands of an image, or their colours (rasterio.enums.ColorInterp)."""
    with rasterio.open(path, "r+") as sink:
        if descriptions:
            sink.descriptions = descriptions
        if roles:
            sink.colorinterp = roles
    return path


def colour_pixels(height, width, seed=0):
    """Made-up colours (3, height, width), uint8 of 1..255, of which no two bands are the same."""
    return np.random.default_rng(seed).integers(1, 255, (3, height, width), np.uint8, endpoint=True)
