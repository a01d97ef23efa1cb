"""Whether a stretch shows what an image holds: fill values that no header declares, saturation, too few greys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from orbitile.rasters.histogram import Histogram

GAP = 0.5
"""Fill lies apart from brightness by at least this share of the range of brightness, and no pixels lie in between.

Shadows do not: there are pixels of all values between them and sunlit ground.
"""
WIDE_GAP = 4.0
"""Fill that lies apart by so many ranges of the middle nine tenths is fill even if there are pixels in between.

They are mixtures of fill and brightness that resampling has made; half of the gap is left out with it.
"""
MOST_MIXTURES = 0.1
"""Most pixels in the half of the gap next to fill, to a pixel of fill; next to shadows there are more."""
FILL_VALUES = 5
"""Most fill values at one end: ISIS has five special pixels."""
LEAST_FILL = 0.001
"""Share of the pixels that a fill value has at least; percentiles see to outliers."""
LEAST_BRIGHTNESS = 0.01
"""Least share of the pixels that is left where fill is left out."""
LEAST_SPIKE = 0.02
"""Share of the pixels at an extreme from which on it may be fill, though it is not far from the others."""
SPIKE_RATIO = 50
"""So many times the pixels of the next tenth of the range has such an extreme; shadows pass into dim ground."""
LEAST_VALUES = 16
"""Images with fewer values than these are classes or masks, of which none is fill."""
MOST_SATURATED = 0.25
"""Largest share of the pixels that settings may turn black or white without a warning."""
MOST_CLIPPED = 0.1
"""Largest share of white pixels beyond what percentiles make white by themselves: the image itself is saturated there.

Black ones may be in shadow.
"""
MOST_FREQUENT = 0.5
"""Largest share of the pixels that two greys of 256 may have without a warning."""
LEAST_GREYS = 16
"""Greys of 256 that the middle nine tenths of the pixels extend over; of a normal distribution, over 160."""


def without_fill(histogram: Histogram, percents: tuple[float, float]) -> Histogram:
    """The histogram of brightness alone: without values at its ends that are probably fill.

    These are up to FILL_VALUES at either end that decide a percentile of the stretch and lie far from all others.
    """
    brightness, is_changed = histogram, True
    while is_changed:
        lowest = _isolated(brightness, percents)
        highest = _isolated(_mirrored(brightness), (100 - percents[1], 100 - percents[0]))
        inner = brightness.trimmed(lowest, 0) if lowest else brightness.trimmed(0, highest)
        is_changed = (lowest or highest) > 0 and inner.count >= LEAST_BRIGHTNESS * histogram.count
        brightness = inner if is_changed else brightness
    return brightness


def _mirrored(histogram: Histogram) -> Histogram:
    return Histogram(-histogram.values[::-1], histogram.counts[::-1])


def _isolated(histogram: Histogram, percents: tuple[float, float]) -> int:
    """How many of the lowest values are far from all others; 0 if none, or if they do not matter to the stretch."""
    low = histogram.percentile(percents[0])
    candidates = np.flatnonzero(histogram.counts >= LEAST_FILL * histogram.count)[:FILL_VALUES]
    for place in candidates[histogram.values[candidates] >= low].tolist():
        fill, others = histogram.values[place], histogram.trimmed(place + 1, 0)
        if len(others.values) < LEAST_VALUES:
            return 0
        first, fifth, last_but_fifth, last = (others.percentile(p) for p in (percents[0], 5, 95, percents[1]))
        middle, edge = last_but_fifth - fifth, None
        if middle > 0 and fifth - fill >= WIDE_GAP * middle:
            edge = fifth - WIDE_GAP / 2 * middle
        elif last > first and first - fill >= GAP * (last - first):
            edge = first
        if edge is not None and _is_hollow(histogram, place, (fill + edge) / 2):
            return place + 1 if edge == first else int(np.searchsorted(histogram.values, edge))
    return 0


def _is_hollow(histogram: Histogram, place: int, end: float) -> bool:
    """Whether few pixels lie between the value at a place and an end, beside those of that value and below."""
    between = histogram.counts[place + 1 : np.searchsorted(histogram.values, end)].sum()
    return bool(between <= MOST_MIXTURES * histogram.counts[: place + 1].sum())


def _has_spike(histogram: Histogram, percents: tuple[float, float]) -> bool:
    """Whether many pixels have the lowest value, and none the next higher ones or hardly any one a little higher."""
    others = histogram.trimmed(1, 0)
    if len(others.values) < LEAST_VALUES or histogram.counts[0] < LEAST_SPIKE * histogram.count:
        return False
    lowest, (low, high) = histogram.values[0], (others.percentile(percent) for percent in percents)
    spread = max(high, low) - lowest
    if others.values[0] - lowest >= spread / 16:
        return True
    close = others.counts[others.values <= lowest + spread / 10].sum()
    return bool(SPIKE_RATIO * close <= histogram.counts[0])


@dataclass(frozen=True)
class CheckedBand:
    """One band of a scene: the histograms of all its valid pixels, and of those that are no fill, and its stretch.

    `percents` are the percentiles that its stretch is made of; where the settings give it as values, it `is_set`.
    """

    histogram: Histogram
    brightness: Histogram
    stretch: tuple[float, float]
    percents: tuple[float, float]
    is_set: bool = False

    @property
    def warnings(self) -> list[str]:
        """What the user should know, in one line each."""
        if self.histogram.count == 0:
            return ["none of its pixels holds data: nothing can be found in it"]
        if len(self.histogram.values) == 1:
            return [f"all of its pixels have the value {self.histogram.values[0]:g}: nothing can be found in it"]
        return [text for text in (self._fill_warning, *self._spike_warnings, self._contrast_warning) if text]

    @property
    def _fill_warning(self) -> str:
        """Which values were taken for fill."""
        values, darkest, brightest = self.histogram.values, self.brightness.values[0], self.brightness.values[-1]
        is_left_out = (values < darkest) | (values > brightest)
        values = values[is_left_out & (self.histogram.counts >= LEAST_FILL * self.histogram.count)]
        if not values.size:
            return ""
        share = _percent(1 - self.brightness.count / self.histogram.count)
        fill, others = " or ".join(f"{value:.9g}" for value in values), _range((darkest, brightest))
        return (
            f"{share} of its pixels are {fill}, far from all others ({others}): taken for fill that the file "
            "does not declare, and left out of the stretch; declare it as nodata (gdal_edit.py -a_nodata)"
        )

    @property
    def _spike_warnings(self) -> Iterator[str]:
        """Which extremes may be fill, too, but are not far enough from all others to be left out."""
        low, high = self.percents
        for sign, end, percents in (
            (1, self.brightness, self.percents),
            (-1, _mirrored(self.brightness), (100 - high, 100 - low)),
        ):
            if _has_spike(end, percents):
                yield (
                    f"{_percent(end.counts[0] / end.count)} of its pixels are {sign * end.values[0]:.9g}, and hardly "
                    "any nearly so: if that is fill, declare it as nodata (gdal_edit.py -a_nodata)"
                )

    @property
    def _contrast_warning(self) -> str:
        """What is wrong with the greys that the pixels become, if another stretch would make it better."""
        name = f"stretch_values {_range(self.stretch)}" if self.is_set else f"the stretch to {_range(self.stretch)}"
        return f"{name} {self._fault}; {self._way_out}" if self._fault else ""

    @property
    def _fault(self) -> str:
        if self.is_set and np.sort(self.brightness.counts)[-2:].sum() > MOST_FREQUENT * self.brightness.count:
            return ""  # a mask, or spots: no stretch gives it more greys
        shares = self.grey_shares
        sums = np.cumsum(shares)
        greys = int(np.searchsorted(sums, 0.95) - np.searchsorted(sums, 0.05)) + 1
        most_frequent, saturated = np.sort(shares)[-2:].sum(), shares[0] + shares[-1]
        if self.is_set and saturated > MOST_SATURATED:
            return f"turns {_percent(saturated)} of its pixels black or white"
        if most_frequent > MOST_FREQUENT:
            return f"turns {_percent(most_frequent)} of its pixels into one or two greys"
        if not self.is_set and shares[-1] > 1 - self.percents[1] / 100 + MOST_CLIPPED:
            return f"leaves {_percent(shares[-1])} of its pixels white: the image is saturated, and shows nothing there"
        return f"leaves {greys} of 256 greys to nine tenths of its pixels" if greys < LEAST_GREYS else ""

    @property
    def _way_out(self) -> str:
        """What the settings should say."""
        percents = " and ".join(f"{percent:g}" for percent in self.percents)
        ends = [self.brightness.percentile(percent) for percent in self.percents]
        if self.is_set:
            return f"leave stretch_values out, or set it to {_range(ends)}, its {percents} %"
        return (
            f"that is what its {percents} % are: see whether its values are brightness and whether what holds none is "
            "declared as nodata, or set stretch_values"
        )

    @property
    def grey_shares(self) -> np.ndarray:
        """Shares of the pixels that are no fill, by the grey (256) that they become."""
        low, high = self.stretch
        grey = (self.brightness.values - low) * (255 / (high - low if high > low else 1))
        counts = np.bincount(np.rint(grey.clip(0, 255)).astype(int), self.brightness.counts, 256)
        return counts / max(self.brightness.count, 1)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _range(values: Sequence[float] | np.ndarray) -> str:
    low, high = values
    return f"[{low:.6g}, {high:.6g}]"
