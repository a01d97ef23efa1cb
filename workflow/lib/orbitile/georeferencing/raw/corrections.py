"""Corrections of counts that need no calibration files: odd and even columns, stripes along columns.

They are measured on lines of the image itself and act on whole lines, so that a window's pixels never depend on the
window. What only one instrument needs stands with it, in `orbitile.georeferencing.instruments`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import savgol_filter

CURVES = (9, 33, 127)
"""Columns over which the level across an image is compared with itself. Of each of these, as much is corrected as
the stretches of the image agree on: of the narrow ones nearly all, while in wide ones terrain outweighs stripes."""

NEAR = 8
"""Columns on each side that a column's gain is measured against."""

TO_SIGMA = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""

CLIP = 4.0
"""Deviations, in robust standard deviations, beyond which a pixel shows a feature instead of its column's level."""

STRETCHES = 8
"""Stretches of an image along its columns that are measured separately: their scatter tells the error."""

MIN_STRETCH_LINES = 16
"""Lines with which a stretch can be measured."""


@dataclass(frozen=True)
class OddEven:
    """The difference of two readout channels: even columns (0, 2, ...) lie `half` above, odd ones below the truth."""

    half: float

    def apply(self, counts: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """See Correction; ISIS' ctxevenodd does the same."""
        sign = np.where(np.arange(counts.shape[1]) % 2, -1, 1).astype(np.float32)
        return np.where(valid, counts - np.float32(self.half) * sign, counts)


@dataclass(frozen=True, eq=False)
class Stripes:
    """Stripes along columns: counts are (true - pivot) * gain + pivot + offset, with arrays (width) of each."""

    gain: np.ndarray
    offset: np.ndarray
    pivot: np.ndarray

    def apply(self, counts: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """See Correction."""
        true = (counts - self.pivot - self.offset) / self.gain + self.pivot
        return np.where(valid, true, counts).astype(np.float32)


def measure_odd_even(counts: np.ndarray, valid: np.ndarray) -> OddEven:
    """Measure the channels' difference on lines (n, width): each column against the mean of its two neighbours.

    Unlike the difference of all even and all odd columns, this lets the level change across the image.
    """
    middle = slice(1, -1)
    bend = counts[:, middle] - (counts[:, :-2] + counts[:, 2:]) / 2
    usable = valid[:, middle] & valid[:, :-2] & valid[:, 2:]
    is_odd = np.arange(1, counts.shape[1] - 1) % 2 == 1
    levels = [_mean_without_features(bend[:, columns], usable[:, columns]) for columns in (~is_odd, is_odd)]
    return OddEven((levels[0] - levels[1]) / 4)


def _mean_without_features(values: np.ndarray, usable: np.ndarray) -> float:
    """The mean of the usable values that lie within CLIP robust deviations of their median; 0 if there are none."""
    picked = values[usable]
    if not picked.size:
        return 0.0
    centre, spread = _centre_and_spread(picked)
    return float(picked[np.abs(picked - centre) <= CLIP * spread + 1e-6].mean(dtype=float))


def _centre_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Median and robust standard deviation."""
    centre = np.median(values)
    return float(centre), TO_SIGMA * float(np.median(np.abs(values - centre)))


def measure_stripes(counts: np.ndarray, valid: np.ndarray) -> Stripes:
    """Measure gain and offset of each column on lines (n, width), against a smooth curve of its neighbours.

    The offset is what a column's mean lies off curves through its neighbours' means, the gain is the slope of its
    counts on the means of NEAR columns on both sides. Both are measured in STRETCHES of the image; their scatter is
    taken off (see `_shrink_to_agreement`), so that noise and terrain make no stripes, and too few lines change nothing.
    """
    number = min(STRETCHES, len(counts) // MIN_STRETCH_LINES)
    if number < 2:
        return Stripes(*(np.full(counts.shape[1], value, np.float32) for value in (1, 0, 0)))
    stretches = zip(np.array_split(counts, number), np.array_split(valid, number), strict=True)
    measured = zip(*(_measure_columns(*stretch) for stretch in stretches), strict=True)
    levels, surroundings, slopes, has_counts = (np.stack(values) for values in measured)
    offset, gain = _off_curves(levels, CURVES), 1 + _off_curves(slopes, CURVES[:1])
    stripes = np.where(has_counts.any(axis=0), (gain, offset, surroundings.mean(axis=0)), [[1], [0], [0]])
    return Stripes(*stripes.astype(np.float32))


def _measure_columns(pixels: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of a stretch's columns (n, width): means, means around them, slopes, whether there are counts; each (width)."""
    counts = np.where(valid, pixels, np.nan).astype(np.float32)
    around = _means_around(counts, NEAR)
    counts[np.abs(counts - around) > _feature_limit(counts - around)] = np.nan
    usable = np.isfinite(counts) & np.isfinite(around)
    has_counts = usable.any(axis=0)
    values = _column_means(counts, usable), _column_means(around, usable), _slopes(counts, around, usable)
    return *(_fill_gaps(value, has_counts) for value in values), has_counts


def _means_around(counts: np.ndarray, reach: int) -> np.ndarray:
    """The mean of the finite counts of a line within `reach` columns; NaN where there are none."""
    size = 2 * reach + 1
    finite = np.isfinite(counts)
    total = uniform_filter1d(np.where(finite, counts, 0), size, axis=1, mode="nearest")
    share = uniform_filter1d(finite.astype(np.float32), size, axis=1, mode="nearest")
    return np.divide(total, share, out=np.full_like(total, np.nan), where=share > 0.5 / size)


def _feature_limit(deviation: np.ndarray) -> np.ndarray:
    """How far counts may lie off their surroundings: CLIP robust deviations of their column, stripes included."""
    if not np.isfinite(deviation).any():
        return np.zeros(deviation.shape[1])
    size = np.ma.median(np.ma.masked_invalid(np.abs(deviation)), axis=0).filled(0)
    return CLIP * TO_SIGMA * size + 1e-3


def _column_means(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The mean (width) of the usable values of each column; 0 where there are none."""
    return np.where(usable, values, 0).sum(axis=0, dtype=float) / np.maximum(usable.sum(axis=0), 1)


def _slopes(counts: np.ndarray, around: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The slopes (width) of columns' counts on their surroundings; 1 where these do not vary."""
    x, y = (np.where(usable, values - _column_means(values, usable), 0) for values in (around, counts))
    xx, xy = (x * x).sum(axis=0, dtype=float), (x * y).sum(axis=0, dtype=float)
    return np.divide(xy, xx, out=np.ones_like(xx), where=xx > 0)


def _fill_gaps(level: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Levels (width) with those that are not usable interpolated from the columns beside them."""
    columns = np.arange(len(level))
    return np.interp(columns, columns[usable], level[usable]) if usable.any() else level


def _off_curves(levels: np.ndarray, windows: tuple[int, ...]) -> np.ndarray:
    """How far columns lie off smooth curves of ever wider windows, as far as stretches' levels (n, width) agree."""
    even = _without_outlying_columns(levels)
    narrower, off = levels, np.zeros(levels.shape[1])
    for window in windows:
        curve = _smooth_curves(even, window)
        off += _shrink_to_agreement(narrower - curve)
        narrower = curve
    return off


def _shrink_to_agreement(details: np.ndarray) -> np.ndarray:
    """The mean (width) of stretches' details (n, width), times the share of its variance that is no scatter.

    This is the James-Stein (empirical Bayes) estimate of as many means as there are columns.
    """
    mean = details.mean(axis=0)
    power, scatter = np.mean(mean**2), np.mean(details.var(axis=0, ddof=1)) / len(details)
    return mean * (max(power - scatter, 0.0) / power if power > 0 else 0.0)


def _without_outlying_columns(levels: np.ndarray) -> np.ndarray:
    """Levels (n, width) with columns far off their neighbours interpolated from these, so that they bend no curve."""
    level = levels.mean(axis=0)
    deviation = level - median_filter(level, 9, mode="nearest")
    usual = np.abs(deviation) <= CLIP * _centre_and_spread(deviation)[1] + 1e-6
    return np.stack([_fill_gaps(stretch, usual) for stretch in levels])


def _smooth_curves(levels: np.ndarray, window: int) -> np.ndarray:
    """Smooth curves through levels (n, width): straight lines through the columns of a window."""
    window = min(window, (levels.shape[1] - 1) // 2 * 2 + 1)
    return levels if window < 3 else savgol_filter(levels, window, 1, axis=1, mode="interp")
