"""Stored counts back to the counts that a camera measured, by the tables in the labels."""

import numpy as np

from orbitile.errors import OrbitileError
from orbitile.raw.label import Label
from orbitile.raw.products import RawProduct

NAC_HIGHEST = 4095
"""Highest count of a NAC, of 12 bits."""


def decompanding(product: RawProduct) -> np.ndarray | None:
    """The count (256) of each stored byte of a product, NaN where there is none; None if pixels stay as they are.

    The tables of CTX (SQROOT) and MDIS are not in their labels: their pixels stay companded, which keeps their
    order. 16-bit images, and those that no table was applied to, are counts already.
    """
    if np.dtype(product.layout.dtype).itemsize != 1:
        return None
    if product.instrument == "HIRISE":
        return _hirise(product.label)
    return _nac(product.label) if product.instrument.startswith("LROC") else None


def _hirise(label: Label) -> np.ndarray | None:
    """The middle of the range of counts that became a value, as hi2isis takes it; ((0, 0)) stands for no table."""
    key = "MRO:LOOKUP_CONVERSION_TABLE"
    if not label.has(key):
        return None
    ranges = label.numbers(key)
    if ranges.shape == (1, 2) and not ranges.any():
        return None
    if ranges.ndim != 2 or ranges.shape[1] != 2 or len(ranges) > 256:
        raise OrbitileError(f"{label.path}: {key} has the shape {ranges.shape}, where up to 256 pairs are allowed")
    table = np.full(256, np.nan)
    table[: len(ranges)] = np.where((ranges >= 0).all(axis=1), ranges.mean(axis=1), np.nan)
    return table


def _nac(label: Label) -> np.ndarray:
    """The middle of the bin of counts that became a value, as lronac2isis computes it from the label's terms.

    A camera compands counts x from XTERM[i] on as floor(BTERM[i] + MTERM[i] x), LROC SOC specification, appendix B.
    """
    keys = ("LRO:XTERM", "LRO:MTERM", "LRO:BTERM")
    starts, slopes, shifts = terms = [label.numbers(key) for key in keys]
    if len({term.shape for term in terms}) != 1 or starts.ndim != 1 or not (slopes > 0).all():
        shapes = ", ".join(f"{key} {term.tolist()}" for key, term in zip(keys, terms, strict=True))
        raise OrbitileError(f"{label.path}: {shapes}: allowed are three lists of one length with slopes above 0")
    stored = np.arange(256.0)
    segment = _segments(stored, starts, slopes, shifts)
    start, slope, shift = starts[segment], slopes[segment], shifts[segment]
    next_one = np.minimum(segment + 1, len(starts) - 1)
    end = np.where(segment + 1 < len(starts), starts[next_one], np.inf)
    upper = np.minimum((stored + 1 - shift) / slope - 1, NAC_HIGHEST)
    beyond = np.trunc(shifts[next_one] + slopes[next_one] * upper) != stored
    upper = np.where((upper >= end) & beyond, end - 1, upper)
    lower = np.maximum((stored - shift) / slope, start)
    return np.where(stored < starts[0], stored, (upper + lower) / 2)


def _segments(stored: np.ndarray, starts: np.ndarray, slopes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """The segment of the companding line that each stored value lies on: the first whose end is beyond it."""
    segment = np.zeros(len(stored), int)
    for i in range(1, len(starts)):
        goes_on = (segment == i - 1) & ((stored - shifts[i - 1]) / slopes[i - 1] >= starts[i])
        segment[goes_on] = i
    return segment
