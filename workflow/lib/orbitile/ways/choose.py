"""Which way an image comes onto the map: the best that can be gone, or the one the scene table names."""

import rasterio

from orbitile.errors import OrbitileError
from orbitile.isis.programs import available
from orbitile.rasters.read import opened
from orbitile.raw.products import RawProduct, read_product
from orbitile.space.bodies import Body
from orbitile.tables.ways import CORNERS, ISIS, PROJECTED, SPICE
from orbitile.ways.request import Request
from orbitile.ways.seen import known_points, size_of


def best_way(request: Request, where: Body, with_isis: bool) -> str:
    """The first of orbitile.tables.ways.WAYS that leads from an image to the map, unless its own is named.

    `with_isis`: whether ISIS may be taken, where it is there for the image's instrument. OrbitileError where no way
    leads there, or the one named cannot be gone.
    """
    product = read_product(request.path)
    if request.way is not None:
        _check(request, product)
        return request.way
    if product is None and _is_mapped(request.path):
        return PROJECTED
    if product is not None and with_isis and available(product.instrument):
        return ISIS
    if request.kernels is not None and (product is not None or request.kernels.endswith(".json")):
        return SPICE
    if known_points(request, where, size_of(request.path)) is not None:
        return CORNERS
    raise OrbitileError(_no_way(request, product))


def has_map(source: rasterio.DatasetReader) -> bool:
    """Whether GDAL finds an image's place on a map."""
    return source.crs is not None and not source.transform.is_identity


def _is_mapped(path: str) -> bool:
    with opened(path) as source:
        return has_map(source)


def _check(request: Request, product: RawProduct | None) -> None:
    """Refuse a way that an image cannot go."""
    if request.way == ISIS and product is None:
        raise OrbitileError(f"{request.path}: way is {ISIS}, but it is no raw product of an instrument that is known")
    if request.way == SPICE and request.kernels is None:
        raise OrbitileError(
            f"{request.path}: way is {SPICE}, but neither the scene nor georeferencing.kernels names any"
        )
    if request.way == PROJECTED and product is not None:
        raise OrbitileError(f"{request.path}: way is {PROJECTED}, but it is a raw image of {product.instrument}")


def _no_way(request: Request, product: RawProduct | None) -> str:
    if product is None:
        return (
            f"{request.path}: has no georeferencing; give a map-projected image, or a camera model or corners in the "
            "scene table's columns kernels and corners, or set pixel_coordinates: true to map it in pixels"
        )
    return (
        f"{request.path}: is a raw image of {product.instrument}; name its SPICE kernels in the scene table's column "
        "kernels or in georeferencing.kernels, or install ISIS, or give the corners in the column corners"
    )
