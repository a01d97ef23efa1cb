"""The table of a group's rasters: where each scene lies at each scale, and how it is stretched."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.errors import OrbitileError
from orbitile.files import atomic
from orbitile.rasters.mosaic import Part
from orbitile.rasters.read import Stretch
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import turn_width

SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px", "about": "the scale as the settings name it"}),
        pa.field("path", pa.string(), metadata={"about": "cloud-optimised GeoTIFF"}),
        pa.field("crs_wkt", pa.string()),
        pa.field("transform", pa.list_(pa.float64(), 6), metadata={"about": "affine a, b, c, d, e, f"}),
        pa.field("width", pa.int64(), metadata={"unit": "px"}),
        pa.field("height", pa.int64(), metadata={"unit": "px"}),
        pa.field("valid_share", pa.float64(), metadata={"about": "share of pixels with data, 0..1"}),
        pa.field("low", pa.float64(), metadata={"about": "value stretched to 0"}),
        pa.field("high", pa.float64(), metadata={"about": "value stretched to 255"}),
        pa.field("way", pa.string(), metadata={"about": "how the scene was georeferenced"}),
        pa.field("in_mosaic", pa.bool_(), metadata={"about": "a piece of a mosaic: its tiles look into others"}),
        pa.field("beside", pa.list_(pa.string()), metadata={"about": "scenes that lend it pixels"}),
        pa.field("turns", pa.list_(pa.int64()), metadata={"about": "turns around the body from it to each of them"}),
        pa.field("seams", pa.string(), metadata={"about": "GeoParquet of the lines between the strips it is made of"}),
        pa.field("sources", pa.string(), metadata={"about": "raster of the strips its pixels come from, from 1"}),
        pa.field("error_m", pa.float64(), metadata={"unit": "m", "about": "how far off places may be, if known"}),
    ]
)


@dataclass(frozen=True)
class RasterRow:
    """One scene at one scale: a row of the table (see SCHEMA for units)."""

    scene: str
    scale_m: float
    path: str
    crs_wkt: str
    transform: list[float]
    width: int
    height: int
    valid_share: float
    low: float
    high: float
    way: str
    in_mosaic: bool = False
    beside: list[str] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    seams: str | None = None
    sources: str | None = None
    error_m: float | None = None

    @property
    def grid(self) -> Grid:
        """The raster's pixel grid."""
        return Grid.of(vars(self))

    @property
    def part(self) -> Part:
        """The raster as a part of a mosaic that begins with it."""
        return Part(self.path, 0, 0, self.width, self.height)

    @property
    def stretch(self) -> Stretch:
        """The scene's stretch."""
        return Stretch(self.low, self.high)


def write_rasters(rows: list[RasterRow], path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a table of rasters, with metadata for the whole of it."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], SCHEMA)
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)


def read_rasters(path: str | Path) -> list[RasterRow]:
    """Read a table of rasters; OrbitileError where one of its images has gone."""
    rows = [RasterRow(**row) for row in pq.read_table(path).to_pylist()]
    for row in rows:
        if not Path(row.path).is_file():
            raise OrbitileError(f"{path}: its raster {row.path} has gone; delete {path} and run again")
    return rows


class RasterTables(NamedTuple):
    """The tables of rasters of a group, and of the groups beside it."""

    own: str
    beside: Sequence[str] = ()


class Surroundings:
    """The rasters of a group and of the groups beside it, and what of them lies around each scene."""

    def __init__(self, tables: RasterTables) -> None:
        self.own = read_rasters(tables.own)
        others = [row for path in tables.beside for row in read_rasters(path)]
        self._known = {(row.scene, row.scale_m): row for row in (*self.own, *others)}

    def parts(self, row: RasterRow, window: Window) -> list[Part]:
        """The scene itself and those of its neighbours that reach into a window of it, at its scale."""
        return [part for _, part in self.named_parts(row, window)]

    def named_parts(self, row: RasterRow, window: Window) -> list[tuple[str, Part]]:
        """As `parts`, with the scenes' names."""
        found = [(row.scene, row.part)]
        col, line = row.grid.index
        for scene, turn in zip(row.beside, row.turns, strict=True):
            other = self._known.get((scene, row.scale_m))
            if other is not None:  # a scene that failed lends nothing
                there = other.grid.index
                around = turn * round(turn_width(row.crs_wkt) / row.transform[0])
                part = Part(other.path, there[0] - col + around, there[1] - line, other.width, other.height)
                found += [(scene, part)] if part.shared(window) else []
        return found


def coarsest(rows: list[RasterRow]) -> list[RasterRow]:
    """The rows at the coarsest scale: each scene once, in few pixels."""
    scale_m = max((row.scale_m for row in rows), default=0)
    return [row for row in rows if row.scale_m == scale_m]
