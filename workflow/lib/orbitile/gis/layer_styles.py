"""Styles of the vector files of a run: rings of craters by score and by diameter, footprints, features by class."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from orbitile.base.files import write_text
from orbitile.gis.symbols import (
    ValueClass,
    area_symbol,
    categorized_renderer,
    circle_symbol,
    graduated_renderer,
    line_symbol,
    ring_symbol,
    single_renderer,
)
from orbitile.pictures.class_colours import class_colours

SEQUENTIAL = ("#a11b9b", "#cc4977", "#ed7953", "#fdaf31", "#f3f027")
"""Of plasma (matplotlib), from low to high, without its dark end: lighter with every step, also to colour-blind people,
and none of them grey."""
SCORES = (0.0, 0.4, 0.6, 0.8, 0.9, 1.0)
FOOTPRINT_COLOUR, LEFT_OUT_COLOUR = "#56b4e9", "#d55e00"
"""Sky blue and vermilion of Okabe and Ito (2008)."""
MARK = "<!-- written by Orbitile; a style saved from QGIS has no such line and stays -->"
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
QGIS_VERSION = "3.22.0"
"""The oldest version that reads what is written here."""


def score_renderer(kind: str = "Polygon") -> ET.Element:
    """Craters by score, as rings or (`kind` Point) as circles of their size."""
    classes = [ValueClass(*values) for values in zip(SCORES[:-1], SCORES[1:], SEQUENTIAL, strict=True)]
    return graduated_renderer("score", classes, [_crater_symbol(kind)(colour) for colour in SEQUENTIAL])


def diameter_renderer(smallest_km: float, largest_km: float, kind: str = "Polygon") -> ET.Element:
    """Craters by diameter, in five classes of which each is larger than the one before by the same factor."""
    limits = _diameter_limits(smallest_km, largest_km)
    classes = [ValueClass(*values) for values in zip(limits[:-1], limits[1:], SEQUENTIAL, strict=True)]
    return graduated_renderer("diameter_km", classes, [_crater_symbol(kind)(colour) for colour in SEQUENTIAL])


def footprint_renderer() -> ET.Element:
    """Borders of what was searched."""
    return single_renderer(ring_symbol(FOOTPRINT_COLOUR, 0.5))


def left_out_renderer() -> ET.Element:
    """Scenes that a run left out, hatched."""
    return single_renderer(area_symbol(LEFT_OUT_COLOUR, 1.0, "b_diagonal"))


def class_renderer(kind: str, classes: Sequence[str]) -> ET.Element:
    """Polygons or lines of a map, in the colours that the classes have in rasters and pictures."""
    colours = class_colours(len(classes))[1:]
    symbol: Callable[[str], ET.Element] = line_symbol if kind == "lines" else lambda colour: area_symbol(colour, 0.4)
    return categorized_renderer("class", {name: symbol(c) for name, c in zip(classes, colours, strict=True)})


def group_renderer(groups: Sequence[str]) -> ET.Element:
    """Scenes by their groups."""
    colours = class_colours(len(groups))[1:]
    return categorized_renderer("group", {name: ring_symbol(c, 0.6) for name, c in zip(groups, colours, strict=True)})


def crater_styles(diameters_km: tuple[float, float]) -> dict[str, str]:
    """The styles of a catalogue with these smallest and largest diameters, by name; the first is the default one."""
    renderers = dict(score=score_renderer(), diameter=diameter_renderer(*diameters_km))
    return {name: style_text(renderer) for name, renderer in renderers.items()}


def style_text(renderer: ET.Element, form: Sequence[ET.Element] = ()) -> str:
    """A style as a .qml holds it, or the table layer_styles of a GeoPackage; perhaps with the parts of a form."""
    categories = "Symbology|Fields|Forms" if form else "Symbology"
    style = ET.Element("qgis", version=QGIS_VERSION, styleCategories=categories)
    style.extend([renderer, *form])
    ET.indent(style)
    return f"{DOCTYPE}\n{MARK}\n{ET.tostring(style, encoding='unicode')}\n"


def write_style_file(stem: str | Path, styles: Mapping[str, str]) -> None:
    """Write the first of the styles (texts by name) to stem.qml, unless a style of the user's stands there."""
    path = Path(f"{stem}.qml")
    if styles and (not path.is_file() or MARK in path.read_text(errors="replace")):
        write_text(path, next(iter(styles.values())))


def _crater_symbol(kind: str) -> Callable[[str], ET.Element]:
    return circle_symbol if kind == "Point" else ring_symbol


def _diameter_limits(smallest_km: float, largest_km: float) -> list[float]:
    """Six limits (km) of two digits that hold all diameters."""
    largest_km = max(largest_km, smallest_km * 1.5)
    inner = np.geomspace(smallest_km, largest_km, len(SEQUENTIAL) + 1)[1:-1]
    return [0.0, *(float(f"{limit:.2g}") for limit in inner), float(f"{largest_km * 1.05:.2g}")]
