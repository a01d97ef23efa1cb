"""Thresholds that bound errors with stated confidence: Learn Then Test (Angelopoulos and others, arXiv 2110.01052).

Bounded are shares of objects at fault among all objects of a kind, as false rows among all rows. The units are blocks
of ground: what lies within one is not independent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.special import bdtr, stdtr

from orbitile.calibration.judged_sample import CountsByBlock

ALPHAS = np.round(np.arange(0.01, 0.5001, 0.01), 2)
"""Bounds among which that of a row is chosen."""
START_SHARE = 0.25
"""Tests for false rows begin with at most so many of the detections, unless a test takes more of them."""
UNSEEN_EXCESS = 0.5
"""How much more than the bound allows is at fault in a block that is added to those of the sample; at most all."""
PValues = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def block_p_values(at_fault: np.ndarray, of_all: np.ndarray, alpha: float) -> np.ndarray:
    """The p-values (k) of "more than alpha of all are at fault", by counts in blocks (k, n).

    The larger of two: the exact one of independent objects (binomial), which few objects cannot cheat, and that of
    the t-test of at_fault - alpha of_all over blocks (the linearised ratio of cluster samples; Cochran 1977, Sampling
    Techniques, section 9.7), for objects of a block that depend on each other. The t-test takes in an average block of
    which alpha + UNSEEN_EXCESS is at fault: faults that come together in few blocks are often in none of the sample. It
    is too sure of itself where few blocks hold most objects.
    """
    count = at_fault.shape[1]
    if count < 2:
        return np.ones(len(at_fault))
    exact = bdtr(at_fault.sum(axis=1), of_all.sum(axis=1), alpha)
    unseen = of_all.mean(axis=1, keepdims=True)
    excess = np.concatenate([at_fault - alpha * of_all, min(UNSEEN_EXCESS, 1 - alpha) * unseen], axis=1)
    error = np.maximum(excess.std(axis=1, ddof=1) / np.sqrt(count + 1), 1e-12)
    return np.maximum(exact, stdtr(count, excess.mean(axis=1) / error))


def uneven_block_p_values(at_fault: np.ndarray, of_all: np.ndarray, alpha: float) -> np.ndarray:
    """As `block_p_values`, for objects that are no test of their own, as pixels, in blocks of very different numbers.

    The t-test alone, as many pixels of a single block say no more than the block does. The block that it takes in is as
    large as that of an average object, and all of it is at fault; degrees of freedom are those of `effective_blocks`.
    """
    count, objects = at_fault.shape[1], of_all.astype(float)
    if count < 2:
        return np.ones(len(at_fault))
    unseen = (objects**2).sum(axis=1, keepdims=True) / np.maximum(objects.sum(axis=1, keepdims=True), 1)
    excess = np.concatenate([at_fault - alpha * objects, (1 - alpha) * unseen], axis=1)
    error = np.maximum(excess.std(axis=1, ddof=1) / np.sqrt(count + 1), 1e-12)
    return stdtr(np.maximum(effective_blocks(objects), 1), excess.mean(axis=1) / error)


def effective_blocks(of_all: np.ndarray) -> np.ndarray:
    """How many blocks of equal size (k) say as much as those with so many objects (k, n) (Kish 1965, Survey Sampling).

    (sum of n)^2 / sum of n^2; 0 without any object.
    """
    objects = of_all.astype(float)
    return objects.sum(axis=1) ** 2 / np.maximum((objects**2).sum(axis=1), 1)


@dataclass(frozen=True)
class Criterion:
    """An error of a catalogue that can be bounded: objects at fault among all objects of a kind, block by block.

    `falls` tells whether it falls with the threshold, as the share of false rows does; others rise.
    """

    name: str
    at_fault: Callable[[CountsByBlock], np.ndarray]
    of_all: Callable[[CountsByBlock], np.ndarray]
    falls: bool


FALSE_DISCOVERY = Criterion("max_fdr", lambda counts: counts.false, lambda counts: counts.detected, falls=True)
"""The share of false rows among all rows of the catalogue."""
MISSED_OBJECTS = Criterion("min_recall", lambda counts: counts.missed, lambda counts: counts.true, falls=False)
"""The share of true objects that the catalogue lacks."""


class JudgedBlocks(Protocol):
    """What was judged, in a number of `blocks` of ground (`unit`, in the plural)."""

    @property
    def blocks(self) -> int:
        """Their number."""

    @property
    def unit(self) -> str:
        """What they are."""

    @property
    def thresholds(self) -> np.ndarray:
        """The scores (k), rising, among which thresholds are chosen."""

    def counts(self, least_score: float) -> CountsByBlock:
        """Counts of each block where only scores of so much and more count."""

    def independent(self, objects: np.ndarray) -> np.ndarray:
        """How many of the objects in blocks (k, n) are a test of their own (k)."""


@dataclass(frozen=True)
class RiskControl:
    """The thresholds at which a sample bounds errors."""

    sample: JudgedBlocks
    p_values: PValues = block_p_values

    def threshold(self, criterion: Criterion, alpha: float, delta: float) -> float | None:
        """The threshold farthest from the start of the tests at which the error is at most alpha, but for chance delta.

        Fixed-sequence testing: thresholds are tried one after the other, and the first whose p-value exceeds delta ends
        it. The lowest score for false rows, the highest for missed objects; None where the first one fails already.
        """
        sequence = self._sequence(criterion, alpha, delta)
        if not sequence:
            return None
        at_fault, of_all = (
            np.stack([part(counts) for _, counts in sequence]) for part in (criterion.at_fault, criterion.of_all)
        )
        passed = int(np.argmin(np.append(self.p_values(at_fault, of_all, alpha) <= delta, False)))
        return sequence[passed - 1][0] if passed else None

    def least_bound(self, criterion: Criterion, delta: float) -> float | None:
        """The smallest of ALPHAS that some threshold keeps to, but for chance delta; None where there is none."""
        possible = (float(alpha) for alpha in ALPHAS if self.threshold(criterion, float(alpha), delta) is not None)
        return next(possible, None)

    def blocks_needed(self, criterion: Criterion, alpha: float, delta: float) -> int | None:
        """About how many blocks as these would bound an error by alpha; None where no number would.

        At the best threshold, by the t-test with as many standard errors as it takes, and a half more; at least so many
        that all objects without a fault would do.
        """
        if not self._counts or not self.sample.blocks:
            return None
        excess = np.stack([criterion.at_fault(c) - alpha * criterion.of_all(c) for _, c in self._counts])
        objects = self.sample.independent(np.stack([criterion.of_all(counts) for _, counts in self._counts]))
        means, possible = excess.mean(axis=1), excess.mean(axis=1) < 0
        if not possible.any():
            return None
        errors = -np.sqrt(2 * np.log(1 / delta)) * excess.std(axis=1)[possible] / means[possible]
        faultless = np.log(delta) / np.log(1 - alpha) * self.sample.blocks / objects[possible]
        return int(np.ceil(1.5 * np.maximum(errors**2, faultless).min()))

    def ranks(self, scores: np.ndarray, delta: float) -> np.ndarray:
        """The smallest of ALPHAS at which rows with scores (n) are in a catalogue whose share of false rows it bounds.

        NaN where there is none.
        """
        limits = [self.threshold(FALSE_DISCOVERY, float(alpha), delta) for alpha in ALPHAS]
        lowest = np.array([np.inf if limit is None else limit for limit in limits], np.float32)
        reached = np.asarray(scores, np.float32)[:, None] >= np.minimum.accumulate(lowest)[None]
        return np.where(reached.any(axis=1), ALPHAS[np.argmax(reached, axis=1)], np.nan)

    def _sequence(self, criterion: Criterion, alpha: float, delta: float) -> list[tuple[float, CountsByBlock]]:
        """Thresholds in the order of their tests, with the counts of blocks at each."""
        if not criterion.falls:
            return self._counts
        if not self._counts:
            return []
        rows = self.sample.independent(np.stack([counts.detected for _, counts in self._counts]))
        enough = _rows_to_start_with(int(rows.max(initial=0)), alpha, delta)
        return [part for part, count in zip(self._counts, rows, strict=True) if count >= enough][::-1]

    @cached_property
    def _counts(self) -> list[tuple[float, CountsByBlock]]:
        return [(score, self.sample.counts(score)) for score in self.sample.thresholds.tolist()]


def _rows_to_start_with(rows: int, alpha: float, delta: float) -> int:
    """How many independent detections the tests for false rows begin with: this must not depend on truth.

    So many that half of the false ones that are allowed would pass clearly (at delta squared), where START_SHARE of
    all are as many; never so few that none could be false.
    """
    count = np.arange(1, max(rows, 1) + 1)
    clear = np.flatnonzero(bdtr(np.floor(count * alpha / 2), count, alpha) <= delta**2)
    wanted = int(clear[0]) + 1 if len(clear) else rows
    least = int(np.ceil(np.log(delta) / np.log(1 - alpha)))
    return max(least, min(wanted, int(START_SHARE * rows)))
