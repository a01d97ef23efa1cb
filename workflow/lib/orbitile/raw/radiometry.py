"""Corrections that need no calibration files: the NACs' echo, odd and even columns, stripes along columns.

What is corrected are counts; calibrated products need none of it. All corrections are estimated from evenly spaced
lines of the image, and act on whole lines, so that a window's pixels never depend on the window.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import savgol_filter

from orbitile.raw.counts import CountSteps
from orbitile.raw.pixels import RawPixels
from orbitile.raw.products import RawProduct
from orbitile.space.grids import Window

ECHO = 0.326
"""Share of a NAC pixel's signal that the next pixel of its readout channel repeats: lronacecho's DELTA."""

ECHO_RAMP = 20
"""Detector samples over which the echo correction sets in at the edge of the image: lronacecho's SMOOTHINGROWS."""

SAMPLE_LINES = 2048
"""Lines that corrections are estimated from: 41 MB of the widest image."""

CURVES = (9, 33, 127)
"""Columns over which the level across an image is compared with itself. Of each of these, as much is corrected as
the stretches of the image agree on: of the narrow ones nearly all, while in wide ones terrain outweighs stripes."""

NEAR = 8
"""Columns on each side that a column's gain is measured against."""

TO_SIGMA = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""

CLIP = 4.0
"""Deviations, in robust standard deviations, beyond which a pixel is a feature and says nothing of its column."""

STRETCHES = 8
"""Stretches of an image along its columns that are measured each for itself: their scatter tells the error."""

FEWEST = 16
"""Lines with which a stretch can be measured."""


class Correction(Protocol):
    """A correction of whole lines."""

    def apply(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Corrected counts (lines, width) of counts and where they are valid."""


@dataclass(frozen=True)
class Echo:
    """The NACs' echo: pixel i repeats `share` of the pixel `step` columns before it, in the order of readout.

    As ISIS' lronacecho: the share is subtracted one after the other, setting in over `ramp` columns, and lines
    are scaled by 1 + share. lronacecho also begins with the masked columns, which changes our first `step`
    columns by less than 0.2 % of the dark level. Next to invalid pixels nothing is changed.
    """

    step: int
    from_right: bool = False
    share: float = ECHO
    ramp: int = ECHO_RAMP

    def apply(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """See Correction."""
        order = slice(None, None, -1 if self.from_right else 1)
        counts, known = (np.ascontiguousarray(a[:, order].T) for a in (pixels.astype(np.float32), valid))
        share = self._shares(len(counts))
        heard = np.zeros_like(known)
        heard[self.step :] = known[self.step :] & known[: -self.step]
        for i in range(self.step, len(counts)):
            counts[i] -= np.where(heard[i], share[i] * counts[i - self.step], 0)
        counts *= np.where(heard, 1 + share[:, None], 1)
        return np.ascontiguousarray(counts.T[:, order])

    def _shares(self, width: int) -> np.ndarray:
        """The share that is subtracted in each column (width), counted from the edge where readout begins."""
        along = np.minimum(np.arange(width, dtype=np.float32) / max(self.ramp, 1), 1)
        return (self.share / 2 * (1 - np.cos(np.pi * along))).astype(np.float32)


@dataclass(frozen=True)
class OddEven:
    """The difference of two readout channels: even columns (0, 2, ...) lie `half` above, odd ones below the truth."""

    half: float

    def apply(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """See Correction; ctxevenodd does the same."""
        sign = np.where(np.arange(pixels.shape[1]) % 2, -1, 1).astype(np.float32)
        return np.where(valid, pixels - np.float32(self.half) * sign, pixels)


@dataclass(frozen=True, eq=False)
class Stripes:
    """Stripes along columns: counts are (true - pivot) * gain + pivot + offset, with arrays (width) of each."""

    gain: np.ndarray
    offset: np.ndarray
    pivot: np.ndarray

    def apply(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """See Correction."""
        true = (pixels - self.pivot - self.offset) / self.gain + self.pivot
        return np.where(valid, true, pixels).astype(np.float32)


def odd_even(pixels: np.ndarray, valid: np.ndarray) -> OddEven:
    """Measure the channels' difference on lines (n, width): each column against the mean of its two neighbours.

    Unlike the difference of all even and all odd columns, the level may change across the image.
    """
    middle = slice(1, -1)
    bend = pixels[:, middle] - (pixels[:, :-2] + pixels[:, 2:]) / 2
    known = valid[:, middle] & valid[:, :-2] & valid[:, 2:]
    odd = np.arange(1, pixels.shape[1] - 1) % 2 == 1
    levels = [_mean_without_features(bend[:, which], known[:, which]) for which in (~odd, odd)]
    return OddEven((levels[0] - levels[1]) / 4)


def _mean_without_features(values: np.ndarray, known: np.ndarray) -> float:
    """The mean of the known values that lie within CLIP robust deviations of their median; 0 if there are none."""
    picked = values[known]
    if not picked.size:
        return 0.0
    centre, spread = _centre_and_spread(picked)
    return float(picked[np.abs(picked - centre) <= CLIP * spread + 1e-6].mean(dtype=float))


def _centre_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Median and robust standard deviation."""
    centre = np.median(values)
    return float(centre), TO_SIGMA * float(np.median(np.abs(values - centre)))


def stripes(pixels: np.ndarray, valid: np.ndarray) -> Stripes:
    """Measure gain and offset of each column on lines (n, width), against a smooth curve of its neighbours.

    The offset is what a column's mean lies off curves through its neighbours' means, the gain is the slope of its
    counts on the means of NEAR columns on both sides. Both are measured in STRETCHES of the image; their scatter is
    taken off (see `_agreed`), so that noise and terrain make no stripes of their own, and too few lines change nothing.
    """
    number = min(STRETCHES, len(pixels) // FEWEST)
    if number < 2:
        return Stripes(*(np.full(pixels.shape[1], value, np.float32) for value in (1, 0, 0)))
    parts = zip(np.array_split(pixels, number), np.array_split(valid, number), strict=True)
    measured = zip(*(_columns(*part) for part in parts), strict=True)
    levels, surroundings, slopes, seen = (np.stack(each) for each in measured)
    offset, gain = _off_curves(levels, CURVES), 1 + _off_curves(slopes, CURVES[:1])
    found = np.where(seen.any(axis=0), (gain, offset, surroundings.mean(axis=0)), [[1], [0], [0]])
    return Stripes(*found.astype(np.float32))


def _columns(pixels: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of a stretch's columns (n, width): means, their surroundings' means, slopes, and whether seen at all; (width)."""
    counts = np.where(valid, pixels, np.nan).astype(np.float32)
    around = _means_around(counts, NEAR)
    counts[np.abs(counts - around) > _limit(counts - around)] = np.nan
    known = np.isfinite(counts) & np.isfinite(around)
    seen = known.any(axis=0)
    values = _mean(counts, known), _mean(around, known), _slope(counts, around, known)
    return *(_filled(value, seen) for value in values), seen


def _means_around(counts: np.ndarray, reach: int) -> np.ndarray:
    """The mean of the known counts of a line within `reach` columns; NaN where there are none."""
    size = 2 * reach + 1
    known = np.isfinite(counts)
    total = uniform_filter1d(np.where(known, counts, 0), size, axis=1, mode="nearest")
    share = uniform_filter1d(known.astype(np.float32), size, axis=1, mode="nearest")
    return np.divide(total, share, out=np.full_like(total, np.nan), where=share > 0.5 / size)


def _limit(deviation: np.ndarray) -> np.ndarray:
    """How far counts may lie off their surroundings: CLIP robust deviations of their column, stripes included."""
    if not np.isfinite(deviation).any():
        return np.zeros(deviation.shape[1])
    size = np.ma.median(np.ma.masked_invalid(np.abs(deviation)), axis=0).filled(0)
    return CLIP * TO_SIGMA * size + 1e-3


def _mean(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The mean (width) of the known values of each column; 0 where there are none."""
    return np.where(known, values, 0).sum(axis=0, dtype=float) / np.maximum(known.sum(axis=0), 1)


def _slope(counts: np.ndarray, around: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The slopes (width) of columns' counts on their surroundings; 1 where these do not vary."""
    x, y = (np.where(known, a - _mean(a, known), 0) for a in (around, counts))
    xx, xy = (x * x).sum(axis=0, dtype=float), (x * y).sum(axis=0, dtype=float)
    return np.divide(xy, xx, out=np.ones_like(xx), where=xx > 0)


def _filled(level: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Levels (width) with those that are not known taken from the columns beside them."""
    at = np.arange(len(level))
    return np.interp(at, at[known], level[known]) if known.any() else level


def _off_curves(levels: np.ndarray, windows: tuple[int, ...]) -> np.ndarray:
    """How far columns lie off smooth curves of ever wider windows, as far as stretches' levels (n, width) agree."""
    even = _without_odd_columns(levels)
    narrower, off = levels, np.zeros(levels.shape[1])
    for window in windows:
        curve = _curves(even, window)
        off += _agreed(narrower - curve)
        narrower = curve
    return off


def _agreed(details: np.ndarray) -> np.ndarray:
    """The mean (width) of stretches' details (n, width), times the share of its variance that is no scatter.

    This is the James-Stein (empirical Bayes) estimate of as many means as there are columns.
    """
    mean = details.mean(axis=0)
    power, scatter = np.mean(mean**2), np.mean(details.var(axis=0, ddof=1)) / len(details)
    return mean * (max(power - scatter, 0.0) / power if power > 0 else 0.0)


def _without_odd_columns(levels: np.ndarray) -> np.ndarray:
    """Levels (n, width) with columns far off their neighbours taken from these, so that they bend no curve."""
    level = levels.mean(axis=0)
    rest = level - median_filter(level, 9, mode="nearest")
    usual = np.abs(rest) <= CLIP * _centre_and_spread(rest)[1] + 1e-6
    return np.stack([_filled(one, usual) for one in levels])


def _curves(levels: np.ndarray, window: int) -> np.ndarray:
    """Smooth curves through levels (n, width): straight lines through the columns of a window."""
    window = min(window, (levels.shape[1] - 1) // 2 * 2 + 1)
    return levels if window < 3 else savgol_filter(levels, window, 1, axis=1, mode="interp")


def sample_lines(pixels: RawPixels, most: int = SAMPLE_LINES) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced lines of an image: float32 counts (n, width) and where they are valid, all if there are few."""
    rows = np.unique(np.linspace(0, pixels.height - 1, min(most, pixels.height)).round().astype(int))
    counts, valid = (np.empty((len(rows), pixels.width), dtype) for dtype in (np.float32, bool))
    for i, row in enumerate(rows.tolist()):
        line, known = pixels.read(Window(0, row, pixels.width, 1))
        counts[i], valid[i] = line[0], known[0]
    return counts, valid


def corrections(pixels: RawPixels) -> tuple[Correction, ...]:
    """The corrections that an instrument's images need, measured on this one, in the order in which they are made.

    NAC: echo, odd and even columns (unless summed), stripes. CTX: odd and even columns (unless summed), stripes.
    HiRISE: stripes. MDIS, a frame camera whose columns see a thousand lines of one place: none.
    """
    counts, valid = sample_lines(pixels)
    made: list[Correction] = []
    for step in _steps(pixels.product):
        made.append(step(counts, valid))
        counts = made[-1].apply(counts, valid)
    return tuple(made)


def _steps(product: RawProduct) -> list[Callable[[np.ndarray, np.ndarray], Correction]]:
    """What measures the corrections of a product's instrument on lines and their validity."""
    if product.instrument == "MDIS_NAC":
        return []
    channels = [odd_even] if product.instrument != "HIRISE" and product.summing == 1 else []
    echo = [lambda counts, valid: echo_of(product)] if product.instrument.startswith("LROC") else []
    return [*echo, *channels, stripes]


def echo_of(product: RawProduct) -> Echo:
    """The echo of a NAC image: two columns on, or one if summed; the right camera is read from the right.

    Products of the right camera that are not turned round (`mirrored`) are read from the left, like the left one.
    """
    right = product.instrument == "LROC_NACR" and not product.columns.mirrored
    return Echo(2 if product.summing == 1 else 1, right, ramp=ECHO_RAMP // product.summing)


@dataclass(frozen=True)
class Corrected:
    """Raw pixels with corrections, read as uint16 in steps of a count; see `orbitile.raw.counts.CountSteps`."""

    pixels: RawPixels
    corrections: tuple[Correction, ...]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.width

    @property
    def height(self) -> int:
        """Lines."""
        return self.pixels.height

    @property
    def dtype(self) -> np.dtype:
        """The type of what is read."""
        return np.dtype(np.uint16)

    @cached_property
    def steps(self) -> CountSteps:
        """How counts are stored; its `scale` and `offset` belong into a raster's metadata."""
        return CountSteps.up_to(self.pixels.highest)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Stored counts (rows, columns) of a window, 0 where not valid, and where they are valid.

        Whole lines are read, because the echo of a pixel runs along its line.
        """
        lines = Window(0, window.row, self.width, window.height)
        counts, valid = self.pixels.read(lines)
        counts = counts.astype(np.float32)
        for correction in self.corrections:
            counts = correction.apply(counts, valid)
        own = window.inside(lines)
        return self.steps.store(counts[own], valid[own]), valid[own]
