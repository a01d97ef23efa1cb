"""Counts of matches, by size, place, score and block of ground, of a catalogue that is read part by part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from orbitile.detections.blocks import Blocks
from orbitile.detections.intervals import MatchCounts
from orbitile.detections.matching import CraterMatcher, OverlappingPairs
from orbitile.detections.truth_on_ground import NOTHING, TruthOnGround
from orbitile.space.ground import angles_between, unit_vectors
from orbitile.tables.craters import Craters

DIAMETERS_KM = [0, 0.1, 0.2, 0.5, 1, 2, 5, 7.5, 10, 15, 20, 30, 50, 100, 200, 500, np.inf]
LATITUDES = [-90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90.0001]
SIZES_PX = [4, 6, 8, 10, 12, 16, 25, 50, np.inf]
SCORE_STEP = 0.025


@dataclass(frozen=True)
class SizeClasses:
    """Classes of diameters: their limits (n + 1) in metres and in pixels of the finest scale, which has `gsd_m`."""

    limits_m: np.ndarray
    limits_px: list[float]
    gsd_m: float

    @classmethod
    def of(cls, min_diameter_m: float, gsd_m: float) -> Self:
        """The classes from the least diameter on."""
        least_px = min_diameter_m / gsd_m
        larger = [limit for limit in SIZES_PX if limit > least_px * (1 + 1e-9)]
        limits_px = [round(least_px, 9), *larger]
        return cls(np.array([min_diameter_m, *(limit * gsd_m for limit in larger)]), limits_px, gsd_m)

    def __len__(self) -> int:
        return len(self.limits_px) - 1

    def numbers(self, diameter_m: np.ndarray) -> np.ndarray:
        """The class (n) of diameters, which are not below the least; lower limits belong to a class."""
        return np.searchsorted(self.limits_m, diameter_m, "right") - 1


class MatchMeasures(NamedTuple):
    """Of matches (n): class of size of the true crater, found over true diameter, metres between the centres."""

    size_class: np.ndarray
    diameter_ratio: np.ndarray
    offset_m: np.ndarray


@dataclass(frozen=True)
class MatchTotals:
    """What was counted of a catalogue.

    `by_diameter` and `by_latitude` (4, bins) count detected craters, those with a match, true ones, and those with a
    match, each by its own size and place. `by_block` (blocks, classes) goes by the true crater of a match, `by_score`
    (scores) takes the detected craters of each score and more. `doubtful` are the true craters that are not judged
    because too few annotators marked them.
    """

    by_diameter: np.ndarray
    by_latitude: np.ndarray
    by_block: MatchCounts
    by_score: MatchCounts
    measures: MatchMeasures
    doubtful: int


class MatchTally:
    """Counts the matches of detected craters, which come in batches, with true ones; the order does not matter.

    As in orbitile.detections.matching.match_craters, the least diameter judges the true crater of a match, and a
    detected one without. In memory are the true craters, pairs that overlap, and counts for each block. `scores` are
    the least scores to count for, rising; the first is that of the catalogue.
    """

    def __init__(self, truth: TruthOnGround, classes: SizeClasses, scores: Sequence[float] = (0.0,)) -> None:
        self._truth, self._classes, self._scores = truth, classes, scores
        self._matcher = CraterMatcher(truth.true, truth.criteria)
        self._detected = _count(truth.true.select(NOTHING))
        self._by_block = self._in_blocks(NOTHING, NOTHING)
        self._by_score = np.zeros(len(scores), int)

    def feed(self, craters: Craters, score: np.ndarray) -> None:
        """Take a batch of detected craters and their scores (n)."""
        for on_ground in self._truth.detected(craters, score):
            self._matcher.feed(on_ground.detected, on_ground.candidates)
            part, part_score, block = on_ground.detected
            large = part.diameter_m >= self._truth.criteria.min_diameter_m
            self._detected += _count(part.select(large))
            self._by_block += self._in_blocks(block[large], self._classes.numbers(part.diameter_m[large]))
            self._by_score += _at_least(part_score[large], self._scores)

    @property
    def blocks(self) -> Blocks:
        """The blocks of ground that are counted."""
        return self._truth.blocks

    def totals(self) -> MatchTotals:
        """What was counted."""
        pairs = self._matcher.pairs()
        chosen = pairs.matches()
        matched, partners = pairs.craters(chosen), pairs.truth[chosen]
        is_right, is_large = self._truth.is_judged[partners], matched.diameter_m >= self._truth.criteria.min_diameter_m
        right, found = matched.select(is_right), self._truth.true.select(partners[is_right])
        detected = self._detected + _count(right) - _count(matched.select(is_large))
        counts = np.stack([detected, _count(right), _count(self._truth.true.select(self._truth.judged)), _count(found)])
        by_diameter, by_latitude = np.split(counts, [len(DIAMETERS_KM) - 1], axis=1)
        block = pairs.table["block"].to_numpy()[chosen]
        unmatched = self._by_block - self._in_blocks(
            block[is_large], self._classes.numbers(matched.diameter_m[is_large])
        )
        return MatchTotals(
            by_diameter, by_latitude, self._block_counts(unmatched, partners[is_right]), self._score_counts(pairs),
            self._measures(right, found), self._doubtful(),
        )  # fmt: skip

    def _block_counts(self, unmatched: np.ndarray, matched_true: np.ndarray) -> MatchCounts:
        right, true = (self._true_in_blocks(members) for members in (matched_true, self._truth.judged))
        return MatchCounts(unmatched + right, right, true)

    def _score_counts(self, pairs: OverlappingPairs) -> MatchCounts:
        """Counts by least score; the first is that of the catalogue, which all of it reaches."""
        right, large = np.zeros((2, len(self._scores)), int)
        for number, score in enumerate(self._scores):
            chosen = pairs.matches(score if number else 0.0)
            right[number] = self._truth.is_judged[pairs.truth[chosen]].sum()
            large[number] = (pairs.craters(chosen).diameter_m >= self._truth.criteria.min_diameter_m).sum()
        return MatchCounts(self._by_score - large + right, right, np.full(len(self._scores), len(self._truth.judged)))

    def _measures(self, found: Craters, true: Craters) -> MatchMeasures:
        apart = angles_between(unit_vectors(found.lon, found.lat), unit_vectors(true.lon, true.lat))
        ratio = found.diameter_m / true.diameter_m
        return MatchMeasures(self._classes.numbers(true.diameter_m), ratio, apart * self._truth.criteria.radius_m)

    def _doubtful(self) -> int:
        is_doubtful = self._truth.criteria.are_doubtful(self._truth.true)
        is_doubtful &= self._truth.true.diameter_m >= self._truth.criteria.min_diameter_m
        return int(sum(is_doubtful[members].sum() for members in self._truth.on_ground.values()))

    def _true_in_blocks(self, members: np.ndarray) -> np.ndarray:
        return self._in_blocks(self._truth.block[members], self._classes.numbers(self._truth.true.diameter_m[members]))

    def _in_blocks(self, block: np.ndarray, size_class: np.ndarray) -> np.ndarray:
        """How many craters lie in each block and class (blocks, classes)."""
        shape = (self._truth.blocks.count, len(self._classes))
        return np.bincount(np.ravel_multi_index((block, size_class), shape), minlength=shape[0] * shape[1]).reshape(
            shape
        )


def score_thresholds(least_score: float) -> list[float]:
    """The least score of a catalogue, and the multiples of SCORE_STEP above it."""
    steps = np.arange(1, round(1 / SCORE_STEP)) * SCORE_STEP
    return [least_score, *(round(float(step), 3) for step in steps if step > least_score + 1e-6)]


def _at_least(score: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """How many scores reach each of rising thresholds; the first is reached by all."""
    reached = np.searchsorted(np.asarray(thresholds[1:], np.float32), score.astype(np.float32), "right")
    return np.bincount(reached, minlength=len(thresholds))[::-1].cumsum()[::-1]


def _count(craters: Craters) -> np.ndarray:
    """How many craters lie in the bins of diameter, then in those of latitude; lower edges belong to a bin."""
    by_axis = ((craters.diameter_m / 1000, DIAMETERS_KM), (craters.lat, LATITUDES))
    bins = [(np.searchsorted(edges, values, "right") - 1, len(edges) - 1) for values, edges in by_axis]
    return np.concatenate([np.bincount(numbers, minlength=count) for numbers, count in bins])
