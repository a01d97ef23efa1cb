"""The layer in which people judge craters in QGIS: its colours by verdict, and the form in which they do."""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from orbitile.gis.symbols import categorized_renderer, ring_symbol

VERDICT_COLOURS = {
    "right": "#009e73", "false": "#d55e00", "unsure": "#f0e442", "moved": "#56b4e9", "added": "#cc79a7", "": "#ffffff",
}  # fmt: skip
"""Okabe and Ito (2008); white: not judged yet."""
NOT_JUDGED = "not judged"
READ_ONLY = ("sample_number", "id", "lon", "lat", "diameter_km", "scene", "catalogue")
"""Of craters that are moved or added the outline says where and how large they are."""
NULL = "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"
"""QGIS's word for no value in a choice."""
REVIEWER = "coalesce(\"reviewer\", nullif(@user_full_name, ''), @user_account_name)"


def verdict_renderer() -> ET.Element:
    """Rings by verdict."""
    symbols = {name: ring_symbol(colour) for name, colour in VERDICT_COLOURS.items()}
    renderer = categorized_renderer("verdict", symbols)
    for category in renderer.iter("category"):
        category.set("label", category.get("value") or NOT_JUDGED)
    return renderer


def judging_form(verdicts: Sequence[str], catalogue: str) -> list[ET.Element]:
    """What makes the form of the layer: a choice of verdicts; the reviewer and the time are filled in.

    Craters that are added get the `catalogue` that they are added to.
    """
    widgets = ET.Element("fieldConfiguration")
    choice = {NOT_JUDGED: None, **{name: name for name in verdicts}}
    _add_widget(widgets, "verdict", "ValueMap", choice)
    _add_widget(widgets, "judged_at", "DateTime", {})
    defaults = ET.Element("defaults")
    for name, expression, is_renewed in (
        ("reviewer", REVIEWER, True), ("judged_at", "now()", True), ("catalogue", f"'{catalogue}'", False),
    ):  # fmt: skip
        ET.SubElement(defaults, "default", field=name, expression=expression, applyOnUpdate=str(int(is_renewed)))
    editable = ET.Element("editable")
    for name in READ_ONLY:
        ET.SubElement(editable, "field", name=name, editable="0")
    return [widgets, defaults, editable]


def _add_widget(widgets: ET.Element, name: str, kind: str, choice: Mapping[str, str | None]) -> None:
    field = ET.SubElement(widgets, "field", name=name, configurationFlags="None")
    config = ET.SubElement(ET.SubElement(field, "editWidget", type=kind), "config")
    options = ET.SubElement(config, "Option", type="Map")
    if choice:
        listed = ET.SubElement(options, "Option", type="List", name="map")
        for label, value in choice.items():
            entry = ET.SubElement(listed, "Option", type="Map")
            ET.SubElement(entry, "Option", type="QString", name=label, value=NULL if value is None else value)
