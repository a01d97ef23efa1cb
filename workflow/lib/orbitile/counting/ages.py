"""Ages of areas: what Craterstats is asked of a count and of its draws, and tables of what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orbitile.counting.area_count import AreaCount
from orbitile.space.bodies import Body

SYSTEMS = {
    "Moon": "Moon, Neukum et al. (2001)", "Mars": "Mars, Neukum-Ivanov (2001)",
    "Mercury": "Mercury, Neukum et al. (2001)", "Vesta": "Vesta, Rev4, Schmedemann et al (2014)",
    "Ceres": "Ceres, Hiesinger et al. (2016)", "Ida": "Ida, Schmedemann et al (2014)",
    "Gaspra": "Gaspra, Schmedemann et al (2014)", "Lutetia": "Lutetia, Schmedemann et al (2014)",
    "Phobos": "Phobos, Case A - SOM, Schmedemann et al (2014)",
}  # fmt: skip
"""The chronology system of each body, by Craterstats' names, where the settings name none."""
FITS = ("poisson", "cumulative")
PLOT_FORMATS = ("png", "pdf")
SAME_GROUND = 1e-6
ERRORS = ("age_ga", "lower_ga", "upper_ga", "lower_95_ga", "upper_95_ga")
COLUMNS = (
    "area", "fit", "from_km", "to_km", "craters", "age_ga", "lower_ga", "upper_ga", "lower_95_ga", "upper_95_ga",
    "counted_age_ga", "counted_lower_ga", "counted_upper_ga", "machine_lower_ga", "machine_upper_ga", "draws", "reason",
)  # fmt: skip
"""Of the table of ages: with all errors (one sigma, and 19 of 20), of the count with Poisson's error, of the draws."""


@dataclass(frozen=True)
class DatingChoice:
    """How areas are dated: by which chronology (None: the body's of SYSTEMS), by which fits, from which diameters.

    `range_km` holds the least and the largest diameter, None for that which the count ends at.
    """

    chronology_system: str | None = None
    fits: Sequence[str] = FITS
    range_km: tuple[float | None, float | None] = (None, None)
    epochs: str | None = None
    equilibrium: str | None = None

    def system(self, body: Body) -> str | None:
        """The chronology system for a body; None where there is none."""
        return self.chronology_system or SYSTEMS.get(body.name)


@dataclass(frozen=True)
class DatedArea:
    """An area's count, draws of it, the diameters in kilometres between which craters count, and where plots go."""

    count: AreaCount
    draws: Sequence[AreaCount]
    counted_km: tuple[float, float]
    plot_stem: str

    def range_km(self, choice: DatingChoice) -> tuple[float, float]:
        """The range of diameters that dates it: that of the choice, inside the one that is counted."""
        least, most = choice.range_km
        return max(least or 0.0, self.counted_km[0]), min(most or np.inf, self.counted_km[1])

    def request(self, choice: DatingChoice) -> dict[str, Any]:
        """What Craterstats is asked of it (see craterstats_ages.py)."""
        return dict(
            name=self.count.name, searched_km2=self.count.searched_km2, range_km=self.range_km(choice),
            fits=list(choice.fits), craters=_craters(self.count), draws=[_craters(draw) for draw in self.draws],
            plot=dict(stem=self.plot_stem, formats=list(PLOT_FORMATS)),
        )  # fmt: skip


def dating_request(areas: Sequence[DatedArea], choice: DatingChoice, body: Body) -> dict[str, Any]:
    """What Craterstats is asked of all areas."""
    return dict(
        body=body.name, chronology_system=choice.system(body), epochs=choice.epochs, equilibrium=choice.equilibrium,
        areas=[area.request(choice) for area in areas],
    )  # fmt: skip


def _craters(count: AreaCount) -> dict[str, Any]:
    """Diameters, and the ground on which each counts: less where each stands for more than itself."""
    return dict(
        diameter_km=_short(count.diameter_km), ground_km2=_short_or_single(count.area_km2 / count.weight),
        expected=_short_or_single(count.probability),
    )  # fmt: skip


def _short_or_single(values: np.ndarray) -> list[float] | float:
    if len(values) and np.ptp(values) <= SAME_GROUND * values.max():
        return float(values[0])
    return _short(values)


def _short(values: np.ndarray) -> list[float]:
    """Numbers with nine digits: draws are many."""
    return [float(f"{value:.9g}") for value in values.tolist()]


def age_rows(name: str, ages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of COLUMNS of the ages of an area; None where something is not known."""
    return [
        dict(area=name, fit=age["fit"], from_km=age["range_km"][0], to_km=age["range_km"][1])
        | {key: age.get(key) for key in ("craters", *ERRORS, "reason")}
        | _prefixed("counted", age.get("counted"), ("age_ga", "lower_ga", "upper_ga"))
        | _prefixed("machine", age.get("machine"), ("lower_ga", "upper_ga"))
        | dict(draws=(age.get("machine") or {}).get("draws"))
        for age in ages
    ]


def _prefixed(prefix: str, values: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    return {f"{prefix}_{name}": (values or {}).get(name) for name in names}


def stated_age(age: Mapping[str, Any]) -> str:
    """An age with its errors, as a sentence has it: 3.52 (+0.03, -0.05) Ga, or in Ma."""
    unit, factor = ("Ga", 1.0) if age["age_ga"] >= 1 else ("Ma", 1000.0)
    value, lower, upper = (age[name] * factor for name in ("age_ga", "lower_ga", "upper_ga"))
    return f"{value:.3g} (+{upper - value:.2g}, -{value - lower:.2g}) {unit}"
