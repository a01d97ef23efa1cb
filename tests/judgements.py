"""Files of judgements of made-up catalogues."""

from pathlib import Path

import pandas as pd
from reviewed_catalogues import made_up_rows, write_reviewed_catalogue

import orbitile.catalogue
from orbitile.review.judgements import COLUMNS, LIST

SHA256 = "made up"
TIME = "2026-05-31T14:05:00Z"


def judged_catalogue(folder, rows=60, **about):
    """A catalogue of the Moon with scattered craters of 1 km and more that do not overlap."""
    frame = made_up_rows(rows, **about)
    size_m = 1000.0 + 10 * frame.index.to_numpy()
    frame = frame.assign(width_m=size_m, height_m=size_m, diameter_km=size_m / 1000, probability=0.5)
    return orbitile.catalogue.open(write_reviewed_catalogue(folder / "catalogue", frame))


def rows_of(catalogue):
    return catalogue.table(["id", "lon", "lat", "diameter_km", "scene", "score"]).to_pandas().astype(dict(scene=str))


def judgement(row=None, verdict="right", reviewer="anna", **changes):
    """A judgement of a row, or of none; `changes` are what else a column holds."""
    empty = dict(id="", lon=0.5, lat=0.25, diameter_km=3.0, scene="")
    place = empty if row is None else {name: row[name] for name in empty}
    return place | dict(verdict=verdict, reviewer=reviewer, judged_at=TIME, catalogue=SHA256) | changes


def write_judgements(path: Path, judgements) -> Path:
    """Write judgements as the exchange file."""
    names = [*COLUMNS, *([LIST] if any(LIST in judged for judged in judgements) else [])]
    pd.DataFrame(judgements, columns=names).to_csv(path, index=False)
    return path
