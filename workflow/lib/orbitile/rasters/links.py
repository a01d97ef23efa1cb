"""Linked rasters: small virtual rasters (VRT) of a scene's bands, whose pixels stay in the image of the user.

They stand for georeferenced scenes whose images are such already, so that nothing is copied. Everything that reads
rasters reads them, and notices where an image changes (see orbitile.rasters.linked_files).
"""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import rasterio
from rasterio.dtypes import dtype_rev, typename_fwd
from rasterio.enums import MaskFlags

from orbitile.base.file_access import ADDRESS
from orbitile.base.files import write_text
from orbitile.base.provenance import provenance
from orbitile.rasters.band_selection import add_source
from orbitile.rasters.compiled_loops import differs_from_nodata
from orbitile.rasters.encodings import band_encoding
from orbitile.rasters.linked_files import DOMAIN, LinkedFiles
from orbitile.rasters.read import Channels, channel_list, common_nodata
from orbitile.rasters.write import PixelType
from orbitile.space.grids import Grid

MOST_BLOCK_PX = 2**20
"""Pixels of the largest block: whoever reads a window reads the blocks that it touches."""
Validity = list[MaskFlags]
ALL_VALID: Validity = [MaskFlags.all_valid]
BY_NODATA: Validity = [MaskFlags.nodata]
BY_MASK: Validity = [MaskFlags.per_dataset]


def is_linkable(source: rasterio.DatasetReader, channels: Channels = 1) -> bool:
    """Whether windows of these channels of an image are read as fast, and hold the same, as those of a copy.

    It is a GeoTIFF in small blocks, whose values mean themselves, with one data type and one way to tell valid pixels.
    """
    numbers = channel_list(channels)
    kinds = {source.dtypes[number - 1] for number in numbers}
    blocks = {height * width for height, width in source.block_shapes}
    encodings = [band_encoding(source, number) for number in numbers]
    return (
        source.driver == "GTiff"
        and len(kinds) == 1
        and max(blocks) <= MOST_BLOCK_PX
        and all(encoding.is_plain and not (encoding.visible or encoding.fault) for encoding in encodings)
        and _has_common_validity(source, numbers)
        and _is_plain_name(source.name)
    )


def _has_common_validity(source: rasterio.DatasetReader, numbers: list[int]) -> bool:
    flags = [source.mask_flag_enums[number - 1] for number in numbers]
    has_nodata = any(source.nodatavals[number - 1] is not None for number in numbers)
    if flags[0] not in (ALL_VALID, BY_NODATA, BY_MASK) or any(others != flags[0] for others in flags):
        return False
    return common_nodata(source, numbers) is not None if flags[0] == BY_NODATA else not has_nodata


def _is_plain_name(name: str) -> bool:
    """Whether GDAL finds the file again by its name in a virtual raster."""
    return name.isprintable() and name == name.strip() and not ADDRESS.search(name)


def hides_values(source: rasterio.DatasetReader, pixels: np.ndarray) -> bool:
    """Whether pixels of a linked raster are neither finite nor nodata, so that only a copy can say they hold no data.

    GDAL takes them for data where it reads masks, or averages.
    """
    if not np.issubdtype(pixels.dtype, np.floating):
        return False
    odd = ~np.isfinite(pixels)
    if not odd.any():
        return False
    return source.nodata is None or bool((odd & differs_from_nodata(pixels, source.nodata)).any())


def write_link(
    path: Path, source: rasterio.DatasetReader, grid: Grid, channels: Channels, pixel_type: PixelType,
    files: LinkedFiles, tags: Mapping[str, str],
) -> None:  # fmt: skip
    """Write a virtual raster of some channels of an open image, on its pixels' grid, linked to the image's `files`.

    Names of bands and metadata are those that a copy has (see orbitile.rasters.write.write_cog).
    """
    root = Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    SubElement(root, "SRS").text = grid.crs_wkt
    SubElement(root, "GeoTransform").text = ", ".join(map(repr, grid.transform.to_gdal()))
    _add_metadata(root, provenance() | dict(tags))
    _add_metadata(root, files.tags, domain=DOMAIN)
    for place, number in enumerate(channel_list(channels), start=1):
        _add_band(root, source, number, dict(band=str(place)), pixel_type)
    if source.mask_flag_enums[channel_list(channels)[0] - 1] == BY_MASK:
        mask = SubElement(SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
        _link_band(mask, source, "mask,1")
    write_text(path, ElementTree.tostring(root, encoding="unicode"))


def linked_image(path: Path) -> str | None:
    """The image that a linked raster takes its pixels from, by its complete path; None where it cannot be read."""
    try:
        return ElementTree.parse(path).findtext(".//SourceFilename")
    except (OSError, ElementTree.ParseError):
        return None


def _add_band(
    root: Element, source: rasterio.DatasetReader, number: int, attributes: dict[str, str], pixel_type: PixelType
) -> None:
    height, width = source.block_shapes[number - 1]
    kind = typename_fwd[dtype_rev[pixel_type.dtype]]
    band = SubElement(
        root, "VRTRasterBand", attributes, dataType=kind, blockXSize=str(width), blockYSize=str(height)
    )  # fmt: skip
    SubElement(band, "Description").text = pixel_type.bands[int(attributes["band"]) - 1]
    if pixel_type.nodata is not None:
        SubElement(band, "NoDataValue").text = repr(float(pixel_type.nodata))
    _link_band(band, source, str(number))


def _link_band(band: Element, source: rasterio.DatasetReader, name: str) -> None:
    """Let a band take its pixels from a band of the image, which GDAL opens for each open raster by itself.

    Shared among rasters, as is its way else, it would be read by several threads at once.
    """
    element = add_source(band, source, name)
    file = element.find("SourceFilename")
    if file is not None:
        file.text = str(Path(source.name).absolute())
        file.set("shared", "0")
    height, width = source.block_shapes[0]
    size = dict(RasterXSize=str(source.width), RasterYSize=str(source.height))
    SubElement(
        element, "SourceProperties", size, DataType=band.get("dataType", ""), BlockXSize=str(width),
        BlockYSize=str(height),
    )  # fmt: skip
    for rectangle in ("SrcRect", "DstRect"):
        SubElement(element, rectangle, xOff="0", yOff="0", xSize=str(source.width), ySize=str(source.height))


def _add_metadata(root: Element, tags: Mapping[str, str], **attributes: str) -> None:
    metadata = SubElement(root, "Metadata", attributes)
    for key, value in tags.items():
        SubElement(metadata, "MDI", key=key).text = value
