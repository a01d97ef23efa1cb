"""Figures of a review: the precision of the entire catalogue, by diameter, and of each stratum."""

from pathlib import Path
from typing import Any

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.base.provenance import provenance
from orbitile.review.estimate import JudgedStrata, Precision
from orbitile.review.strata import classes_by_diameter
from orbitile.review.verdicts import Verdicts

PRECISION = "precision.json"
DIGITS = 4


def judge_review(folder: Path, confidence: float) -> dict[str, Any]:
    """Write the figures of a review's verdicts to precision.json in its folder, and return them.

    OrbitileError as of `Verdicts.read`, and for a confidence that is none.
    """
    check_confidence(confidence)
    figures = precision_figures(Verdicts.read(folder), confidence)
    write_json(folder / PRECISION, figures | provenance())
    return figures


def check_confidence(confidence: float) -> None:
    """OrbitileError for a confidence that is none."""
    if not 0 < confidence < 1:
        raise OrbitileError(f"--confidence {confidence:g}: give a number between 0 and 1, such as 0.95")


def precision_figures(verdicts: Verdicts, confidence: float) -> dict[str, Any]:
    """All figures, for JSON; unsure and skipped rows count once as right and once as false."""
    record = verdicts.record
    bounds = verdicts.strata(unsure_is_right=True), verdicts.strata(unsure_is_right=False)
    by_diameter = [
        dict(diameter_km=list(limits), **_shares(bounds, members, confidence))
        for limits, members in classes_by_diameter(record.strata).items()
    ]
    strata = [
        dict(stratum=stratum.stratum, diameter_km=list(stratum.diameter_km), score=list(stratum.score),
             **_shares(bounds, [index], confidence))
        for index, stratum in enumerate(record.strata)
    ]  # fmt: skip
    everything = list(range(len(record.strata)))
    return dict(
        catalogue=record.manifest, sha256=record.sha256, confidence=confidence, drawn=len(record.rows),
        verdicts=verdicts.counts(), **_shares(bounds, everything, confidence), by_diameter_km=by_diameter,
        strata=strata,
    )  # fmt: skip


def figures_text(figures: dict[str, Any]) -> str:
    """Figures as lines to read."""
    counts, behind = figures["verdicts"], figures["drawn"] - figures["judged"]
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    lines = [
        f"Of {figures['rows']:,} rows, {figures['judged']} were judged: {listed}.",
        f"Precision {_range_text(figures)} with {100 * figures['confidence']:g} % confidence.",
    ]
    if kinds := " and ".join(name for name in ("unsure", "skipped") if counts[name]):
        lines.append(f"  Were all {kinds} rows right: {_text(figures['unsure_right'])}")
        lines.append(f"  Were all of them false: {_text(figures['unsure_false'])}")
    if behind:
        lines.append(f"{behind} rows after the last verdict do not count; judged, they make the interval narrower.")
    lines += ["", _line("diameter (km)", "rows", "judged", "false", "precision")]
    lines += [_class_line(_limits_text(each["diameter_km"]), each) for each in figures["by_diameter_km"]]
    lines += ["", _line("stratum: diameter, score", "rows", "judged", "false", "precision")]
    return "\n".join([*lines, *map(_stratum_line, figures["strata"])])


def _shares(bounds: tuple[JudgedStrata, JudgedStrata], members: list[int], confidence: float) -> dict[str, Any]:
    """Counts and precision of strata, by their indices, with the bounds of what they hold."""
    least, most = (strata.select(np.array(members)) for strata in bounds)
    best, worst = (Precision.of(strata, confidence) for strata in (least, most))
    false = [int(strata.false.sum()) for strata in (least, most)]
    return dict(
        rows=int(least.rows.sum()), judged=int(least.judged.sum()), false=false,
        low=_rounded(worst.low), high=_rounded(best.high), unsure_right=_limits(best), unsure_false=_limits(worst),
    )  # fmt: skip


def _limits(precision: Precision) -> dict[str, float]:
    return {name: _rounded(value) for name, value in precision._asdict().items()}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)


def _text(precision: dict[str, float]) -> str:
    return f"{precision['value']:.3f} ({precision['low']:.3f} to {precision['high']:.3f})"


def _range_text(figures: dict[str, Any]) -> str:
    """The estimate, or the range of both, with the outer limits."""
    values = sorted({f"{figures[name]['value']:.3f}" for name in ("unsure_right", "unsure_false")})
    return f"{' to '.join(values)} ({figures['low']:.3f} to {figures['high']:.3f})"


def _stratum_line(figures: dict[str, Any]) -> str:
    place = f"{_limits_text(figures['diameter_km'])} km, {_limits_text(figures['score'])}"
    return _class_line(f"{figures['stratum']}: {place}", figures)


def _class_line(name: str, figures: dict[str, Any]) -> str:
    false = "-".join(map(str, sorted(set(figures["false"]))))
    return _line(name, f"{figures['rows']:,}", str(figures["judged"]), false, _range_text(figures))


def _line(name: str, rows: str, judged: str, false: str, precision: str) -> str:
    return f"{name:32} {rows:>11} {judged:>7} {false:>7}  {precision}"


def _limits_text(limits: list[float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"
