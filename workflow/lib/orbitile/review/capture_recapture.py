"""How many craters two experts both lack, from how many they have in common: capture and recapture."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from scipy.stats import hypergeom, poisson

from orbitile.base.errors import OrbitileError
from orbitile.detections.matching import pair_craters
from orbitile.review.estimate import CONFIDENCE
from orbitile.space.bodies import Body
from orbitile.tables.craters import Craters, CraterTable, read_craters_of_run

LIMITS_KM = np.array([0.0, *2.0 ** np.arange(-10, 14)])
"""Of the classes of diameters: factors of two."""
MOST = 10**18
"""Above any number of craters: where a limit reaches it there is none."""
MANY = 10**9
"""Craters from which on matches are as good as Poisson's, and the hypergeometric distribution is no longer exact."""


@dataclass(frozen=True)
class DoubleCount:
    """Craters that two experts both marked, that the first alone marked, and the second alone."""

    matched: int
    only_first: int
    only_second: int

    @property
    def first(self) -> int:
        """How many the first marked."""
        return self.matched + self.only_first

    @property
    def second(self) -> int:
        """How many the second marked."""
        return self.matched + self.only_second

    @property
    def seen(self) -> int:
        """How many at least one of them marked."""
        return self.matched + self.only_first + self.only_second

    @property
    def total(self) -> float:
        """The estimated number of craters, marked by anyone or not.

        Chapman (1951, University of California Publications in Statistics 1, 131-160): nearly unbiased where both
        experts mark independently of each other and each crater is as likely to be marked as any other (Seber 1982,
        The Estimation of Animal Abundance, section 3.1).
        """
        return (self.first + 1) * (self.second + 1) / (self.matched + 1) - 1

    def interval(self, confidence: float = CONFIDENCE) -> tuple[int, int | None]:
        """The limits of the number of craters; the upper one is None where the counts allow any number.

        The number of matches is hypergeometric (Chapman 1951); each limit is the last number for which a number of
        matches as large, or as small, as the one that was counted has half of the chance that is left.
        """
        tail = (1 - confidence) / 2
        low = _first(lambda total: self._matches(total).cdf(self.matched) > tail, self.seen)
        high = _first(lambda total: self._matches(total).sf(self.matched - 1) <= tail, self.seen) - 1
        return low, None if high + 1 == MOST else max(high, self.seen)

    def _matches(self, total: int) -> Any:  # noqa: ANN401
        """The distribution of the number of matches, given the total."""
        if total > MANY:
            return poisson(self.first * self.second / total)
        return hypergeom(total, self.first, self.second)

    def figures(self, confidence: float = CONFIDENCE) -> dict[str, Any]:
        """All figures, for JSON: counts, the estimated total, what both lack, the completeness of each expert."""
        (low, high), total = self.interval(confidence), self.total
        return dict(
            matched=self.matched, only_first=self.only_first, only_second=self.only_second,
            total=_estimate(total, low, high),
            both_lack=_estimate(total - self.seen, low - self.seen, None if high is None else high - self.seen),
            completeness_first=_completeness(self.first, total, low, high),
            completeness_second=_completeness(self.second, total, low, high),
        )  # fmt: skip


@dataclass(frozen=True)
class MarkedCraters:
    """Craters (n): mean diameters in km, and which expert marked them (bool each)."""

    diameter_km: np.ndarray
    by_first: np.ndarray
    by_second: np.ndarray

    @classmethod
    def of(cls, first: Craters, second: Craters, iou_threshold: float, radius_m: float) -> Self:
        """Of two experts' craters, matched one to one; of a match, the geometric mean of the diameters counts."""
        i, j = pair_craters(first, second, iou_threshold, radius_m)
        alone = (np.delete(first.diameter_m, i), np.delete(second.diameter_m, j))
        matched = np.sqrt(first.diameter_m[i] * second.diameter_m[j])
        counts = [len(matched), *map(len, alone)]
        by_first, by_second = (np.repeat(marks, counts) for marks in ([True, True, False], [True, False, True]))
        return cls(np.concatenate([matched, *alone]) / 1000, by_first, by_second)

    def between(self, low_km: float, high_km: float) -> DoubleCount:
        """The count of those of diameters from one up to below another one."""
        first, second = (
            marks[(self.diameter_km >= low_km) & (self.diameter_km < high_km)]
            for marks in (self.by_first, self.by_second)
        )
        matched = int((first & second).sum())
        return DoubleCount(matched, int(first.sum()) - matched, int(second.sum()) - matched)


@dataclass(frozen=True)
class Comparison:
    """How two experts' tables are compared: least IoU of a match, least diameter that counts, confidence."""

    iou_threshold: float = 0.3
    min_diameter_km: float = 0.0
    confidence: float = CONFIDENCE

    def check(self) -> None:
        """OrbitileError for values that make no sense."""
        if not 0 < self.iou_threshold < 1:
            raise OrbitileError(f"--iou {self.iou_threshold:g}: give a number between 0 and 1, such as 0.3")
        if not 0 <= self.min_diameter_km < np.inf:
            raise OrbitileError(f"--min-diameter-km {self.min_diameter_km:g}: give a diameter in km, 0 or more")


def compare_tables(first: str, second: str, body: Body, comparison: Comparison) -> dict[str, Any]:
    """Figures of two experts' tables of craters on the same ground, for JSON: of all craters, and by diameter.

    OrbitileError where a table cannot be read, or has no crater.
    """
    comparison.check()
    marked = MarkedCraters.of(_read(first), _read(second), comparison.iou_threshold, body.radius_m)
    low, confidence = comparison.min_diameter_km, comparison.confidence
    classes = [
        dict(diameter_km=[least, most], **count.figures(confidence))
        for least, most in pairwise([low, *LIMITS_KM[np.greater(LIMITS_KM, low)].tolist()])
        if (count := marked.between(least, most)).seen
    ]
    everything = marked.between(low, np.inf)
    if not everything.seen:
        raise OrbitileError(f"{first}, {second}: no crater reaches {low:g} km; lower --min-diameter-km")
    return dict(
        first=first, second=second, body=body.name, iou=comparison.iou_threshold, min_diameter_km=low,
        confidence=confidence, **everything.figures(confidence), by_diameter_km=classes,
        sum_over_diameters=round(sum(each["total"]["value"] for each in classes), 1),
    )  # fmt: skip


def comparison_text(figures: dict[str, Any]) -> str:
    """Figures as lines to read; without any match the counts alone."""
    counts = (
        f"{figures['matched']:,} craters are in both tables, {figures['only_first']:,} only in {figures['first']}, "
        f"{figures['only_second']:,} only in {figures['second']} (IoU {figures['iou']:g})."
    )
    if not figures["matched"]:
        return f"{counts}\nWithout a match nothing can be said; do both tables cover the same ground?"
    lack, total = figures["both_lack"], figures["total"]
    percent = f"{100 * figures['confidence']:g} %"
    lines = [
        counts,
        f"Both lack about {_range(lack, '.0f')} of {_range(total, '.0f')} craters, with {percent} confidence;",
        f"complete: {_range(figures['completeness_first'], '.2f')} and "
        f"{_range(figures['completeness_second'], '.2f')}.",
        "That holds where the experts mark independently and all craters are equally hard to see; what both overlook "
        "alike makes it too few.",
        f"Estimated class by class, there are {figures['sum_over_diameters']:,.0f} craters.",
        "", _row("diameter (km)", "both", "first", "second", "both lack", "complete (first, second)"),
    ]  # fmt: skip
    return "\n".join([*lines, *map(_class_row, figures["by_diameter_km"])])


def _read(path: str) -> Craters:
    craters = read_craters_of_run(CraterTable(path), None)
    if not len(craters):
        raise OrbitileError(f"{path}: has no craters; nothing can be compared with it")
    return craters


def _first(holds: Callable[[int], bool], least: int) -> int:
    """The least total, from `least` on, from which on a condition holds; MOST where none below does."""
    low, high = least, least + 1
    while not holds(high):
        low, high = high, min(2 * high, MOST)
        if high == MOST:
            return MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _estimate(value: float, low: float, high: float | None) -> dict[str, float | None]:
    return dict(value=round(value, 1), low=low, high=high)


def _completeness(marked: int, total: float, low: int, high: int | None) -> dict[str, float | None]:
    """The share of the craters that an expert marked; its limits are those of the number of craters."""
    values = dict(value=marked / total if total else None, low=marked / high if high else 0.0, high=marked / low)
    return {name: None if value is None else round(min(value, 1.0), 4) for name, value in values.items()}


def _class_row(figures: dict[str, Any]) -> str:
    low, high = figures["diameter_km"]
    complete = ", ".join(_range(figures[name], ".2f") for name in ("completeness_first", "completeness_second"))
    matched, first, second = (f"{figures[name]:,}" for name in ("matched", "only_first", "only_second"))
    return _row(f"{low:g} to {high:g}", matched, first, second, _range(figures["both_lack"], ".0f"), complete)


def _row(place: str, matched: str, first: str, second: str, lack: str, complete: str) -> str:
    return f"{place:22} {matched:>7} {first:>7} {second:>7}  {lack:22} {complete}"


def _range(estimate: dict[str, float | None], form: str) -> str:
    value, low, high = ("any number" if number is None else f"{number:{form}}" for number in estimate.values())
    return f"{value} ({low} to {high})"
