"""evaluate: a catalogue of craters compared with a table of true ones."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from orbitile import catalogue
from orbitile.base.files import atomic, write_json
from orbitile.detections.matching import CraterMatcher, MatchCriteria
from orbitile.features.metrics import harmonic_metrics
from orbitile.tables.coverage import Coverage
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, check_scene_names, read_craters_of_run
from orbitile.tables.rasters import RasterRow, coarsest, read_rasters

log = logging.getLogger(__name__)

DIAMETERS_KM = [0, 0.1, 0.2, 0.5, 1, 2, 5, 7.5, 10, 15, 20, 30, 50, 100, 200, 500, np.inf]
LATITUDES = [-90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90.0001]


def evaluate_catalogue(
    manifest: str,
    truth: CraterTable,
    rasters: list[str],
    criteria: MatchCriteria,
    metrics: str,
    plot: str,
    unmapped_scenes: int = 0,
) -> None:
    """Write precision, recall and F1, overall and by diameter and latitude, as JSON and as a plot.

    `manifest` is that of a catalogue, which is read part by part, `truth` a table of true craters, `rasters` are the
    groups' tables of scenes. Only craters whose centre lies on valid pixels of a scene are judged; the
    `unmapped_scenes` of a run in pixel coordinates are judged one by one. OrbitileError where a table lacks a column or
    one of its numbers.
    """
    rows = [row for path in rasters for row in read_rasters(path)]
    true = read_craters_of_run(truth, PixelPlaces.of(rows, criteria.radius_m), unmapped_scenes)
    check_scene_names(true, {row.scene for row in rows}, truth.path)
    ground = JudgedGround.of(coarsest(rows), criteria.radius_m, unmapped=unmapped_scenes > 0)
    counts = count_matches(_parts(catalogue.open(manifest), unmapped_scenes > 0), true, ground, criteria)
    by_diameter, by_latitude = np.split(counts, [len(DIAMETERS_KM) - 1], axis=1)
    figures = _figures(*by_diameter.sum(axis=1).tolist()) | dict(
        iou=criteria.iou_threshold, min_diameter_km=criteria.min_diameter_m / 1000,
        by_diameter_km=_in_bins(by_diameter, DIAMETERS_KM), by_latitude=_in_bins(by_latitude, LATITUDES),
    )  # fmt: skip
    write_json(metrics, figures)
    _plot(figures, plot)
    log.info("F1 %(f1).3f, precision %(precision).3f, recall %(recall).3f", figures)


@dataclass(frozen=True)
class JudgedGround:
    """Where craters count: on valid pixels of any scene of a map, or of their own scene in pixel coordinates.

    `coverages` are those of the scenes by name, or a single one of all scenes.
    """

    coverages: dict[str, Coverage]

    @classmethod
    def of(cls, scenes: list[RasterRow], radius_m: float, unmapped: bool) -> Self:
        """That of scenes with a map, or of `unmapped` ones."""
        parts = {scene.scene: [scene] for scene in scenes} if unmapped else {"map": scenes}
        return cls({name: Coverage.of(part, radius_m) for name, part in parts.items()})

    def split(self, craters: Craters) -> Iterator[tuple[str, np.ndarray]]:
        """The indices of the craters that count, by the coverage that they lie on."""
        for name, members in self._members(craters).items():
            on_data = self.coverages[name].holds(craters.lon[members], craters.lat[members])
            yield name, members[on_data]

    def _members(self, craters: Craters) -> dict[str, np.ndarray]:
        if craters.scene is None:  # all on a map, or on the only scene
            return {name: np.arange(len(craters)) for name in self.coverages}
        members = pd.Series(craters.scene).groupby(craters.scene).indices
        return {str(name): np.asarray(indices) for name, indices in members.items() if name in self.coverages}


def count_matches(parts: Iterable[Craters], true: Craters, ground: JudgedGround, criteria: MatchCriteria) -> np.ndarray:
    """Count craters in the bins (n) of diameter, then in those of latitude.

    Returns an array (4, n) of detected ones, of those with a match, of true ones, and of those with a match. As in
    orbitile.detections.matching.match_craters, the least diameter judges the true crater of a match. `parts` are the
    detected craters; the result is the same however they are parted.
    """
    least_m = criteria.min_diameter_m
    judged, matcher = dict(ground.split(true)), CraterMatcher(true, criteria)
    detected = _count(true.select(np.zeros(0, int)))
    for craters in parts:
        for name, members in ground.split(craters):
            matcher.feed(craters.select(members), judged.get(name, np.zeros(0, int)))
            detected += _count(_large(craters.select(members), least_m))
    matched, partners = matcher.matches()
    is_judged = true.diameter_m[partners] >= least_m
    right, found = _count(matched.select(is_judged)), _count(true.select(partners[is_judged]))
    of_truth = true.select(np.concatenate([*judged.values(), np.zeros(0, int)]))
    detected += right - _count(_large(matched, least_m))
    return np.stack([detected, right, _count(_large(of_truth, least_m)), found])


def _parts(craters: catalogue.Catalogue, with_scene: bool) -> Iterator[Craters]:
    """The craters of a catalogue, group by group."""
    columns = ["lon", "lat", "diameter_km", *(["scene"] if with_scene else [])]
    return map(Craters.of_catalogue, craters.tables(columns))


def _large(craters: Craters, least_m: float) -> Craters:
    return craters.select(craters.diameter_m >= least_m)


def _count(craters: Craters) -> np.ndarray:
    """How many craters lie in the bins of diameter, then in those of latitude; lower edges belong to a bin."""
    by_axis = ((craters.diameter_m / 1000, DIAMETERS_KM), (craters.lat, LATITUDES))
    bins = [(np.searchsorted(edges, values, "right") - 1, len(edges) - 1) for values, edges in by_axis]
    return np.concatenate([np.bincount(numbers, minlength=count) for numbers, count in bins])


def _figures(detected: int, right: int, true: int, found: int) -> dict:
    """Precision, recall and F1, with the counts behind them."""
    precision, recall = right / detected if detected else 0.0, found / true if true else 0.0
    return harmonic_metrics(precision, recall) | dict(n_truth=true, n_found=detected, n_matched=found)


def _in_bins(counts: np.ndarray, edges: list[float]) -> list[dict]:
    """The figures in bins, each from its lower edge up to its upper one; without bins that are empty."""
    return [
        {"from": low, "to": None if np.isinf(high) else high} | _figures(*numbers)
        for numbers, (low, high) in zip(counts.T.tolist(), pairwise(edges), strict=True)
        if numbers[0] or numbers[2]
    ]


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
