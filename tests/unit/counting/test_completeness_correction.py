import numpy as np
import pytest
from judged_samples import made_up_sample, tiny_sample

from orbitile.base.errors import OrbitileError
from orbitile.calibration.completeness import Completeness
from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.counting.completeness_correction import CompletenessChoice, CompletenessCorrection
from orbitile.counting.searched_ground import DiameterRange

SAMPLE = made_up_sample()
CURVE = Completeness.fit(SAMPLE, 0.1)
FINEST_M = 100.0


def confidence(sample=SAMPLE, least_px=10.0):
    return RowConfidence(NetworkCalibration(sample, least_px, 0.3, "made up"), 0.9, FINEST_M)


def correction(mode="correct", least_share=None, **options):
    return CompletenessCorrection.of(CompletenessChoice(mode, least_share), confidence(**options), 0.1)


@pytest.mark.parametrize(("mode", "share"), [("correct", 0.5), ("limit", 0.9)])
def test_craters_count_from_the_size_on_where_the_curve_reaches_a_share(mode, share):
    expected = CURVE.from_px(share) * FINEST_M / 1000
    assert correction(mode).from_km == correction(mode, share).from_km == pytest.approx(expected)
    assert f"{share:.0%} complete" in correction(mode).reason


def test_a_correction_is_the_inverse_of_the_completeness():
    sizes = np.array(CURVE.diameter_px[8:]) * FINEST_M / 1000
    assert correction().weights(sizes) == pytest.approx(1 / np.array(CURVE.detected[8:]), rel=1e-9)
    assert correction().weights(np.array([1e-3, 1e3])) == pytest.approx([1, 1 / CURVE.detected[-1]])


@pytest.mark.parametrize("mode", ["limit", "none"])
def test_others_correct_nothing(mode):
    assert correction(mode).weights(np.array([1.0, 5.0])).tolist() == [1, 1]


def test_without_a_correction_all_sizes_count():
    assert correction("none").from_km == 0
    assert correction("none").counted_range(DiameterRange(0.5, 9)) == (0.5, 9)


@pytest.mark.parametrize("known", [None, confidence(tiny_sample())])
def test_without_a_calibration_nothing_is_known(known):
    unknown = CompletenessCorrection.of(CompletenessChoice(), known, 0.1)
    assert (unknown.mode, unknown.from_km) == ("none", 0)
    assert "nothing is known" in unknown.reason
    assert unknown.stated["from_km"] is None


def test_sizes_that_were_not_judged_do_not_count():
    judged = correction(least_px=40.0)
    assert judged.from_km == 4 and "not judged" in judged.reason
    assert judged.counted_range(DiameterRange(1, 9)) == (4, 9)
    assert judged.counted_range(DiameterRange(5, 9)) == (5, 9)


def test_a_catalogue_that_is_nowhere_complete_enough_is_refused():
    with pytest.raises(OrbitileError, match=r"counting.least_completeness: the catalogue is nowhere 100% complete"):
        correction("limit", 0.99999)
