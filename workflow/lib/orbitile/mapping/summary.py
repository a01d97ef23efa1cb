"""A map in figures, and its directions as a rose."""

from pathlib import Path

import geopandas
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shapely

from orbitile.files import atomic
from orbitile.mapping.filtering import REASONS
from orbitile.shapes.ground import azimuths_deg, lengths_m

SECTOR_DEG = 10


def summary(polygons: pd.DataFrame, lines: pd.DataFrame, dropped: pd.DataFrame) -> pd.DataFrame:
    """Counts, areas and lengths for each class and scale, and how many polygons were left out, by reason.

    `dropped` has a row for each with class, scale_m and reason.
    """
    by = ["class", "scale_m"]
    areas = polygons.groupby(by)["area_m2"].agg(["size", "sum", "mean", "std"])
    areas.columns = ["polygons", "area_m2", "mean_area_m2", "std_area_m2"]
    lengths = lines.groupby(by)["length_m"].agg(["size", "sum", "mean"])
    lengths.columns = ["lines", "length_m", "mean_length_m"]
    counts = dropped.groupby([*by, "reason"]).size().unstack().reindex(columns=list(REASONS))
    whole = pd.concat([areas, lengths, counts.add_prefix("dropped: ")], axis=1)
    whole_numbers = ["polygons", "lines", *(f"dropped: {reason}" for reason in REASONS)]
    whole[whole_numbers] = whole[whole_numbers].fillna(0).astype(int)
    return whole.sort_index().reset_index()


def sectors_m(lines: np.ndarray, radius_m: float) -> np.ndarray:
    """Metres of lines (longitude, latitude) in each sector of SECTOR_DEG of direction, from north, 0 up to 180."""
    points, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    same = line[1:] == line[:-1]
    pairs = shapely.linestrings(np.stack([points[:-1][same], points[1:][same]], axis=1))
    azimuth, length = azimuths_deg(pairs), lengths_m(pairs, radius_m)
    known = np.isfinite(azimuth)
    return np.bincount((azimuth[known] // SECTOR_DEG).astype(int), length[known], 180 // SECTOR_DEG)


def draw_rose(lines: geopandas.GeoDataFrame, radius_m: float, path: str | Path) -> None:
    """Draw how much length runs in which direction; every direction appears on both sides."""
    length_km = np.tile(sectors_m(lines.geometry.to_numpy(), radius_m), 2) / 1000
    middle = np.radians(np.arange(0, 360, SECTOR_DEG) + SECTOR_DEG / 2)
    figure, axes = plt.subplots(figsize=(6, 6.4), layout="constrained", subplot_kw=dict(projection="polar"))
    axes.bar(middle, length_km, width=np.radians(SECTOR_DEG), color="#cc6677", edgecolor="#661122", linewidth=0.6)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_title(
        f"Directions of {len(lines):,} lines, km in each {SECTOR_DEG} degrees ({length_km.sum() / 2:,.0f} km)"
    )
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)
