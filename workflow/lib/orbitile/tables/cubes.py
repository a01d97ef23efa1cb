"""The table of a group's scenes that ISIS projected onto the run's map."""

from pathlib import Path

import pyarrow as pa

from orbitile.tables.parquet import read_arrow
from orbitile.tables.piece_checks import check_pieces

CUBES = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("path", pa.string(), metadata={"about": "ISIS cube, calibrated and on the run's map"}),
        pa.field("instrument", pa.string()),
        pa.field("isis_version", pa.string()),
    ]
)


def read_cubes(path: str | Path) -> dict[str, str]:
    """The paths of a table's cubes by their scenes.

    OrbitileError for a file that is no readable table, and where a cube is missing or no longer as it was finished.
    """
    columns = read_arrow(path).select(["scene", "path"]).to_pydict()
    check_pieces(path, columns["path"])
    return dict(zip(columns["scene"], columns["path"], strict=True))
