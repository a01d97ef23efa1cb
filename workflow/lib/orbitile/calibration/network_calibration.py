"""What is known of a network's scores on ground with known truth, as weights or a file of their own state it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.likeness import Likeness, checked_appearances, thinned
from orbitile.calibration.probability import ScoreCalibration
from orbitile.inference.models.weights_header import read_description

CALIBRATION_KEY = "calibration"
"""In the description of weights."""
CIRCUMSTANCES = ("least_px", "iou_threshold", "basis", "model_sha256")
FILE_LIMIT = 20 * 2**20
"""Bytes of a file; MOST_ROWS need less."""
OF_DETECTIONS, OF_PIXELS = "detections", "pixels"
SECTIONS = {OF_DETECTIONS: "suppression", OF_PIXELS: "mapping"}
"""What may be calibrated, by the key of the judged ones, and the section of settings that names its calibration."""
WITHOUT_DESCRIPTION = (".pt", ".pth")
"""Endings of weights that state nothing."""


@dataclass(frozen=True)
class NetworkCalibration:
    """A judged sample, and how it was judged: least diameter (pixels of the finest scale), IoU from which boxes match.

    `basis` says on what ground and by whose truth, in words; `model_sha256` is that of the network's weights, None
    where these state their own calibration. `appearances` (n, k) are those of tiles that it was judged on, as
    orbitile.rasters.appearance has them; None where nothing is known of them.
    """

    sample: JudgedSample
    least_px: float
    iou_threshold: float
    basis: str
    model_sha256: str | None = None
    appearances: np.ndarray | None = None

    @cached_property
    def scores(self) -> ScoreCalibration | None:
        """What makes probabilities of scores; None where the sample is too small for it."""
        return ScoreCalibration.fit(self.sample)

    @cached_property
    def likeness(self) -> Likeness | None:
        """What tells whether images are like those that were judged; None where too little is known of these."""
        return None if self.appearances is None else Likeness.fit(self.appearances)

    def to_json(self) -> dict[str, Any]:
        """Values for JSON."""
        circumstances = {name: value for name, value in vars(self).items() if name in CIRCUMSTANCES}
        appearances = None if self.appearances is None else thinned(self.appearances).astype(float).round(3).tolist()
        return circumstances | dict(appearances=appearances) | self.sample.to_json()

    @classmethod
    def of_json(cls, content: object) -> Self:
        """From values of JSON; OrbitileError where they state none."""
        sample = JudgedSample.of_json(content)
        stated: Any = content
        try:
            least_px, iou_threshold = float(stated["least_px"]), float(stated["iou_threshold"])
            if not 0 <= least_px < np.inf or not 0 <= iou_threshold <= 1:
                raise ValueError("out of range")
            model, basis = stated.get("model_sha256"), shortened(str(stated["basis"]), 200)
            appearances = checked_appearances(stated.get("appearances"))
            return cls(sample, least_px, iou_threshold, basis, model and str(model), appearances)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            reason = shortened(str(error))
            raise OrbitileError(
                f"its calibration lacks least_px, iou_threshold or basis, or states another thing as such ({reason}); "
                "make it anew with the target calibrate"
            ) from error


def read_calibration(path: str | Path, model_sha256: str | None = None) -> NetworkCalibration | None:
    """The calibration in a file of JSON, or in the description of weights, None where these state none.

    OrbitileError that names the file for what is none, or is that of other weights than those with a hash.
    """
    return read_calibration_of(OF_DETECTIONS, NetworkCalibration, path, model_sha256)


class StatedCalibration(Protocol):
    """A calibration of a kind, as files state it."""

    @property
    def model_sha256(self) -> str | None:
        """The hash of the weights that were calibrated; None where these state it themselves."""

    @classmethod
    def of_json(cls, content: object) -> Self:
        """From values of JSON; OrbitileError where they state none."""


S = TypeVar("S", bound=StatedCalibration)


def read_calibration_of(kind: str, calibration_type: type[S], path: str | Path, model_sha256: str | None) -> S | None:
    """The calibration of a kind in a file of JSON, or in the description of weights, None where these state none.

    OrbitileError that names the file for what is none, is of another of the kinds in SECTIONS, or is that of other
    weights than those with a hash.
    """
    content = _read_content(Path(path), kind)
    if content is None:
        return None
    try:
        calibration = calibration_type.of_json(content)
    except OrbitileError as error:
        raise OrbitileError(f"{path}: {error}") from error
    if model_sha256 and calibration.model_sha256 not in (None, model_sha256):
        raise OrbitileError(
            f"{SECTIONS[kind]}.calibration: {path} is that of other weights (SHA-256 "
            f"{shortened(str(calibration.model_sha256))}); run the target calibrate with these"
        )
    return calibration


def _read_content(path: Path, kind: str) -> object | None:
    if path.suffix in WITHOUT_DESCRIPTION:
        return None
    content = read_description(path).get(CALIBRATION_KEY) if path.suffix == ".safetensors" else _read_json(path)
    kinds = [name for name in SECTIONS if isinstance(content, Mapping) and name in content]
    if kinds and kind not in kinds:
        raise OrbitileError(
            f"{SECTIONS[kind]}.calibration: {path} is a calibration of {kinds[0]}, but this run's network gives "
            f"{kind}; run the target calibrate with it"
        )
    return content


def _read_json(path: Path) -> object:
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise ValueError(f"has more than {FILE_LIMIT // 2**20} MB")
        content = json.loads(path.read_bytes())
        if content is None:
            raise ValueError("null")
    except (OSError, ValueError, RecursionError) as error:
        raise OrbitileError(f"{path}: is no calibration ({shortened(str(error), 200)}); make it with the target "
                            "calibrate, or copy it again") from error  # fmt: skip
    return content
