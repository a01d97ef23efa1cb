"""The placement of images that are not map-projected: by their camera, or by their corners."""

from dataclasses import replace

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.image_geometry import DENSE, ImageGeometry, image_geometry
from orbitile.georeferencing.image_header import ImageHeader, check_product
from orbitile.georeferencing.instruments.registry import find_instrument
from orbitile.georeferencing.request import GeorefRequest
from orbitile.planning.scene_rows import ImagePlacement, TargetMap
from orbitile.rasters.data_bands import DataBand
from orbitile.space.bodies import Body
from orbitile.space.footprints import POINTS_PER_SIDE, FootprintOutline
from orbitile.tables.georef_methods import CORNERS, ISIS, SPICE

ISIS_BANDS = (DataBand(1, "float32", None),)
"""What ISIS makes of a raw product."""


def place_by_geometry(request: GeorefRequest, method: str, header: ImageHeader, maps: TargetMap) -> ImagePlacement:
    """The placement of an image that is georeferenced by a method: ISIS, its camera or its corners.

    OrbitileError if its kernels do not cover it, or its position is not known.
    """
    product = header.product
    if product is not None:
        check_product(product, header.path, maps.body)
    geometry = _preliminary_geometry(request, method, header, maps.body)
    border = geometry.border
    error_m = geometry.error_m
    if product is not None and method == ISIS and request.kernels is None:
        error_m = find_instrument(product.instrument).camera.error_m
    return ImagePlacement(
        georef_method=method, grid=maps.grid(border, maps.wkt(*border)), outline=_thin_out(border),
        bands=ISIS_BANDS if method == ISIS else header.bands, image_gsd_m=geometry.gsd_m, error_m=error_m,
        incidence_deg=geometry.incidence_deg, instrument=product.instrument if product else None, border=border,
    )  # fmt: skip


def _preliminary_geometry(request: GeorefRequest, method: str, header: ImageHeader, body: Body) -> ImageGeometry:
    """An image's geometry; before ISIS has run, that of its kernels or corners."""
    if method != ISIS:
        return image_geometry(replace(request, method=method), header, body)
    try:
        return image_geometry(replace(request, method=SPICE if request.kernels else CORNERS), header, body)
    except OrbitileError as error:
        raise OrbitileError(
            f"{error}; the plan needs the approximate position of an image before ISIS processes it"
        ) from error


def _thin_out(border: FootprintOutline) -> FootprintOutline:
    """Fewer points (m) of a dense border (n), those on the body."""
    lon, lat = (side[:: DENSE // POINTS_PER_SIDE] for side in border)
    on_body = np.isfinite(lon)
    if not on_body.any():
        lon, lat = border
        on_body = np.isfinite(lon)
    return lon[on_body], lat[on_body]
