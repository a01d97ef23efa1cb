"""Pictures of size-frequency distributions: cumulative, differential, relative, and in Hartmann's way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.base.files import atomic

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
MOST_SERIES = len(COLOURS)


class _Presentation(NamedTuple):
    title: str
    diameters: str
    values: str
    errors: str
    unit: str


PRESENTATIONS = (
    _Presentation("Cumulative", "from_km", "cumulative", "cumulative_error", "craters of D and more (km$^{-2}$)"),
    _Presentation("Differential", "mean_km", "differential", "differential_error", "craters per diameter (km$^{-3}$)"),
    _Presentation("Relative", "mean_km", "relative", "relative_error", "R"),
    _Presentation("Hartmann", "mean_km", "hartmann", "hartmann_error", "craters per $\\sqrt{2}$ bin (km$^{-2}$)"),
)


@dataclass(frozen=True, eq=False)
class FrequencySeries:
    """Frequencies to draw: a label, the columns of orbitile.counting.size_frequency.SizeFrequency by name."""

    label: str
    columns: Mapping[str, np.ndarray]


def draw_size_frequency(
    series: Sequence[FrequencySeries], title: str, from_km: float | None, reason: str, paths: Sequence[str | Path]
) -> None:
    """Draw all presentations of frequencies, side by side, to files (PNG, PDF) by their suffixes.

    Points that are not counted are hollow; a line at `from_km` says, with its `reason`, from where on they are.
    """
    figure, axes = plt.subplots(2, 2, figsize=(12, 11))
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.06, top=0.9, hspace=0.25, wspace=0.2)
    for axis, presentation in zip(axes.ravel(), PRESENTATIONS, strict=True):
        for number, drawn in enumerate(series):
            _draw_series(axis, drawn, presentation, number)
        _finish(axis, presentation, from_km)
    if any(len(drawn.columns["from_km"]) for drawn in series):
        axes[0, 0].legend(frameon=False, fontsize=9)
    cut = f"\ncounted from {from_km:.4g} km on: {reason}" if from_km else f"\n{reason}"
    figure.suptitle(f"{title}{cut}", fontsize=11)
    for path in paths:
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=120, metadata=dict(CreationDate=None) if str(path).endswith(".pdf") else None)
    plt.close(figure)


def _draw_series(axis: Axes, series: FrequencySeries, presentation: _Presentation, number: int) -> None:
    columns, colour = series.columns, COLOURS[number % MOST_SERIES]
    diameter, value, error = (columns[name] for name in presentation[1:4])
    is_drawn = np.isfinite(value) & (value > 0) & (columns["craters"] > 0)
    for is_counted, face in ((True, colour), (False, "none")):
        rows = is_drawn & (columns["counted"] == is_counted)
        low = np.minimum(error[rows], value[rows] * (1 - 1e-3))  # down to the axis where it reaches below 0
        axis.errorbar(
            diameter[rows], value[rows], [low, error[rows]], fmt=MARKERS[number % MOST_SERIES], color=colour,
            markerfacecolor=face, markersize=4.5, linewidth=1, alpha=0.9 if is_counted else 0.4,
            label=series.label if is_counted else None,
        )  # fmt: skip


def _finish(axis: Axes, presentation: _Presentation, from_km: float | None) -> None:
    if from_km:
        axis.axvline(from_km, color="0.4", linestyle="--", linewidth=1)
        axis.text(from_km, 1.005, f"{from_km:.3g} km", transform=axis.get_xaxis_transform(), fontsize=8, ha="center")
    points = [line.get_xydata() for line in axis.get_lines() if line.get_linestyle() == "None"]
    low, high = _limits(np.concatenate([np.zeros((0, 2)), *(np.asarray(part) for part in points)]), from_km or 1.0)
    axis.set(
        xscale="log", yscale="log", xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="diameter (km)",
        ylabel=presentation.unit,
    )  # fmt: skip
    axis.xaxis.set_major_formatter(lambda size, _: f"{size:g}")
    axis.set_title(presentation.title, pad=14)
    axis.grid(which="major", alpha=0.4)
    axis.grid(which="minor", alpha=0.15)


def _limits(points: np.ndarray, from_km: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits (2: diameter, value) around points (n, 2): not as far as error bars that reach below 0."""
    drawn = points[(points > 0).all(axis=1)]
    if not len(drawn):
        return np.array([from_km / 2, from_km * 10]), np.array([1e-6, 1.0])
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    return np.array([min(low[0], from_km) / 1.2, low[1] / 4]), np.array([max(high[0], from_km) * 1.2, high[1] * 4])
