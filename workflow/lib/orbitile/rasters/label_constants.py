"""Values that the label of a PDS product calls missing, invalid or saturated; GDAL takes one of them for nodata."""

import json
import re
from collections.abc import Iterator

import rasterio

PDS3_NAMES = re.compile(r"(CORE_)?(NULL|(LOW|HIGH)_(INSTR|REPR)_SATURATION)|(MISSING|INVALID|UNKNOWN|NULL)_CONSTANT")
PDS4_CONSTANTS = re.compile(r"<(?:\w+:)?Special_Constants\b.*?</(?:\w+:)?Special_Constants>", re.DOTALL)
PDS4_CONSTANT = re.compile(r"<(?:\w+:)?(\w+_(?:constant|saturation))(?: [^>]*)?>\s*([^<\s]+)\s*</")
"""An element of Special_Constants: its name and its value."""
BASED = re.compile(r"(\d+)#([0-9A-Fa-f]+)#")
"""A whole number with its base, as PDS3 labels write bit patterns."""


def special_constants(source: rasterio.DatasetReader) -> set[int]:
    """The whole numbers among the special constants of an image's label; none of an image without one."""
    if source.driver == "PDS4":
        blocks = [block for text in source.tags(ns="xml:PDS4").values() for block in PDS4_CONSTANTS.findall(text)]
        texts = [value for block in blocks for _, value in PDS4_CONSTANT.findall(block)]
    elif source.driver == "PDS":
        texts = [str(value) for value in _named(_pds3_label(source))]
    else:
        return set()
    return {number for text in texts if (number := _whole_number(text)) is not None}


def _pds3_label(source: rasterio.DatasetReader) -> object:
    """The label as GDAL tells it in JSON, which rasterio takes for a name and a value and cuts at the first colon."""
    text = ":".join(next(iter(source.tags(ns="json:PDS").items()), ("{}",)))
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _named(label: object) -> Iterator[object]:
    """The values of the names of constants at any depth."""
    if isinstance(label, dict):
        for name, value in label.items():
            if PDS3_NAMES.fullmatch(name):
                yield value["value"] if isinstance(value, dict) and "value" in value else value
            else:
                yield from _named(value)


def _whole_number(text: str) -> int | None:
    text = text.strip("\"' ")
    if match := BASED.fullmatch(text):
        return int(match[2], int(match[1]))
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
