"""What a run found: counts, the picture of all scenes, sizes, figures of merit, and chips."""

import logging
from collections.abc import Callable
from html import escape

from orbitile import catalogue
from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.files import is_older
from orbitile.pipeline import DETECTION, RULES
from orbitile.reporting.certainty import certainty_sheets
from orbitile.reporting.embedding import picture_figure
from orbitile.reporting.findings import RunFindings
from orbitile.reporting.judged import judged_section
from orbitile.reporting.markup import element
from orbitile.reporting.merit import merit_section
from orbitile.reporting.sizes import DiameterCounts, map_table, size_table
from orbitile.reporting.summary import found_cards, statements
from orbitile.reporting.surface import outdated_note, surface_section

log = logging.getLogger(__name__)
OVERVIEWS = {DETECTION: "overview"}
MAP_OVERVIEW = "overview_map"


def found_section(findings: RunFindings) -> list[str]:
    """Everything that is there to show of a run's result, as far as it has come."""
    parts = [found_cards(findings), *statements(findings)]
    if not findings.manifest:
        text = f"There is no {findings.noun} yet, and so no picture of it and no table."
        return [*parts, element("p", text)]
    return [
        *parts, *_overview(findings),
        *_readable(findings, "sizes", lambda: [_sizes(findings)]),
        *_readable(findings, "figures of merit", lambda: _merit(findings)),
        *_readable(findings, "judgements", lambda: judged_section(findings.results, findings.manifest.get("sha256"))),
        *_readable(findings, "counts and ages", lambda: surface_section(findings.results, findings.result)),
        *_readable(
            findings, "chips", lambda: certainty_sheets(findings.results, findings.plan.chain, findings.in_pixels)
        ),
    ]  # fmt: skip


def _merit(findings: RunFindings) -> list[str]:
    folder = findings.results / "evaluation"
    if is_older(folder / "metrics.json", findings.result):
        return [element("h3", "Compared with the truth"), outdated_note(["evaluation/metrics.json"])]
    return merit_section(folder)


def _readable(findings: RunFindings, about: str, show: Callable[[], list[str]]) -> list[str]:
    """Parts of the page; a line instead where a file that they need is missing or damaged."""
    try:
        return [part for part in show() if part]
    except (OrbitileError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        log.warning("no %s: %s", about, reason_of(error))
        text = f"The {about} of the {findings.noun} cannot be shown: {reason_of(error)}"
        return [element("p", escape(text), class_="note")]


def _overview(findings: RunFindings) -> list[str]:
    target = RULES[OVERVIEWS.get(findings.plan.chain, MAP_OVERVIEW)].target or ""
    path = findings.results / target
    if not path.is_file():
        return [element("p", f"There is no picture of it yet ({target}).", class_="note")]
    about = f"All scenes with the {findings.noun} ({target} holds it in full)"
    return [picture_figure(path, about)]


def _sizes(findings: RunFindings) -> str:
    if findings.plan.chain != DETECTION:
        return map_table(findings.results / "map" / "summary.csv")
    counts = DiameterCounts()
    for batch in catalogue.open(findings.results / "catalogue").batches(["diameter_km"]):
        counts.feed(batch["diameter_km"].to_numpy())
    return size_table(counts.sizes)
