"""evaluate: a catalogue against a table of true craters."""

import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.files import atomic, write_json
from orbitile.matching import Matches, match
from orbitile.rasters.coverage import on_data
from orbitile.tables.craters import read_craters
from orbitile.tables.rasters import coarsest, read_rasters

log = logging.getLogger(__name__)

DIAMETERS_KM = [0, 0.1, 0.2, 0.5, 1, 2, 5, 7.5, 10, 15, 20, 30, 50, 100, 200, 500, np.inf]
LATITUDES = [-90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90.0001]


@dataclass(frozen=True)
class Yardstick:
    """How found and true craters are compared: least IoU, least diameter in metres, body's radius."""

    iou_threshold: float
    min_diameter_m: float
    radius_m: float


def evaluate(found: str, truth: str, rasters: list[str], yardstick: Yardstick, metrics: str, plot: str) -> None:
    """Write precision, recall and F1, overall and by diameter and latitude, as JSON and as a plot.

    Only craters whose centre lies on valid pixels of the run's scenes are judged.
    """
    scenes = coarsest([row for path in rasters for row in read_rasters(path)])
    seen = [
        craters.where(on_data(craters.lon, craters.lat, scenes, yardstick.radius_m))
        for craters in (read_craters(found), read_craters(truth))
    ]
    result = match(*seen, yardstick.iou_threshold, yardstick.min_diameter_m, yardstick.radius_m)
    figures = _figures(result) | dict(
        iou=yardstick.iou_threshold, min_diameter_km=yardstick.min_diameter_m / 1000,
        by_diameter_km=_by(result, "diameter_km", DIAMETERS_KM), by_latitude=_by(result, "lat", LATITUDES),
    )  # fmt: skip
    write_json(metrics, figures)
    _plot(figures, plot)
    log.info("F1 %(f1).3f, precision %(precision).3f, recall %(recall).3f", figures)


def _figures(matches: Matches) -> dict:
    """Precision, recall and F1 of a set of matches, with the counts behind them."""
    n_truth, n_found, hits = len(matches.truth), len(matches.found), int(matches.truth["hit"].sum())
    true_found = int(matches.found["hit"].sum())
    precision = true_found / n_found if n_found else 0.0
    recall = hits / n_truth if n_truth else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return dict(precision=precision, recall=recall, f1=f1, n_truth=n_truth, n_found=n_found, n_matched=hits)


def _by(matches: Matches, column: str, edges: list[float]) -> list[dict]:
    """The figures in bins of a column; bins without craters are left out."""
    rows = []
    for low, high in pairwise(edges):
        part = matches.between(column, low, high)
        if len(part.truth) or len(part.found):
            rows.append({"from": low, "to": None if np.isinf(high) else high} | _figures(part))
    return rows


def _plot(figures: dict, path: str | Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained", sharey=True)
    _bars(left, figures["by_diameter_km"], "by diameter (km)")
    _bars(right, figures["by_latitude"], "by latitude (degrees)")
    figure.suptitle(f"F1 {figures['f1']:.3f}, precision {figures['precision']:.3f}, recall {figures['recall']:.3f} "
                    f"at IoU {figures['iou']:g} ({figures['n_truth']} true, {figures['n_found']} found)")  # fmt: skip
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def _bars(axes: Axes, bins: list[dict], title: str) -> None:
    """Draw precision, recall and F1 of each bin side by side."""
    places = np.arange(len(bins))
    for offset, measure in enumerate(("precision", "recall", "f1")):
        axes.bar(places + 0.27 * (offset - 1), [one[measure] for one in bins], 0.25, label=measure)
    axes.set_xticks(places, [_label(one) for one in bins], fontsize=7)
    axes.set(title=title, ylim=(0, 1.12))
    axes.grid(axis="y", alpha=0.4)
    axes.legend(loc="upper center", ncols=3, frameon=False)


def _label(one: dict) -> str:
    upper = "more" if one["to"] is None else f"{one['to']:g}"
    return f"{one['from']:g}\nto {upper}\nn={one['n_truth']}"
