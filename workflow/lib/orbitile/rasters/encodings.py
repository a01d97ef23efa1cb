"""What the stored values of a band mean: brightness itself, or brightness behind a palette, a scale, an inversion."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from orbitile.rasters.label_constants import special_constants

NO_BRIGHTNESS = {
    ColorInterp.cyan: "an amount of ink",
    ColorInterp.magenta: "an amount of ink",
    ColorInterp.yellow: "an amount of ink",
    ColorInterp.black: "an amount of ink",
    ColorInterp.hue: "a hue",
    ColorInterp.saturation: "a saturation",
    ColorInterp.Cb: "a difference of colours",
    ColorInterp.Cr: "a difference of colours",
}
"""Roles of bands that rise with something else than brightness."""
LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601), as GDAL expands palettes to grey."""
NEARLY = 8
"""Steps of 255 by which a channel of a grey or tinted palette may fall where its luminance rises, by rounding."""
LAST_SPECIAL = -32764
"""The special pixels of ISIS in signed 16 bits are -32768 (NULL), its nodata value, and the four values after it."""
INT16_NULL = -32768

Table = tuple[tuple[float, float], ...]
"""Pairs of a stored value and what stands for it, by stored value; linear in between, as GDAL's lookup tables are."""


@dataclass(frozen=True)
class Encoding:
    """How a band's stored values become brightness: by a table or else by `stored * scale + offset`, as a data type.

    `visible` is a table of the stored values that hold data (255) and of those that do not (0), where neither nodata
    value nor mask tells GDAL's warper; it `hides_more` than `read_window` does. A band whose meaning is open has a
    `fault`: what is unclear, and the way out.
    """

    dtype: str
    scale: float = 1.0
    offset: float = 0.0
    table: Table = ()
    visible: Table = ()
    hides_more: bool = False
    fault: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether the stored values, read as they are, are brightness."""
        return not self.table and not self.hides_more and (self.scale, self.offset) == (1.0, 0.0)


def band_encoding(source: rasterio.DatasetReader, number: int) -> Encoding:
    """The encoding of a band of an image, counted from 1, by the image's header."""
    dtype, role = source.dtypes[number - 1], source.colorinterp[number - 1]
    if dtype.startswith("complex"):
        return _open(
            dtype, "holds complex numbers, of which amplitude, power or phase may be meant; write what is meant as an "
            "image (gdal_translate DERIVED_SUBDATASET:AMPLITUDE:FILE NEW_FILE)",
        )  # fmt: skip
    if role in NO_BRIGHTNESS:
        return _open(
            dtype, f"is {NO_BRIGHTNESS[role]} by its colour interpretation; give an image of grey or RGB bands"
        )
    if source.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
        return _inverted(source, number, dtype)
    if role == ColorInterp.palette:
        return _by_palette(source, number, dtype)
    if dtype == "uint8" and source.tags(number, ns="IMAGE_STRUCTURE").get("PIXELTYPE") == "SIGNEDBYTE":
        return Encoding("int8", table=((0, 0), (127, 127), (128, -128), (255, -1)))
    return _scaled(source, number, dtype)


def _open(dtype: str, fault: str) -> Encoding:
    return Encoding(dtype, fault=fault)


def _inverted(source: rasterio.DatasetReader, number: int, dtype: str) -> Encoding:
    """Of a TIFF whose least value is white: GDAL passes its values on as they are stored."""
    if number > 1:
        return _open(
            dtype, "is one of several of a TIFF whose least value is white (MINISWHITE), which holds for the first; "
            "write the bands with PHOTOMETRIC=MINISBLACK",
        )  # fmt: skip
    kind = np.dtype(dtype).kind
    if kind == "f":
        return Encoding(dtype, -1.0)
    bits = source.tags(number, ns="IMAGE_STRUCTURE").get("NBITS")
    white = (1 << int(bits)) - 1 if bits and kind == "u" else np.iinfo(dtype).max + np.iinfo(dtype).min
    return Encoding(dtype, -1.0, float(white))


def _scaled(source: rasterio.DatasetReader, number: int, dtype: str) -> Encoding:
    """Of a band with a scale and an offset, by default 1 and 0."""
    scale, offset = source.scales[number - 1], source.offsets[number - 1]
    if not (scale and math.isfinite(scale) and math.isfinite(offset)):
        return _open(
            dtype, f"has the scale {scale:g} and the offset {offset:g}; correct them (gdal_edit.py -scale 1 -offset 0 "
            "removes them)",
        )  # fmt: skip
    constants = _label_constants(source, number, dtype)
    visible = _hiding(constants | _special_pixels(source, number, dtype), dtype)
    if (scale, offset) == (1.0, 0.0):
        return Encoding(dtype, visible=visible, hides_more=bool(constants))
    return Encoding(_scaled_type(dtype, scale, offset), scale, offset, visible=visible)


def _scaled_type(dtype: str, scale: float, offset: float) -> str:
    """The smallest type of floats that keeps apart what the stored values keep apart."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        return dtype if offset == 0 else "float64"
    largest = np.iinfo(dtype).max * abs(scale) + abs(offset)
    return "float32" if 4 * np.spacing(np.float32(largest)) <= abs(scale) else "float64"


def _special_pixels(source: rasterio.DatasetReader, number: int, dtype: str) -> set[int]:
    """Stored values beside nodata that hold no brightness, as GDAL's masks of ISIS cubes and `read_window` know.

    Signed values may be special pixels of ISIS wherever the nodata value is their NULL. The special pixels of floats
    lie within rounding of NULL, so that GDAL takes them for nodata too.
    """
    if dtype == "int16" and source.nodatavals[number - 1] == INT16_NULL:
        return set(range(INT16_NULL, LAST_SPECIAL + 1))
    return {0, 1, 2, 65534, 65535} if dtype == "uint16" and source.driver == "ISIS3" else set()


def _label_constants(source: rasterio.DatasetReader, number: int, dtype: str) -> set[int]:
    """Stored values beside nodata that the label of a PDS product calls missing or saturated."""
    if np.dtype(dtype).kind not in "iu" or np.dtype(dtype).itemsize > 4:
        return set()
    limits = np.iinfo(dtype)
    constants = special_constants(source) - {source.nodatavals[number - 1]}
    return {value for value in constants if limits.min <= value <= limits.max}


def _hiding(hidden: set[int], dtype: str) -> Table:
    """Which values of a type of whole numbers hold data, by those that do not; nothing where all do."""
    if not hidden:
        return ()
    limits = np.iinfo(dtype)
    ends = {value + step for value in hidden for step in (-1, 0, 1)} | {limits.min, limits.max}
    return tuple((end, 0 if end in hidden else 255) for end in sorted(ends) if limits.min <= end <= limits.max)


def _by_palette(source: rasterio.DatasetReader, number: int, dtype: str) -> Encoding:
    """Of a band of indices into a palette of greys or of tints of one colour; others have no order of brightness."""
    colours = source.colormap(number)
    nodata = source.nodatavals[number - 1]
    visible = {index: colour for index, colour in colours.items() if colour[3] > 0 and index != nodata}
    if dtype not in ("uint8", "uint16") or not visible or not _is_ramp(np.array(list(visible.values()))[:, :3]):
        return _open(
            dtype, "holds indices into a palette of colours, whose brightness is open; if the colours are those of a "
            "picture, expand them (gdal_translate -expand rgb) and name a band; if they are classes, give the image "
            "that was classified",
        )  # fmt: skip
    greys = {index: round(float(np.dot(LUMINANCE, colour[:3]))) for index, colour in visible.items()}
    if not _hides_more(colours, visible, nodata):
        if _is_linear(greys, 0, len(colours) - 1):
            return Encoding(dtype)
        if _is_linear(greys, len(colours) - 1, 0):
            return Encoding(dtype, -1.0, len(colours) - 1.0)
    table = tuple((index, greys.get(index, 0)) for index in sorted(colours))
    return Encoding("uint8", table=table, visible=tuple(_visibility(sorted(colours), visible)))


def _is_linear(greys: dict[int, int], black: int, white: int) -> bool:
    """Whether the greys of a palette rise evenly from one index to another; those of wide types are rounded."""
    return len(greys) > 2 and all(
        abs(grey - 255 * (index - black) / (white - black)) <= 1 for index, grey in greys.items()
    )


def _is_ramp(colours: np.ndarray) -> bool:
    """Whether colours (n, 3: red, green, blue) become brighter in all channels as they become brighter at all."""
    ordered = colours[np.argsort(colours @ LUMINANCE, kind="stable")].astype(int)
    return bool((np.diff(ordered, axis=0) >= -NEARLY).all())


def _hides_more(colours: dict[int, tuple], visible: dict[int, tuple], nodata: float | None) -> bool:
    """Whether a palette has transparent colours, that of the nodata value aside."""
    return any(index not in visible and index != nodata for index in colours)


def _visibility(indices: list[int], visible: dict[int, tuple]) -> Iterator[tuple[float, float]]:
    """Each index of a palette with 255 if it holds data; those behind the palette hold none."""
    yield from ((index, 255 if index in visible else 0) for index in indices)
    yield indices[-1] + 1, 0
