"""What people judged of a catalogue: precision and completeness with their limits, and how well reviewers agree."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from orbitile.pipeline import RULES
from orbitile.reporting.markup import card_row, element, scrollable
from orbitile.reporting.merit import UNDEFINED
from orbitile.reporting.tables import plain_table


def judged_section(results: Path, sha256: str | None) -> list[str]:
    """Cards and tables of the figures in results/<run>/review, or why there are none; nothing before a review.

    `sha256` is that of the catalogue as it is now: figures of another one are not shown.
    """
    path = results / (RULES["review"].target or "")
    if not path.is_file():
        return []
    about = json.loads(path.read_text())
    heading = element("h3", "What people judged")
    if about["catalogue_sha256"] != sha256:
        return [heading, element("p", "The catalogue has changed since it was judged; judge it again.", class_="note")]
    precision, completeness = about["precision"], about["completeness"]
    judged = about["judgements"]
    counts = ", ".join(f"{number:,} {verdict}" for verdict, number in judged["verdicts"].items())
    reviewers = ", ".join(judged["reviewers"])
    words = [f"Judged by {reviewers}: {counts}."]
    words += [f"Reviewers disagree about {judged['disputed']:,} rows."] if judged["disputed"] else []
    certain = f", with {100 * about['settings']['confidence']:g} % confidence"
    figures = {"precision of the catalogue": precision, "completeness of the searched ground": completeness}
    cards = [
        (f"{shares['low']:.3f} to {shares['high']:.3f}", name + certain)
        for name, shares in figures.items()
        if "unknown" not in shares
    ]
    reasons = [
        f"The {name} is not known: {shares['unknown']}." for name, shares in figures.items() if "unknown" in shares
    ]
    return [
        heading, *([card_row(cards)] if cards else []),
        element("p", escape(" ".join(words))), *(element("p", escape(text), class_="note") for text in reasons),
        *_by_diameter(precision), *_agreement(about["agreement"]),
    ]  # fmt: skip


def _by_diameter(precision: Mapping[str, Any]) -> list[str]:
    if "unknown" in precision:
        return []
    rows = [
        [_limits(part["diameter_km"]), f"{part['rows']:,}", f"{part['judged']:,}", _range(part["false"]),
         f"{part['low']:.3f} to {part['high']:.3f}"]
        for part in precision["by_diameter_km"]
    ]  # fmt: skip
    names = ["diameter (km)", "rows", "judged", "false", "precision"]
    return [scrollable("Precision by diameter, as judged", plain_table(names, rows, words=0))]


def _agreement(pairs: list[Mapping[str, Any]]) -> list[str]:
    if not pairs:
        return []
    rows = [
        [" and ".join(pair["reviewers"]), f"{pair['rows']:,}", f"{pair['share']:.3f}",
         UNDEFINED if pair["kappa"] is None else f"{pair['kappa']:.3f}"]
        for pair in pairs
    ]  # fmt: skip
    names = ["reviewers", "rows that both judged", "share agreed", "Cohen's kappa"]
    return [scrollable("Agreement of reviewers", plain_table(names, rows, words=1))]


def _limits(diameter_km: list[float]) -> str:
    low, high = diameter_km
    return f"{low:.3g} to {high:.3g}"


def _range(counts: list[int]) -> str:
    """Counts with unsure rows right, and with them false."""
    least, most = counts
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
