"""What calibration says of a row of a catalogue: its probability of being true, and the bound that it still meets."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from orbitile.calibration.network_calibration import NetworkCalibration, read_calibration
from orbitile.calibration.risk_control import RiskControl
from orbitile.tables.crater_parts import CONFIDENCE_COLUMNS


@dataclass(frozen=True)
class RowConfidence:
    """A calibration, the confidence of its bounds (0..1), and the finest m/px of the run that it is applied to."""

    calibration: NetworkCalibration
    confidence: float
    finest_m: float

    @classmethod
    def read(cls, path: str, model_sha256: str, confidence: float, finest_m: float) -> Self | None:
        """Of a file (see read_calibration); None for weights that state no calibration."""
        calibration = read_calibration(path, model_sha256)
        return None if calibration is None else cls(calibration, confidence, finest_m)

    @property
    def least_m(self) -> float:
        """The diameter, in metres, from which on detections were judged: nothing is known of smaller ones."""
        return self.calibration.least_px * self.finest_m

    def columns(self, score: np.ndarray, diameter_m: np.ndarray) -> dict[str, np.ndarray]:
        """The columns CONFIDENCE_COLUMNS (n) of rows with scores and diameters (n); NaN where nothing is known."""
        is_known = diameter_m >= self.least_m
        probability, rank = np.full(len(score), np.nan, np.float32), np.full(len(score), np.nan)
        if is_known.any():
            scores = self.calibration.scores
            if scores:
                probability[is_known] = scores.probability(score[is_known], diameter_m[is_known] / self.finest_m)
            rank[is_known] = self._risk.ranks(score[is_known], 1 - self.confidence)
        return dict(zip(CONFIDENCE_COLUMNS, (probability, rank), strict=True))

    def bound(self, score: float) -> float | None:
        """The least bound of false rows, among those of at least this score; None where there is none."""
        rank = float(self._risk.ranks(np.array([score]), 1 - self.confidence)[0])
        return None if np.isnan(rank) else rank

    @cached_property
    def _risk(self) -> RiskControl:
        return RiskControl(self.calibration.sample)
