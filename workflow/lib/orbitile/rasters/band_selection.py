"""Bands selected from an image, as one image with one mask."""

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import rasterio
from rasterio.dtypes import dtype_rev, typename_fwd

from orbitile.rasters.read import Channels, common_dtype, overlooked_alpha


@contextmanager
def select_bands(source: rasterio.DatasetReader, channels: Channels) -> Iterator[rasterio.DatasetReader]:
    """Open some channels of a georeferenced image, in their order, as an image with one mask: valid where all are.

    It is a GDAL virtual raster (VRT) around the image's file: no pixel is copied. The channels come in the data type
    that holds the values of all, without nodata values.
    """
    numbers = [channels] if isinstance(channels, int) else list(channels)
    root = Element("VRTDataset", rasterXSize=str(source.width), rasterYSize=str(source.height))
    SubElement(root, "SRS").text = source.crs.to_wkt()
    SubElement(root, "GeoTransform").text = ", ".join(map(repr, source.transform.to_gdal()))
    dtype = typename_fwd[dtype_rev[common_dtype(source, channels)]]
    for place, number in enumerate(numbers, start=1):
        _add_source(SubElement(root, "VRTRasterBand", dataType=dtype, band=str(place)), source, str(number))
    _add_mask(root, source, numbers)
    with rasterio.open(ElementTree.tostring(root, encoding="unicode")) as selected:
        yield selected


def _add_mask(root: Element, source: rasterio.DatasetReader, numbers: list[int]) -> None:
    """Add the product of the bands' masks: 0 where any of them is 0."""
    bands = [f"mask,{number}" for number in numbers]
    if (alpha := overlooked_alpha(source)) is not None:
        bands.append(str(alpha))
    mask = SubElement(SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
    if len(bands) > 1:
        mask.set("subClass", "VRTDerivedRasterBand")
        SubElement(mask, "PixelFunctionType").text = "mul"
    for band in bands:
        _add_source(mask, source, band)


def _add_source(band: Element, source: rasterio.DatasetReader, name: str) -> None:
    simple = SubElement(band, "SimpleSource")
    SubElement(simple, "SourceFilename", relativeToVRT="0").text = source.name
    SubElement(simple, "SourceBand").text = name
