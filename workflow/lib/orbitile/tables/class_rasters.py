"""The table of a group's rasters of classes: their grids, and the areas of the classes in each."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from orbitile.tables.parquet import read_arrow, write_arrow
from orbitile.tables.piece_checks import check_pieces

SCHEMA = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px", "about": "the scale as the settings name it"}),
        pa.field("path", pa.string(), metadata={"about": "cloud-optimised GeoTIFF of class numbers"}),
        pa.field("crs_wkt", pa.string(), metadata={"about": "coordinate system of its map, as WKT 2"}),
        pa.field("transform", pa.list_(pa.float64(), 6), metadata={"about": "affine a, b, c, d, e, f"}),
        pa.field("width", pa.int64(), metadata={"unit": "px"}),
        pa.field("height", pa.int64(), metadata={"unit": "px"}),
        pa.field("classes", pa.list_(pa.string()), metadata={"about": "by number; 0 is the background"}),
        pa.field("pixels", pa.list_(pa.int64()), metadata={"about": "valid pixels of each class"}),
        pa.field("area_m2", pa.list_(pa.float64()), metadata={"unit": "m2", "about": "of them on the ground"}),
        pa.field(
            "single_m2", pa.list_(pa.float64()),
            metadata={"unit": "m2", "about": "without the pixels that scenes before it in the mosaic have"},
        ),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class ClassRaster:
    """The classes of a scene at a scale: a row of the table (see SCHEMA for units)."""

    scene: str
    scale_m: float
    path: str
    crs_wkt: str
    transform: list[float]
    width: int
    height: int
    classes: list[str]
    pixels: list[int]
    area_m2: list[float]
    single_m2: list[float]

    @classmethod
    def read(cls, description: Path) -> "ClassRaster":
        """From the description (JSON) beside a raster."""
        return cls(**json.loads(description.read_text()))


def write_class_rasters(rows: Sequence[ClassRaster], path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a table of rasters of classes, with metadata for the table."""
    write_arrow(pa.Table.from_pylist([asdict(row) for row in rows], SCHEMA), path, metadata)


def class_raster_paths(tables: Sequence[str]) -> dict[tuple[str, float], str]:
    """The paths of the rasters of several tables, by scene and scale; OrbitileError if one of them is missing."""
    return {(row.scene, row.scale_m): row.path for path in tables for row in read_class_rasters(path)}


def read_class_rasters(path: str | Path) -> list[ClassRaster]:
    """Read a table of rasters of classes; OrbitileError if one of them is missing."""
    rows = [ClassRaster(**row) for row in read_arrow(path).to_pylist()]
    check_pieces(path, (row.path for row in rows if not Path(row.path).is_file()))
    return rows
