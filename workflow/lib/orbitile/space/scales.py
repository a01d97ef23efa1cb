"""How scales fit into each other."""

INTEGER_FACTOR_TOLERANCE = 0.01
"""How far a ratio of pixel sizes may be from a whole number and still be taken as one: scales
are quoted rounded (474 m/px for 473.80 m/px)."""


def factor_between(fine_m: float, coarse_m: float) -> int | None:
    """The whole number of fine pixels in a coarse one, or None where the ratio is not whole."""
    ratio = coarse_m / fine_m
    whole = round(ratio)
    return whole if whole >= 1 and abs(ratio / whole - 1) <= INTEGER_FACTOR_TOLERANCE else None
