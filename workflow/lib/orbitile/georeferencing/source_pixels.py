"""The pixels of an image that is not map-projected: of a raw product, decompanded and corrected, or of any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from orbitile.georeferencing.image_header import ImageHeader
from orbitile.georeferencing.raw.counts import NODATA
from orbitile.georeferencing.raw.pixels import RawPixels
from orbitile.georeferencing.raw.products import RawProduct
from orbitile.georeferencing.raw.radiometry import CorrectedPixels, measure_corrections
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.read import Channels
from orbitile.rasters.resample import pixel_type
from orbitile.rasters.source import PixelSource, RasterPixels
from orbitile.rasters.write import PixelType


class SourceImage(NamedTuple):
    """Pixels, how a raster holds them, and what was done to them, for its metadata."""

    pixels: PixelSource
    type: PixelType
    tags: dict[str, str]


@contextmanager
def opened_source(header: ImageHeader, channels: Channels, corrections: bool = True) -> Iterator[SourceImage]:
    """Open an image that is not map-projected; OrbitileError if it is truncated, or does not agree with its label.

    Raw products come as counts in steps (see orbitile.georeferencing.raw.counts), if `corrected` with the corrections
    of orbitile.georeferencing.raw.radiometry; other images come as brightness, with the `channels` named.
    """
    if header.product is not None:
        yield _raw_source(header.product, corrections)
        return
    with opened_values(header.path, channels) as (source, numbers):
        yield SourceImage(RasterPixels(source, numbers), pixel_type(source, numbers), {})


def _raw_source(product: RawProduct, corrections: bool) -> SourceImage:
    raw = RawPixels(product)
    applied = measure_corrections(raw) if corrections else ()
    counts = CorrectedPixels(raw, applied)
    tags = dict(
        product_id=product.product_id,
        instrument=product.instrument,
        corrections=", ".join(type(correction).__name__ for correction in applied) or "none",
        counts=f"value * {counts.steps.scale:g} {counts.steps.offset:+g}",
    )
    return SourceImage(counts, PixelType(counts.dtype.name, NODATA), tags)
