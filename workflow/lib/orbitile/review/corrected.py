"""A catalogue as its reviewers corrected it: without what is false, with what was moved and added, and who said so."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orbitile.catalogue import Catalogue
from orbitile.review.additions import FramePairing
from orbitile.review.judgements import ADDED, CIRCLE, MOVED
from orbitile.review.verdicts import FALSE, RIGHT
from orbitile.tables.object_ids import ObjectPlaces, object_ids

NUMBERS = ("lon", "lat", "width_m", "height_m", "diameter_km", "score", "probability")
TEXTS = ("id", "scene", "class")
SAID = ("verdict", "reviewers", "judgements", "judged_at")
CORRECTED = ("id", "verdict", "scene", "class", *NUMBERS, "truncated", *SAID[1:])
LABELS = ("lon", "lat", "diameter_km", "agreement", "scene", "id", "verdict")
"""Columns of labels for a training: `agreement` is 1 for craters, 0 for what counts neither as right nor as wrong."""
SURE = (RIGHT, MOVED, ADDED)


def corrected_rows(catalogue: Catalogue, verdicts: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows (columns CORRECTED) of a catalogue after a review, batch by batch, without what was added.

    `verdicts` are those of judged rows, by id.
    """
    for batch in catalogue.batches([*TEXTS, *NUMBERS, "truncated"]):
        frame = batch.to_pandas().astype(dict.fromkeys(TEXTS, str)).join(verdicts[[*SAID]], on="id")
        frame = frame[frame["verdict"] != FALSE].reset_index(drop=True)
        moved = np.flatnonzero(frame["verdict"] == MOVED)
        if len(moved):
            circles = verdicts.loc[frame["id"].iloc[moved], list(CIRCLE)].to_numpy(float)
            frame.loc[moved, list(CIRCLE)] = circles
            frame.loc[moved, ["width_m", "height_m"]] = 1000 * circles[:, [2, 2]]
        yield _typed(frame)


def added_rows(catalogue: Catalogue, additions: pd.DataFrame) -> pd.DataFrame:
    """What was added to a catalogue as rows (columns CORRECTED), of its class where it has a single one."""
    size_m, kind = 1000 * additions["diameter_km"].to_numpy(float), _single_class(catalogue)
    scale_m = np.full(len(additions), float(min(catalogue.metadata.get("scales_m") or [1.0])))
    nowhere, kinds = (np.full(len(additions), text, object) for text in ("", kind))
    places = ObjectPlaces(nowhere, kinds, scale_m, *additions[["lon", "lat"]].to_numpy(float).T)
    ids = object_ids(places, [size_m, size_m], catalogue.body).to_pylist()
    unknown = dict(score=np.nan, probability=np.nan, truncated=False)
    sizes = {"id": ids, "class": kind, "verdict": ADDED, "width_m": size_m, "height_m": size_m}
    return _typed(additions.assign(**unknown, **sizes))


def additions_on_rows(catalogue: Catalogue, judgements: pd.DataFrame, verdicts: pd.DataFrame, pairing: FramePairing
                      ) -> np.ndarray:  # fmt: skip
    """Which judgements (n, bool) add a crater where the corrected catalogue has one."""
    is_there, is_added = np.zeros(len(judgements), bool), np.flatnonzero(judgements["verdict"] == ADDED)
    if len(is_added):
        for frame in corrected_rows(catalogue, verdicts):
            is_there[is_added] |= pairing.overlapping(judgements.iloc[is_added], frame)
    return is_there


def labels_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a corrected catalogue as labels for a training (columns LABELS).

    What nobody judged, and what reviewers are unsure of, teaches neither that there is a crater nor that there is none.
    """
    return frame.assign(agreement=frame["verdict"].isin(SURE).astype(int))[list(LABELS)]


def count_verdicts(verdicts: Sequence[str]) -> dict[str, int]:
    """How many craters have which verdict."""
    counts = pd.Series(list(verdicts), dtype=object).value_counts()
    return {str(name): int(count) for name, count in sorted(counts.items())}


def _single_class(catalogue: Catalogue) -> str:
    classes = {name for batch in catalogue.batches(["class"]) for name in batch["class"].unique().to_pylist()}
    return classes.pop() if len(classes) == 1 else "crater"


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    types: dict[str, Any] = dict.fromkeys(NUMBERS, float) | dict.fromkeys((*TEXTS, *SAID), "str") | {"truncated": bool}
    return frame[list(CORRECTED)].astype(types)
