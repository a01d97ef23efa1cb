"""Figures of a catalogue against the truth, as they stand in metrics.json."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from orbitile.detections.blocks import Blocks
from orbitile.detections.intervals import LEVEL, MatchCounts
from orbitile.detections.match_tally import DIAMETERS_KM, LATITUDES, MatchMeasures, MatchTotals, SizeClasses
from orbitile.features.metrics import harmonic_metrics

PERCENTILES = dict(p16=16, median=50, p84=84)
UNDEFINED = dict.fromkeys(("precision", "recall", "f1"))
PARTS = ("by_size_px", "by_score", "by_diameter_km", "by_latitude")


def match_figures(totals: MatchTotals, classes: SizeClasses, scores: Sequence[float], blocks: Blocks) -> dict:
    """All figures: overall, by diameter, latitude, size in pixels and least score, with intervals.

    Intervals are null where a measure is not defined. The best score is the least of those with the highest F1, null
    where nothing matches. Without any true crater all measures are null: nobody may have searched that ground.
    """
    by_score = _by_score(totals.by_score, scores)
    whole = MatchCounts(*(count.sum(axis=1) for count in totals.by_block))
    figures = _figures(*totals.by_diameter.sum(axis=1).tolist()) | dict(
        n_doubtful=totals.doubtful,
        intervals=_listed(whole.intervals()) | dict(level=LEVEL, unit=blocks.unit, units=_filled(totals.by_block)),
        by_size_px=_by_size(totals, classes),
        by_score=by_score,
        best_score=_best_score(by_score),
        by_diameter_km=_in_bins(totals.by_diameter, DIAMETERS_KM),
        by_latitude=_in_bins(totals.by_latitude, LATITUDES),
    ) | _measured(totals.measures, classes.gsd_m)  # fmt: skip
    return figures if figures["n_truth"] else _counts_alone(figures)


def _counts_alone(figures: dict) -> dict:
    """The figures, overall and of each part, with measures that are not defined."""
    parts = {name: [_without_measures(row) for row in figures[name]] for name in PARTS}
    return _without_measures(figures) | parts


def _without_measures(figures: dict) -> dict:
    intervals = dict(intervals=figures["intervals"] | UNDEFINED) if "intervals" in figures else {}
    return figures | UNDEFINED | intervals


def _figures(detected: int, right: int, true: int, found: int) -> dict:
    """Precision, recall and F1, with the counts behind them."""
    precision, recall = right / detected if detected else 0.0, found / true if true else 0.0
    return harmonic_metrics(precision, recall) | dict(n_truth=true, n_found=detected, n_matched=found)


def _in_bins(counts: np.ndarray, edges: Sequence[float]) -> list[dict]:
    """The figures in bins, each from its lower edge up to its upper one; without bins that are empty."""
    return [
        _limits(*limits) | _figures(*numbers)
        for numbers, limits in zip(counts.T.tolist(), pairwise(edges), strict=True)
        if numbers[0] or numbers[2]
    ]


def _limits(low: float, high: float) -> dict:
    return {"from": low, "to": None if np.isinf(high) else high}


def _by_size(totals: MatchTotals, classes: SizeClasses) -> list[dict]:
    """The figures of each class of size that is not empty; matches belong to the class of the true crater."""
    detected, right, true = (count.sum(axis=0).tolist() for count in totals.by_block)
    intervals = totals.by_block.intervals()
    figures = []
    for number, limits in enumerate(pairwise(classes.limits_px)):
        if detected[number] or true[number]:
            members = totals.measures.size_class == number
            measures = MatchMeasures(*(values[members] for values in totals.measures))
            counts = detected[number], right[number], true[number], right[number]
            limits_here = {name: limits_of[:, number] for name, limits_of in intervals.items()}
            figures.append(
                _limits(*limits) | _figures(*counts) | dict(intervals=_listed(limits_here))
                | _measured(measures, classes.gsd_m)
            )  # fmt: skip
    return figures


def _by_score(counts: MatchCounts, scores: Sequence[float]) -> list[dict]:
    """The figures of detected craters of each score and more, without scores that none reaches but the first."""
    return [
        dict(score=score) | _figures(detected, right, true, right)
        for number, (score, detected, right, true) in enumerate(
            zip(scores, *(count.tolist() for count in counts), strict=True)
        )
        if detected or not number
    ]


def _best_score(by_score: list[dict]) -> float | None:
    best = max(by_score, key=lambda figures: figures["f1"])
    return best["score"] if best["f1"] else None


def _measured(measures: MatchMeasures, gsd_m: float) -> dict:
    """Median and 16th to 84th percentile of the ratio of diameters and of the offset of centres; null without any."""
    return dict(
        diameter_ratio=_spread(measures.diameter_ratio), center_offset_px=_spread(measures.offset_m / gsd_m)
    )  # fmt: skip


def _spread(values: np.ndarray) -> dict | None:
    if not len(values):
        return None
    return dict(zip(PERCENTILES, np.percentile(values, list(PERCENTILES.values())).tolist(), strict=True))


def _listed(intervals: dict[str, np.ndarray]) -> dict[str, list[float] | None]:
    return {name: None if np.isnan(limits).any() else limits.tolist() for name, limits in intervals.items()}


def _filled(by_block: MatchCounts) -> int:
    """How many blocks hold any crater."""
    return int((np.stack(by_block).sum(axis=(0, 2)) > 0).sum())
