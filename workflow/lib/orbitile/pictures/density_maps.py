"""Maps of densities: a row for each diameter, counts in cells beside the kernel's estimate, with the same colours."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from orbitile.pictures.save_figure import save_figure

WIDTH_IN = 15.0
LEAST_HEIGHT_IN, MOST_HEIGHT_IN = 2.6, 6.0
HIGHEST_SHARE = 99.5
"""Percentile of densities that has the brightest colour."""


class DensityPanel(NamedTuple):
    """A heading, and densities (rows from the north, columns) per 10^6 km2; NaN where nothing was searched."""

    heading: str
    density: np.ndarray


def draw_density_maps(
    panels: Sequence[tuple[DensityPanel, DensityPanel]], edges_deg: tuple[np.ndarray, np.ndarray], path: str
) -> None:
    """Draw pairs of maps, cells and kernel, over longitudes and latitudes of the cells' edges, as PNG."""
    lon, lat = edges_deg
    stretch = max(np.cos(np.radians(np.abs(lat).mean())), 0.2)
    shape = abs(lat[0] - lat[-1]) / (abs(lon[-1] - lon[0]) * stretch)
    height = float(np.clip(WIDTH_IN / 2.4 * shape + 0.6, LEAST_HEIGHT_IN, MOST_HEIGHT_IN))
    figure, rows = plt.subplots(
        len(panels), 2, figsize=(WIDTH_IN, height * len(panels)), layout="constrained", squeeze=False
    )
    for axes, pair in zip(rows, panels, strict=True):
        highest = max(float(np.nanpercentile(panel.density, HIGHEST_SHARE)) for panel in pair) or 1.0
        for axis, panel in zip(axes, pair, strict=True):
            mesh = axis.pcolormesh(lon, lat, panel.density, cmap="viridis", vmin=0, vmax=highest, rasterized=True)
            axis.set(title=panel.heading, xlabel="longitude (degrees east)", ylabel="latitude", facecolor="0.85")
            axis.set_aspect(1 / stretch)
        figure.colorbar(mesh, ax=list(axes), label="craters per 10$^6$ km$^2$", extend="max", shrink=0.9)
    save_figure(figure, path, 110)
