import numpy as np
import pytest
from judged_samples import made_up_sample, tiny_sample

from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.calibration.risk_control import RiskControl
from orbitile.calibration.row_confidence import RowConfidence

CALIBRATION = NetworkCalibration(made_up_sample(blocks=200), 10.0, 0.3, "made-up craters")


def test_rows_get_probabilities_and_ranks_by_their_size_in_pixels():
    confidence = RowConfidence(CALIBRATION, 0.9, 5.0)
    score, diameter_m = np.array([0.2, 0.9, 0.9], np.float32), np.array([100.0, 100.0, 400.0])
    columns = confidence.columns(score, diameter_m)
    assert columns["probability"].tolist() == CALIBRATION.scores.probability(score, diameter_m / 5).tolist()
    assert columns["fdr_rank"] == pytest.approx(RiskControl(CALIBRATION.sample).ranks(score, 0.1))
    assert [column.dtype for column in columns.values()] == [np.float32, np.float64]  # 0.1 is to be <= 0.1


def test_nothing_is_known_of_what_is_smaller_than_what_was_judged():
    confidence = RowConfidence(CALIBRATION, 0.9, 5.0)
    assert confidence.least_m == 50
    columns = confidence.columns(np.full(3, 0.9, np.float32), np.array([49.9, 50.0, 60.0]))
    for column in columns.values():
        assert np.isnan(column).tolist() == [True, False, False]


def test_no_rows_and_a_sample_that_is_too_small():
    nothing = RowConfidence(CALIBRATION, 0.9, 5.0).columns(np.zeros(0, np.float32), np.zeros(0))
    assert [len(column) for column in nothing.values()] == [0, 0]
    few = RowConfidence(NetworkCalibration(tiny_sample(), 10.0, 0.3, "two blocks"), 0.9, 5.0)
    columns = few.columns(np.array([0.9], np.float32), np.array([100.0]))
    assert np.isnan(columns["probability"]).all()
    assert np.isnan(columns["fdr_rank"]).all()
    assert few.bound(0.5) is None
