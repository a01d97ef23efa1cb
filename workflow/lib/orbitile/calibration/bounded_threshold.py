"""The score from which on rows count, where users name the error that they accept instead."""

from functools import lru_cache

from orbitile.base.errors import OrbitileError
from orbitile.calibration.network_calibration import read_calibration
from orbitile.calibration.risk_control import FALSE_DISCOVERY, MISSED_OBJECTS, Criterion, RiskControl


@lru_cache
def bounded_threshold(
    path: str, max_fdr: float | None, min_recall: float | None, confidence: float, model_sha256: str | None = None
) -> float:
    """The lowest score that keeps the share of false rows at `max_fdr` at most, with a confidence.

    For `min_recall` alone, the highest that keeps so many of the true objects. With both, each has half of the chance
    that is left. OrbitileError where the calibration cannot promise it.
    """
    calibration = read_calibration(path, model_sha256)
    if calibration is None:
        raise OrbitileError(f"suppression: {path} states no calibration, without which no error can be bounded; make "
                            "one with the target calibrate, and name it as suppression.calibration")  # fmt: skip
    risk = RiskControl(calibration.sample)
    delta = (1 - confidence) / ((max_fdr is not None) + (min_recall is not None))
    lowest = None if max_fdr is None else _promised(risk, FALSE_DISCOVERY, max_fdr, delta, path)
    highest = None if min_recall is None else _promised(risk, MISSED_OBJECTS, 1 - min_recall, delta, path)
    if lowest is None or highest is None:
        return lowest if highest is None else highest  # type: ignore[return-value]
    if lowest > highest:
        raise OrbitileError(
            f"suppression: {path} allows max_fdr {max_fdr:g} from a score of {lowest:g} on, and min_recall "
            f"{min_recall:g} up to {highest:g}: not both; relax either"
        )
    return lowest


def _promised(risk: RiskControl, criterion: Criterion, alpha: float, delta: float, path: str) -> float:
    """The threshold that bounds an error by alpha; OrbitileError that says what could be promised instead."""
    threshold = risk.threshold(criterion, alpha, delta)
    if threshold is not None:
        return threshold
    least, needed = risk.least_bound(criterion, delta), risk.blocks_needed(criterion, alpha, delta)
    given = f"{alpha:g}" if criterion is FALSE_DISCOVERY else f"{1 - alpha:g}"
    possible = "nothing" if least is None else f"{least:g}" if criterion is FALSE_DISCOVERY else f"{1 - least:g}"
    more = f", or calibrate on about {needed:,} {risk.sample.unit} as these" if needed else ""
    raise OrbitileError(
        f"suppression.{criterion.name}: {given} cannot be promised by the {risk.sample.blocks} {risk.sample.unit} of "
        f"{path}; with this confidence {possible} can; relax it{more}"
    )
