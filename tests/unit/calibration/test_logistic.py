"""Logistic regression: what rows say, once there are enough of them, and a slight prior where they say nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from orbitile.calibration.logistic import RIDGE, apply_logistic, fit_logistic

SLOPES = np.array([1.0, 2.0, -1.0])


def drawn(rows, constant, seed=0):
    """Features (n, 3) and outcomes (n) that are true with a probability by SLOPES."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3))
    return features, random.random(rows) < expit(constant + features @ SLOPES)


@pytest.mark.parametrize("constant", [0.0, -3.0, -6.0])
def test_the_coefficients_are_those_that_many_rows_were_drawn_by(constant):
    coefficients = fit_logistic(*drawn(400_000, constant))
    assert coefficients == pytest.approx([constant, *SLOPES], abs=0.05)


@pytest.mark.parametrize("constant", [0.0, -4.0, -7.0])
def test_shares_of_many_equal_rows_are_met_however_rare_true_ones_are(constant):
    """Two coefficients by two shares: what is most likely meets both, and the prior is nothing beside 10^9 rows."""
    features, share = np.array([[0.0], [1.0]]), expit([constant, constant + 2.0])
    coefficients = fit_logistic(features, share, counts=np.array([10**9, 10**6]))
    assert apply_logistic(coefficients, features) == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("rows", [50, 5000])
def test_the_prior_weighs_the_same_beside_any_number_of_rows(rows):
    """At the least of log losses and prior the slope of their sum is 0."""
    features, outcome = drawn(rows, 0.5)
    coefficients = fit_logistic(features, outcome)
    residual = apply_logistic(coefficients, features) - outcome
    assert residual.sum() == pytest.approx(0, abs=1e-3)
    assert features.T @ residual == pytest.approx(-RIDGE * coefficients[1:], abs=1e-3)


@given(st.integers(0, 30), st.integers(1, 40))
def test_counted_rows_are_so_many_rows(seed, repeats):
    features, outcome = drawn(60, -1.0, seed)
    counts = np.random.default_rng(seed).integers(1, repeats + 1, len(outcome))
    repeated = fit_logistic(np.repeat(features, counts, axis=0), np.repeat(outcome, counts))
    assert fit_logistic(features, outcome, counts=counts) == pytest.approx(repeated, abs=1e-3)


@pytest.mark.parametrize("rows", [20, 20_000])
def test_what_rows_say_nothing_of_stays_near_0(rows):
    """A feature that is the same in all rows, and two that are each other's double."""
    features, outcome = drawn(rows, 0.0)
    features[:, 1], features[:, 2] = 0.5, features[:, 0]
    _, first, constant, second = fit_logistic(features, outcome)
    assert constant == pytest.approx(0, abs=1e-2)
    assert first == pytest.approx(second, abs=1e-2)


@pytest.mark.parametrize("count", [1, 10**6, 10**12])
def test_outcomes_that_can_be_separated_leave_coefficients_finite(count):
    features = np.linspace(-1, 1, 40)[:, None]
    coefficients = fit_logistic(features, features[:, 0] > 0, counts=np.full(40, count))
    assert np.isfinite(coefficients).all()
    assert 1 < coefficients[1] < 1e4
    assert (np.diff(apply_logistic(coefficients, features)) >= 0).all()
