"""The rows of a catalogue or a map that stand out: those of which a network is most certain, and least."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
import pyarrow.compute as pc

from orbitile.catalogue import Catalogue

CHIPS = 12
"""Of each of the report's sheets."""


class Extremes(NamedTuple):
    """The rows of which the network is most certain, and least; `certainty` names the column that says so."""

    most: pd.DataFrame
    least: pd.DataFrame
    certainty: str
    total: int


def extreme_rows(tables: Iterable[pd.DataFrame], certainty: str, count: int = CHIPS) -> Extremes:
    """The first and the last rows of all tables by a column, equal ones by place, whatever order they come in.

    No row is in both.
    """
    most, least, total = pd.DataFrame(), pd.DataFrame(), 0
    for table in tables:
        total += len(table)
        most = first_rows([most, table], certainty, 2 * count)
        least = first_rows([least, table], certainty, count, falling=False)
    most = most.head(min(count, total - total // 2))
    return Extremes(most, least.head(total - len(most)), certainty, total)


def certainty_column(catalogue: Catalogue) -> str:
    """What says how certain rows are: their probability, where any has one, else their score."""
    is_calibrated = catalogue.dataset.count_rows(filter=pc.field("probability").is_valid())
    return "probability" if is_calibrated else "score"


def first_rows(tables: Iterable[pd.DataFrame], column: str, count: int, falling: bool = True) -> pd.DataFrame:
    """The first rows of tables by a column, falling or rising; equal ones by latitude and longitude."""
    rows = pd.concat(list(tables))
    return rows.sort_values([column, "lat", "lon"], ascending=[not falling] * 3).head(count)
