"""Catalogues of made-up craters with scores, and reviews of them that a made-up person judges."""

from pathlib import Path

import numpy as np
import pandas as pd

from orbitile.base.files import write_json
from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part
from orbitile.tables.datasets import describe_part

METHODS = {name: dict(georef_method="projected", error_m=None) for name in "abcd"}


def made_up_rows(rows, seed=0, probabilities=True):
    """Craters of four scenes; below 0.3 km none has a probability."""
    random = np.random.default_rng(seed)
    size_m = 100 * random.random(rows) ** -0.7
    score = random.uniform(0.3, 1, rows).astype(np.float32)
    places = dict(
        lon=random.uniform(-10, 10, rows), lat=random.uniform(-10, 10, rows), scene=random.choice([*"abcd"], rows)
    )
    frame = pd.DataFrame(
        places | dict(width_m=size_m, height_m=0.9 * size_m, diameter_km=0.95e-3 * size_m, score=score)
    )
    if probabilities:
        frame["probability"] = np.where(frame["diameter_km"] < 0.3, np.nan, score**0.5)
    frame = frame.assign(**{"class": "crater"}, scale_m=5.0, tile=0, truncated=False, xmin=0.0, ymin=0.0, xmax=1.0)
    return frame.assign(ymax=1.0)


def write_reviewed_catalogue(folder: Path, rows: pd.DataFrame, part_of=None, sha256="made up") -> Path:
    """Write a catalogue of the Moon, in the parts that `part_of` (n) numbers; returns its folder."""
    numbers = np.zeros(len(rows), int) if part_of is None else np.asarray(part_of)
    parts = []
    for number in sorted(set(numbers.tolist())) or [0]:
        path = folder / "craters" / f"part{number}.parquet"
        write_part(rows[numbers == number], METHODS, find_body("Moon"), 1, path)
        parts.append(describe_part(path))
    write_json(folder / "craters.json", dict(body="Moon", rows=len(rows), parts=parts, files=[], sha256=sha256))
    return folder


def read_sheet(folder: Path) -> pd.DataFrame:
    """The sheet of a review, all cells as texts."""
    return pd.read_csv(folder / "review.csv", dtype=str, keep_default_na=False)


def judge_rows_of(folder: Path, verdict) -> None:
    """Write verdicts into a sheet: a text for all, or what a function says of each row."""
    sheet = read_sheet(folder)
    sheet["verdict"] = [verdict(row) if callable(verdict) else verdict for row in sheet.to_dict("records")]
    sheet.to_csv(folder / "review.csv", index=False)
