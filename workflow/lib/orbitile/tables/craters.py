"""Crater tables of any origin: positions and diameters, under the usual names of columns or those of the settings."""

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, wrap_longitude
from orbitile.tables.box_formats import table_agreement
from orbitile.tables.box_labels import holds_box_labels, read_box_labels
from orbitile.tables.crater_columns import (
    CraterColumns,
    ScaledColumn,
    find_diameter,
    find_pixels,
    find_position,
    find_scene,
)
from orbitile.tables.rasters import RasterRow
from orbitile.tables.user_tables import UserTable, read_user_table

log = logging.getLogger(__name__)

LARGEST_KM = 12_000
"""No crater is larger; the largest basin that is discussed, of Mars, has 10,600 km: just half way around it."""


@dataclass(frozen=True)
class Craters:
    """Craters as arrays (n): degrees east (-180..180), degrees north (planetocentric), metres.

    `scene` (n) names the scene of each, `agreement` (n) is the share of annotators that marked it, 0..1; each None
    where the table does not tell.
    """

    lon: np.ndarray
    lat: np.ndarray
    diameter_m: np.ndarray
    scene: np.ndarray | None = None
    agreement: np.ndarray | None = None

    @classmethod
    def of_catalogue(cls, rows: pa.Table | pa.RecordBatch) -> Self:
        """Rows of a catalogue with the columns lon, lat, diameter_km, perhaps scene."""
        lon, lat, diameter_km = (rows[name].to_numpy(zero_copy_only=False) for name in ("lon", "lat", "diameter_km"))
        scene = rows["scene"].cast(pa.string()).to_numpy(zero_copy_only=False) if "scene" in rows.schema.names else None
        return cls(wrap_longitude(lon), lat, diameter_km * 1000, scene)

    def __len__(self) -> int:
        return len(self.lon)

    def select(self, chosen: np.ndarray) -> "Craters":
        """The craters that a boolean or index array selects."""
        scene, agreement = (None if column is None else column[chosen] for column in (self.scene, self.agreement))
        return Craters(self.lon[chosen], self.lat[chosen], self.diameter_m[chosen], scene, agreement)

    @classmethod
    def joined(cls, parts: Sequence["Craters"]) -> Self:
        """The craters of several tables, at least one, without their scenes; unknown agreement beside known is 1."""
        columns = zip(*((part.lon, part.lat, part.diameter_m) for part in parts), strict=True)
        craters = cls(*map(np.concatenate, columns))
        if all(part.agreement is None for part in parts):
            return craters
        agreement = [np.ones(len(part)) if part.agreement is None else part.agreement for part in parts]
        return replace(craters, agreement=np.concatenate(agreement))

    def of_scene(self, scene: str) -> "Craters":
        """The craters of a scene; all of them where the table names no scenes."""
        return self if self.scene is None else self.select(self.scene == scene)


@dataclass(frozen=True)
class CraterTable:
    """A crater table's path, and which of its columns hold what."""

    path: str
    columns: CraterColumns = field(default_factory=CraterColumns)

    @classmethod
    def of(cls, path: str, columns: Mapping[str, str | None]) -> Self:
        """With columns as the settings name them (see orbitile.tables.crater_columns.CraterColumns)."""
        return cls(path, CraterColumns(**columns))


@dataclass(frozen=True)
class PixelPlaces:
    """The grid that all scenes without a map share, and the radius of the body in metres.

    `sizes` are width and height of the images in pixels, by scene.
    """

    grid: Grid
    radius_m: float
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, rasters: Sequence[RasterRow], radius_m: float) -> Self | None:
        """That of the finest rasters, for a run without a map; None where there are no rasters."""
        finest = min(rasters, key=lambda row: row.scale_m, default=None)
        if finest is None:
            return None
        sizes = {row.scene: (row.width, row.height) for row in rasters if row.scale_m == finest.scale_m}
        return cls(finest.grid, radius_m, sizes)

    def craters(self, col: np.ndarray, row: np.ndarray, diameter_px: np.ndarray) -> Craters:
        """Craters by columns and rows (n; pixels from the outer upper left corner) and diameters (n; pixels)."""
        lon, lat = Ground(self.grid.crs_wkt, self.radius_m).lonlat(*self.grid.to_map(col, row))
        return Craters(wrap_longitude(lon), lat, diameter_px * self.grid.gsd_m)


def read_craters(
    path: str | Path, columns: CraterColumns | None = None, pixels: PixelPlaces | None = None,
    radius_m: float | None = None,
) -> Craters:  # fmt: skip
    """Read a crater table: CSV, Parquet, or any vector file with the same columns.

    Longitude, latitude and diameter are recognised by `columns`, or by their usual names (see
    orbitile.tables.crater_columns); places in pixels only where `pixels` says what they mean. Rows that stand in the
    table twice count once, with a warning. OrbitileError names the column that is missing or stands there twice, or
    the first row with a value that cannot be right, such as a diameter that no crater of a body of `radius_m` has.
    """
    path, columns = Path(path), columns or CraterColumns()
    if not path.is_file():
        raise OrbitileError(f"no crater table at {path}")
    table = read_user_table(path, columns.wanted)
    in_pixels = find_pixels(table.header) if pixels else None
    craters = _in_pixels(table, in_pixels, pixels) if in_pixels and pixels else _in_degrees(table, columns, radius_m)
    scene = find_scene(table.header, columns, path)
    craters = replace(craters, agreement=_agreement(table))
    if scene:
        names = np.array(table.texts(scene), object)
        craters = replace(craters, scene=names)
        table.refuse((names == "") & (pixels is not None), scene, "; name the scene that the crater lies on")
    return craters.select(_first_of_repeats(table, craters))


def read_craters_of_run(table: CraterTable, pixels: PixelPlaces | None, unmapped_scenes: int = 0) -> Craters:
    """Read a crater table for the scenes of a run.

    On a map, position alone says which crater lies on which scene, and a column scene counts for nothing. A run in
    pixel coordinates has a number of `unmapped_scenes`, which all lie at one place: each crater belongs to the scene
    that its column scene names, and may be placed in `pixels`. Instead of a table, it may have labels of boxes (see
    orbitile.tables.box_labels). OrbitileError for no such column and more than one such scene, and for boxes on a map.
    """
    if _holds_boxes(table, pixels is not None):
        return _craters_of_boxes(Path(table.path), pixels, unmapped_scenes)
    radius_m = pixels.radius_m if pixels else None
    craters = read_craters(table.path, table.columns, pixels if unmapped_scenes else None, radius_m)
    if not unmapped_scenes:
        return replace(craters, scene=None)
    if craters.scene is None and unmapped_scenes > 1:
        raise OrbitileError(
            f"{table.path}: has no column scene, but the {unmapped_scenes} images of this run have no map and all lie "
            "at one place; add the column scene with the name of the image that each crater lies on"
        )
    return craters


def _holds_boxes(table: CraterTable, has_rasters: bool) -> bool:
    """Whether the settings name labels of boxes; a run in which every scene has failed has no place for them."""
    path = Path(table.path)
    is_crater_text = path.is_file() and bool(table.columns.named)
    return has_rasters and not is_crater_text and path.exists() and holds_box_labels(path)


def _craters_of_boxes(path: Path, pixels: PixelPlaces | None, unmapped_scenes: int) -> Craters:
    if not unmapped_scenes or pixels is None:
        raise OrbitileError(
            f"{path}: labels of boxes are in pixels of images without a map, and count only with pixel_coordinates: "
            "true; give a table of craters with lon, lat and diameter"
        )
    labels = read_box_labels(path, pixels.sizes, is_whole_run=len(pixels.sizes) == unmapped_scenes)
    for warning in labels.warnings:
        log.warning("%s: %s", path, warning)
    craters = pixels.craters(labels.col, labels.row, labels.diameter_px)
    return replace(craters, scene=labels.scene, agreement=labels.agreement)


def check_scene_names(craters: Craters, scenes: Collection[str], path: str | Path) -> None:
    """OrbitileError for a table that names scenes, but none of these; a warning for those that are not among them."""
    if craters.scene is None or not len(craters):
        return
    names = set(craters.scene.tolist())
    other = sorted(names - set(scenes))
    if len(other) == len(names):
        raise OrbitileError(
            f"{path}: column scene names no scene of this run, but {shortened(', '.join(other))}; write their names as "
            "in the scene table"
        )
    if other:
        log.warning("%s: column scene names %d scenes that are not part of this run or failed: %s", path, len(other),
                    shortened(", ".join(map(repr, other))))  # fmt: skip


def _agreement(table: UserTable) -> np.ndarray | None:
    """The share of annotators (n, 0..1) by the columns of a table; numbers of them as a share of the largest."""
    annotators, agreement = table_agreement(table)
    return annotators / max(annotators.max(initial=0), 1) if annotators is not None else agreement


def _in_degrees(table: UserTable, columns: CraterColumns, radius_m: float | None) -> Craters:
    lon_column, lat_column = find_position(table.header, columns, table.path)
    diameter_column = find_diameter(table.header, columns, table.path)
    lon, lat, diameter_m = _scaled(table, (lon_column, lat_column, diameter_column))
    table.refuse_off_body(lon, lat, (lon_column.name, lat_column.name))
    largest_km = _largest_km(radius_m)
    is_invalid = (diameter_m <= 0) | (diameter_m > largest_km * 1000)
    table.refuse(is_invalid, diameter_column.name, f"; diameters are above 0 and at most {largest_km:g} km")
    return Craters(wrap_longitude(lon), np.clip(lat, -90, 90), diameter_m)


def _largest_km(radius_m: float | None) -> float:
    """The largest diameter along the ground of a body: half way around it, where a crater covers a hemisphere."""
    return LARGEST_KM if radius_m is None else min(LARGEST_KM, math.pi * radius_m / 1000)


def _in_pixels(table: UserTable, names: Sequence[str], pixels: PixelPlaces) -> Craters:
    col, row, diameter_px = table.numeric(names)
    table.refuse(diameter_px <= 0, names[2], "; diameters are above 0")
    return pixels.craters(col, row, diameter_px)


def _scaled(table: UserTable, columns: Sequence[ScaledColumn]) -> list[np.ndarray]:
    numbers = table.numeric([column.name for column in columns])
    return [number * column.factor for number, column in zip(numbers, columns, strict=True)]


def _first_of_repeats(table: UserTable, craters: Craters) -> np.ndarray:
    """Which craters (n, bool) do not stand in an earlier row, too, with the same scene and class."""
    rows = pd.DataFrame(dict(lon=craters.lon, lat=craters.lat, diameter=craters.diameter_m))
    rows["scene"] = "" if craters.scene is None else craters.scene
    rows["class"] = table.texts("class") if "class" in table.columns else ""
    repeated = rows.duplicated().to_numpy()
    if repeated.any():
        first = table.place(int(np.flatnonzero(repeated)[0]))
        log.warning("%s and others: %d of %d craters repeat an earlier row; each counts once", first, repeated.sum(),
                    len(rows))  # fmt: skip
    return ~repeated
