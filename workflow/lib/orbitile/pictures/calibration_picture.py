"""A picture of what scores are worth: reliability, false rows and recall by score, completeness by diameter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.base.files import atomic


def draw_calibration(figures: Mapping[str, Any], path: str | Path) -> None:
    """Draw figures as they stand in calibration.json under `figures`, as PNG."""
    figure, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
    _draw_reliability(axes[0], figures["reliability"], figures["calibration_error"])
    _draw_errors(axes[1], figures["by_score"], figures["bounds"])
    _draw_completeness(axes[2], figures["completeness"])
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)


def _draw_reliability(axes: Axes, bins: Mapping[str, Any], errors: Mapping[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, label, colour in (("before", "score", "tab:orange"), ("after", "probability", "tab:blue")):
        if bins[name]:
            predicted, right, _ = np.array(bins[name], float).T
            axes.plot(predicted, right, "o-", color=colour, label=f"{label}: off by {errors[name]['value']:.3f}")
    axes.set(xlabel="score, or probability", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1),
             title="Reliability (probabilities by fits to other blocks)")  # fmt: skip
    _add_legend(axes)
    axes.grid(alpha=0.4)


def _draw_errors(axes: Axes, by_score: Sequence[Mapping[str, Any]], bounds: Sequence[Mapping[str, Any]]) -> None:
    scores = [row["score"] for row in by_score]
    for name, label, colour in (("recall", "true ones detected", "tab:green"), ("fdr", "false rows", "tab:red")):
        axes.plot(scores, [row[name] for row in by_score], color=colour, label=label)
    ranks = [np.nan if row["fdr_bound"] is None else row["fdr_bound"] for row in by_score]
    axes.plot(scores, ranks, color="tab:red", linestyle=":", label="bound of false rows, 90 % confidence")
    for bound in bounds:
        if bound["score"] is not None:
            axes.axvline(bound["score"], color="0.7", linewidth=1)
            axes.text(bound["score"], 1.01, f"{bound['max_fdr']:.0%}", ha="center", fontsize=8)
    axes.set(xlabel="least score", ylim=(0, 1), title="False rows and recall\n")
    _add_legend(axes)
    axes.grid(alpha=0.4)


def _draw_completeness(axes: Axes, curves: Sequence[Mapping[str, Any]]) -> None:
    for curve, colour in zip(curves, ("tab:blue", "tab:orange", "tab:green"), strict=False):
        axes.fill_between(curve["diameter_px"], curve["low"], curve["high"], color=colour, alpha=0.2, linewidth=0)
        axes.plot(
            curve["diameter_px"], curve["detected"], color=colour, label=f"scores from {curve['least_score']:g} on"
        )
    axes.set(xscale="log", xlabel="diameter (px of the finest scale)", ylim=(0, 1), title="Completeness, with its band")
    _add_legend(axes)
    axes.grid(alpha=0.4)


def _add_legend(axes: Axes) -> None:
    """A legend, where there is a line to explain."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
