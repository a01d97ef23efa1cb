"""Pictures of the shapes of craters: depth by diameter, and radial profiles."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from orbitile.pictures.save_figure import save_figure

MOST_POINTS = 20_000
COLOURS = {"ok": "tab:blue", "shallow": "tab:orange"}
LABELS = {"ok": "ok", "shallow": "shallow: depth less than twice its error"}


class DepthCurve(NamedTuple):
    """Published depths (n; km) by diameters (n; km)."""

    name: str
    diameter_km: np.ndarray
    depth_km: np.ndarray


class ProfileSheet(NamedTuple):
    """A crater's profiles.

    Heights (azimuths, n; m) at distances (n; km) from the centre; what was measured of it: radius of the rim (km),
    elevations of rim, floor and surroundings (m); and a title.
    """

    distance_km: np.ndarray
    heights: np.ndarray
    rim_radius_km: float
    rim_m: float
    floor_m: float
    surroundings_m: float
    title: str


def draw_depths(measured: pd.DataFrame, lines: Sequence[DepthCurve], body: str, path: str | Path) -> None:
    """Draw depth by diameter of the rim, with errors, and lines of published depths, as PNG.

    `measured` has quality, rim_diameter_km, depth_m and their errors; of more than MOST_POINTS rows, so many are drawn.
    """
    figure, axes = plt.subplots(figsize=(8, 6.5), layout="constrained")
    shown = measured.iloc[:: -(-len(measured) // MOST_POINTS) or 1]
    shown = shown[shown["depth_m"] > 0]
    for quality, colour in COLOURS.items():
        rows = shown[shown["quality"] == quality]
        if len(rows):
            axes.errorbar(
                rows["rim_diameter_km"], rows["depth_m"] / 1000, rows["depth_m_error"] / 1000,
                rows["rim_diameter_km_error"], fmt=".", color=colour, markersize=4, elinewidth=0.5, alpha=0.5,
                label=f"{LABELS[quality]} ({len(rows)})", rasterized=True,
            )  # fmt: skip
    _set_limits(axes, shown)
    for line, style in zip(lines, ("-", "--"), strict=False):
        axes.plot(line.diameter_km, line.depth_km, "k", linestyle=style, linewidth=1.2, label=line.name, zorder=3)
    axes.set(xscale="log", yscale="log", xlabel="diameter of the rim (km)", ylabel="depth, rim to floor (km)",
             title=f"{body}: {len(measured)} craters measured")  # fmt: skip
    axes.grid(alpha=0.3, which="both")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    save_figure(figure, path)


def draw_profiles(sheets: Sequence[ProfileSheet], path: str | Path) -> None:
    """Draw the profiles of craters, three in a row, as PNG."""
    rows = max(1, -(-len(sheets) // 3))
    figure, axes = plt.subplots(rows, 3, figsize=(15, 3.6 * rows), layout="constrained", squeeze=False)
    for place in axes.flat[len(sheets) :]:
        place.set_axis_off()
    for place, sheet in zip(axes.flat, sheets, strict=False):
        _draw_sheet(place, sheet)
    if not sheets:
        axes.flat[0].text(0, 0.5, "no crater was measured")
    save_figure(figure, path)


def _draw_sheet(axes: Axes, sheet: ProfileSheet) -> None:
    axes.plot(sheet.distance_km, sheet.heights.T, color="0.75", linewidth=0.6)
    axes.plot(sheet.distance_km, np.nanmedian(sheet.heights, axis=0), color="tab:blue", linewidth=1.6, label="median")
    axes.axvline(sheet.rim_radius_km, color="tab:red", linewidth=0.8)
    for name, level in (("rim", sheet.rim_m), ("surroundings", sheet.surroundings_m), ("floor", sheet.floor_m)):
        axes.axhline(level, color="tab:red", linewidth=0.8, linestyle=":")
        axes.text(sheet.distance_km[-1], level, name, color="tab:red", fontsize=7, ha="right", va="bottom")
    axes.set_title(sheet.title, fontsize=8)
    axes.set_xlabel("distance from the centre (km)", fontsize=8)
    axes.set_ylabel("elevation (m)", fontsize=8)
    axes.tick_params(labelsize=7)


def _set_limits(axes: Axes, shown: pd.DataFrame) -> None:
    """Limits around the values themselves: errors may reach down to nothing."""
    for name, factor, setter in (("rim_diameter_km", 1, axes.set_xlim), ("depth_m", 1000, axes.set_ylim)):
        values = shown[name] / factor
        setter(*((values.min() / 1.4, values.max() * 1.4) if len(values) else (0.1, 10)))
