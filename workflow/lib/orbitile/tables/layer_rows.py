"""How features of a vector file are named in messages: by their rows, counted from 1 as in the file."""

from pathlib import Path

import numpy as np

from orbitile.base.errors import OrbitileError

ROWS_NAMED = 5


def rows_text(rows: np.ndarray) -> str:
    """Rows, counted from 0, as a text: "the features in rows 1, 5 and 7 more"."""
    named = ", ".join(str(row + 1) for row in rows[:ROWS_NAMED])
    more = f" and {len(rows) - ROWS_NAMED} more" if len(rows) > ROWS_NAMED else ""
    return f"the feature in row {named}" if len(rows) == 1 else f"the features in rows {named}{more}"


def refuse_rows(
    is_bad: np.ndarray, rows: np.ndarray, path: str | Path, fault: str, way_out: str = "mend or delete it"
) -> None:
    """OrbitileError where any feature (n) is bad; it names the first by its row (n, from 0)."""
    bad = rows[is_bad]
    if len(bad):
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise OrbitileError(f"{path}: the feature in row {bad[0] + 1} {fault}{more}; {way_out}")
