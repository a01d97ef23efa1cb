"""A map in figures, and the directions of its lines as a rose diagram."""

from pathlib import Path
from typing import cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shapely
from matplotlib.projections.polar import PolarAxes

from orbitile.features.filter import REASONS
from orbitile.features.shapes.ground import azimuths_deg, lengths_m
from orbitile.pictures.save_figure import save_figure

SECTOR_DEG = 10


def summarise(
    polygons: pd.DataFrame, lines: pd.DataFrame, dropped: pd.DataFrame, class_areas: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Counts, areas (m2) and lengths (m) for each class and scale, and how many polygons were dropped, by reason.

    `dropped` has class, scale_m and reason of dropped polygons, and their `count`, in any number of rows.
    `class_areas` (see orbitile.features.class_areas.run_areas) are those of classes that exclude each other, whatever
    was dropped.
    """
    keys = ["class", "scale_m"]
    areas = polygons.groupby(keys)["area_m2"].agg(["size", "sum", "mean", "std"])
    areas.columns = ["polygons", "area_m2", "mean_area_m2", "std_area_m2"]
    lengths = lines.groupby(keys)["length_m"].agg(["size", "sum", "mean"])
    lengths.columns = ["lines", "length_m", "mean_length_m"]
    counts = dropped.groupby([*keys, "reason"])["count"].sum().unstack().reindex(columns=list(REASONS))
    parts = [areas, lengths, counts.add_prefix("dropped: ")]
    figures = pd.concat(parts if class_areas is None else [*parts, class_areas], axis=1)
    count_columns = ["polygons", "lines", *(f"dropped: {reason}" for reason in REASONS)]
    figures[count_columns] = figures[count_columns].fillna(0).astype(int)
    return figures.sort_index().reset_index()


def sectors_m(lines: np.ndarray, radius_m: float) -> np.ndarray:
    """Metres (18,) of lines (longitude, latitude; degrees) by direction, in sectors of SECTOR_DEG from north to 180."""
    points, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    in_one_line = line[1:] == line[:-1]
    segments = np.stack([points[:-1][in_one_line], points[1:][in_one_line]], axis=1)
    pairs = np.asarray(shapely.linestrings(segments))
    azimuth, length = azimuths_deg(pairs), lengths_m(pairs, radius_m)
    has_azimuth = np.isfinite(azimuth)
    return np.bincount((azimuth[has_azimuth] // SECTOR_DEG).astype(int), length[has_azimuth], 180 // SECTOR_DEG)


def draw_rose(sectors: np.ndarray, lines: int, path: str | Path) -> None:
    """Draw a rose diagram of lengths by direction (18, see `sectors_m`); every direction appears on both sides.

    `lines` is the number of lines.
    """
    length_km = np.tile(sectors, 2) / 1000
    middle = np.radians(np.arange(0, 360, SECTOR_DEG) + SECTOR_DEG / 2)
    figure = plt.figure(figsize=(6, 6.4), layout="constrained")
    axes = cast(PolarAxes, figure.add_subplot(projection="polar"))
    axes.bar(middle, length_km, width=np.radians(SECTOR_DEG), color="#cc6677", edgecolor="#661122", linewidth=0.6)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_title(f"Directions of {lines:,} lines, km in each {SECTOR_DEG} degrees ({length_km.sum() / 2:,.0f} km)")
    save_figure(figure, path)
