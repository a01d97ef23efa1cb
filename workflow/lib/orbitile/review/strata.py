"""Strata of a catalogue by diameter and score, from counts of its rows, and how many rows to draw of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

SCORE_LIMITS = np.arange(1001) / 1000
DIAMETER_LIMITS_KM = np.array([float(f"{digits}e{power}") for power in range(-8, 4) for digits in range(10, 100)])
"""Numbers of two digits, between which the limits of strata are chosen; what lies beyond counts to the last cells."""
COUNTED = ("score", "diameter_km", "probability")
MOST_DIAMETERS, MOST_SCORES = 3, 4
ROWS_PER_STRATUM = 10
"""Rows of the sample, on average, below which there are fewer strata."""
ROWS_PER_DIAMETER = 40
LEAST_DRAWN = 2
PARTS_PER_ROW = 1 << 20
"""Probabilities are summed in whole parts: the same whatever the order of rows."""
UNKNOWN_SPREAD = 0.5
Limits = tuple[float, float]


class RowCounts:
    """How many rows of a catalogue have which diameter and score, and their mean probability; fed batch by batch."""

    def __init__(self) -> None:
        shape = len(DIAMETER_LIMITS_KM) - 1, len(SCORE_LIMITS) - 1
        self.rows, self.with_probability, self.probability_parts = (np.zeros(shape, np.int64) for _ in range(3))

    def feed(self, batch: pa.RecordBatch) -> None:
        """Take a batch of rows with the columns COUNTED."""
        cells = _cell(DIAMETER_LIMITS_KM, numbers(batch, "diameter_km")), _cell(SCORE_LIMITS, numbers(batch, "score"))
        probability = numbers(batch, "probability")
        parts = np.round(np.nan_to_num(probability) * PARTS_PER_ROW).astype(np.int64)
        np.add.at(self.rows, cells, 1)
        np.add.at(self.with_probability, cells, ~np.isnan(probability))
        np.add.at(self.probability_parts, cells, parts)


@dataclass(frozen=True)
class Stratum:
    """A part of a catalogue: limits of diameter and score (the lower ones included), rows, and rows to draw.

    `probability` is the mean of the rows that have any; None without.
    """

    stratum: int
    diameter_km: Limits
    score: Limits
    rows: int
    probability: float | None
    drawn: int = 0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; KeyError or TypeError for anything else."""
        limits = {name: (float(value[name][0]), float(value[name][1])) for name in ("diameter_km", "score")}
        return cls(**dict(value) | limits)

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Stratification:
    """Strata, and the limits of the classes whose pairs they are; pairs without rows are no strata."""

    strata: tuple[Stratum, ...]
    diameters_km: tuple[float, ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, counts: RowCounts, sample_rows: int) -> Self:
        """Classes that hold equally many rows each, as far as limits of few digits allow, for a sample of so many."""
        diameters, scores = class_counts(sample_rows)
        diameter_cuts = _cuts(counts.rows.sum(axis=1), diameters)
        score_cuts = _cuts(counts.rows.sum(axis=0), scores)
        sums = [
            np.add.reduceat(np.add.reduceat(cells[: diameter_cuts[-1], : score_cuts[-1]], diameter_cuts[:-1], axis=0),
                            score_cuts[:-1], axis=1)
            for cells in (counts.rows, counts.with_probability, counts.probability_parts)
        ]  # fmt: skip
        limits = DIAMETER_LIMITS_KM[diameter_cuts].tolist(), SCORE_LIMITS[score_cuts].tolist()
        strata = [
            Stratum(number, *_pair_limits(limits, pair), int(sums[0][pair]), _mean(sums[2][pair], sums[1][pair]))
            for number, pair in enumerate(zip(*np.nonzero(sums[0]), strict=True), 1)
        ]
        drawn = allocate([s.rows for s in strata], [s.probability for s in strata], sample_rows)
        sized = [Stratum(**asdict(s) | dict(drawn=int(size))) for s, size in zip(strata, drawn, strict=True)]
        return cls(tuple(sized), tuple(limits[0]), tuple(limits[1]))

    def index(self, diameter_km: np.ndarray, score: np.ndarray) -> np.ndarray:
        """The index (n) of the stratum of rows with diameters and scores (n)."""
        table = np.full((len(self.diameters_km), len(self.scores)), -1)
        for index, stratum in enumerate(self.strata):
            places = self.diameters_km.index(stratum.diameter_km[0]), self.scores.index(stratum.score[0])
            table[places] = index
        return table[_cell(np.array(self.diameters_km), diameter_km), _cell(np.array(self.scores), score)]


def class_counts(sample_rows: int) -> tuple[int, int]:
    """Into how many classes of diameter and of score a sample of so many rows is divided."""
    diameters = min(max(sample_rows // ROWS_PER_DIAMETER, 1), MOST_DIAMETERS)
    return diameters, min(max(sample_rows // (ROWS_PER_STRATUM * diameters), 1), MOST_SCORES)


def allocate(rows: Sequence[int], probability: Sequence[float | None], sample_rows: int) -> np.ndarray:
    """How many rows to draw of each stratum (n), of `sample_rows` in all, or of all there are.

    Half of them in proportion to the strata's rows, half by Neyman (1934, Journal of the Royal Statistical Society 97,
    558-625), in proportion to rows times sqrt(p (1 - p)), p being the mean probability of a row to be right: where
    probabilities are wrong, no row that is drawn stands for more than twice as many as it would otherwise. At least
    LEAST_DRAWN, or all, of each stratum, and never more than it has.
    """
    available = np.array(rows, float)
    spread = np.array([UNKNOWN_SPREAD if p is None else np.sqrt(p * (1 - p)) for p in probability])
    neyman = available * spread if (available * spread).any() else available
    share = available / available.sum() + neyman / neyman.sum()
    least, target = np.minimum(available, LEAST_DRAWN), min(sample_rows, int(available.sum()))
    low, high = 0.0, 2 * float(available.max() / share.min()) + 1
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(middle * share, least, available).sum() < target else (low, middle)
    sizes = np.clip(high * share, least, available)
    drawn = np.floor(sizes + 1e-6).astype(int)
    order = np.lexsort([np.arange(len(sizes)), drawn - sizes])
    drawn[[index for index in order if drawn[index] < available[index]][: max(target - drawn.sum(), 0)]] += 1
    return drawn


def numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """A column of numbers (n), NaN where they are null."""
    return np.asarray(batch[name].to_numpy(zero_copy_only=False), float)


def classes_by_diameter(strata: Iterable[Stratum]) -> dict[Limits, list[int]]:
    """The indices of the strata of each class of diameters, from the smallest on."""
    classes: dict[Limits, list[int]] = {}
    for index, stratum in enumerate(strata):
        classes.setdefault(stratum.diameter_km, []).append(index)
    return dict(sorted(classes.items()))


def _cell(limits: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The cell (n) between limits, each with its lower one, that values (n) lie in, or are nearest to."""
    return np.clip(np.searchsorted(limits, values, "right") - 1, 0, len(limits) - 2)


def _cuts(rows: np.ndarray, classes: int) -> np.ndarray:
    """The indices of the limits of at most so many classes of cells with rows (n), none without rows."""
    filled, cumulative = np.flatnonzero(rows), np.cumsum(rows)
    inner = np.searchsorted(cumulative * classes, cumulative[-1] * np.arange(1, classes)) + 1
    return np.unique([filled[0], *inner, filled[-1] + 1])


def _pair_limits(limits: tuple[list[float], list[float]], pair: tuple[int, int]) -> tuple[Limits, Limits]:
    (diameters, scores), (row, column) = limits, pair
    return (diameters[row], diameters[row + 1]), (scores[column], scores[column + 1])


def _mean(parts: int, rows: int) -> float | None:
    return round(float(parts / PARTS_PER_ROW / rows), 6) if rows else None
