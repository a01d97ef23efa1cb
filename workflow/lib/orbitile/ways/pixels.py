"""The pixels of an image that has no map yet: of a raw product, decompanded and corrected, or of any other image."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from orbitile.rasters.read import opened
from orbitile.rasters.resample import pixel_type
from orbitile.rasters.source import PixelSource, RasterPixels
from orbitile.rasters.write import PixelType
from orbitile.raw.counts import NODATA
from orbitile.raw.pixels import RawPixels
from orbitile.raw.products import read_product
from orbitile.raw.radiometry import Corrected, corrections


class Image(NamedTuple):
    """Pixels, how a raster holds them, and what was done to them, for its metadata."""

    pixels: PixelSource
    type: PixelType
    tags: dict[str, str]


@contextmanager
def opened_image(path: str, corrected: bool = True) -> Iterator[Image]:
    """Open an image without a map; OrbitileError where it is truncated, or not what its label says.

    Raw products come as counts in steps (see orbitile.raw.counts), with the corrections of orbitile.raw.radiometry
    where these are wanted; other images as they are.
    """
    product = read_product(path)
    if product is None:
        with opened(path) as source:
            yield Image(RasterPixels(source), pixel_type(source), {})
        return
    raw = RawPixels(product)
    made = corrections(raw) if corrected else ()
    counts = Corrected(raw, made)
    tags = dict(
        product_id=product.product_id,
        instrument=product.instrument,
        corrections=", ".join(type(one).__name__ for one in made) or "none",
        counts=f"value * {counts.steps.scale:g} {counts.steps.offset:+g}",
    )
    yield Image(counts, PixelType(counts.dtype.name, NODATA), tags)
