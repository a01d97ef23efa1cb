"""The table of a group's tiles."""

import pandas as pd
import pyarrow as pa

from orbitile.space.grids import Window

SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string()),
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
    ]
)
CORE = ["core_left", "core_top", "core_right", "core_bottom"]


def windows_of(tiles: pd.DataFrame) -> list[Window]:
    """The windows of a table of tiles."""
    return [Window(*map(int, place)) for place in tiles[["col", "row", "width", "height"]].to_numpy()]
