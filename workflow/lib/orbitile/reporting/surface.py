"""What a catalogue says of the surface, where it has been asked: counts of areas and their ages, density, depths."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from orbitile.base.files import is_older
from orbitile.base.manifests import read_manifest
from orbitile.counting.ages import stated_age
from orbitile.pipeline import RULES
from orbitile.reporting.embedding import picture_figure
from orbitile.reporting.markup import element, scrollable
from orbitile.reporting.merit import CHART_PX
from orbitile.reporting.tables import plain_table

PICTURES = {
    "count": ("counting/size_frequency.png", "Craters by size in the counted areas"),
    "density": ("density/density.png", "Craters per area"),
    "secondaries": ("secondaries/secondaries.png", "Clusters of craters"),
    "shapes": ("shapes/depths.png", "Depths of craters, and their diameters"),
}
"""By target: a picture of a run's folder, and what it shows."""


def surface_section(results: Path, catalogue: Path) -> list[str]:
    """A table of counted areas with their ages, and pictures, of what is there; OrbitileError for damaged manifests.

    What was made before the `catalogue` (its manifest) is named, and not shown.
    """
    outdated = _outdated_targets(results, catalogue)
    current = [picture for target, picture in PICTURES.items() if target not in outdated]
    pictures = [(results / name, about) for name, about in current if (results / name).is_file()]
    parts = [] if "count" in outdated else _areas(results, with_ages="date" not in outdated)
    parts += [picture_figure(path, about, CHART_PX) for path, about in pictures]
    parts += [outdated_note(outdated)] if outdated else []
    return [element("h3", "What the surface says"), *parts] if parts else []


def outdated_note(targets: Sequence[str]) -> str:
    """A paragraph about targets whose results were made before the catalogue, or what else they are made of."""
    return element(
        "p", f"Not shown, because it was made of an earlier result: {', '.join(targets)} (ask for it again).",
        class_="note",
    )  # fmt: skip


def _outdated_targets(results: Path, catalogue: Path) -> list[str]:
    made_of = dict.fromkeys(PICTURES, catalogue) | dict(date=_manifest(results, "count"))
    return [target for target, source in made_of.items() if is_older(_manifest(results, target), source)]


def _manifest(results: Path, target: str) -> Path:
    return results / (RULES[target].target or "")


def _areas(results: Path, with_ages: bool) -> list[str]:
    counts = _manifest(results, "count")
    if not counts.is_file():
        return []
    about = read_manifest(counts)
    ages = _ages(_manifest(results, "date")) if with_ages else {}
    rows = [
        [area["name"], f"{area['searched_km2']:,.6g}", f"{area['from_km']:.3g}", f"{area['craters']:,}",
         ages.get(area["name"], "-")]
        for area in about["areas"]
    ]  # fmt: skip
    names = ["area", "searched (km²)", "from (km)", "craters", "age by Craterstats"]
    table = scrollable("Counted areas", plain_table(names, rows, words=1))
    return [table, *(element("p", escape(f"{area['name']}: {area['reason']}"), class_="note")
                     for area in about["refused"])]  # fmt: skip


def _ages(manifest: Path) -> dict[str, str]:
    """The first age of each area that has any, by its name."""
    if not manifest.is_file():
        return {}
    areas: list[Mapping[str, Any]] = read_manifest(manifest)["areas"]
    dated = {area["name"]: [age for age in area["ages"] if "age_ga" in age] for area in areas}
    return {name: stated_age(ages[0]) for name, ages in dated.items() if ages}
