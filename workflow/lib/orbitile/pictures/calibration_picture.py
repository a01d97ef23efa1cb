"""Pictures of what scores are worth: reliability, errors by score; of catalogues also completeness by diameter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.pictures.measure_styles import BLUE, ORANGE, PURPLE, VERMILLION
from orbitile.pictures.save_figure import save_figure


class _Words(NamedTuple):
    """What is judged, by its score, is called."""

    score: str
    probability: str
    right: str
    detected: str
    false: str
    errors: str


_DETECTIONS = _Words("score", "probability", "share that is right", "true ones detected", "false rows",
                     "False rows and recall")  # fmt: skip
_PIXELS = _Words("probability", "calibrated probability", "share of true pixels", "true pixels mapped", "false pixels",
                 "False pixels and recall")  # fmt: skip


def draw_calibration(figures: Mapping[str, Any], path: str | Path) -> None:
    """Draw figures of detections as they stand in calibration.json under `figures`, as PNG."""
    figure, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
    _draw_scores(axes[:2], figures, _DETECTIONS)
    _draw_completeness(axes[2], figures["completeness"])
    save_figure(figure, path)


def draw_pixel_calibration(figures: Mapping[str, Any], path: str | Path) -> None:
    """Draw figures of pixels as they stand in calibration.json under `figures`, as PNG, a row for each class."""
    classes = figures["classes"]
    figure, rows = plt.subplots(len(classes), 2, figsize=(11, 5 * len(classes)), layout="constrained", squeeze=False)
    for axes, (name, of_class) in zip(rows, classes.items(), strict=True):
        _draw_scores(axes, of_class, _PIXELS)
        axes[0].set_ylabel(f"{name}: {_PIXELS.right}" if len(classes) > 1 else _PIXELS.right)
    save_figure(figure, path)


def _draw_scores(axes: Sequence[Axes], figures: Mapping[str, Any], words: _Words) -> None:
    """Reliability, and errors by score."""
    _draw_reliability(axes[0], figures["reliability"], figures["calibration_error"], words)
    _draw_errors(axes[1], figures["by_score"], figures["bounds"], words)


def _draw_reliability(axes: Axes, bins: Mapping[str, Any], errors: Mapping[str, Any], words: _Words) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, label, colour in (("before", words.score, ORANGE), ("after", words.probability, BLUE)):
        if bins[name]:
            predicted, right, _ = np.array(bins[name], float).T
            style = dict(before="s--", after="o-")[name]
            axes.plot(predicted, right, style, color=colour, label=f"{label}: off by {errors[name]['value']:.3f}")
    axes.set(xlabel=f"{words.score}, or {words.probability}", ylabel=words.right, xlim=(0, 1), ylim=(0, 1),
             title="Reliability (probabilities by fits to other blocks)")  # fmt: skip
    _add_legend(axes)
    axes.grid(alpha=0.4)


def _draw_errors(
    axes: Axes, by_score: Sequence[Mapping[str, Any]], bounds: Sequence[Mapping[str, Any]], words: _Words
) -> None:
    scores = [row["score"] for row in by_score]
    for name, label, colour in (("recall", words.detected, BLUE), ("fdr", words.false, VERMILLION)):
        style = dict(recall="-", fdr="--")[name]
        axes.plot(scores, [row[name] for row in by_score], style, color=colour, label=label)
    ranks = [np.nan if row["fdr_bound"] is None else row["fdr_bound"] for row in by_score]
    axes.plot(scores, ranks, color=VERMILLION, linestyle=":", label=f"bound of {words.false}, 90 % confidence")
    for bound in bounds:
        if bound["score"] is not None:
            axes.axvline(bound["score"], color="0.7", linewidth=1)
            axes.text(bound["score"], 1.01, f"{bound['max_fdr']:.0%}", ha="center", fontsize=8)
    axes.set(xlabel=f"least {words.score}", ylim=(0, 1), title=f"{words.errors}\n")
    _add_legend(axes)
    axes.grid(alpha=0.4)


def _draw_completeness(axes: Axes, curves: Sequence[Mapping[str, Any]]) -> None:
    for curve, colour, style in zip(curves, (BLUE, ORANGE, PURPLE), ("-", "--", "-."), strict=False):
        axes.fill_between(curve["diameter_px"], curve["low"], curve["high"], color=colour, alpha=0.2, linewidth=0)
        axes.plot(
            curve["diameter_px"],
            curve["detected"],
            style,
            color=colour,
            label=f"scores from {curve['least_score']:g} on",
        )
    axes.set(xscale="log", xlabel="diameter (px of the finest scale)", ylim=(0, 1), title="Completeness, with its band")
    _add_legend(axes)
    axes.grid(alpha=0.4)


def _add_legend(axes: Axes) -> None:
    """A legend, where there is a line to explain."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
