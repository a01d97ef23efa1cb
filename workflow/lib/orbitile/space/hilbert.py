"""Places along the Hilbert curve: what is near on the map is near on the curve, and so near in a sorted file."""

import numpy as np

BITS = 16
"""Cells along each side: 2 to this power, some 0.005 degrees of longitude."""
SIDE = 2**BITS


def hilbert_numbers(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Positions (n, uint32) along a Hilbert curve over the longitudes (-180..180) and latitudes of a body.

    Hilbert (1891), computed bit by bit from the coarsest square on, as in Warren, Hacker's Delight (2012), 16-4.
    """
    x, y = (_cells(share) for share in ((lon + 180) / 360, (lat + 90) / 180))
    number: np.ndarray = np.zeros(len(x), np.uint32)
    for bit in range(BITS - 1, -1, -1):
        right, upper = (x >> bit) & 1, (y >> bit) & 1
        number = (number << 2) | ((3 * right) ^ upper)
        turned, lower = (upper == 0) & (right == 1), upper == 0
        x, y = (np.where(turned, SIDE - 1 - cells, cells) for cells in (x, y))
        x, y = np.where(lower, y, x), np.where(lower, x, y)
    return number


def _cells(share: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(share, float) * SIDE, 0, SIDE - 1).astype(np.uint32)
