"""Figures of a calibration: errors of scores as probabilities, what can be promised, how complete catalogues are."""

from dataclasses import asdict
from typing import Any

import numpy as np

from orbitile.calibration.completeness import Completeness
from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.calibration.probability import CalibrationError, ScoreCalibration, reliability
from orbitile.calibration.risk_control import FALSE_DISCOVERY, JudgedBlocks, RiskControl

CONFIDENCE = 0.9
BOUNDS = (0.05, 0.1, 0.2)
"""Shares of false rows that thresholds are listed for."""
COMPLETE_PERCENT = (50, 90)
"""Of the true objects, from some diameter on."""
FOLDS = 5
FOLD_SEED = 0


def with_figures(calibration: NetworkCalibration) -> dict[str, Any]:
    """A calibration and its figures, for JSON."""
    return calibration.to_json() | dict(figures=calibration_figures(calibration))


def calibration_figures(calibration: NetworkCalibration) -> dict[str, Any]:
    """All figures, for JSON; `after` is None where the sample is too small for a fit, all else where it is empty."""
    sample, risk = calibration.sample, RiskControl(calibration.sample)
    after = cross_validated(sample)
    score, bounds = sample.detections.score.astype(float), bound_figures(risk)
    curves = [Completeness.fit(sample, least) for least in sorted({bound["score"] for bound in bounds} - {None})]
    return dict(
        detections=len(score), right=int(sample.detections.is_right.sum()), true=len(sample.truth.score),
        calibration_error=dict(before=_error(score, sample), after=_error(after, sample)),
        reliability=dict(before=_bins(score, sample), after=_bins(after, sample)),
        bounds=bounds, by_score=score_figures(risk),
        completeness=[
            asdict(curve) | dict(zip(("low", "high"), curve.band(sample), strict=True)) for curve in curves if curve
        ],
    )  # fmt: skip


def cross_validated(sample: JudgedSample) -> np.ndarray | None:
    """Probabilities (n) of a sample's detections, each by a fit to other blocks; None where these are too few."""
    fold = np.random.default_rng(FOLD_SEED).permutation(sample.blocks) % FOLDS
    of_row = fold[sample.detections.block]
    probability = np.zeros(len(of_row))
    for number in range(FOLDS):
        fit = ScoreCalibration.fit(sample.of_blocks(np.flatnonzero(fold != number)))
        if fit is None:
            return None
        rows = of_row == number
        probability[rows] = fit.probability(sample.detections.score[rows], sample.detections.diameter_px[rows])
    return probability


def completeness_figures(curve: Completeness | None, finest_m: float) -> dict[str, float | None]:
    """The diameters in metres from which on a share of the true objects is in the catalogue; None where unknown."""
    sizes_px = {percent: curve.from_px(percent / 100) if curve else None for percent in COMPLETE_PERCENT}
    return {
        f"complete_{percent}_m": None if size is None else round(size * finest_m, 3)
        for percent, size in sizes_px.items()
    }


def _error(probability: np.ndarray | None, sample: JudgedSample) -> dict[str, Any] | None:
    """The expected calibration error; None without probabilities or detections."""
    if probability is None or not len(probability):
        return None
    error = asdict(CalibrationError.of(probability, sample))
    return {name: np.round(value, 4).tolist() for name, value in error.items()}


def _bins(probability: np.ndarray | None, sample: JudgedSample) -> list[list[float]]:
    """Mean probability, share that is right and number of each bin; empty without probabilities."""
    if probability is None:
        return []
    return [[round(a, 4), round(b, 4), n] for a, b, n in reliability(probability, sample.detections.is_right)]


def bound_figures(risk: RiskControl) -> list[dict[str, Any]]:
    """The threshold for each of BOUNDS, and what the sample has there."""
    return [_bound(risk, bound) for bound in BOUNDS]


def _bound(risk: RiskControl, bound: float) -> dict[str, Any]:
    """The threshold that keeps to a bound, and what the sample has there; None where there is none."""
    score = risk.threshold(FALSE_DISCOVERY, bound, 1 - CONFIDENCE)
    in_sample = dict(fdr=None, recall=None) if score is None else error_shares(risk.sample, score)
    return dict(max_fdr=bound, confidence=CONFIDENCE, score=score, **in_sample)


def error_shares(sample: JudgedBlocks, score: float) -> dict[str, float | None]:
    """The share of false rows and of detected true objects at a threshold."""
    counts = sample.counts(score)
    fdr, recall = _share(counts.false, counts.detected), _share(counts.true - counts.missed, counts.true)
    return dict(fdr=fdr, recall=recall)


def _share(part: np.ndarray, total: np.ndarray) -> float | None:
    return round(float(part.sum() / total.sum()), 4) if total.sum() else None


def score_figures(risk: RiskControl) -> list[dict[str, Any]]:
    """Shares and the bound of false rows at each threshold, without those that no detection reaches."""
    scores = risk.sample.thresholds
    ranks = risk.ranks(scores, 1 - CONFIDENCE).tolist()
    return [
        dict(score=score, **in_sample, fdr_bound=None if np.isnan(rank) else rank)
        for score, rank in zip(scores.tolist(), ranks, strict=True)
        if (in_sample := error_shares(risk.sample, score))["fdr"] is not None
    ]
