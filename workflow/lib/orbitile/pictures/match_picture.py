"""A picture of how well a catalogue matches the truth."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.pictures.measure_styles import MEASURE_STYLES
from orbitile.pictures.save_figure import save_figure

MATCH_MEASURES = dict(precision=("n_found", "n_truth"), recall=("n_truth",), f1=("n_found", "n_truth"))
"""Measures of matches, and the counts without which they say nothing: what is detected where the truth has no craters
counts only if it matches, so that its precision would always be 1; true craters of a class of sizes may match
detections of another, so that their recall may be 1 where nothing was detected."""


def draw_matches(figures: dict, path: str | Path) -> None:
    """Draw precision, recall and F1 by size, latitude and least score, from figures as they stand in metrics.json."""
    figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained", sharey=True)
    _bars(
        axes[0, 0],
        figures["by_diameter_km"],
        "by diameter (km); below: number of true ones, and of those in the catalogue",
    )
    _bars(axes[0, 1], figures["by_latitude"], "by latitude (degrees)")
    _bars(axes[1, 0], figures["by_size_px"], "by diameter (px of the finest scale), with 95 % intervals")
    _curves(axes[1, 1], figures["by_score"], figures["best_score"])
    f1, precision, recall = (_text(figures[measure]) for measure in ("f1", "precision", "recall"))
    figure.suptitle(f"F1 {f1}{_interval(figures)}, precision {precision}, recall {recall} at IoU {figures['iou']:g} "
                    f"({figures['n_truth']:,} true, {figures['n_found']:,} in the catalogue)")  # fmt: skip
    save_figure(figure, path)


def _text(share: float | None) -> str:
    """A measure; a dash for one of nothing."""
    return "-" if share is None else f"{share:.3f}"


def _interval(figures: dict) -> str:
    limits = figures["intervals"]["f1"]
    return f" ({limits[0]:.3f} to {limits[1]:.3f})" if limits else ""


def _bars(axes: Axes, bins: list[dict], title: str) -> None:
    """Draw precision, recall and F1 of each bin side by side, with intervals where there are any."""
    centres = np.arange(len(bins))
    for offset, measure in enumerate(MATCH_MEASURES):
        values = np.array([measured(figures, measure) for figures in bins])
        limits = np.array([figures.get("intervals", {}).get(measure) or 2 * [np.nan] for figures in bins], float)
        errors = np.abs(limits.reshape(-1, 2).T - values) if any("intervals" in figures for figures in bins) else None
        style = MEASURE_STYLES[measure].bar
        axes.bar(
            centres + 0.27 * (offset - 1), values, 0.25, yerr=errors, ecolor="0.3", capsize=2, label=measure, **style
        )
    axes.set_xticks(centres, [_tick_label(figures) for figures in bins], fontsize=7)
    axes.set(title=title, xlim=(-0.6, len(bins) - 0.4), ylim=(0, 1.12))
    axes.grid(axis="y", alpha=0.4)
    axes.legend(loc="upper center", ncols=3, frameon=False)


def _curves(axes: Axes, by_score: list[dict], best_score: float | None) -> None:
    """Draw precision, recall and F1 over the least score."""
    scores = [figures["score"] for figures in by_score]
    for measure in MATCH_MEASURES:
        values = [measured(figures, measure) for figures in by_score]
        axes.plot(scores, values, markersize=4, label=measure, **MEASURE_STYLES[measure].curve)
    if best_score is not None:
        axes.axvline(best_score, color="0.5", linestyle=":")
        axes.set(title=f"by least score (best F1 at {best_score:g})")
    axes.grid(alpha=0.4)
    axes.legend(loc="lower left", ncols=3, frameon=False)


def measured(figures: dict, measure: str) -> float:
    """A measure, or NaN where a count that it depends on is 0."""
    return figures[measure] if all(figures[count] for count in MATCH_MEASURES[measure]) else np.nan


def _tick_label(figures: dict) -> str:
    """The limits of a bin, and its numbers of true craters and of those in the catalogue."""
    upper = "and more" if figures["to"] is None else f"to {figures['to']:g}"
    return f"{figures['from']:g}\n{upper}\n{figures['n_truth']:,}\n{figures['n_found']:,}"
