"""The table of a group's rasters: where each scene lies at each scale, and how it is stretched."""

from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from affine import Affine

from orbitile.errors import OrbitileError
from orbitile.files import atomic
from orbitile.rasters.read import Stretch
from orbitile.space.grids import Grid

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

    @property
    def grid(self) -> Grid:
        """The raster's pixel grid."""
        return Grid(self.crs_wkt, Affine(*self.transform), self.width, self.height)

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


def coarsest(rows: list[RasterRow]) -> list[RasterRow]:
    """The rows at the coarsest scale: each scene once, in few pixels."""
    scale_m = max((row.scale_m for row in rows), default=0)
    return [row for row in rows if row.scale_m == scale_m]
