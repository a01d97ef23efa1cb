"""Catalogues of a few made-up craters, in as many parts as a test asks for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.base.files import write_json
from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part
from orbitile.tables.datasets import describe_part

Crater = tuple[float, float, float]
"""Longitude and latitude in degrees, diameter in kilometres."""


def write_small_catalogue(
    folder: Path, craters: Sequence[Crater], scenes: Sequence[str] | None = None, part_of: Sequence[int] | None = None,
    exclusions: Sequence[dict] = (),
) -> str:  # fmt: skip
    """Write a catalogue of the Moon and return its manifest; `part_of` (n) are the numbers of the craters' parts.

    `exclusions` are what failed and was left out.
    """
    rows = _rows(craters, scenes or ["a"] * len(craters))
    numbers = np.zeros(len(rows), int) if part_of is None else np.asarray(part_of, int)
    parts = [_write(rows[numbers == number], folder / "craters" / f"part{number}.parquet") for number in set(numbers)]
    about = dict(body="Moon", rows=len(rows), parts=parts, files=[], sha256="made up", exclusions=list(exclusions))
    write_json(folder / "craters.json", about)
    return str(folder / "craters.json")


def _rows(craters: Sequence[Crater], scenes: Sequence[str]) -> pd.DataFrame:
    lon, lat, diameter_km = np.array(craters, float).reshape(-1, 3).T
    size_m = diameter_km * 1000
    frame = pd.DataFrame(dict(scene=list(scenes), scale_m=100.0, tile=0, lon=lon, lat=lat, diameter_km=diameter_km))
    frame = frame.assign(score=np.float32(0.5), width_m=size_m, height_m=size_m, truncated=False, **{"class": "crater"})
    return frame.assign(xmin=0.0, ymin=0.0, xmax=1.0, ymax=1.0)


def _write(rows: pd.DataFrame, path: Path) -> dict:
    methods = {scene: dict(georef_method="projected", error_m=None) for scene in rows["scene"].unique()}
    write_part(rows, methods, find_body("Moon"), 1, path)
    return describe_part(path)
