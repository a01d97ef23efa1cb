"""What is known of a network's scores on ground with known truth, as weights or a file of their own state it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.probability import ScoreCalibration
from orbitile.inference.models.weights_header import read_description

KEY = "calibration"
"""In the description of weights."""
FILE_LIMIT = 20 * 2**20
"""Bytes of a file; a sample of 200,000 rows needs less."""


@dataclass(frozen=True)
class NetworkCalibration:
    """A judged sample, and how it was judged: least diameter (pixels of the finest scale), IoU from which boxes match.

    `basis` says on what ground and by whose truth, in words.
    """

    sample: JudgedSample
    least_px: float
    iou_threshold: float
    basis: str

    @cached_property
    def scores(self) -> ScoreCalibration | None:
        """What makes probabilities of scores; None where the sample is too small for it."""
        return ScoreCalibration.fit(self.sample)

    def to_json(self) -> dict[str, Any]:
        """Values for JSON."""
        return dict(least_px=self.least_px, iou_threshold=self.iou_threshold, basis=self.basis) | self.sample.to_json()

    @classmethod
    def of_json(cls, content: object) -> Self:
        """From values of JSON; OrbitileError where they state none."""
        sample = JudgedSample.of_json(content)
        assert isinstance(content, Mapping)
        least_px, iou_threshold, basis = (content.get(name) for name in ("least_px", "iou_threshold", "basis"))
        numbers = [n for n in (least_px, iou_threshold) if isinstance(n, int | float) and not isinstance(n, bool)]
        if len(numbers) < 2 or not np.isfinite(numbers).all() or not isinstance(basis, str):
            raise OrbitileError("its calibration lacks least_px, iou_threshold or basis; make it anew with the target "
                                "calibrate")  # fmt: skip
        return cls(sample, float(numbers[0]), float(numbers[1]), shortened(basis, 200))


def read_calibration(path: str | Path) -> NetworkCalibration | None:
    """The calibration in a file of JSON, or in the description of weights, None where these state none.

    OrbitileError that names the file for what is none.
    """
    path = Path(path)
    if path.suffix != ".json":
        stated = read_description(path).get(KEY)
        return None if stated is None else _explained(path, stated)
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise ValueError(f"has more than {FILE_LIMIT // 2**20} MB")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise OrbitileError(f"{path}: is no calibration ({shortened(str(error), 200)}); make it with the target "
                            "calibrate, or copy it again") from error  # fmt: skip
    return _explained(path, content)


def _explained(path: Path, content: object) -> NetworkCalibration:
    try:
        return NetworkCalibration.of_json(content)
    except OrbitileError as error:
        raise OrbitileError(f"{path}: {error}") from error
