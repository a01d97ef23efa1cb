"""Judged samples for tests: made up, with scores that are probabilities or are not."""

import numpy as np

from orbitile.calibration.judged_sample import JudgedDetections, JudgedSample, JudgedTruth


def made_up_sample(blocks=64, rows_per_block=20, seed=0, power=1.0, missed_share=0.2, least_score=0.05):
    """Detections that are right with a probability of score^power, and true objects of which a share is missed."""
    random = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), rows_per_block)
    score = random.uniform(least_score, 1, len(block)).astype(np.float32)
    diameter_px = np.exp(random.uniform(np.log(10), np.log(100), len(block)))
    is_right = random.random(len(block)) < score**power
    missed = np.repeat(np.arange(blocks), int(rows_per_block * missed_share))
    truth = JudgedTruth(
        np.concatenate([diameter_px[is_right], np.full(len(missed), 12.0)]),
        np.concatenate([score[is_right].astype(float), np.zeros(len(missed))]),
        np.concatenate([block[is_right], missed]),
    )
    return JudgedSample(JudgedDetections(score, diameter_px, is_right, block), truth, blocks, "blocks", least_score)


def tiny_sample():
    """Two blocks: a right and a false detection with a missed object, and two right ones."""
    detections = JudgedDetections(
        np.array([0.9, 0.4, 0.8, 0.3], np.float32), np.array([20.0, 15.0, 30.0, 12.0]),
        np.array([True, False, True, True]), np.array([0, 0, 1, 1]),
    )  # fmt: skip
    truth = JudgedTruth(np.array([20.0, 11.0, 31.0, 12.0]), np.array([0.9, 0.0, 0.8, 0.3]), np.array([0, 0, 1, 1]))
    return JudgedSample(detections, truth, 2, "blocks", 0.05)
