"""Figures of merit: how a catalogue or a map compares with a truth, from metrics.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orbitile.pictures.match_picture import MATCH_MEASURES
from orbitile.reporting.embedding import picture_figure
from orbitile.reporting.markup import card_row, element, scrollable
from orbitile.reporting.tables import plain_table

UNDEFINED = "-"
CHART_PX = 1000
"""The width of pictures with small letters, which scroll in a narrower window."""


def merit_section(folder: Path) -> list[str]:
    """Cards, a table and a picture of the figures in results/<run>/evaluation; nothing where there are none."""
    try:
        figures = json.loads((folder / "metrics.json").read_text())
    except (OSError, ValueError):
        return []
    parts = _of_map(figures["by_scale"]) if "by_scale" in figures else _of_craters(figures)
    about = "The figures above, drawn (evaluation/metrics.png)"
    picture = [picture_figure(folder / "metrics.png", about, CHART_PX)] if (folder / "metrics.png").is_file() else []
    return [element("h3", "Compared with the truth"), *parts, *picture]


def _of_craters(figures: Mapping[str, Any]) -> list[str]:
    intervals = figures.get("intervals") or {}
    cards = [
        (measure_text(figures, name), f"{name.replace('f1', 'F1')}{_interval(intervals.get(name))}")
        for name in MATCH_MEASURES
    ]
    counts = [
        (f"{figures['n_truth']:,}", "craters in the truth"),
        (f"{figures['n_found']:,}", "craters of the catalogue compared"),
        (f"{figures['n_matched']:,}", f"matches, at an IoU of {figures['iou']:g} or more"),
    ]
    rows = [
        [
            _limits(row),
            f"{row['n_truth']:,}",
            f"{row['n_found']:,}",
            *(measure_text(row, name) for name in MATCH_MEASURES),
        ]
        for row in figures["by_diameter_km"]
    ]
    names = ["diameter (km)", "in the truth", "in the catalogue", "precision", "recall", "F1"]
    table = plain_table(names, rows, words=0)
    return [card_row([*cards, *counts]), scrollable("Figures of merit by diameter", table)]


def measure_text(figures: Mapping[str, Any], measure: str) -> str:
    """A measure with three decimals; a dash where a count that it depends on is 0."""
    return f"{figures[measure]:.3f}" if all(figures[count] for count in MATCH_MEASURES[measure]) else UNDEFINED


def _interval(limits: list[float] | None) -> str:
    return f", {limits[0]:.3f} to {limits[1]:.3f} with 95 % confidence" if limits else ""


def _limits(row: Mapping[str, Any]) -> str:
    return f"{row['from']:g} and more" if row["to"] is None else f"{row['from']:g} to {row['to']:g}"


def _of_map(scales: list[Mapping[str, Any]]) -> list[str]:
    rows = [row for scale in scales for row in _rows_of_scale(scale)]
    names = ["what", "scale (m/px)", "precision", "recall", "F1", "IoU"]
    return [scrollable("Figures of merit of the map", plain_table(names, rows, words=1))]


def _rows_of_scale(scale: Mapping[str, Any]) -> list[list[str]]:
    judged = {f"{name}, pixels": pixels["pooled"] for name, pixels in scale["pixels"].items()}
    if scale.get("lines"):
        judged[f"lines, within {scale['lines']['tolerance_m']:g} m"] = scale["lines"]
    return [
        [
            name,
            f"{scale['scale_m']:g}",
            *(_share(figures.get(measure)) for measure in ("precision", "recall", "f1", "iou")),
        ]
        for name, figures in judged.items()
    ]


def _share(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3f}"
