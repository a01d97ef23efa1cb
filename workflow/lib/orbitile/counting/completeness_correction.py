"""From which diameter on the craters of a catalogue are counted, and how many true ones each stands for."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.calibration.completeness import Completeness
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.counting.searched_ground import DiameterRange

LIMIT, CORRECT, NONE = "limit", "correct", "none"
LEAST_SHARES = {LIMIT: 0.9, CORRECT: 0.5}
"""Completeness from which on craters count, where the settings name none."""


@dataclass(frozen=True)
class CompletenessChoice:
    """What is done about craters that the network misses.

    limit: count from the diameter on from which the catalogue has the share `least_share` of the true craters.
    correct: from there on, too, but each for 1 / completeness. none: nothing. `least_share` None: see LEAST_SHARES.
    """

    mode: Literal["limit", "correct", "none"] = "correct"
    least_share: float | None = None


@dataclass(frozen=True, eq=False)
class CompletenessCorrection:
    """The completeness of a catalogue at diameters in kilometres (n: diameter_km, detected), and what is made of it.

    `from_km` is the diameter from which on craters count, 0 where nothing limits them; `reason` says why, in a clause.
    """

    mode: str
    from_km: float
    reason: str
    diameter_km: np.ndarray
    detected: np.ndarray

    @classmethod
    def of(cls, choice: CompletenessChoice, confidence: RowConfidence | None, least_score: float) -> Self:
        """By what a calibration says of rows with scores from `least_score` on.

        OrbitileError where the catalogue is nowhere as complete as wanted. Without a calibration, or where it is too
        small for a curve, nothing is corrected.
        """
        curve = None if confidence is None else Completeness.fit(confidence.calibration.sample, least_score)
        nothing = np.zeros(0), np.zeros(0)
        if choice.mode == NONE:
            return cls(NONE, 0.0, "completeness is not corrected for, as the settings say", *nothing)
        if curve is None or confidence is None:
            unknown = "nothing is known of the completeness: no calibration states it"
            return cls(NONE, 0.0, unknown, *nothing)
        share = LEAST_SHARES[choice.mode] if choice.least_share is None else choice.least_share
        from_px, per_px = curve.from_px(share), confidence.finest_m / 1000
        if from_px is None:
            raise OrbitileError(
                f"counting.least_completeness: the catalogue is nowhere {share:.0%} complete (at most "
                f"{max(curve.detected):.1%}); lower it, or set counting.completeness to correct or none"
            )
        from_km = max(from_px * per_px, confidence.least_m / 1000)
        diameter_km = np.array(curve.diameter_px) * per_px
        reason = f"the catalogue is {share:.0%} complete from there on" if from_px * per_px >= from_km else (
            "smaller detections were not judged by the calibration"
        )  # fmt: skip
        return cls(choice.mode, float(from_km), reason, diameter_km, np.array(curve.detected))

    def weights(self, diameter_km: np.ndarray) -> np.ndarray:
        """How many true craters (n) a detected true crater of diameters (n) stands for; 1 below `from_km`."""
        if self.mode != CORRECT:
            return np.ones(len(diameter_km))
        shares = np.interp(np.log(diameter_km), np.log(self.diameter_km), self.detected)
        return np.where(diameter_km >= self.from_km, 1 / np.maximum(shares, 0.01), 1.0)

    def counted_range(self, searched: DiameterRange) -> DiameterRange:
        """The diameters that are counted where some are searched."""
        return DiameterRange(max(self.from_km, searched.least_km), searched.most_km)

    @property
    def stated(self) -> dict[str, Any]:
        """For JSON."""
        return dict(mode=self.mode, from_km=self.from_km or None, reason=self.reason)
