"""The table of a group's tiles."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from orbitile.rasters.appearance import STATISTICS
from orbitile.space.grids import Window
from orbitile.tables.parquet import read_arrow

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("tile", pa.int64(), metadata={"about": "number in the scene at this scale, row by row"}),
        pa.field("col", pa.int64(), metadata={"unit": "px", "about": "first column of the window"}),
        pa.field("row", pa.int64(), metadata={"unit": "px", "about": "first row of the window"}),
        pa.field("width", pa.int64(), metadata={"unit": "px"}),
        pa.field("height", pa.int64(), metadata={"unit": "px"}),
        pa.field("core_left", pa.float64(), metadata={"unit": "px", "about": "the tile answers from here ..."}),
        pa.field("core_top", pa.float64(), metadata={"unit": "px"}),
        pa.field(
            "core_right", pa.float64(), metadata={"unit": "px", "about": "... to here; infinite where all data ends"}
        ),
        pa.field("core_bottom", pa.float64(), metadata={"unit": "px"}),
        pa.field("valid_share", pa.float64(), metadata={"about": "share of its pixels with data of the scene, 0..1"}),
        pa.field(
            "appearance", pa.list_(pa.float32()), metadata={"about": "of some tiles, see orbitile.rasters.appearance"}
        ),
    ]
)
CORE = ["core_left", "core_top", "core_right", "core_bottom"]


def windows_of(tiles: "pd.DataFrame") -> list[Window]:
    """The windows of a table of tiles."""
    return [Window(*map(int, place)) for place in tiles[["col", "row", "width", "height"]].to_numpy()]


def read_appearances(paths: Iterable[str | Path]) -> dict[str, np.ndarray]:
    """The appearances (m, k) of each scene's tiles at the finest scale, from tables of tiles; m is 0 for none."""
    import pyarrow.compute as pc

    appearances: dict[str, np.ndarray] = {}
    for path in paths:
        table = read_arrow(path, ["scene", "scale_m", "appearance"])
        rows = table.filter(pc.field("scale_m") == pc.min(table["scale_m"]))
        for scene in pc.unique(table["scene"]).to_pylist():
            of_scene = rows.filter(pc.field("scene") == scene)["appearance"].drop_null()
            appearances[scene] = np.array(of_scene.to_pylist(), np.float32).reshape(-1, len(STATISTICS))
    return appearances
