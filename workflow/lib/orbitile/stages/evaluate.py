"""evaluate: a catalogue of craters compared with a table of true ones."""

import logging
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.base.files import atomic, write_json
from orbitile.detections.matching import CraterMatches, MatchCriteria, match_craters
from orbitile.features.metrics import harmonic_metrics
from orbitile.tables.coverage import lies_on_data
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, check_scene_names, read_craters_of_run
from orbitile.tables.rasters import RasterRow, coarsest, read_rasters

log = logging.getLogger(__name__)

DIAMETERS_KM = [0, 0.1, 0.2, 0.5, 1, 2, 5, 7.5, 10, 15, 20, 30, 50, 100, 200, 500, np.inf]
LATITUDES = [-90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90.0001]


def evaluate_catalogue(
    craters: str,
    truth: CraterTable,
    rasters: list[str],
    criteria: MatchCriteria,
    metrics: str,
    plot: str,
    unmapped_scenes: int = 0,
) -> None:
    """Write precision, recall and F1, overall and by diameter and latitude, as JSON and as a plot.

    `craters` and `truth` are crater tables, `rasters` the groups' tables of scenes. Only craters whose centre lies on
    valid pixels of a scene are judged; the `unmapped_scenes` of a run in pixel coordinates are judged one by one.
    OrbitileError where a table lacks a column or one of its numbers.
    """
    rows = [row for path in rasters for row in read_rasters(path)]
    pixels = PixelPlaces.of(rows, criteria.radius_m)
    detected, true = (read_craters_of_run(table, pixels, unmapped_scenes) for table in (CraterTable(craters), truth))
    check_scene_names(true, {row.scene for row in rows}, truth.path)
    scenes = coarsest(rows)
    parts = [_match_scene(detected, true, scene, criteria) for scene in scenes] if unmapped_scenes else []
    matches = CraterMatches.joined(parts) if parts else _match(detected, true, scenes, criteria)
    figures = _figures(matches) | dict(
        iou=criteria.iou_threshold, min_diameter_km=criteria.min_diameter_m / 1000,
        by_diameter_km=_by(matches, "diameter_km", DIAMETERS_KM), by_latitude=_by(matches, "lat", LATITUDES),
    )  # fmt: skip
    write_json(metrics, figures)
    _plot(figures, plot)
    log.info("F1 %(f1).3f, precision %(precision).3f, recall %(recall).3f", figures)


def _match_scene(detected: Craters, true: Craters, scene: RasterRow, criteria: MatchCriteria) -> CraterMatches:
    """The matches on a scene in pixel coordinates."""
    return _match(detected.of_scene(scene.scene), true.of_scene(scene.scene), [scene], criteria)


def _match(detected: Craters, true: Craters, scenes: list[RasterRow], criteria: MatchCriteria) -> CraterMatches:
    """The matches among craters that lie on valid pixels of scenes."""
    detected, true = (
        craters.select(lies_on_data(craters.lon, craters.lat, scenes, criteria.radius_m))
        for craters in (detected, true)
    )
    return match_craters(detected, true, criteria.iou_threshold, criteria.min_diameter_m, criteria.radius_m)


def _figures(matches: CraterMatches) -> dict:
    """Precision, recall and F1 of a set of matches, with the counts behind them."""
    n_truth, n_found, hits = len(matches.truth), len(matches.detected), int(matches.truth["hit"].sum())
    precision = int(matches.detected["hit"].sum()) / n_found if n_found else 0.0
    recall = hits / n_truth if n_truth else 0.0
    return harmonic_metrics(precision, recall) | dict(n_truth=n_truth, n_found=n_found, n_matched=hits)


def _by(matches: CraterMatches, column: str, edges: list[float]) -> list[dict]:
    """The figures in bins of a column, each from its lower edge up to its upper one; without bins that are empty."""
    rows = []
    for low, high in pairwise(edges):
        in_bin = matches.between(column, low, high)
        if len(in_bin.truth) or len(in_bin.detected):
            rows.append({"from": low, "to": None if np.isinf(high) else high} | _figures(in_bin))
    return rows


def _plot(figures: dict, path: str | Path) -> None:
    figure, (diameters, latitudes) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained", sharey=True)
    _bars(diameters, figures["by_diameter_km"], "by diameter (km)")
    _bars(latitudes, figures["by_latitude"], "by latitude (degrees)")
    figure.suptitle(f"F1 {figures['f1']:.3f}, precision {figures['precision']:.3f}, recall {figures['recall']:.3f} "
                    f"at IoU {figures['iou']:g} ({figures['n_truth']} true, {figures['n_found']} found)")  # fmt: skip
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def _bars(axes: Axes, bins: list[dict], title: str) -> None:
    """Draw precision, recall and F1 of each bin side by side."""
    centres = np.arange(len(bins))
    for offset, measure in enumerate(("precision", "recall", "f1")):
        axes.bar(centres + 0.27 * (offset - 1), [figures[measure] for figures in bins], 0.25, label=measure)
    axes.set_xticks(centres, [_tick_label(figures) for figures in bins], fontsize=7)
    axes.set(title=title, ylim=(0, 1.12))
    axes.grid(axis="y", alpha=0.4)
    axes.legend(loc="upper center", ncols=3, frameon=False)


def _tick_label(figures: dict) -> str:
    """The limits of a bin and its number of true craters."""
    upper = "more" if figures["to"] is None else f"{figures['to']:g}"
    return f"{figures['from']:g}\nto {upper}\nn={figures['n_truth']}"
