"""Diameters 1, 2, 5, 10 ... km: how many craters of a catalogue have each and more, and which of them suit it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from orbitile.base.errors import OrbitileError

SERIES_KM = np.array([round(mantissa * 10.0**power, 6) for power in range(-4, 5) for mantissa in (1, 2, 5)])
ENOUGH_CRATERS = 100
"""Of the largest diameter that is chosen."""
MOST_CHOSEN = 3


@dataclass(frozen=True, eq=False)
class SeriesCounts:
    """How many craters (m) have diameters from those of the series on, how many there are, and the largest one (km)."""

    at_least: np.ndarray
    craters: int
    largest_km: float

    @classmethod
    def of(cls, batches: Iterable[np.ndarray]) -> Self:
        """Of diameters (km) in batches."""
        at_least, craters, largest = np.zeros(len(SERIES_KM), np.int64), 0, 0.0
        for diameters in batches:
            steps = np.bincount(np.searchsorted(SERIES_KM, diameters, side="right"), minlength=len(SERIES_KM) + 1)
            at_least += steps[::-1].cumsum()[::-1][1:]
            craters, largest = craters + len(diameters), max(largest, float(diameters.max(initial=0)))
        return cls(at_least, craters, largest)

    def chosen(self, least_km: float) -> tuple[float, ...]:
        """The first diameters of the series from `least_km` on that enough craters have; the first if none has."""
        fit = SERIES_KM[least_km * (1 - 1e-9) <= SERIES_KM]
        counts = self.at_least[least_km * (1 - 1e-9) <= SERIES_KM]
        frequent = fit[counts >= ENOUGH_CRATERS][:MOST_CHOSEN].tolist()
        return tuple(frequent or fit[counts > 0][:1].tolist())

    def check(self, diameters_km: Sequence[float], least_km: float, key: str) -> None:
        """OrbitileError, with the settings' key, for diameters that no crater has, or that nothing was searched for."""
        for diameter in diameters_km:
            if diameter < least_km * (1 - 1e-9):
                raise OrbitileError(f"{key}: {diameter:g} km is less than the {least_km:.4g} km from which on the "
                                    "finest scale reports craters; choose larger diameters")  # fmt: skip
            if diameter > self.largest_km:
                raise OrbitileError(f"{key}: no crater has {diameter:g} km; the largest of the catalogue has "
                                    f"{self.largest_km:.4g} km: leave it out")  # fmt: skip
