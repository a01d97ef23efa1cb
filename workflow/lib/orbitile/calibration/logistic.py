"""Logistic regression with bounds and a slight ridge: the fits behind probabilities and completeness."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

RIDGE = 0.1
"""Weight of the squared coefficients beside the sum of the log losses of rows: a normal prior of variance 10.

What rows say nothing of stays near 0, and coefficients stay finite where outcomes can be separated. However many rows
there are, it is worth the same few of them, so that it gives way: beside the mean of the losses it would not.
"""
PRECISION = dict(maxiter=500, ftol=1e-12, gtol=1e-8)
"""Of the search: slopes of a mean loss are slight where few rows are true."""
Bound = tuple[float | None, float | None]
ANY: Bound = (None, None)


def fit_logistic(
    features: np.ndarray, is_true: np.ndarray, bounds: Sequence[Bound] | None = None, counts: np.ndarray | None = None
) -> np.ndarray:
    """The coefficients (1 + k), the constant first, that make the log losses of rows, and RIDGE, least.

    `features` (n, k) are of about unit size, `is_true` (n) is what happened, or its share 0..1 where rows stand for
    `counts` (n) equal ones; `bounds` hold the k coefficients. Counted ones are rows each, though they depend on each
    other, as pixels do: how far coefficients may be off is a matter of blocks, but a prior that weighed as much as a
    block would draw those of a rare class towards 0 however many pixels there are.
    """
    from scipy.optimize import minimize  # slow to import, and only calibration fits

    design = np.column_stack([np.ones(len(features)), features])
    outcome = np.asarray(is_true, float)
    rows = np.ones(len(outcome)) if counts is None else np.asarray(counts, float)
    weight, ridge = rows / rows.sum(), RIDGE / rows.sum()

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        linear = design @ coefficients
        value = weight @ (np.logaddexp(0, linear) - outcome * linear) + ridge / 2 * np.sum(coefficients[1:] ** 2)
        slope = design.T @ (weight * (expit(linear) - outcome))
        slope[1:] += ridge * coefficients[1:]
        return float(value), slope

    limits = [ANY, *(bounds or [ANY] * features.shape[1])]
    start = np.zeros(design.shape[1])
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options=PRECISION).x


def apply_logistic(coefficients: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Probabilities (n) of rows with features (n, k)."""
    return expit(coefficients[0] + features @ np.asarray(coefficients[1:]))
