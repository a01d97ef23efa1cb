import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_samples import made_up_sample, tiny_sample

from orbitile.calibration.figures import cross_validated
from orbitile.calibration.judged_sample import JudgedSample
from orbitile.calibration.probability import CalibrationError, ScoreCalibration, calibration_error, reliability


@pytest.mark.parametrize("power", [0.3, 1.0, 3.0])
def test_scores_become_the_probabilities_that_they_were_drawn_by(power):
    calibration = ScoreCalibration.fit(made_up_sample(blocks=500, power=power))
    scores = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    assert calibration.probability(scores, np.full(5, 30.0)) == pytest.approx(scores**power, abs=0.06)


def test_a_score_is_worth_less_where_small_objects_are_often_false():
    sample = made_up_sample(blocks=300)
    is_small = sample.detections.diameter_px < 30
    is_right = sample.detections.is_right & ~is_small | (sample.detections.is_right & (sample.detections.block % 2 > 0))
    calibration = ScoreCalibration.fit(
        JudgedSample(sample.detections._replace(is_right=is_right), sample.truth, sample.blocks)
    )
    small, large = calibration.probability(np.array([0.8, 0.8]), np.array([12.0, 80.0]))
    assert small == pytest.approx(0.4, abs=0.08)
    assert large == pytest.approx(0.8, abs=0.08)


@given(st.integers(0, 30), st.floats(11, 90))
def test_a_higher_score_is_never_less_probable(seed, diameter_px):
    random = np.random.default_rng(seed)
    sample = made_up_sample(blocks=10, seed=seed)
    is_right = random.random(len(sample.detections.score)) < 0.5
    calibration = ScoreCalibration.fit(
        JudgedSample(sample.detections._replace(is_right=is_right), sample.truth, sample.blocks)
    )
    scores = np.linspace(0, 1, 50)
    assert (np.diff(calibration.probability(scores, np.full(50, diameter_px))) >= -1e-6).all()


def test_sizes_beyond_those_of_the_fit_count_as_the_nearest():
    calibration = ScoreCalibration.fit(made_up_sample())
    low, high = calibration.sizes_px
    sizes = np.array([1, low, high, 1e5])
    probability = calibration.probability(np.full(4, 0.5), sizes)
    assert (probability[0], probability[3]) == (probability[1], probability[2])
    assert probability.dtype == np.float32


def test_few_rows_or_rows_of_a_kind_give_no_fit():
    sample = made_up_sample()
    assert ScoreCalibration.fit(tiny_sample()) is None
    for is_right in (np.ones, np.zeros):
        rows = sample.detections._replace(is_right=is_right(len(sample.detections.score), bool))
        assert ScoreCalibration.fit(JudgedSample(rows, sample.truth, sample.blocks)) is None
    assert cross_validated(tiny_sample()) is None


def test_the_expected_calibration_error():
    """By hand: bins of two, means 0.15 and 0.85, of which 0.5 and 1 are right."""
    bins = reliability(np.array([0.8, 0.1, 0.2, 0.9]), np.array([True, False, True, True]), 2)
    assert [part.size for part in bins] == [2, 2]
    assert calibration_error(bins) == pytest.approx((0.35 + 0.15) / 2)
    assert np.isnan(calibration_error([]))


def test_an_error_is_stated_beside_what_chance_alone_gives():
    sample = made_up_sample(blocks=60)
    error = CalibrationError.of(sample.detections.score.astype(float), sample)
    assert error.interval[0] <= error.value <= error.interval[1]
    assert error.value == pytest.approx(error.by_chance, abs=0.02)
    wrong = CalibrationError.of(sample.detections.score.astype(float) ** 3, sample)
    assert wrong.interval[0] > 2 * wrong.by_chance


def test_probabilities_by_fits_to_other_blocks_know_nothing_of_their_own():
    """Where rightness is chance, no fit to the others makes a block's rows more right."""
    sample = made_up_sample(blocks=40)
    is_right = np.random.default_rng(1).random(len(sample.detections.score)) < 0.5
    by_chance = JudgedSample(sample.detections._replace(is_right=is_right), sample.truth, sample.blocks)
    probability = cross_validated(by_chance)
    assert abs(np.corrcoef(probability, is_right)[0, 1]) < 0.12
