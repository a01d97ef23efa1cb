"""Logistic regression with bounds and a slight ridge: the fits behind probabilities and completeness."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

RIDGE = 1e-3
"""Weight of the squared coefficients beside the mean loss: what the rows say nothing of stays near 0."""
Bound = tuple[float | None, float | None]
ANY: Bound = (None, None)


def fit_logistic(
    features: np.ndarray, is_true: np.ndarray, bounds: Sequence[Bound] | None = None, counts: np.ndarray | None = None
) -> np.ndarray:
    """The coefficients (1 + k), the constant first, that make the mean log loss of rows least.

    `features` (n, k) are of about unit size, `is_true` (n) is what happened, or its share 0..1 where rows stand for
    `counts` (n) equal ones; `bounds` hold the k coefficients.
    """
    from scipy.optimize import minimize  # slow to import, and only calibration fits

    design = np.column_stack([np.ones(len(features)), features])
    outcome = np.asarray(is_true, float)
    weight: float | np.ndarray = 1.0 if counts is None else counts / counts.mean()

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        linear = design @ coefficients
        value = np.mean(weight * (np.logaddexp(0, linear) - outcome * linear)) + RIDGE / 2 * np.sum(
            coefficients[1:] ** 2
        )
        slope = design.T @ (weight * (expit(linear) - outcome)) / len(outcome)
        slope[1:] += RIDGE * coefficients[1:]
        return float(value), slope

    limits = [ANY, *(bounds or [ANY] * features.shape[1])]
    start = np.zeros(design.shape[1])
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options=dict(maxiter=500)).x


def apply_logistic(coefficients: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Probabilities (n) of rows with features (n, k)."""
    return expit(coefficients[0] + features @ np.asarray(coefficients[1:]))
