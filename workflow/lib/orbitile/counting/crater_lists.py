"""Lists of craters as other programs and catalogues name their columns: JMARS' crater counting, Robbins' catalogues."""

from collections.abc import Iterator

import numpy as np

from orbitile.counting.area_count import AreaCount
from orbitile.counting.plain_numbers import plain_degrees, plain_number

JMARS_COLUMNS = ("longitude", "latitude", "Diameter", "Note")
"""Diameters in metres, as JMARS has them; it knows them by this name in upper and lower case alone."""
ROBBINS_COLUMNS = ("CRATER_ID", "LAT_CIRC_IMG", "LON_CIRC_IMG", "DIAM_CIRC_IMG")
"""Robbins (2018): longitudes east from 0 to 360 degrees, diameters in kilometres."""


def jmars_text(count: AreaCount) -> str:
    """A CSV that JMARS' layer of craters imports."""
    rows = (
        [plain_degrees(lon), plain_degrees(lat), _decimal(plain_number(diameter * 1000)), ""]
        for lon, lat, diameter in _craters(count)
    )
    return _csv_text(JMARS_COLUMNS, rows)


def robbins_text(count: AreaCount) -> str:
    """A CSV with the columns of Robbins' catalogues; ids are numbers from the largest crater on."""
    rows = (
        [f"{number:07d}", plain_degrees(lat), plain_degrees(lon % 360), plain_number(diameter)]
        for number, (lon, lat, diameter) in enumerate(_craters(count), start=1)
    )
    return _csv_text(ROBBINS_COLUMNS, rows)


def _craters(count: AreaCount) -> Iterator[tuple[float, float, float]]:
    order = count.largest_first
    columns = np.column_stack([count.lon, count.lat, count.diameter_km])[order]
    return map(tuple, columns.tolist())


def _decimal(text: str) -> str:
    """A number with a decimal point: JMARS takes a column without one for integers."""
    return text if "." in text else f"{text}.0"


def _csv_text(columns: tuple[str, ...], rows: Iterator[list[str]]) -> str:
    return "\n".join([",".join(columns), *(",".join(row) for row in rows)]) + "\n"
