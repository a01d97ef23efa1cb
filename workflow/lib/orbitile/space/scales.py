"""Whole-number factors between scales."""

INTEGER_FACTOR_TOLERANCE = 0.01
"""The largest relative difference of a ratio of pixel sizes from a whole number: scales are quoted
rounded (474 m/px for 473.80 m/px)."""


def whole_factor(fine_m: float, coarse_m: float) -> int | None:
    """The whole number of fine pixels in a coarse one, or None where the ratio is not whole."""
    ratio = coarse_m / fine_m
    factor = round(ratio)
    return factor if factor >= 1 and abs(ratio / factor - 1) <= INTEGER_FACTOR_TOLERANCE else None
