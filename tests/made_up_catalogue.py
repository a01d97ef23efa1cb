"""A catalogue of Mars with made-up craters, a part for each cell of a grid of longitudes and latitudes."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part
from orbitile.tables.datasets import describe_part

MARS = find_body("Mars")
SCENES_PER_GROUP = 10
Bounds = tuple[float, float, float, float]
"""West, east, south, north."""
SMALLEST_KM, LARGEST_KM = 0.2, 200.0


def write_catalogue(folder: Path, columns: int, rows: int, craters: int) -> Path:
    """Write a catalogue of so many craters in columns x rows groups, and one group without any; returns its folder."""
    cells = list(product(range(columns), range(rows)))
    parts = [
        write_group(folder, f"group{number:03d}", craters // len(cells), bounds_of_cell(cell, columns, rows))
        for number, cell in enumerate(cells)
    ]
    return write_manifest(folder, [*parts, write_group(folder, "nothing", 0, (0.0, 1.0, 0.0, 1.0))])


def write_manifest(folder: Path, parts: list[dict]) -> Path:
    manifest = dict(body="Mars", rows=sum(part["rows"] for part in parts), parts=parts, files=[])
    (folder / "craters.json").write_text(json.dumps(manifest))
    return folder


def write_group(folder: Path, group: str, craters: int, bounds: Bounds) -> dict:
    """Write the part of a group; returns what the manifest says of it."""
    path = folder / "craters" / f"{group}.parquet"
    frame = made_up_craters(group, craters, bounds)
    methods = {scene: dict(georef_method="projected", error_m=12.0) for scene in frame["scene"].unique()}
    write_part(frame, methods, MARS, 1, path)
    return describe_part(path)


def bounds_of_cell(cell: tuple[int, int], columns: int, rows: int) -> Bounds:
    """Bounds of a cell (column, row) of the grid; all cells have the same area."""
    column, row = cell
    heights = np.degrees(np.arcsin(np.linspace(-1, 1, rows + 1)))
    return -180 + 360 * column / columns, -180 + 360 * (column + 1) / columns, heights[row], heights[row + 1]


def made_up_craters(group: str, craters: int, bounds: Bounds) -> pd.DataFrame:
    """Craters of a group, the same whenever they are made: evenly on the sphere, diameters as N(>D) ~ D^-2."""
    west, east, south, north = bounds
    random = np.random.default_rng(list(group.encode()))
    lon = random.uniform(west, east, craters)
    lat = np.degrees(np.arcsin(random.uniform(*np.sin(np.radians([south, north])), craters)))
    size_m = 1000 * np.minimum(SMALLEST_KM * random.random(craters) ** -0.5, LARGEST_KM)
    names = np.array([f"{group}-{scene}" for scene in range(SCENES_PER_GROUP)])
    columns = dict(scene=names[random.integers(0, SCENES_PER_GROUP, craters)], lon=lon, lat=lat)
    frame = pd.DataFrame(columns | dict(width_m=size_m, height_m=0.9 * size_m, diameter_km=0.95e-3 * size_m))
    frame = frame.assign(
        score=random.uniform(0.25, 1, craters).astype(np.float32), tile=random.integers(0, 999, craters)
    )
    x, y = 59_000 * lon, 59_000 * lat
    boxes = dict(xmin=x - size_m / 2, ymin=y - size_m / 2, xmax=x + size_m / 2, ymax=y + size_m / 2)
    return frame.assign(**{"class": "crater"}, scale_m=5.0, truncated=False, **boxes)
