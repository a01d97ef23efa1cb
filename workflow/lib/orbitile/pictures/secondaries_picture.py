"""A picture of clustered craters: where they lie, how far fields are from random ones, and rays around a primary."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.pictures.save_figure import save_figure

TESTS = dict(first_neighbour="first neighbour", second_neighbour="second neighbour", ripley_k="Ripley's K")
MOST_POINTS = 50_000


class ClusterMap(NamedTuple):
    """Craters (n): longitudes and latitudes in degrees, which are clustered; the place of a primary, if any."""

    lon: np.ndarray
    lat: np.ndarray
    clustered: np.ndarray
    primary: tuple[float, float] | None


class RayRose(NamedTuple):
    """Counts and expected ones (rings, sectors) between edges in degrees of azimuth and in km, rays, a probability.

    Rays are (from, to, probability), in degrees; the last probability is that of as unequal directions by chance.
    """

    edges_deg: np.ndarray
    edges_km: np.ndarray
    counts: np.ndarray
    expected: np.ndarray
    rays: Sequence[tuple[float, float, float]]
    probability: float


def draw_secondaries(clusters: ClusterMap, tests: Sequence[Mapping[str, Any]], rose: RayRose | None, path: str) -> None:
    """Draw the map, the tests by diameter (rows of secondaries.json) and, where there is one, the rose, as PNG."""
    figure = plt.figure(figsize=(19 if rose else 13, 5.5), layout="constrained")
    columns = figure.add_gridspec(1, 3 if rose else 2, width_ratios=[1.5, 1, 1.2] if rose else [1.5, 1])
    _draw_map(figure.add_subplot(columns[0]), clusters)
    _draw_tests(figure.add_subplot(columns[1]), tests)
    if rose:
        _draw_rose(figure.add_subplot(columns[2], projection="polar"), rose)
    save_figure(figure, path, 110)


def _draw_map(axes: Axes, clusters: ClusterMap) -> None:
    lon = _around(clusters.lon)
    flagged = clusters.clustered
    step = max(1, len(lon) // MOST_POINTS)
    size = float(np.clip(2e4 / max(len(lon), 1), 0.5, 9))
    axes.scatter(lon[~flagged][::step], clusters.lat[~flagged][::step], s=size, color="0.6", linewidths=0)
    axes.scatter(lon[flagged], clusters.lat[flagged], s=size * 1.5, color="tab:red", linewidths=0)
    if clusters.primary:
        middle = (lon.min() + lon.max()) / 2
        axes.plot(middle + (clusters.primary[0] - middle + 180) % 360 - 180, clusters.primary[1], "k*", markersize=12)
    axes.set(xlabel="longitude (degrees east)", ylabel="latitude",
             title=f"{flagged.sum():,} of {len(lon):,} craters are clustered (red)")  # fmt: skip
    axes.set_aspect(1 / max(np.cos(np.radians(np.abs(clusters.lat).mean())), 0.2))


def _around(lon: np.ndarray) -> np.ndarray:
    """Longitudes without a jump, where all lie within half a turn."""
    turned = lon % 360
    return turned if np.ptp(turned) < np.ptp(lon) and np.ptp(turned) < 180 else lon


def _draw_tests(axes: Axes, tests: Sequence[Mapping[str, Any]]) -> None:
    judged = [test for test in tests if test["first_neighbour"]]
    places = np.arange(len(judged))
    for number, (name, label) in enumerate(TESTS.items()):
        axes.bar(places + (number - 1) * 0.27, [test[name]["sigma"] for test in judged], 0.25, label=label)
    axes.axhspan(-2, 2, color="0.9", zorder=0)
    axes.set_xticks(places, [_range(test) for test in judged], rotation=45, ha="right")
    axes.set(
        xlabel="diameter (km)", ylabel="standard deviations of random fields", title="More clustered than at random"
    )
    if judged:
        axes.legend(frameon=False)


def _range(test: Mapping[str, Any]) -> str:
    return f"{test['from_km']:.4g} ..." if test["to_km"] is None else f"{test['from_km']:.4g} - {test['to_km']:.4g}"


def _draw_rose(axes: Any, rose: RayRose) -> None:  # noqa: ANN401, Matplotlib's polar axes have no public type
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(rose.expected > 0, rose.counts / rose.expected, np.nan)
    angles, ranges = np.radians(rose.edges_deg), np.log10(rose.edges_km)
    mesh = axes.pcolormesh(angles, ranges, ratio, cmap="RdBu_r", vmin=0, vmax=2)
    axes.set(theta_zero_location="N", theta_direction=-1, ylim=(ranges[0] - np.ptp(ranges) / 3, ranges[-1]))
    axes.set_yticks(ranges[1::2], [f"{float(f'{edge:.3g}'):,g} km" for edge in rose.edges_km[1::2]], fontsize=8)
    axes.grid(alpha=0.3)
    for start, stop, probability in rose.rays:
        middle, width = np.radians(start + (stop - start) % 360 / 2), np.radians((stop - start) % 360)
        axes.bar(middle, np.ptp(ranges), width, ranges[0], fill=False, edgecolor="k", linewidth=2)
        axes.text(middle, ranges[-1] + 0.12 * np.ptp(ranges), f"p = {probability:.2g}", ha="center", fontsize=8)
    axes.set_title(f"craters over those without preferred directions: p = {rose.probability:.2g}\n")
    axes.figure.colorbar(mesh, ax=axes, shrink=0.7, extend="max", pad=0.12)
