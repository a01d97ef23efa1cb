"""Chips of the rows of a review: their surroundings, read from the rasters of the run."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.on_body import drawing_points
from orbitile.pictures.chip_pages import Chip, draw_chip_pages
from orbitile.pictures.rings import pixel_rings
from orbitile.pictures.scene_picture import displayed_bands, stretched_pixels
from orbitile.pipeline import TABLE_FOLDERS
from orbitile.rasters.mosaic import opened_mosaic
from orbitile.space.grids import Window
from orbitile.space.ground import Ground
from orbitile.tables.parquet import read_arrow
from orbitile.tables.rasters import RasterRow, mosaic_parts

SIDE = 3.0
"""Of a chip, in diameters of its crater."""
SHAPE_MARGIN, LEAST_SHAPE_PX = 0.2, 32
"""Of the chip of a polygon, on each side; its least side."""
LEAST_PX = 64
"""Diameter from which on a coarser scale serves."""
MOST_PX = 4096
"""Longest side of what is read for a chip."""
LEAST_RANGE = 50
"""Grey values, of 255, that are stretched to all at least: what has less contrast is noise."""
PERCENTILES = (0.5, 99.5)
NO_DATA = 225


class ChipPages(NamedTuple):
    """The pages that were drawn, how many rows have no image, and why the first of these has none."""

    paths: list[Path]
    without_image: int
    reason: str


class RowChips(NamedTuple):
    """The chips of rows in their order, and why some of them have no image."""

    chips: list[Chip]
    reasons: list[str]


def draw_chips(rows: pd.DataFrame, run: Path, radius_m: float, folder: Path) -> ChipPages:
    """Draw rows (columns number, scene, lon, lat, width_m, height_m, diameter_km) of a run as pages in a folder.

    There are no pages where no row has an image.
    """
    chips, reasons = chips_of_rows(rows, run, radius_m)
    paths = draw_chip_pages(chips, folder) if len(reasons) < len(chips) else []
    return ChipPages(paths, len(reasons), reasons[0] if reasons else "")


def chips_of_rows(rows: pd.DataFrame, run: Path, radius_m: float) -> RowChips:
    """The chips of rows (columns as of `draw_chips`) of a run."""
    rasters, chips, reasons = RunRasters.read(run, rows["scene"]), [], []
    for row in rows.to_dict("records"):
        try:
            chips.append(rasters.chip(row, radius_m))
        except OrbitileError as error:
            reasons.append(str(error))
            chips.append(Chip(row["number"], row["diameter_km"]))
    return RowChips(chips, reasons)


@dataclass(frozen=True)
class RunRasters:
    """The rasters of scenes of a run, and of those that lend them pixels, by scene and scale."""

    run: Path
    rows: dict[tuple[str, float], RasterRow]

    @classmethod
    def read(cls, run: Path, scenes: Iterable[str]) -> Self:
        """Those of some scenes, of the tables of a run's folder."""
        rows = _read_rows(run, set(scenes))
        lenders = {name for row in rows for name in row.lenders}
        rows += _read_rows(run, lenders) if lenders else []
        return cls(run, {(row.scene, row.scale_m): row for row in rows})

    def chip(self, crater: dict, radius_m: float) -> Chip:
        """The chip of a row; OrbitileError where its scene has no raster, or no data there."""
        raster = self._raster(crater)
        place = (np.array([crater["lon"]]), np.array([crater["lat"]]))
        ring = pixel_rings(
            place, (np.array([crater["width_m"]]), np.array([crater["height_m"]])), raster.grid, radius_m
        )
        window = _window(ring[0])
        image = self._image(raster, window)
        side_km = crater["width_m"] / 1000 * window.width / float(np.ptp(ring[0][:, 0]))
        return Chip(crater["number"], crater["diameter_km"], image, _within(ring[0], window), side_km)

    def shape_chip(self, feature: dict, radius_m: float) -> Chip:
        """The chip of a row of a map (feature, scene, scale_m, geometry as WKB), its extent in place of a diameter.

        The outlines of several rings are apart by a row of NaN. OrbitileError where its scene has no raster at its
        scale, or no data there.
        """
        key = feature["scene"], feature["scale_m"]
        if key not in self.rows:
            raise OrbitileError(f"{_table_folder(self.run)}: no table has scene {key[0]} at {key[1]:g} m/px")
        raster = _on_disk(self.rows[key])
        outline = _outline(feature["geometry"], raster, radius_m)
        window = _square_window(outline)
        extent_km = float((np.nanmax(outline, axis=0) - np.nanmin(outline, axis=0)).max()) * raster.scale_m / 1000
        side_km = window.width * raster.scale_m / 1000
        return Chip(feature["feature"], extent_km, self._image(raster, window), _within(outline, window), side_km)

    def _raster(self, crater: dict) -> RasterRow:
        """The coarsest raster of a row's scene in which it has LEAST_PX, or else the finest."""
        scales = sorted(scale for scene, scale in self.rows if scene == crater["scene"])
        if not scales:
            raise OrbitileError(f"{_table_folder(self.run)}: no table has rasters of scene {crater['scene']}")
        handy = [scale for scale in scales if 1000 * crater["diameter_km"] >= LEAST_PX * scale]
        return _on_disk(self.rows[crater["scene"], max(handy, default=scales[0])])

    def _image(self, raster: RasterRow, window: Window) -> np.ndarray:
        parts = [part for _, part in mosaic_parts(raster, window, self.rows) if Path(part.path).is_file()]
        with opened_mosaic(parts) as mosaic:
            bands = displayed_bands(mosaic.first, raster.bands)
            pixels, valid = mosaic.read(window, bands)
        if not valid.any():
            raise OrbitileError(f"{raster.path}: holds no data there")
        return _with_contrast(stretched_pixels(raster, bands, pixels, valid), valid)


def _on_disk(raster: RasterRow) -> RasterRow:
    if not Path(raster.path).is_file():
        raise OrbitileError(f"{raster.path}: there is no such raster any more; run again to make it anew")
    return raster


def _outline(geometry: bytes, raster: RasterRow, radius_m: float) -> np.ndarray:
    """The rings or lines (n, 2: column, row) of a shape in longitude and latitude, apart by rows of NaN."""
    points, starts = drawing_points(np.array([shapely.from_wkb(geometry)]))
    grid = raster.grid
    lon, lat = points.T
    pixels = np.column_stack(grid.to_pixel(*Ground(grid.crs_wkt, radius_m).xy(lon, lat, *grid.middle)))
    return np.insert(pixels.astype(float), starts[1:], np.nan, axis=0)


def _square_window(outline: np.ndarray) -> Window:
    """A square around an outline, with SHAPE_MARGIN of its longer extent on each side."""
    low, high = np.nanmin(outline, axis=0), np.nanmax(outline, axis=0)
    side = int(np.clip(np.ceil((1 + 2 * SHAPE_MARGIN) * (high - low).max()), LEAST_SHAPE_PX, MOST_PX))
    left, top = np.floor((low + high - side) / 2).astype(int).tolist()
    return Window(left, top, side, side)


def _table_folder(run: Path) -> Path:
    return run / TABLE_FOLDERS["downsample"]


def _read_rows(run: Path, scenes: Collection[str]) -> list[RasterRow]:
    """The rows of scenes in the tables of a run; their paths count from the folder that the run was started in."""
    tables = (read_arrow(path).to_pylist() for path in sorted(_table_folder(run).glob("*.parquet")))
    rows = [RasterRow(**row) for table in tables for row in table if row["scene"] in scenes]
    return [replace(row, path=_existing(row.path, run)) for row in rows]


def _existing(path: str, run: Path) -> str:
    """A path as it stands or, where nothing is there, from the folder above results/<run>."""
    elsewhere = run.resolve().parent.parent / path
    return str(elsewhere) if not Path(path).is_file() and elsewhere.is_file() else path


def _window(ring: np.ndarray) -> Window:
    """SIDE times the extent of a ring (n, 2: column, row), along columns and rows each: on the ground it is square."""
    low, high = ring.min(axis=0), ring.max(axis=0)
    size = np.clip(np.ceil(SIDE * (high - low)), SIDE, MOST_PX)
    left, top = np.floor((low + high - size) / 2).astype(int).tolist()
    return Window(left, top, *size.astype(int).tolist())


def _within(ring: np.ndarray, window: Window) -> np.ndarray:
    """The places of a ring in a window, 0..1."""
    return (ring - (window.col, window.row)) / (window.width, window.height)


def _with_contrast(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """An image of 8-bit pixels stretched anew to what it holds itself, pixels without data light."""
    low, high = np.percentile(image[valid], PERCENTILES)
    missing = max(LEAST_RANGE - (high - low), 0) / 2
    stretched = (image.astype(float) - (low - missing)) / (high - low + 2 * missing) * 255
    stretched[~valid] = NO_DATA
    return np.clip(np.round(stretched), 0, 255).astype(np.uint8)
