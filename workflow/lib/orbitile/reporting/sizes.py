"""What was found, counted by size: craters by diameter, polygons and lines by class and scale."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from orbitile.reporting.markup import element, scrollable
from orbitile.reporting.tables import plain_table

M2_PER_KM2, M_PER_KM = 1e6, 1e3


class SizeCount(NamedTuple):
    """How many craters have a diameter from a limit up to another, in km."""

    low_km: float
    high_km: float
    craters: int


class DiameterCounts:
    """Counts of diameters, which come in batches, in classes of a factor of the square root of 2 from 1 km on.

    Crater Analysis Techniques Working Group 1979, Icarus 37.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def feed(self, diameters_km: np.ndarray) -> None:
        """Count diameters (n, km; above 0)."""
        classes, counts = np.unique(_classes(diameters_km), return_counts=True)
        for number, count in zip(classes.tolist(), counts.tolist(), strict=True):
            self._counts[number] = self._counts.get(number, 0) + count

    @property
    def sizes(self) -> list[SizeCount]:
        """The classes from the smallest diameter to the largest, also those without any between them."""
        numbers = range(min(self._counts), max(self._counts) + 1) if self._counts else ()
        return [SizeCount(float(class_limit(n)), float(class_limit(n + 1)), self._counts.get(n, 0)) for n in numbers]


def _classes(diameters_km: np.ndarray) -> np.ndarray:
    """The class (n) of each diameter; one that is a limit itself belongs to the class that begins there."""
    numbers = np.floor(2 * np.log2(diameters_km)).astype(int)
    numbers += diameters_km >= class_limit(numbers + 1)
    return numbers - (diameters_km < class_limit(numbers))


def class_limit(number: np.ndarray | int) -> np.ndarray | float:
    """The diameter in km at which a class begins: 2 to the power of half its number, so that powers of 2 are exact."""
    return 2.0 ** (np.asarray(number) / 2)


def size_table(sizes: Iterable[SizeCount]) -> str:
    """Counts by diameter, with bars and with the number of all larger ones; nothing without any."""
    sizes = list(sizes)
    if not sizes:
        return ""
    largest, larger = max(size.craters for size in sizes), np.cumsum([size.craters for size in sizes[::-1]])[::-1]
    heads = [element("th", escape(name), scope="col") for name in ("diameter (km)", "craters", "this size or larger")]
    rows = [
        element(
            "tr", element("th", f"{size.low_km:.3g} to {size.high_km:.3g}", scope="row"),
            element("td", f"{size.craters:,}"), element("td", f"{rest:,}"),
            element("td", _bar(size.craters / largest), class_="share"),
        )
        for size, rest in zip(sizes, larger.tolist(), strict=True)
    ]  # fmt: skip
    table = element("table", element("caption", "Each class reaches to the square root of 2 times its beginning."),
                    element("tr", *heads, element("td", class_="share")), *rows)  # fmt: skip
    return element("h3", "Craters by diameter") + scrollable("Craters by diameter", table)


def _bar(share: float) -> str:
    """A bar beside a number, which says the same."""
    return element("span", class_="bar", style=f"width: {100 * share:.1f}%", aria_hidden="true")


def map_table(path: Path) -> str:
    """Counts, areas and lengths of a map by class and scale, of its summary.csv; nothing where there is none."""
    if not path.is_file():
        return ""
    summary = pd.read_csv(path, dtype={"class": str}, keep_default_na=False, na_values=[""])  # a class may be called NA
    rows = [
        [str(row["class"]), f"{row['scale_m']:g}", f"{row['polygons']:,}", _measure(row["area_m2"] / M2_PER_KM2),
         f"{row['lines']:,}", _measure(row["length_m"] / M_PER_KM), f"{int(_dropped(row)):,}"]
        for row in summary.to_dict("records")
    ]  # fmt: skip
    names = ["class", "scale (m/px)", "polygons", "area (km²)", "lines", "length (km)", "dropped by filters"]
    table = plain_table(names, rows, words=1)
    return element("h3", "What the map holds") + scrollable("What the map holds", table)


def _dropped(row: dict) -> float:
    return sum(value for name, value in row.items() if str(name).startswith("dropped: "))


def _measure(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:,.4g}"
