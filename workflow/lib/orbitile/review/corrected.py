"""A catalogue as its reviewers corrected it: without what is false, with what was moved and added, and who said so."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

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


class CorrectedCatalogue:
    """Rows (columns CORRECTED) of a catalogue after a review, part by part; what was added comes last.

    `verdicts` are those of judged rows, by id, `additions` the craters that were added. What was added where the
    catalogue has a row that is not false is left out, once `frames` has come to its end in `doubled`.
    """

    def __init__(
        self, catalogue: Catalogue, verdicts: pd.DataFrame, additions: pd.DataFrame, pairing: FramePairing
    ) -> None:
        self._catalogue, self._verdicts, self._additions = catalogue, verdicts, additions
        self._pairing, self._classes = pairing, set[str]()
        self._has_row = np.zeros(len(additions), bool)
        self.rows = 0

    @property
    def doubled(self) -> pd.DataFrame:
        """The additions that lie where the catalogue has a row."""
        return self._additions[self._has_row]

    def frames(self) -> Iterator[pd.DataFrame]:
        """All rows, in frames of the same columns and types; at least one."""
        self._has_row[:], self.rows = False, 0
        for batch in self._catalogue.batches([*TEXTS, *NUMBERS, "truncated"]):
            yield self._counted(self._corrected(batch))
        yield self._counted(self._added())

    def _counted(self, frame: pd.DataFrame) -> pd.DataFrame:
        self.rows += len(frame)
        return frame

    def _corrected(self, batch: pa.RecordBatch) -> pd.DataFrame:
        frame = batch.to_pandas().astype(dict.fromkeys(TEXTS, str))
        self._classes.update(frame["class"].unique())
        frame = frame.join(self._verdicts[[*SAID]], on="id")
        frame = frame[frame["verdict"] != FALSE].reset_index(drop=True)
        moved = np.flatnonzero(frame["verdict"] == MOVED)
        if len(moved):
            circles = self._verdicts.loc[frame["id"].iloc[moved], list(CIRCLE)].to_numpy(float)
            frame.loc[moved, list(CIRCLE)] = circles
            frame.loc[moved, ["width_m", "height_m"]] = 1000 * circles[:, [2, 2]]
        _, doubled = self._pairing.pairs(frame, self._additions)
        self._has_row[doubled] = True
        return _typed(frame)

    def _added(self) -> pd.DataFrame:
        rows = self._additions[~self._has_row].reset_index(drop=True)
        size_m = 1000 * rows["diameter_km"].to_numpy(float)
        kind = next(iter(self._classes)) if len(self._classes) == 1 else "crater"
        scale_m = float(min(self._catalogue.metadata.get("scales_m") or [1.0]))
        places = ObjectPlaces(
            np.full(len(rows), kind, object), np.full(len(rows), scale_m), *rows[["lon", "lat"]].to_numpy(float).T
        )
        ids = object_ids(places, [size_m, size_m], self._catalogue.body).to_pylist()
        unknown = dict(score=np.nan, probability=np.nan, truncated=False)
        sizes = {"id": ids, "class": kind, "verdict": ADDED, "width_m": size_m, "height_m": size_m}
        return _typed(rows.assign(**unknown, **sizes))


def labels_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a corrected catalogue as labels for a training (columns LABELS).

    What nobody judged, and what reviewers are unsure of, teaches neither that there is a crater nor that there is none.
    """
    return frame.assign(agreement=frame["verdict"].isin(SURE).astype(int))[list(LABELS)]


def count_verdicts(verdicts: Sequence[str]) -> dict[str, int]:
    """How many craters have which verdict."""
    counts = pd.Series(list(verdicts), dtype=object).value_counts()
    return {str(name): int(count) for name, count in sorted(counts.items())}


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    types: dict[str, Any] = dict.fromkeys(NUMBERS, float) | dict.fromkeys((*TEXTS, *SAID), "str") | {"truncated": bool}
    return frame[list(CORRECTED)].astype(types)
