"""Choosing how an image is georeferenced: the best method that is possible, or the one that the scene table names."""

from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.control_points import control_points
from orbitile.georeferencing.image_header import ImageHeader
from orbitile.georeferencing.instruments.isis_support import isis_available
from orbitile.georeferencing.raw.products import RawProduct
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import Body
from orbitile.tables.georef_methods import CORNERS, ISIS, PROJECTED, SPICE


def choose_method(request: GeorefRequest, header: ImageHeader, body: Body, with_isis: bool) -> str:
    """The method that the request names, else the first of orbitile.tables.georef_methods.GEOREF_METHODS possible.

    `with_isis`: whether ISIS may be used, if it is installed for the image's instrument. OrbitileError if no method is
    possible, or the one named is not.
    """
    product = header.product
    if request.method is not None:
        _check_method(request, product)
        return request.method
    if header.grid is not None:
        return PROJECTED
    if product is not None and with_isis and isis_available(product.instrument):
        return ISIS
    if request.kernels is not None and (product is not None or request.kernels.endswith(".json")):
        return SPICE
    if control_points(request, header, body) is not None:
        return CORNERS
    raise OrbitileError(_explain_no_method(request, header, body))


def _check_method(request: GeorefRequest, product: RawProduct | None) -> None:
    """Refuse a method that an image cannot be georeferenced by."""
    if request.method == ISIS and product is None:
        raise OrbitileError(
            f"{request.path}: georef_method is {ISIS}, but the image is not a raw product of a supported instrument"
        )
    if request.method == SPICE and request.kernels is None:
        raise OrbitileError(
            f"{request.path}: georef_method is {SPICE}, but neither the scene table nor georeferencing.kernels names "
            "kernels"
        )
    if request.method == PROJECTED and product is not None:
        raise OrbitileError(
            f"{request.path}: georef_method is {PROJECTED}, but it is a raw image of {product.instrument}"
        )


def _explain_no_method(request: GeorefRequest, header: ImageHeader, body: Body) -> str:
    product = header.product
    if header.gcps is not None:
        return (
            f"{request.path}: its ground control points lie on another body than {body.name} "
            f"({CRS.from_wkt(header.gcps[1]).name}); if they do lie on {body.name}, say so (gdal_translate -a_srs "
            f"IAU_2015:{body.code} of degrees), or give its corners in the scene table's column corners"
        )
    if product is None:
        return (
            f"{request.path}: has no georeferencing; give a map-projected image, or a camera model or corners in the "
            "scene table's columns kernels and corners, or set pixel_coordinates: true to map it in pixels"
        )
    return (
        f"{request.path}: is a raw image of {product.instrument}; name its SPICE kernels in the scene table's column "
        "kernels or in georeferencing.kernels, or install ISIS, or give the corners in the column corners"
    )
