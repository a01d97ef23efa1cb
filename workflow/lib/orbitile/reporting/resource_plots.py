"""What jobs took, drawn by rule: every attempt a point, a box around the middle half of them."""

from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter

from orbitile.reporting.colours import rule_colour

MEASURES = {
    "wall_s": "wall time (s)",
    "cpu_percent": "CPU (% of one core)",
    "memory_mb": "peak memory (MB)",
    "gpu_memory_mb": "peak GPU memory (MB)",
    "gpu_percent": "GPU in use (%)",
}
MIN_BOXED = 5
"""Rules with fewer values get no box."""
WIDTH_IN, ROW_IN, FRAME_IN = 11.6, 0.42, 0.9
DPI = 150
MOST_TICKS = 4
"""More labels than these would touch each other in a panel."""
GOLDEN = 0.618034


def resource_plots(jobs: pd.DataFrame) -> bytes:
    """A PNG with a panel per measure and a row per rule (see read_jobs); no panels of a GPU where none was used."""
    measures = [name for name in MEASURES if jobs[name].notna().any()]
    rules = list(dict.fromkeys(jobs["rule"]))
    figure = Figure(figsize=(WIDTH_IN, FRAME_IN + ROW_IN * len(rules)), layout="constrained")
    panels = figure.subplots(1, max(len(measures), 1), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, measures, strict=False):
        _panel(axes, name, {rule: jobs[name][jobs["rule"] == rule].dropna().to_numpy() for rule in rules})
    panels[0].set_yticks(range(len(rules)), [f"{rule} ({(jobs['rule'] == rule).sum()})" for rule in rules])
    panels[0].set_ylim(len(rules) - 0.5, -0.5)
    picture = BytesIO()
    figure.savefig(picture, dpi=DPI, metadata={"Software": None})
    return picture.getvalue()


def _panel(axes: Axes, measure: str, values: dict[str, np.ndarray]) -> None:
    """A measure's values by rule, a row each."""
    for row, (rule, of_rule) in enumerate(values.items()):
        _row(axes, row, of_rule, rule_colour(rule))
        if not len(of_rule) and measure.startswith("gpu"):
            axes.annotate(
                "no GPU", (0.03, row), xycoords=("axes fraction", "data"), va="center", fontsize=8, c="#666666"
            )
    _scale(axes, measure, np.concatenate([*values.values(), [1.0]]))
    axes.set_xlabel(MEASURES[measure])
    axes.grid(axis="x", alpha=0.4)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _scale(axes: Axes, measure: str, values: np.ndarray) -> None:
    """A scale from zero; for wall times that differ much, a logarithmic one."""
    if measure == "wall_s" and values.max() > 20 * max(values.min(), 0.1):
        axes.set_xscale("log")
        axes.set_xlim(values.min() / 1.3, values.max() * 1.3)
        axes.xaxis.set_major_locator(FixedLocator(log_ticks(float(values.min()), float(values.max()))))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, 1.05 * values.max())
        axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS))


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two values above 0, as many as MOST_TICKS allows; without any, the higher value itself."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for factors, every in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3), ((1,), 6)):
        ticks = [float(factor * 10**power) for power in decades[::every] for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= MOST_TICKS:
            break
    return inside or [high]


def _row(axes: Axes, row: int, values: np.ndarray, colour: str) -> None:
    """Points spread evenly over the row's height, and the box in front of them."""
    spread = ((np.arange(len(values)) * GOLDEN + 0.5) % 1 - 0.5) * 0.7
    axes.scatter(values, row + spread, s=12, color=colour, alpha=0.8, linewidths=0, zorder=2)
    if len(values) >= MIN_BOXED:
        black = dict(color="#222222", linewidth=0.8)
        axes.boxplot(
            values, positions=[row], orientation="horizontal", widths=0.5, showfliers=False, whis=(5, 95), zorder=3,
            boxprops=black, whiskerprops=black, capprops=black, medianprops=black | dict(linewidth=1.8),
        )  # fmt: skip
