"""What a catalogue says of the surface, where it has been asked: counts of areas and their ages, density, depths."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from orbitile.base.manifests import read_manifest
from orbitile.counting.ages import stated_age
from orbitile.pipeline import RULES
from orbitile.reporting.embedding import picture_figure
from orbitile.reporting.markup import element, scrollable
from orbitile.reporting.merit import CHART_PX
from orbitile.reporting.outdated import outdated_note
from orbitile.reporting.tables import plain_table

PICTURES = {
    "count": ("size_frequency.png", "Craters by size in the counted areas"),
    "density": ("density.png", "Craters per area"),
    "secondaries": ("secondaries.png", "Clusters of craters"),
    "shapes": ("depths.png", "Depths of craters, and their diameters"),
}
"""Pictures beside the targets of rules, and what they show."""


def surface_section(results: Path, catalogue: str) -> list[str]:
    """A table of counted areas with their ages, and pictures, of what is there; OrbitileError for damaged manifests.

    What is older than the manifest of the `catalogue` (its path in `results`) is named, and not shown.
    """
    notes = {rule: outdated_note(results, rule, catalogue) for rule in PICTURES}
    parts = [*(notes["count"] or _areas(results))]
    for rule, (name, about) in PICTURES.items():
        picture = (results / (RULES[rule].target or "")).with_name(name)
        shown = [] if notes[rule] or not picture.is_file() else [picture_figure(picture, about, CHART_PX)]
        parts += shown if rule == "count" else [*notes[rule], *shown]
    return [element("h3", "What the surface says"), *parts] if parts else []


def _areas(results: Path) -> list[str]:
    counts = results / (RULES["count"].target or "")
    if not counts.is_file():
        return []
    note = outdated_note(results, "date", RULES["count"].target or "")
    about = read_manifest(counts)
    ages = {} if note else _ages(results / (RULES["date"].target or ""))
    rows = [
        [area["name"], f"{area['searched_km2']:,.6g}", f"{area['from_km']:.3g}", f"{area['craters']:,}",
         ages.get(area["name"], "-")]
        for area in about["areas"]
    ]  # fmt: skip
    names = ["area", "searched (km²)", "from (km)", "craters", "age by Craterstats"]
    table = scrollable("Counted areas", plain_table(names, rows, words=1))
    return [table, *note, *(element("p", escape(f"{area['name']}: {area['reason']}"), class_="note")
                     for area in about["refused"])]  # fmt: skip


def _ages(manifest: Path) -> dict[str, str]:
    """The first age of each area that has any, by its name."""
    if not manifest.is_file():
        return {}
    areas: list[Mapping[str, Any]] = read_manifest(manifest)["areas"]
    dated = {area["name"]: [age for age in area["ages"] if "age_ga" in age] for area in areas}
    return {name: stated_age(ages[0]) for name, ages in dated.items() if ages}
