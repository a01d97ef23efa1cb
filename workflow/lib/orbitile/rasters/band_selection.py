"""Bands selected from an image, as one image of the values that its file means, with one mask."""

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import rasterio
from rasterio.dtypes import dtype_rev, typename_fwd

from orbitile.base.errors import OrbitileError
from orbitile.rasters.data_bands import join_types
from orbitile.rasters.encodings import Encoding, Table, band_encoding
from orbitile.rasters.gdal import opened_virtual
from orbitile.rasters.read import Channels, channel_list, explain_read_errors, opened_raster, overlooked_alpha


@contextmanager
def opened_values(path: str, channels: Channels = 1) -> Iterator[tuple[rasterio.DatasetReader, Channels]]:
    """Open an image whose pixels are the values that the file means, and the numbers that the channels have in it.

    It is the image itself where its stored values mean themselves; else a virtual raster of the channels, in which
    palettes, inverted greys, signed bytes, scales and offsets are undone. OrbitileError where it cannot be read, or
    where it is open what its values mean.
    """
    with opened_raster(path) as source:
        encodings = {number: band_encoding(source, number) for number in channel_list(channels)}
        for number, encoding in encodings.items():
            if encoding.fault:
                raise OrbitileError(f"{path}: band {number} {encoding.fault}")
        if all(encoding.is_plain for encoding in encodings.values()):
            yield source, channels
            return
        with explain_read_errors(path), select_bands(source, channels) as selected:
            yield selected, 1 if isinstance(channels, int) else range(1, selected.count + 1)


@contextmanager
def select_bands(source: rasterio.DatasetReader, channels: Channels) -> Iterator[rasterio.DatasetReader]:
    """Open some channels of an image, in their order, as an image of their values with one mask: valid where all are.

    It is a GDAL virtual raster (VRT) around the image's file: no pixel is copied. The channels come in the data type
    that holds the values of all, without nodata values.
    """
    encodings = {number: band_encoding(source, number) for number in channel_list(channels)}
    root = Element("VRTDataset", rasterXSize=str(source.width), rasterYSize=str(source.height))
    if source.crs is not None:
        SubElement(root, "SRS").text = source.crs.to_wkt()
        SubElement(root, "GeoTransform").text = ", ".join(map(repr, source.transform.to_gdal()))
    dtype = typename_fwd[dtype_rev[join_types(encoding.dtype for encoding in encodings.values())]]
    for place, number in enumerate(channel_list(channels), start=1):
        band = SubElement(root, "VRTRasterBand", dataType=dtype, band=str(place))
        SubElement(band, "UnitType").text = source.units[number - 1] or ""
        _add_encoded(band, source, number, encodings[number])
    _add_mask(root, source, encodings)
    with opened_virtual(ElementTree.tostring(root, encoding="unicode")) as selected:
        yield selected


def _add_mask(root: Element, source: rasterio.DatasetReader, encodings: dict[int, Encoding]) -> None:
    """Add the product of the bands' masks: 0 where any of them is 0, or a band of floats is no number."""
    mask = SubElement(SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
    for number, encoding in encodings.items():
        add_source(mask, source, f"mask,{number}")
        if encoding.visible:
            _add_table(mask, source, number, encoding.visible)
        if source.dtypes[number - 1].startswith("float"):
            _add_finite(mask, source, number)
    if (alpha := overlooked_alpha(source)) is not None:
        add_source(mask, source, str(alpha))
    if len(mask) > 1:
        mask.set("subClass", "VRTDerivedRasterBand")
        SubElement(mask, "PixelFunctionType").text = "mul"


def _add_encoded(band: Element, source: rasterio.DatasetReader, number: int, encoding: Encoding) -> None:
    """Add the values that a band means to a band of a virtual raster."""
    if encoding.is_plain or (encoding.hides_more and not encoding.table):
        add_source(band, source, str(number))
    elif encoding.table:
        _add_table(band, source, number, encoding.table)
    else:
        scaled = add_source(band, source, str(number), "ComplexSource")
        SubElement(scaled, "ScaleOffset").text = repr(encoding.offset)
        SubElement(scaled, "ScaleRatio").text = repr(encoding.scale)


def _add_table(band: Element, source: rasterio.DatasetReader, number: int, table: Table) -> None:
    """Add a band's values, each replaced by what a table holds for it, to a band of a virtual raster."""
    lookup = ",".join(f"{stored}:{value}" for stored, value in table)
    SubElement(add_source(band, source, str(number), "ComplexSource"), "LUT").text = lookup


def _add_finite(mask: Element, source: rasterio.DatasetReader, number: int) -> None:
    """Add 255 to a mask where a band is a number: NaN is left out, and infinity times 0 is NaN."""
    element = add_source(mask, source, str(number), "ComplexSource")
    for name, text in (("ScaleOffset", "255"), ("ScaleRatio", "0"), ("NODATA", "nan")):
        SubElement(element, name).text = text


def add_source(band: Element, source: rasterio.DatasetReader, name: str, kind: str = "SimpleSource") -> Element:
    """Let a band of a virtual raster take its pixels from one of an image: its number, or `mask,` and its number."""
    element = SubElement(band, kind)
    SubElement(element, "SourceFilename", relativeToVRT="0").text = source.name
    SubElement(element, "SourceBand").text = name
    return element
