"""Numbers as text without exponents, which programs of the field cut off: 0.0000025, never 2.5e-06."""

import numpy as np

DIGITS = 12
"""Significant digits of sizes; degrees have so many places."""


def plain_number(value: float) -> str:
    """A number with DIGITS significant digits, written out."""
    return np.format_float_positional(value, precision=DIGITS, unique=False, fractional=False, trim="-")


def plain_degrees(value: float) -> str:
    """Degrees with DIGITS places, a thousandth of a millimetre on the ground."""
    return f"{value:.{DIGITS}f}"
