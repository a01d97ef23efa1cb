import numpy as np
import pytest
from judged_samples import tiny_sample

from orbitile.calibration.completeness import Completeness
from orbitile.calibration.judged_sample import JudgedDetections, JudgedSample, JudgedTruth

NOTHING = JudgedDetections(np.zeros(0, np.float32), np.zeros(0), np.zeros(0, bool), np.zeros(0, int))


def sample_of(share, blocks=100, per_block=40, seed=0):
    """True objects of 8 to 128 px, detected with a probability that is a function of the diameter."""
    random = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), per_block)
    diameter_px = np.exp(random.uniform(np.log(8), np.log(128), len(block)))
    score = np.where(random.random(len(block)) < share(diameter_px), 0.9, 0.0)
    return JudgedSample(NOTHING, JudgedTruth(diameter_px, score, block), blocks)


def rising(diameter_px):
    return 1 / (1 + (16 / diameter_px) ** 3)


def test_the_curve_is_the_share_that_objects_were_detected_by():
    curve = Completeness.fit(sample_of(rising), 0.5)
    sizes = np.array([10, 16, 25, 60, 120])
    shares = np.interp(np.log(sizes), np.log(curve.diameter_px), curve.detected)
    assert shares == pytest.approx(rising(sizes), abs=0.04)
    assert curve.from_px(0.5) == pytest.approx(16, rel=0.05)
    assert curve.from_px(0.9) == pytest.approx(16 * 9 ** (1 / 3), rel=0.08)


def test_the_curve_of_many_craters_of_a_power_law_is_the_share_that_they_were_detected_by():
    """150,000 of 10 to 400 px, most of them small: a penalty that did not give way to them made 38 px of 33."""
    random = np.random.default_rng(0)
    diameter_px = 10 * (1 - random.random(150_000)) ** -0.5
    diameter_px = diameter_px[diameter_px < 400]
    share = 0.97 / (1 + (14 / diameter_px) ** 3)
    truth = JudgedTruth(diameter_px, np.where(random.random(len(share)) < share, 0.9, 0.0), np.arange(len(share)) % 20)
    curve = Completeness.fit(JudgedSample(NOTHING, truth, 20), 0.5)
    assert curve.from_px(0.5) == pytest.approx(14 * (0.5 / 0.47) ** (1 / 3), rel=0.02)
    assert curve.from_px(0.9) == pytest.approx(14 * (0.9 / 0.07) ** (1 / 3), rel=0.02)


def test_the_band_holds_the_true_share():
    inside = []
    for seed in range(8):
        sample = sample_of(rising, blocks=40, per_block=10, seed=seed)
        curve = Completeness.fit(sample, 0.5)
        low, high = map(np.array, curve.band(sample))
        truth = rising(np.array(curve.diameter_px))
        inside.append((low <= truth) & (truth <= high))
    assert np.mean(inside) > 0.85


@pytest.mark.parametrize(
    ("share", "from_px"),
    [(lambda d: np.full(len(d), 1.0), 8), (lambda d: np.zeros(len(d)), None), (lambda d: 0.8 * rising(d), None)],
)
def test_sizes_that_are_complete_at_once_or_never(share, from_px):
    curve = Completeness.fit(sample_of(share), 0.5)
    found = curve.from_px(0.9)
    assert found is None if from_px is None else found == pytest.approx(from_px, rel=0.05)


def test_a_higher_threshold_is_less_complete():
    sample = sample_of(rising)
    assert max(Completeness.fit(sample, 0.95).detected) == 0
    assert Completeness.fit(tiny_sample(), 0.5) is None
