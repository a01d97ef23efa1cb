"""Symbols and renderers of QGIS as XML (https://qgis.org, versions from 3.22 on)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

ANTIMERIDIAN = (
    "geom_from_wkt('MULTILINESTRING((180 -90,180 90),(-180 -90,-180 90),(-180 90,180 90),(-180 -90,180 -90))')"
)
"""Along which shapes are cut in two or closed around a pole: no border of theirs."""
BORDER = (
    "CASE WHEN x_max($geometry) >= 180 OR x_min($geometry) <= -180 "
    f"THEN difference(boundary($geometry), {ANTIMERIDIAN}) ELSE boundary($geometry) END"
)
LINE_MM, SOLID = 0.4, "solid"


class ValueClass(NamedTuple):
    """The values from `lower` to `upper`, and the colour (#rrggbb) that they are drawn in."""

    lower: float
    upper: float
    colour: str

    @property
    def label(self) -> str:
        """What a legend says of it."""
        return f"{self.lower:g} to {self.upper:g}"


def ring_symbol(colour: str, width_mm: float = LINE_MM) -> ET.Element:
    """The border of a polygon, without the edges along which it is cut at 180 degrees."""
    symbol = _symbol("fill")
    _add_border(symbol, colour, width_mm)
    return symbol


def area_symbol(colour: str, opacity: float, pattern: str = SOLID) -> ET.Element:
    """A polygon filled with a colour, and its border in the same."""
    symbol = _symbol("fill")
    properties = dict(color=_rgba(colour, opacity), style=pattern, outline_style="no")
    _add_layer(symbol, "SimpleFill", properties)
    _add_border(symbol, colour, LINE_MM)
    return symbol


def line_symbol(colour: str, width_mm: float = LINE_MM) -> ET.Element:
    """A line."""
    symbol = _symbol("line")
    _add_layer(symbol, "SimpleLine", _line_properties(colour, width_mm))
    return symbol


def circle_symbol(colour: str) -> ET.Element:
    """A point with the column diameter_km, as a circle of that size on the ground."""
    symbol = _symbol("marker")
    layer = _add_layer(
        symbol, "SimpleMarker",
        dict(name="circle", color="0,0,0,0", outline_color=_rgba(colour), outline_width=str(LINE_MM), size="2",
             size_unit="RenderMetersInMapUnits"),
    )  # fmt: skip
    _set_by_data(layer, "size", '"diameter_km" * 1000')
    return symbol


def single_renderer(symbol: ET.Element) -> ET.Element:
    """All features by one symbol."""
    renderer = _renderer("singleSymbol")
    _add_symbols(renderer, [symbol])
    return renderer


def graduated_renderer(column: str, classes: Sequence[ValueClass], symbols: Sequence[ET.Element]) -> ET.Element:
    """Features by classes of the values of a column of numbers."""
    renderer = _renderer("graduatedSymbol", attr=column, graduatedMethod="GraduatedColor")
    ranges = ET.SubElement(renderer, "ranges")
    for number, values in enumerate(classes):
        ET.SubElement(
            ranges, "range", symbol=str(number), label=values.label, render="true", lower=repr(values.lower),
            upper=repr(values.upper),
        )  # fmt: skip
    _add_symbols(renderer, symbols)
    return renderer


def categorized_renderer(column: str, symbols: Mapping[str, ET.Element]) -> ET.Element:
    """Features by the texts of a column."""
    renderer = _renderer("categorizedSymbol", attr=column)
    categories = ET.SubElement(renderer, "categories")
    for number, name in enumerate(symbols):
        ET.SubElement(categories, "category", symbol=str(number), value=name, label=name, render="true", type="string")
    _add_symbols(renderer, list(symbols.values()))
    return renderer


def _renderer(kind: str, **attributes: str) -> ET.Element:
    plain = dict(type=kind, symbollevels="0", enableorderby="0", forceraster="0")
    return ET.Element("renderer-v2", plain | attributes)


def _add_symbols(renderer: ET.Element, symbols: Sequence[ET.Element]) -> None:
    parent = ET.SubElement(renderer, "symbols")
    for number, symbol in enumerate(symbols):
        symbol.set("name", str(number))
        parent.append(symbol)


def _symbol(kind: str, name: str = "0") -> ET.Element:
    return ET.Element("symbol", type=kind, name=name, alpha="1", clip_to_extent="1", force_rhr="0")


def _add_layer(symbol: ET.Element, kind: str, properties: Mapping[str, str]) -> ET.Element:
    layer = ET.SubElement(symbol, "layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    options = ET.SubElement(layer, "Option", type="Map")
    for name, value in properties.items():
        ET.SubElement(options, "Option", type="QString", name=name, value=value)
    return layer


def _set_by_data(layer: ET.Element, name: str, expression: str) -> None:
    """Let a property of a layer of a symbol follow an expression."""
    everything = ET.SubElement(ET.SubElement(layer, "data_defined_properties"), "Option", type="Map")
    ET.SubElement(everything, "Option", type="QString", name="name", value="")
    properties = ET.SubElement(everything, "Option", type="Map", name="properties")
    values = ET.SubElement(properties, "Option", type="Map", name=name)
    ET.SubElement(values, "Option", type="bool", name="active", value="true")
    ET.SubElement(values, "Option", type="QString", name="expression", value=expression)
    ET.SubElement(values, "Option", type="int", name="type", value="3")
    ET.SubElement(everything, "Option", type="QString", name="type", value="collection")


def _add_border(symbol: ET.Element, colour: str, width_mm: float) -> None:
    layer = _add_layer(symbol, "GeometryGenerator", dict(SymbolType="Line", geometryModifier=BORDER, units="MapUnit"))
    border = line_symbol(colour, width_mm)
    border.set("name", "@0@0")
    layer.append(border)


def _line_properties(colour: str, width_mm: float) -> dict[str, str]:
    return dict(
        line_color=_rgba(colour), line_width=str(width_mm), line_width_unit="MM", line_style=SOLID, capstyle="round",
        joinstyle="round",
    )  # fmt: skip


def _rgba(colour: str, opacity: float = 1.0) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * opacity)}"
