"""Detections that are judged right or false, and true objects with what detected them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened

BLOCKS_TO_CALIBRATE = 128
"""Blocks of ground at least, where true objects suffice: more than for intervals, for the bounds' sake."""
MOST_ROWS = 200_000
"""Of detections and of true objects together that a file, or the header of weights, has room for."""
THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.01), 2)
"""Scores among which thresholds are chosen."""
SCORE_DIGITS, SIZE_DIGITS = 4, 2
MISSED = 0.0
"""Score of true objects that no detection matches: below that of any detection."""


class JudgedDetections(NamedTuple):
    """Detections (n): score 0..1, diameter in pixels of the finest scale, whether it is right, number of its block."""

    score: np.ndarray
    diameter_px: np.ndarray
    is_right: np.ndarray
    block: np.ndarray


class JudgedTruth(NamedTuple):
    """True objects (n): diameter in pixels of the finest scale, score of its detection, number of its block."""

    diameter_px: np.ndarray
    score: np.ndarray
    block: np.ndarray


class CountsByBlock(NamedTuple):
    """Of each block (n) at a least score: detections, false ones among them, true objects, missed ones among them."""

    detected: np.ndarray
    false: np.ndarray
    true: np.ndarray
    missed: np.ndarray


def judge_rows(
    detections: JudgedDetections, truth: JudgedTruth, matches: tuple[np.ndarray, np.ndarray], judged: np.ndarray,
    least_px: float,
) -> tuple[JudgedDetections, JudgedTruth]:  # fmt: skip
    """The detections that count, right or false, and the true objects that are judged, with what detected them.

    `matches` are the indices of detections (k) and of the true objects (k) that they match, `judged` those of the true
    objects (m) that count. Detections count by the true object that they match; without one, from `least_px` on.
    """
    detected, true = matches
    is_judged = np.zeros(len(truth.block), bool)
    is_judged[judged] = True
    counts, is_right = detections.diameter_px >= least_px, np.zeros(len(detections.block), bool)
    counts[detected] = is_right[detected] = is_judged[true]
    score = np.full(len(truth.block), MISSED)
    score[true] = detections.score[detected]
    return (
        JudgedDetections(*(column[counts] for column in detections._replace(is_right=is_right))),
        JudgedTruth(*(column[judged] for column in truth._replace(score=score))),
    )


@dataclass(frozen=True)
class JudgedSample:
    """What a network detected, down to `least_score`, on `blocks` blocks of ground with known truth.

    A block is a piece of ground, or a scene (`unit`, in the plural). Detections match true objects one to one as they
    do without any threshold, so that a higher one never makes a detection right that was false.
    """

    detections: JudgedDetections
    truth: JudgedTruth
    blocks: int
    unit: str = "blocks"
    least_score: float = 0.0

    @property
    def thresholds(self) -> np.ndarray:
        """The scores (k), rising, among which thresholds are chosen."""
        return THRESHOLDS[self.least_score - 1e-9 <= THRESHOLDS]

    def independent(self, objects: np.ndarray) -> np.ndarray:
        """How many of the objects in blocks (k, n) are a test of their own (k): all of them."""
        return objects.sum(axis=1)

    def of_blocks(self, numbers: np.ndarray) -> Self:
        """The sample of drawn blocks (n), which are numbered anew: a block that was drawn twice counts twice."""
        detections, truth = (
            _of_blocks(rows, [members[number] for number in numbers])
            for rows, members in zip((self.detections, self.truth), self._members, strict=True)
        )
        return replace(self, detections=JudgedDetections(*detections), truth=JudgedTruth(*truth), blocks=len(numbers))

    def limited(self, most_rows: int = MOST_ROWS) -> Self:
        """As many blocks, drawn without replacement, as have `most_rows` rows together; all of them where these fit."""
        order = np.random.default_rng(0).permutation(self.blocks)
        rows = np.cumsum((self._count(self.detections.block) + self._count(self.truth.block))[order])
        fitting = int(np.searchsorted(rows, most_rows, side="right"))
        return self if fitting == self.blocks else self.of_blocks(order[:fitting])

    def counts(self, least_score: float) -> CountsByBlock:
        """Counts of each block where only detections of this score and more are there."""
        detected = self.detections.score >= np.float32(least_score)
        missed = self.truth.score < np.float32(least_score)
        return CountsByBlock(
            self._count(self.detections.block[detected]),
            self._count(self.detections.block[detected & ~self.detections.is_right]),
            self._count(self.truth.block), self._count(self.truth.block[missed]),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Lists of numbers for JSON, scores rounded down, so that no row changes sides of a threshold of few digits."""
        detections, truth = self.detections, self.truth
        return dict(
            blocks=self.blocks, unit=self.unit, least_score=self.least_score,
            detections=dict(
                score=_rounded_down(detections.score), diameter_px=_rounded(detections.diameter_px),
                is_right=detections.is_right.astype(int).tolist(), block=detections.block.tolist(),
            ),
            truth=dict(
                diameter_px=_rounded(truth.diameter_px), score=_rounded_down(truth.score), block=truth.block.tolist()
            ),
        )  # fmt: skip

    @classmethod
    def of_json(cls, content: object) -> Self:
        """The sample that a file states; OrbitileError where it is none."""
        try:
            if not isinstance(content, Mapping):
                raise TypeError("it is no table")
            score, diameter_px, is_right, block = _columns(content["detections"], JudgedDetections._fields)
            true_px, true_score, true_block = _columns(content["truth"], JudgedTruth._fields)
            blocks = int(content["blocks"])
            sample = cls(
                JudgedDetections(score.astype(np.float32), diameter_px, is_right > 0, block.astype(int)),
                JudgedTruth(true_px, true_score, true_block.astype(int)), blocks, shortened(str(content["unit"])),
                float(content["least_score"]),
            )  # fmt: skip
            sample.check()
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise OrbitileError(
                f"its judged sample is none ({shortened(type(error).__name__ + ' ' + str(error), 200)}); "
                "make it anew with the target calibrate"
            ) from error
        return sample

    def check(self) -> None:
        """ValueError where a number cannot be."""
        if not 0 <= self.least_score <= 1 or not 0 <= self.blocks <= MOST_ROWS:
            raise ValueError("its least score or its number of blocks is out of range")
        for rows in (self.detections, self.truth):
            if not all(np.isfinite(column).all() for column in rows):
                raise ValueError("a number is not finite")
            if not ((rows.score >= 0) & (rows.score <= 1)).all() or not (rows.diameter_px > 0).all():
                raise ValueError("a score or a diameter is out of its range")
            if not ((rows.block >= 0) & (rows.block < self.blocks)).all():
                raise ValueError("a block has no number")

    @cached_property
    def _members(self) -> list[list[np.ndarray]]:
        """The indices of the detections, and of the true objects, of each block."""
        return [_rows_by_block(rows.block, self.blocks) for rows in (self.detections, self.truth)]

    def _count(self, block: np.ndarray) -> np.ndarray:
        return np.bincount(block, minlength=self.blocks)


def _rows_by_block(block: np.ndarray, blocks: int) -> list[np.ndarray]:
    order = np.argsort(block, kind="stable")
    return np.split(order, np.searchsorted(block[order], np.arange(1, blocks))) if blocks else []


def _of_blocks(rows: Sequence[np.ndarray], members: list[np.ndarray]) -> list[np.ndarray]:
    """The columns of rows in drawn blocks, by their indices in each; the last column is the block."""
    *columns, _ = rows
    chosen = np.concatenate([np.zeros(0, int), *members])
    return [
        *(column[chosen] for column in columns),
        np.repeat(np.arange(len(members)), [len(part) for part in members]),
    ]


def _columns(table: Mapping[str, list], names: tuple[str, ...]) -> list[np.ndarray]:
    columns = [np.asarray(table[name], float) for name in names]
    if any(column.shape != columns[0].shape or column.ndim != 1 for column in columns):
        raise ValueError("its columns are not of one length")
    if not all(np.isfinite(column).all() for column in columns):
        raise ValueError("a number is not finite")
    if len(columns[0]) > MOST_ROWS:
        raise ValueError(f"has more than {MOST_ROWS:,} rows")
    return columns


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(np.asarray(values, float), SIZE_DIGITS).tolist()


def _rounded_down(scores: np.ndarray) -> list[float]:
    """Scores (n; float32) with SCORE_DIGITS; one that is such a number but for its last bit becomes this number."""
    unit = 10**SCORE_DIGITS
    return (np.floor(np.asarray(scores, float) * unit + 1e-3) / unit).tolist()
