"""A stratified random sample of a catalogue's rows that hangs on their content alone, in bounded memory."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.catalogue import Catalogue
from orbitile.review.strata import COUNTED, RowCounts, Stratification, numbers

LEAST_ROWS = 10
PLACE = ("lon", "lat", "width_m", "height_m", "score")
DRAWN = ("id", "scene", "lon", "lat", "width_m", "height_m", "diameter_km", "score", "probability")
"""Columns of a row that is drawn."""
GOLDEN_GAMMA, FIRST_FACTOR, SECOND_FACTOR = map(np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
DIGITS = np.uint64(11)
"""Bits of a key that a float64 between 0 and 1 has no room for."""


def draw_rows(catalogue: Catalogue, sample_rows: int, seed: int) -> tuple[Stratification, pd.DataFrame]:
    """The strata of a catalogue, and rows drawn from each, with the columns number, stratum (from 1) and DRAWN.

    In each stratum the rows with the lowest keys (see `row_keys`) are drawn: a simple random sample, whatever the order
    of rows and their grouping into parts. They are numbered by chance, but so that the first ones, however many, have
    their share of every stratum. The catalogue is read twice. OrbitileError where it has no rows, or for too small a
    sample.
    """
    if sample_rows < LEAST_ROWS:
        raise OrbitileError(f"--rows {sample_rows}: say at least {LEAST_ROWS}")
    counts = RowCounts()
    for batch in catalogue.batches(COUNTED):
        counts.feed(batch)
    if not counts.rows.any():
        raise OrbitileError(f"{catalogue.manifest}: the catalogue has no rows to review")
    strata = Stratification.of(counts, sample_rows)
    return strata, _numbered(StratifiedSample.of(catalogue.batches(DRAWN), strata, seed).rows, strata)


class StratifiedSample:
    """The rows with the lowest keys of each stratum; only as many are in memory as are drawn, and a batch."""

    def __init__(self, strata: Stratification, seed: int) -> None:
        self._strata, self._seed = strata, seed
        self._sizes = np.array([stratum.drawn for stratum in strata.strata])
        self._highest = np.full(len(self._sizes), np.iinfo(np.uint64).max)
        self.rows = pd.DataFrame()

    @classmethod
    def of(cls, batches: Iterable[pa.RecordBatch], strata: Stratification, seed: int) -> "StratifiedSample":
        """That of all batches."""
        sample = cls(strata, seed)
        for batch in batches:
            sample.feed(batch)
        return sample

    def feed(self, batch: pa.RecordBatch) -> None:
        """Take a batch of rows with the columns DRAWN."""
        index = self._strata.index(numbers(batch, "diameter_km"), numbers(batch, "score"))
        keys = row_keys(batch, self._seed)
        chosen = np.flatnonzero(keys <= self._highest[index])
        if not len(chosen):
            return
        rows = batch.take(pa.array(chosen)).to_pandas().astype({"scene": str, "score": float, "probability": float})
        rows = pd.concat([self.rows, rows.assign(index=index[chosen], key=keys[chosen])], ignore_index=True)
        rows = rows.sort_values(["index", "key"], kind="stable", ignore_index=True)
        rank = rows.groupby("index").cumcount().to_numpy()
        self.rows = rows[rank < self._sizes[rows["index"]]]
        last = rows[rank == self._sizes[rows["index"]] - 1]
        self._highest[last["index"]] = last["key"]


def row_keys(batch: pa.RecordBatch, seed: int) -> np.ndarray:
    """Keys (n, uint64) of rows, as good as random: a hash of their place, size, score and scene, and of a seed.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, OOPSLA) over one number after another.
    """
    keys = np.full(len(batch), _mixed(np.array([seed % (1 << 64)], np.uint64))[0])
    for name in PLACE:
        keys = _mixed(keys ^ (numbers(batch, name) + 0.0).view(np.uint64))
    return _mixed(keys ^ _scene_words(batch["scene"]))


def _scene_words(scenes: pa.Array) -> np.ndarray:
    """A number (n, uint64) for the name of each scene."""
    encoded = scenes if pa.types.is_dictionary(scenes.type) else scenes.dictionary_encode()
    digests = [hashlib.blake2b(str(name).encode(), digest_size=8).digest() for name in encoded.dictionary.to_pylist()]
    return np.frombuffer(b"".join(digests), "<u8")[encoded.indices.to_numpy(zero_copy_only=False)]


def _mixed(words: np.ndarray) -> np.ndarray:
    words = words + GOLDEN_GAMMA
    words = (words ^ (words >> np.uint64(30))) * FIRST_FACTOR
    words = (words ^ (words >> np.uint64(27))) * SECOND_FACTOR
    return words ^ (words >> np.uint64(31))


def _numbered(rows: pd.DataFrame, strata: Stratification) -> pd.DataFrame:
    """Rows in the order of their numbers: each stratum's are spread evenly, with a random offset each."""
    drawn = rows.groupby("index")["key"].transform("size").to_numpy()
    offset = (_mixed(rows["key"].to_numpy(np.uint64)) >> DIGITS).astype(float) * 2.0**-53
    place = (rows.groupby("index").cumcount().to_numpy() + offset) / drawn
    stratum = np.array([stratum.stratum for stratum in strata.strata])[rows["index"]]
    ordered = rows.assign(place=place, stratum=stratum).sort_values(["place", "key"], kind="stable", ignore_index=True)
    return ordered.assign(number=np.arange(1, len(ordered) + 1))[["number", "stratum", *DRAWN]]
