"""What a map says of its own errors: how many of its pixels are false, and how many true ones it lacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from orbitile.calibration.bounded_threshold import AcceptedErrors
from orbitile.calibration.figures import error_shares
from orbitile.calibration.pixel_calibration import PixelCalibration, read_pixel_calibration
from orbitile.calibration.pixel_sample import LEVEL_THRESHOLDS, ClassPixels
from orbitile.inference.class_decision import ARGMAX
from orbitile.inference.mask_threshold import Threshold, class_threshold, least_level, mask_threshold


@dataclass(frozen=True)
class MapStatement:
    """A calibration, the errors that were accepted, if any, and the probability from which on pixels of a map count."""

    calibration: PixelCalibration
    errors: AcceptedErrors
    threshold: Threshold

    @classmethod
    def read(
        cls, source: Mapping[str, Any] | None, errors: Mapping[str, Any], outline_settings: Mapping[str, Any]
    ) -> Self | None:
        """From a file or weights (see read_pixel_calibration), the errors, and the threshold and the model of a run.

        None where there is no calibration, and where the likeliest class is mapped, whatever its probability.
        """
        if outline_settings.get("decision") == ARGMAX:
            return None
        calibration = read_pixel_calibration(**source) if source else None
        if calibration is None:
            return None
        threshold = mask_threshold(outline_settings["threshold"], outline_settings["model"])
        return cls(calibration, AcceptedErrors("mapping", **errors), threshold)

    def stated(self) -> dict[str, Any]:
        """The statement, for JSON: of each class its threshold, its bound, and what the calibrated pixels have there.

        `fdr_bound` is the least bound of the share of false pixels; None where none holds.
        """
        sample, errors = self.calibration.sample, self.errors
        stated = dict(
            max_fdr=errors.max_fdr, min_recall=errors.min_recall, confidence=errors.confidence,
            basis=self.calibration.basis, blocks=sample.blocks, unit=sample.unit,
            classes={name: self._of_class(name, sample.of_class(name)) for name in sample.classes},
        )  # fmt: skip
        return stated | dict(text=map_statement_text(stated))

    def _of_class(self, name: str, pixels: ClassPixels) -> dict[str, Any]:
        threshold = class_threshold(self.threshold, name)
        rank = pixels.risk.ranks(LEVEL_THRESHOLDS[[least_level(threshold) - 1]], 1 - self.errors.confidence)[0]
        return dict(
            threshold=threshold, fdr_bound=None if np.isnan(rank) else float(rank), **error_shares(pixels, threshold)
        )


def map_statement_text(stated: Mapping[str, Any]) -> str:
    """A statement as a line of a paper."""
    several = len(stated["classes"]) > 1
    parts = [
        _class_text(f"pixels mapped as {name}" if several else "mapped pixels", facts, stated)
        for name, facts in stated["classes"].items()
    ]
    each = ", each by itself" if several else ""
    basis = f"calibrated on {stated['basis']} in {stated['blocks']} {stated['unit']}{each}"
    return "; ".join([*(part for part in parts if part), basis])


def _class_text(pixels: str, facts: Mapping[str, Any], stated: Mapping[str, Any]) -> str:
    """What is promised of the pixels of a class, and what the calibrated ones have; empty where nothing is."""
    if facts["fdr_bound"] is None and stated["min_recall"] is None:
        return ""
    promises = []
    if facts["fdr_bound"] is not None:
        promises.append(f"of the {pixels} at most {facts['fdr_bound']:.0%} are false")
    if stated["min_recall"] is not None:
        promises.append(f"at least {stated['min_recall']:.0%} of the true ones are among the {pixels}")
    measured = ""
    if facts["fdr"] is not None and facts["recall"] is not None:
        measured = f" (in calibration {facts['fdr']:.1%} were, and {facts['recall']:.0%} of the true ones were mapped)"
    return f"{' and '.join(promises)} with {stated['confidence']:.0%} confidence{measured}"
