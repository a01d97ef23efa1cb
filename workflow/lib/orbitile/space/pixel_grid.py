"""The grid of images without a map, which are laid out in plain pixels."""

from affine import Affine
from pyproj import CRS

from orbitile.space.bodies import Body
from orbitile.space.grids import Grid


def pixel_grid(body: Body, pixel_m: float, width: int, height: int) -> Grid:
    """The grid of an image of so many columns and rows, in pixels of `pixel_m` metres.

    It lies on an equirectangular map of the body, right of and below 0 N 0 E: all images without a map at one place.
    """
    wkt = CRS.from_authority("IAU_2015", body.code + 10).to_wkt()
    return Grid(wkt, Affine(pixel_m, 0, 0, 0, -pixel_m, 0), width, height)
