"""What a catalogue says of its own errors: how many rows are false, and down to which size it is complete."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from orbitile.calibration.completeness import Completeness
from orbitile.calibration.figures import COMPLETE_PERCENT, completeness_figures
from orbitile.calibration.likeness import UnlikeScenes
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.tables.crater_parts import read_part


@dataclass(frozen=True)
class ScoreChoice:
    """The least score of a catalogue, and the errors that it was chosen for, if it was."""

    score_threshold: float
    max_fdr: float | None = None
    min_recall: float | None = None


@dataclass(frozen=True)
class CatalogueStatement:
    """What is known of rows, and how their least score was chosen."""

    confidence: RowConfidence
    choice: ScoreChoice

    @classmethod
    def read(cls, source: dict[str, Any] | None, choice: ScoreChoice) -> Self | None:
        """With what RowConfidence.read takes; None where there is no calibration."""
        confidence = RowConfidence.read(**source) if source else None
        return cls(confidence, choice) if confidence else None

    def of_rows(self, parts: Iterable[Path], appearances: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The statement for the catalogue with these parts (see orbitile.tables.crater_parts), for JSON.

        Beside the promise and what it rests on: the number of rows that are large enough to be judged, the share of
        them that is likely false, the diameters of 50 and 90 % completeness in metres, and how many scenes are unlike
        those that it was calibrated on, by the `appearances` of the tiles of each (m, k).
        """
        likely = self._likely_rows(parts)
        sample = self.confidence.calibration.sample
        rank = self.confidence.bound(self.choice.score_threshold)
        curve = Completeness.fit(sample, self.choice.score_threshold)
        stated = dict(
            **vars(self.choice), confidence=self.confidence.confidence, fdr_bound=rank,
            basis=self.confidence.calibration.basis, blocks=sample.blocks, unit=sample.unit,
            judged_from_m=round(self.confidence.least_m, 3), judged_rows=likely.judged,
            expected_false_share=round(1 - likely.true / likely.probable, 4) if likely.probable else None,
            **completeness_figures(curve, self.confidence.finest_m), **self._likeness_figures(appearances),
        )  # fmt: skip
        return stated | dict(text=statement_text(stated))

    def unlike_scenes(self, appearances: Mapping[str, np.ndarray]) -> UnlikeScenes:
        """Which scenes are unlike those that scores were calibrated on, by the appearances of their tiles (m, k)."""
        likeness = self.confidence.calibration.likeness
        return likeness.unlike_scenes(appearances) if likeness else UnlikeScenes({}, 0)

    def _likeness_figures(self, appearances: Mapping[str, np.ndarray]) -> dict[str, Any]:
        reasons, compared = self.unlike_scenes(appearances)
        return dict(scenes=len(appearances), compared_scenes=compared, unlike_scenes=len(reasons),
                    unlike_by=dict(sorted(Counter(reasons.values()).items())))  # fmt: skip

    def _likely_rows(self, parts: Iterable[Path]) -> "LikelyRows":
        judged, probable, true = 0, 0, 0.0
        for part in parts:
            table = read_part(part, ["probability", "diameter_km"])
            probability = table["probability"].drop_null().to_numpy()
            judged += int((table["diameter_km"].to_numpy() * 1000 >= self.confidence.least_m).sum())
            probable, true = probable + len(probability), true + float(probability.sum(dtype=float))
        return LikelyRows(judged, probable, true)


class LikelyRows(NamedTuple):
    """Rows that are large enough to be judged, those that have a probability, and how many of them are likely true."""

    judged: int
    probable: int
    true: float


def statement_text(stated: dict[str, Any]) -> str:
    """A statement as a line of a paper."""
    basis = f"calibrated on {stated['basis']} in {stated['blocks']} {stated['unit']}"
    complete = [
        f"{percent} % complete from {_length(stated[f'complete_{percent}_m'])} on"
        for percent in COMPLETE_PERCENT
        if stated[f"complete_{percent}_m"] is not None
    ]
    return "; ".join([*_false_texts(stated), *complete, basis, *_likeness_texts(stated)])


def _false_texts(stated: dict[str, Any]) -> list[str]:
    """How many rows are false: nothing, or a clause of a statement."""
    bound, expected = stated["fdr_bound"], stated["expected_false_share"]
    objects = f"of the objects of {_length(stated['judged_from_m'])} and more"
    if bound is None:
        return [] if expected is None else [f"{objects} {expected:.1%} are expected to be false"]
    promise = f"at most {bound:.0%} are false with {stated['confidence']:.0%} confidence"
    if expected is None:
        return [f"{objects} {promise}"]
    if expected > bound:
        return [f"{objects} {expected:.1%} are expected to be false: the promise that {promise} does not hold here"]
    return [f"{objects} {promise}, {expected:.1%} are expected to be"]


def _likeness_texts(stated: dict[str, Any]) -> list[str]:
    """Where the promise does not hold by itself: nothing, or a clause of a statement."""
    scenes, compared, unlike = (stated[name] for name in ("scenes", "compared_scenes", "unlike_scenes"))
    if not compared:
        return ["whether the images are like those is not known"]
    reasons = ", ".join(f"{reason} {count}" for reason, count in stated["unlike_by"].items())
    texts = [f"it does not carry over to {unlike} of {scenes} scenes, whose images are unlike those ({reasons})"]
    return texts if unlike else []


def _length(metres: float) -> str:
    return f"{metres / 1000:.3g} km" if metres >= 1000 else f"{metres:.3g} m"
