"""Names of columns as users write them, in any case, alphabet and spacing, and the plain names that they stand for."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shorten_names, shortened

CYRILLIC = str.maketrans("авеікмнорстухѕј", "abeikmhopctyxsj")
"""Cyrillic letters that look like Latin ones."""
NAMES_SHOWN = 12


def plain_name(name: object) -> str:
    """A column's name in lower case, its words joined by "_", full-width and Cyrillic letters as they look.

    "Diameter (km)", " diameter_km" and "DIAMETER [km]" are all diameter_km.
    """
    text = unicodedata.normalize("NFKC", str(name)).casefold().translate(CYRILLIC)
    visible = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc", "Cs"))
    return re.sub(r"[\W_]+", "_", visible).strip("_")


def column_places(names: Sequence[object], wanted: Collection[str] | None, place: str) -> dict[str, int]:
    """Where the wanted columns (None: all) stand among a table's names: their indices by plain name.

    OrbitileError where two of them have the same plain name; `place` says of which file and line.
    """
    places = defaultdict(list)
    for index, name in enumerate(names):
        places[plain_name(name)].append(index)
    chosen = {name: indices for name, indices in places.items() if wanted is None or name in wanted}
    for indices in chosen.values():
        if len(indices) > 1:
            first, second = (f"{index + 1} ({shortened(str(names[index]))!r})" for index in indices[:2])
            raise OrbitileError(f"{place}: columns {first} and {second} have the same name; rename or remove one")
    return {name: indices[0] for name, indices in chosen.items()}


def listed_names(names: Sequence[object]) -> str:
    """The names of a table's columns for a message, not more than a dozen."""
    return shorten_names((shortened(str(name)) for name in names), NAMES_SHOWN)


def table_place(path: Path, unit: str, number: int) -> str:
    """A place in a table: its file and line, or row, as messages name it."""
    return f"{path}: {unit} {number}"
