"""The table of a group's rasters: the grid and the stretch of each scene at each scale."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from orbitile.rasters.mosaic import RasterPart
from orbitile.rasters.stretch import Stretch
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import wrap_width
from orbitile.tables.parquet import read_arrow, write_arrow
from orbitile.tables.piece_checks import check_pieces

SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px", "about": "the scale as the settings name it"}),
        pa.field(
            "path", pa.string(), metadata={"about": "cloud-optimised GeoTIFF, or a VRT that is linked to the image"}
        ),
        pa.field("crs_wkt", pa.string(), metadata={"about": "coordinate system of its map, as WKT 2"}),
        pa.field("transform", pa.list_(pa.float64(), 6), metadata={"about": "affine a, b, c, d, e, f"}),
        pa.field("width", pa.int64(), metadata={"unit": "px"}),
        pa.field("height", pa.int64(), metadata={"unit": "px"}),
        pa.field("valid_share", pa.float64(), metadata={"about": "share of pixels with data, 0..1"}),
        pa.field("low", pa.list_(pa.float64()), metadata={"about": "value stretched to 0, for each band"}),
        pa.field("high", pa.list_(pa.float64()), metadata={"about": "value stretched to 255, for each band"}),
        pa.field("georef_method", pa.string(), metadata={"about": "how the scene was georeferenced"}),
        pa.field("in_mosaic", pa.bool_(), metadata={"about": "a piece of a mosaic: its tiles reach into neighbours"}),
        pa.field("lenders", pa.list_(pa.string()), metadata={"about": "neighbouring scenes that lend it pixels"}),
        pa.field(
            "longitude_wraps", pa.list_(pa.int64()), metadata={"about": "turns around the body from it to each of them"}
        ),
        pa.field("seams", pa.string(), metadata={"about": "GeoParquet of the lines between the strips it is made of"}),
        pa.field("sources", pa.string(), metadata={"about": "raster of the strips its pixels come from, from 1"}),
        pa.field("error_m", pa.float64(), metadata={"unit": "m", "about": "expected error of positions, where known"}),
        pa.field(
            "warnings", pa.list_(pa.string()), metadata={"about": "what is doubtful about its pixels, a line each"}
        ),
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
    low: list[float]
    high: list[float]
    georef_method: str
    in_mosaic: bool = False
    lenders: list[str] = field(default_factory=list)
    longitude_wraps: list[int] = field(default_factory=list)
    seams: str | None = None
    sources: str | None = None
    error_m: float | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def grid(self) -> Grid:
        """The raster's pixel grid."""
        return Grid.of(vars(self))

    @property
    def raster_part(self) -> RasterPart:
        """The raster as a part of a mosaic that begins with it."""
        return RasterPart(self.path, 0, 0, self.width, self.height)

    @property
    def stretch(self) -> Stretch:
        """The scene's stretch, for each band."""
        return Stretch(tuple(self.low), tuple(self.high))

    @property
    def bands(self) -> int:
        """How many bands the raster has."""
        return len(self.low)


def write_rasters(rows: list[RasterRow], path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a table of rasters, with metadata for the table."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], SCHEMA)
    write_arrow(table, path, metadata)


def read_rasters(path: str | Path) -> list[RasterRow]:
    """Read a table of rasters; OrbitileError if one of its rasters is missing."""
    rows = [RasterRow(**row) for row in read_arrow(path).to_pylist()]
    check_pieces(path, (row.path for row in rows if not Path(row.path).is_file()))
    return rows


def read_rasters_of_groups(paths: Iterable[str | Path]) -> list[RasterRow]:
    """Read the tables of rasters of groups, one after another; OrbitileError as of `read_rasters`."""
    return [row for path in paths for row in read_rasters(path)]


def read_sealed_rasters(path: str | Path) -> list[RasterRow]:
    """Read a table of rasters; OrbitileError if one is missing or no longer as it was finished. Reads their pixels."""
    rows = read_rasters(path)
    check_pieces(path, (row.path for row in rows))
    return rows


class RasterTables(NamedTuple):
    """The tables of rasters of a group, and of the groups that lend it pixels."""

    group_table: str
    lenders: Sequence[str] = ()


class Surroundings:
    """The rasters of a group and of the groups that lend it pixels, and those around each scene."""

    def __init__(self, tables: RasterTables) -> None:
        self.group_rows = read_sealed_rasters(tables.group_table)
        names = {name for row in self.group_rows for name in row.lenders}
        lending_rows = [row for path in tables.lenders for row in _read_lending(path, names)]
        self._rows = {(row.scene, row.scale_m): row for row in (*self.group_rows, *lending_rows)}

    def parts(self, row: RasterRow, window: Window) -> list[RasterPart]:
        """The scene itself and those of its lenders that reach into a window of it, at its scale."""
        return [part for _, part in self.named_parts(row, window)]

    def named_parts(self, row: RasterRow, window: Window) -> list[tuple[str, RasterPart]]:
        """As `parts`, with the scenes' names."""
        return mosaic_parts(row, window, self._rows)


def mosaic_parts(
    row: RasterRow, window: Window, rows: Mapping[tuple[str, float], RasterRow]
) -> list[tuple[str, RasterPart]]:
    """A scene's raster and those of its lenders, of `rows` by scene and scale, that reach into a window; with names."""
    parts = [(row.scene, row.raster_part)]
    first_col, first_row = row.grid.index
    for scene, wraps in zip(row.lenders, row.longitude_wraps, strict=True):
        lender = rows.get((scene, row.scale_m))
        if lender is not None:  # a scene that failed lends nothing
            lender_col, lender_row = lender.grid.index
            wrap_px = wraps * round(wrap_width(row.crs_wkt) / row.transform[0])
            col, line = lender_col - first_col + wrap_px, lender_row - first_row
            part = RasterPart(lender.path, col, line, lender.width, lender.height)
            parts += [(scene, part)] if part.intersection(window) else []
    return parts


def _read_lending(path: str, names: set[str]) -> list[RasterRow]:
    """The rows of a table of another group; OrbitileError if a raster of a scene that lends pixels is damaged."""
    rows = read_rasters(path)
    check_pieces(path, (row.path for row in rows if row.scene in names))
    return rows


def coarsest(rows: list[RasterRow]) -> list[RasterRow]:
    """The rows at the coarsest scale: each scene once, in few pixels."""
    scale_m = max((row.scale_m for row in rows), default=0)
    return [row for row in rows if row.scale_m == scale_m]
