"""Size-frequency distributions of craters: cumulative, differential, relative and in Hartmann's way, with their errors.

Formulas are those of the Crater Analysis Techniques Working Group (1979, Icarus 37, 467), in the form that Craterstats
gives them (Michael and Neukum 2010, EPSL 294, 223; Michael et al. 2016, Icarus 277, 279). With craters of weights w,
the true craters that each stands for, on grounds A of their own, a density is the sum of w / A, and its Poisson error
the root of the sum of (w / A)^2: N / A and sqrt(N) / A where all are alike.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from orbitile.counting.area_count import AreaCount

Binning = Literal["pseudo_log", "10_per_decade", "20_per_decade", "root_2", "fourth_root_2", "none"]
PSEUDO_LOG = np.array([1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9])
"""Lower limits of the 18 bins of each decade (Neukum 1983; Craterstats)."""
BINS_PER_FACTOR = {
    "10_per_decade": (10, 10.0), "20_per_decade": (20, 10.0), "root_2": (2, 2.0), "fourth_root_2": (4, 2.0),
}  # fmt: skip
"""How many bins there are for each factor of diameters; a limit lies at 1 km."""
HARTMANN_BIN = np.log(2) / 2
"""The logarithm of the width of a bin of Hartmann's: a factor of the square root of 2."""


@dataclass(frozen=True, eq=False)
class SizeFrequency:
    """Frequencies by diameter (n): a row for each bin, or for each crater without bins, from small to large.

    Limits and geometric mean of the diameters in km; `craters` that were detected, `expected` true ones; densities with
    their errors of one sigma: cumulative, from from_km on (km-2); differential (km-3); relative, R (no unit); and
    Hartmann's (km-2), for a bin with a width of the square root of 2. Differential ones are NaN without bins. `counted`
    is false for bins that reach below the diameter from which on craters are counted.
    """

    from_km: np.ndarray
    to_km: np.ndarray
    mean_km: np.ndarray
    craters: np.ndarray
    expected: np.ndarray
    cumulative: np.ndarray
    cumulative_error: np.ndarray
    differential: np.ndarray
    differential_error: np.ndarray
    relative: np.ndarray
    relative_error: np.ndarray
    hartmann: np.ndarray
    hartmann_error: np.ndarray
    counted: np.ndarray

    @classmethod
    def of(cls, count: AreaCount, binning: Binning, least_km: float = 0.0) -> "SizeFrequency":
        """The frequencies of the craters of an area that lie on any ground; counted from `least_km` on."""
        held = count.taking(count.area_km2 > 0)
        order = np.argsort(held.diameter_km, kind="stable")
        size, weight = held.diameter_km[order], (held.weight * held.probability)[order]
        density = weight / held.area_km2[order]
        if binning == "none":
            limits = np.append(size, np.inf)
            places, inside = np.arange(len(size)), np.ones(len(size), int)
        else:
            limits = bin_limits(binning, size)
            places = np.searchsorted(size, limits[:-1])
            inside = np.diff(np.append(places, len(size)))
        bins = np.repeat(np.arange(len(inside)), inside)
        sums, squares, expected = (np.bincount(bins, values, len(inside)) for values in (density, density**2, weight))
        low, high = limits[:-1], limits[1:] if binning != "none" else size
        width = high - low if binning != "none" else np.full(len(low), np.nan)
        mean, error = np.sqrt(low * high), np.sqrt(squares)
        decades = np.log(np.divide(high, low)) if binning != "none" else width
        return cls(
            low, high, mean, inside, expected, _from_largest(sums), np.sqrt(_from_largest(squares)),
            sums / width, error / width, sums / width * mean**3, error / width * mean**3,
            sums * HARTMANN_BIN / decades, error * HARTMANN_BIN / decades, low >= least_km * (1 - 1e-9),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.from_km)

    def csv_text(self) -> str:
        """All columns as CSV, numbers with nine digits, empty where there is none."""
        rows = zip(*(map(_cell, column.tolist()) for column in vars(self).values()), strict=True)
        return "\n".join([",".join(vars(self)), *map(",".join, rows)]) + "\n"


def bin_limits(binning: Binning, diameter_km: np.ndarray) -> np.ndarray:
    """The limits (n + 1) of the bins that hold diameters; of none where there are none."""
    if not len(diameter_km):
        return np.zeros(1)
    least, most = float(np.min(diameter_km)), float(np.max(diameter_km))
    if binning == "pseudo_log":
        decades = 10.0 ** np.arange(np.floor(np.log10(least)) - 1, np.floor(np.log10(most)) + 2)
        limits = np.outer(decades, PSEUDO_LOG).ravel()
    else:
        bins, factor = BINS_PER_FACTOR[binning]
        first, last = (np.log(limit) / np.log(factor) * bins for limit in (least, most))
        limits = factor ** (np.arange(np.floor(first) - 1, np.floor(last) + 3) / bins)
    limits = np.round(limits, 12)
    first, last = np.searchsorted(limits, [least, most], side="right")
    return limits[first - 1 : last + 1]


def _cell(value: float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if np.isnan(value) else f"{value:.9g}"


def _from_largest(values: np.ndarray) -> np.ndarray:
    """Sums (n) of values and all that follow."""
    return np.cumsum(values[::-1])[::-1]
