"""The judged sample of a catalogue, which is read part by part."""

import numpy as np

from orbitile.calibration.judged_sample import MISSED, JudgedDetections, JudgedSample, JudgedTruth, judge_rows
from orbitile.detections.matching import CraterMatcher
from orbitile.detections.truth_on_ground import TruthOnGround
from orbitile.tables.craters import Craters


class CatalogueJudge:
    """Judges detected craters from `least_score` on, which come in batches, by true ones; pixels are of `gsd_m`.

    As in orbitile.detections.matching.match_craters, the least diameter judges the true crater of a match, and a
    detected one without. Detected craters that match a doubtful one are left out.
    """

    def __init__(self, truth: TruthOnGround, gsd_m: float, least_score: float) -> None:
        self._truth, self._gsd_m, self._least_score = truth, gsd_m, least_score
        self._matcher = CraterMatcher(truth.true, truth.criteria)
        self._batches: list[JudgedDetections] = []

    def feed(self, craters: Craters, score: np.ndarray) -> None:
        """Take a batch of detected craters and their scores (n)."""
        for on_ground in self._truth.detected(craters, score):
            self._matcher.feed(on_ground.detected, on_ground.candidates)
            part, part_score, block = on_ground.detected
            unknown = np.zeros(len(part), bool)
            self._batches.append(JudgedDetections(part_score, part.diameter_m / self._gsd_m, unknown, block))

    def sample(self) -> JudgedSample:
        """What was judged."""
        truth, pairs = self._truth, self._matcher.pairs()
        batches = zip(*[_NO_DETECTIONS, *self._batches], strict=True)
        chosen = pairs.matches()
        true_px = truth.true.diameter_m / self._gsd_m
        detections, true = judge_rows(
            JudgedDetections(*(np.concatenate(columns) for columns in batches)),
            JudgedTruth(true_px, np.full(len(true_px), MISSED), truth.block),
            (pairs.table["number"].to_numpy()[chosen], pairs.truth[chosen]),
            truth.judged, truth.criteria.min_diameter_m / self._gsd_m,
        )  # fmt: skip
        return JudgedSample(detections, true, truth.blocks.count, truth.blocks.unit, self._least_score)


_NO_DETECTIONS = JudgedDetections(np.zeros(0, np.float32), np.zeros(0), np.zeros(0, bool), np.zeros(0, int))
