"""The score from which on rows count, where users name the error that they accept instead."""

from dataclasses import dataclass
from functools import lru_cache

from orbitile.base.errors import OrbitileError
from orbitile.calibration.network_calibration import read_calibration
from orbitile.calibration.pixel_calibration import read_pixel_calibration
from orbitile.calibration.risk_control import FALSE_DISCOVERY, MISSED_OBJECTS, Criterion, RiskControl


@dataclass(frozen=True)
class AcceptedErrors:
    """The errors that users accept, with the confidence that they are no larger: the keys of settings (`section`)."""

    section: str
    max_fdr: float | None
    min_recall: float | None
    confidence: float

    def threshold(self, risk: RiskControl, of: str) -> float:
        """The lowest threshold that keeps the share of what is false at `max_fdr` at most, with the confidence.

        For `min_recall` alone, the highest that keeps so much of what is true. With both, each has half of the chance
        that is left. OrbitileError where the calibration, `of` which is in words, cannot promise it.
        """
        delta = (1 - self.confidence) / ((self.max_fdr is not None) + (self.min_recall is not None))
        lowest = None if self.max_fdr is None else self._promised(risk, FALSE_DISCOVERY, self.max_fdr, delta, of)
        highest = None
        if self.min_recall is not None:
            highest = self._promised(risk, MISSED_OBJECTS, 1 - self.min_recall, delta, of)
        if lowest is None or highest is None:
            return lowest if highest is None else highest  # type: ignore[return-value]
        if lowest > highest:
            raise OrbitileError(
                f"{self.section}: {of} allows max_fdr {self.max_fdr:g} from a score of {lowest:g} on, and min_recall "
                f"{self.min_recall:g} up to {highest:g}: not both; relax either"
            )
        return lowest

    def _promised(self, risk: RiskControl, criterion: Criterion, alpha: float, delta: float, of: str) -> float:
        """The threshold that bounds an error by alpha; OrbitileError that says what could be promised instead."""
        threshold = risk.threshold(criterion, alpha, delta)
        if threshold is not None:
            return threshold
        least, needed = risk.least_bound(criterion, delta), risk.blocks_needed(criterion, alpha, delta)
        given = f"{alpha:g}" if criterion is FALSE_DISCOVERY else f"{1 - alpha:g}"
        possible = "nothing" if least is None else f"{least:g}" if criterion is FALSE_DISCOVERY else f"{1 - least:g}"
        more = f", or calibrate on about {needed:,} {risk.sample.unit} as these" if needed else ""
        raise OrbitileError(
            f"{self.section}.{criterion.name}: {given} cannot be promised by the {risk.sample.blocks} "
            f"{risk.sample.unit} of {of}; with this confidence {possible} can; relax it{more}"
        )


@lru_cache
def bounded_threshold(
    path: str, max_fdr: float | None, min_recall: float | None, confidence: float, model_sha256: str | None = None
) -> float:
    """The score threshold that keeps to the errors accepted (see AcceptedErrors), by a calibration of detections."""
    errors = AcceptedErrors("suppression", max_fdr, min_recall, confidence)
    calibration = read_calibration(path, model_sha256)
    if calibration is None:
        raise _uncalibrated(errors, path)
    return errors.threshold(RiskControl(calibration.sample), path)


@lru_cache
def bounded_class_thresholds(
    path: str, max_fdr: float | None, min_recall: float | None, confidence: float, model_sha256: str | None = None
) -> dict[str, float]:
    """The probabilities from which on pixels count, of each class, that keep to the errors accepted, by a calibration.

    Classes are bounded by themselves: the confidence is that of each.
    """
    errors = AcceptedErrors("mapping", max_fdr, min_recall, confidence)
    calibration = read_pixel_calibration(path, model_sha256)
    if calibration is None:
        raise _uncalibrated(errors, path)
    sample = calibration.sample
    several = len(sample.classes) > 1
    return {
        name: errors.threshold(sample.of_class(name).risk, f"{path}, class {name}" if several else path)
        for name in sample.classes
    }


def _uncalibrated(errors: AcceptedErrors, path: str) -> OrbitileError:
    return OrbitileError(
        f"{errors.section}: {path} states no calibration, without which no error can be bounded; make one with the "
        f"target calibrate, and name it as {errors.section}.calibration"
    )
