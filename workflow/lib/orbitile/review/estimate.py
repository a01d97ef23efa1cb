"""The precision of a catalogue from a stratified sample of judged rows, with a confidence interval."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln

CONFIDENCE = 0.95
PRIOR_ROWS = 2.0
"""How many rows with the catalogue's share of false ones each stratum's sample is shrunk by."""
CELLS = 4096
"""Steps of the estimate's distribution, from none to the estimate that was observed."""
TILTS = (np.log(1e-9), np.log(1e30))
"""Logarithms of the least and the largest multiplier that limits are looked for at."""
CONVERGED = 1e-5
"""Difference of two such logarithms that are as good as the same."""
ROUNDING = 1e-9
NEGLIGIBLE = 1e-15


class JudgedStrata(NamedTuple):
    """Strata of a catalogue (n each): its rows there, how many of them were judged, and how many of these are false."""

    rows: np.ndarray
    judged: np.ndarray
    false: np.ndarray

    def select(self, chosen: np.ndarray) -> "JudgedStrata":
        """The strata that a boolean or index array selects."""
        return JudgedStrata(*(np.asarray(counts)[chosen] for counts in self))


class Precision(NamedTuple):
    """The estimated share of right rows, and the limits of its interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, strata: JudgedStrata, confidence: float = CONFIDENCE) -> Self:
        """From strata of which each was judged in a random sample of its rows, without replacement, at least one row.

        The estimate is the mean of the strata's shares, weighted by their rows. The limits invert one-sided tests of
        it, each of half of the chance that is left, as those of Clopper and Pearson (1934, Biometrika 26, 404-413) do,
        under its exact distribution: a sum of independent hypergeometric counts, so that strata that were judged
        entirely add no uncertainty. A test of the mean share of false rows has to assume the shares of all strata.
        Wendell and Schmee (1996, JASA 91, 825-830) take the worst ones, which cannot be searched for in more than
        about three strata; here they are the likeliest ones with that mean, as in the profile limits of Kabaila and
        Lloyd (2000, Australian and New Zealand Journal of Statistics 42, 67-79), samples being shrunk by PRIOR_ROWS
        because likeliest shares vary too little. A single stratum thus has Clopper's and Pearson's limits for a finite
        population, and where no judged row is false the limit is that of the worst shares.
        """
        share = FalseShare.of(strata)
        low, high = share.limits((1 - confidence) / 2)
        return cls(1 - share.estimate, 1 - high, 1 - low)


@dataclass(frozen=True)
class FalseShare:
    """The share of false rows, from strata (n) that were not judged entirely, and `fixed` from all others.

    `weight` (n) are the strata's shares of all rows.
    """

    rows: np.ndarray
    judged: np.ndarray
    false: np.ndarray
    weight: np.ndarray
    fixed: float

    @classmethod
    def of(cls, strata: JudgedStrata) -> Self:
        """Of judged strata."""
        rows, judged, false = (np.asarray(counts, float) for counts in strata)
        is_open, total = judged < rows, rows.sum()
        fixed = float(false[~is_open].sum() / total)
        return cls(rows[is_open], judged[is_open], false[is_open], rows[is_open] / total, fixed)

    @cached_property
    def estimate(self) -> float:
        """The weighted mean of the strata's shares."""
        return float(self.fixed + self._observed)

    @cached_property
    def _observed(self) -> float:
        """What strata that are open add to the estimate."""
        return float((self.weight * self.false / self.judged).sum())

    def limits(self, tail: float) -> tuple[float, float]:
        """The shares below and above the estimate at which a tail of its distribution begins at what was observed."""
        if not len(self.rows):
            return self.estimate, self.estimate
        low = self._limit(-1, self.reached, tail) if self._observed else self.fixed
        return min(low, self.estimate), max(self._limit(1, self.not_exceeded, tail), self.estimate)

    def _limit(self, sign: int, probability: Callable[[np.ndarray], float], tail: float) -> float:
        """The share, to one side of the estimate, at which a probability falls to a tail."""

        def excess(logarithm: float) -> float:
            return probability(self.likeliest(sign * np.exp(logarithm))) - tail

        near, far = TILTS
        if excess(near) <= 0:
            return self.estimate
        root = far if excess(far) > 0 else brentq(excess, near, far, xtol=CONVERGED)
        return self.mean(self.likeliest(sign * np.exp(root)))

    def mean(self, shares: np.ndarray) -> float:
        """The share of all rows that are false, by those of the strata (n) that are open."""
        return float(self.fixed + (self.weight * shares).sum())

    def likeliest(self, tilt: float) -> np.ndarray:
        """The likeliest shares (n) of false rows among those with their mean: a tilt is Lagrange's multiplier of it.

        Each maximises c (x ln q + (m - x) ln(1 - q)) + tilt w q, with x of m judged rows false, both with PRIOR_ROWS,
        the weight w, and c for the smaller variance in finite populations; q is bounded by what was judged.
        """
        judged, false = self.judged + PRIOR_ROWS, self.false + PRIOR_ROWS * self.estimate
        pull = tilt * self.weight * (self.rows - self.judged) / np.maximum(self.rows - 1, 1)
        root = np.sqrt(np.maximum((pull - judged) ** 2 + 4 * pull * false, 0))
        with np.errstate(divide="ignore", invalid="ignore"):  # of the two forms of the root, the one that is stable
            shares = np.where(pull > judged, (pull - judged + root) / (2 * pull), 2 * false / (root + judged - pull))
        return np.clip(np.nan_to_num(shares), self.false / self.rows, 1 - (self.judged - self.false) / self.rows)

    def not_exceeded(self, shares: np.ndarray) -> float:
        """The probability of an estimate of what was observed or less; rounded up."""
        if not self._observed:
            return float(np.prod(self._count_probabilities(shares)[:, 0]))
        steps = np.floor(self._steps + ROUNDING).astype(int)
        return float(self._distribution(shares, steps).sum())

    def reached(self, shares: np.ndarray) -> float:
        """The probability of an estimate of what was observed or more; rounded up."""
        steps = np.ceil(self._steps - ROUNDING).astype(int)
        return float(1 - self._distribution(shares, steps)[:CELLS].sum())

    @cached_property
    def _counts(self) -> np.ndarray:
        """All numbers of false rows (1, k) that a stratum's sample may hold."""
        return np.arange(int(self.judged.max()) + 1)[None]

    @cached_property
    def _steps(self) -> np.ndarray:
        """What numbers of false rows in a stratum's sample (n, k) add to the estimate, in steps."""
        return (self.weight / self.judged)[:, None] * self._counts / self._observed * CELLS

    def _distribution(self, shares: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """The probabilities (CELLS + 1) of the estimate's steps; larger ones are left out."""
        distribution = np.eye(1, CELLS + 1)[0]
        for probabilities, places in zip(self._count_probabilities(shares), steps, strict=True):
            total = np.zeros(CELLS + 1)
            for index in np.flatnonzero((probabilities > NEGLIGIBLE) & (places <= CELLS)):
                total[places[index] :] += probabilities[index] * distribution[: CELLS + 1 - places[index]]
            distribution = total
        return distribution

    def _count_probabilities(self, shares: np.ndarray) -> np.ndarray:
        """The probabilities (n, k) of numbers of false rows in each sample; shares between whole rows interpolate."""
        false_rows = shares * self.rows
        fewer = np.floor(false_rows + ROUNDING)
        more = np.minimum(fewer + 1, self.rows)
        part = np.clip(false_rows - fewer, 0, 1)[:, None]
        return (1 - part) * self._hypergeometric(fewer) + part * self._hypergeometric(more)

    def _hypergeometric(self, false_rows: np.ndarray) -> np.ndarray:
        """The probabilities (n, k) of numbers of false rows in samples of strata with so many (n) of them."""
        rows, judged, false_rows = self.rows[:, None], self.judged[:, None], false_rows[:, None]
        possible = (self._counts <= np.minimum(false_rows, judged)) & (judged - self._counts <= rows - false_rows)
        counts = np.where(possible, self._counts, np.maximum(0, judged - rows + false_rows))
        logarithm = _log_choose(false_rows, counts) + _log_choose(rows - false_rows, judged - counts)
        return np.where(possible, np.exp(logarithm - _log_choose(rows, judged)), 0)


def _log_choose(total: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return gammaln(total + 1) - gammaln(chosen + 1) - gammaln(total - chosen + 1)
