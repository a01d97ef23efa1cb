import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_samples import made_up_sample, tiny_sample

from orbitile.base.errors import OrbitileError
from orbitile.calibration.judged_sample import JudgedSample


@pytest.mark.parametrize(
    ("least_score", "detected", "false", "missed"),
    [
        (0.05, [2, 2], [1, 0], [1, 0]),
        (0.35, [2, 1], [1, 0], [1, 1]),
        (0.5, [1, 1], [0, 0], [1, 1]),
        (0.85, [1, 0], [0, 0], [1, 2]),
        (0.95, [0, 0], [0, 0], [2, 2]),
    ],
)
def test_counts_of_blocks(least_score, detected, false, missed):
    counts = tiny_sample().counts(least_score)
    assert [column.tolist() for column in counts] == [detected, false, [2, 2], missed]


@pytest.mark.parametrize("score", [0.07, 0.3, 0.56, 0.9])
def test_a_score_at_the_threshold_is_in(score):
    sample = tiny_sample()
    scores = np.full(4, score, np.float32)
    assert sample.detections._replace(score=scores).score.dtype == np.float32
    at_threshold = JudgedSample(sample.detections._replace(score=scores), sample.truth, 2)
    assert at_threshold.counts(score).detected.tolist() == [2, 2]


def test_a_block_that_is_drawn_twice_counts_twice():
    drawn = tiny_sample().of_blocks(np.array([1, 1, 0]))
    assert drawn.blocks == 3
    assert [column.tolist() for column in drawn.counts(0.05)] == [[2, 2, 2], [0, 0, 1], [2, 2, 2], [0, 0, 1]]


def test_a_large_sample_is_limited_to_some_of_its_blocks():
    sample = made_up_sample(blocks=30)
    assert sample.limited() is sample
    limited = sample.limited(200)
    rows = len(limited.detections.score) + len(limited.truth.score)
    assert 150 < rows <= 200
    assert limited.counts(0.05).detected.tolist() == [20] * limited.blocks


@given(st.integers(0, 50), st.sampled_from([0.05, 0.2, 0.31, 0.57, 0.77]), st.booleans())
def test_what_a_file_states_is_the_sample_and_no_row_changes_sides_of_a_threshold(seed, threshold, is_at_threshold):
    sample = made_up_sample(blocks=5, rows_per_block=6, seed=seed)
    if is_at_threshold:
        sample.detections.score[:7] = np.float32(threshold)
    stated = JudgedSample.of_json(json.loads(json.dumps(sample.to_json())))
    assert (stated.blocks, stated.unit, stated.least_score) == (5, "blocks", 0.05)
    assert (stated.detections.block == sample.detections.block).all()
    assert (stated.detections.is_right == sample.detections.is_right).all()
    assert np.abs(stated.detections.diameter_px - sample.detections.diameter_px).max() <= 0.005
    assert np.abs(stated.detections.score - sample.detections.score).max() <= 1.001e-4
    for column, expected in zip(stated.counts(threshold), sample.counts(threshold), strict=True):
        assert column.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("detections", "score", [0.9, 0.4, 0.8], "columns are not of one length"),
        ("detections", "score", [0.9, 0.4, 0.8, 1.3], "out of its range"),
        ("detections", "score", [0.9, 0.4, 0.8, float("nan")], "not finite"),
        ("detections", "diameter_px", [0, 1, 2, 3], "out of its range"),
        ("detections", "block", [0, 0, 1, 2], "a block has no number"),
        ("truth", "block", [0, 0, 1, -1], "a block has no number"),
        ("truth", "score", "high", "could not convert"),
        ("truth", "score", [[1], [2], [3], [4]], "columns are not of one length"),
        (None, "blocks", "many", "invalid literal"),
        (None, "blocks", 1e300, "out of range"),
        (None, "blocks", float("inf"), "OverflowError"),
        (None, "least_score", 2, "out of range"),
        (None, "truth", [], "TypeError"),
        (None, "detections", None, "TypeError"),
    ],
)
def test_a_sample_that_is_none_is_refused(section, key, value, message):
    content = copy.deepcopy(tiny_sample().to_json())
    (content[section] if section else content)[key] = value
    with pytest.raises(OrbitileError, match=message):
        JudgedSample.of_json(content)


@pytest.mark.parametrize("content", [None, [], 3, "text", {}])
def test_what_is_no_table_is_refused(content):
    with pytest.raises(OrbitileError, match="target calibrate"):
        JudgedSample.of_json(content)
