"""Contact sheets: which craters of a catalogue to look at first, a page of chips for each reason to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from orbitile.catalogue import Catalogue
from orbitile.pictures.chip_pages import PAGE_CHIPS
from orbitile.review.additions import FramePairing
from orbitile.review.extremes import certainty_column, extreme_rows, first_rows
from orbitile.tables.detections import MAP_BOX
from orbitile.tables.enlarged_rasters import SearchedRaster, rasters_at_all_scales
from orbitile.tables.failed_windows import failed_by_scale
from orbitile.tables.parquet import read_arrow
from orbitile.tables.rasters import RasterRow, read_rasters

SHEET_COLUMNS = (
    "id", "scene", "scale_m", "lon", "lat", "width_m", "height_m", "diameter_km", "score", "probability", "truncated",
    *MAP_BOX,
)  # fmt: skip
DETECTED = ("scene", "scale_m", "lon", "lat", "diameter_km")
SIZE_MARGIN = 0.15
"""How far a size lies inside the limits of a scale, at least, where that scale had to detect it, as a share of them:
two scales measure the same crater several per cent apart."""
BORDER_RADII = 1.0
"""How near the box of a crater comes to the edge of its scene that lies at a border, in its radii."""


class Sheet(NamedTuple):
    """A page of craters: its name, what they have in common, the rows that are shown, and how many there are."""

    name: str
    about: str
    rows: pd.DataFrame
    total: int


@dataclass(frozen=True)
class SizeRange:
    """The sizes in metres that a scale detects with certainty, by the larger side."""

    scale_m: float
    least_m: float
    most_m: float

    @classmethod
    def of(cls, scale_m: float, limits: Mapping[str, Any]) -> Self:
        """That of a scale by its limits (see orbitile.detections.tiling.SizeLimits)."""
        least_m, most_m = (limits[name] * scale_m for name in ("min_object_px", "max_object_px"))
        return cls(scale_m, least_m * (1 + SIZE_MARGIN), most_m * (1 - SIZE_MARGIN))


@dataclass(frozen=True)
class SheetTables:
    """A group's tables of all its detections and of its rasters."""

    detections: str
    rasters: str


@dataclass(frozen=True)
class SheetChoice:
    """What sheets are drawn by: the sizes that scales detect, and what is the same crater at two of them.

    `enlarged` holds the factors of scales that were searched in enlarged pixels.
    """

    sizes: Sequence[SizeRange]
    pairing: FramePairing
    enlarged: Mapping[float, int] = field(default_factory=dict)
    craters_per_sheet: int = PAGE_CHIPS


def choose_sheets(catalogue: Catalogue, groups: Mapping[str, SheetTables], choice: SheetChoice) -> list[Sheet]:
    """The sheets of a catalogue, each of at most as many rows as the choice says; those without rows, too.

    The catalogue is read twice, group by group.
    """
    certainty, count = certainty_column(catalogue), choice.craters_per_sheet
    frames = (_frame(batch).dropna(subset=[certainty]) for batch in catalogue.batches(SHEET_COLUMNS))
    extremes = extreme_rows(frames, certainty, count)
    largest, exclusions = RowCollector("diameter_km", count), catalogue.metadata.get("exclusions", ())
    cut, border, scales = (RowCollector(certainty, count) for _ in range(3))
    for name, rows in _groups(catalogue):
        largest.feed(rows)
        cut.feed(rows[rows["truncated"]])
        border.feed(rows[at_borders(rows, read_rasters(groups[name].rasters))])
        scales.feed(_seen_at_one_scale(rows, groups[name], choice, exclusions))
    return [
        Sheet("most_certain", f"highest {certainty}", extremes.most, extremes.total),
        Sheet("least_certain", f"lowest {certainty}", extremes.least, extremes.total),
        largest.sheet("largest", "largest"),
        cut.sheet("truncated", "cut by nodata or by the outer edge of all scenes"),
        border.sheet("borders", "whole, but at the edge of their scene, or over it"),
        scales.sheet("one_scale", "detected at one scale, and not at another that had to detect them"),
    ]


class RowCollector:
    """The first rows of all that are fed, by a column, falling, and their number."""

    def __init__(self, column: str, count: int) -> None:
        self._column, self._count = column, count
        self.rows, self.total = pd.DataFrame(), 0

    def feed(self, rows: pd.DataFrame) -> None:
        """Take rows."""
        if len(rows):
            self.total += len(rows)
            self.rows = first_rows([self.rows, rows], self._column, self._count)

    def sheet(self, name: str, about: str) -> Sheet:
        """What was collected."""
        return Sheet(name, about, self.rows, self.total)


def at_borders(rows: pd.DataFrame, rasters: Iterable[RasterRow]) -> np.ndarray:
    """Which rows (n, bool) come within BORDER_RADII of the edge of their scene's raster, or over it, uncut."""
    inside = {raster.scene: _bounds(raster) for raster in rasters}
    boxes = rows[MAP_BOX].to_numpy(float)
    edges = np.array([inside.get(scene, (-np.inf, -np.inf, np.inf, np.inf)) for scene in rows["scene"]]).reshape(-1, 4)
    reach = BORDER_RADII * np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:, None] / 2
    is_near = (boxes[:, :2] < edges[:, :2] + reach) | (boxes[:, 2:] > edges[:, 2:] - reach)
    return is_near.any(axis=1) & ~rows["truncated"].to_numpy(bool)


@dataclass(frozen=True)
class SearchedScales:
    """At which scales scenes were searched: scenes and scales in m/px with a raster, and where these failed.

    What failed are shapes on the scenes' maps.
    """

    searched: frozenset[tuple[str, float]]
    failed: Mapping[tuple[str, float], shapely.Geometry]

    @classmethod
    def of(cls, rasters: Iterable[SearchedRaster], exclusions: Iterable[Mapping[str, str]]) -> Self:
        """Those of a group's rasters, by the exclusions of the run."""
        rasters = list(rasters)
        scales = frozenset((raster.stored.scene, raster.scale_m) for raster in rasters)
        return cls(scales, failed_by_scale(exclusions, rasters))

    def reach(self, rows: pd.DataFrame, scale_m: float) -> np.ndarray:
        """Which rows (n, bool; scene and MAP_BOX) have their centres where a scale was searched."""
        keys, boxes = [(scene, scale_m) for scene in rows["scene"]], rows[MAP_BOX].to_numpy(float)
        centres = shapely.points((boxes[:, :2] + boxes[:, 2:]) / 2)
        failed = np.array([self.failed.get(key) for key in keys], object)
        return np.array([key in self.searched for key in keys], bool) & ~shapely.intersects(failed, centres)


def unseen_scales(
    rows: pd.DataFrame, detections: pd.DataFrame, choice: SheetChoice, scales: SearchedScales
) -> np.ndarray:
    """The first scale (n, m/px) that had to detect each row and did not, by the detections of all scales; else NaN.

    A scale has to detect what is whole, of a size that it detects with certainty, and where it was searched.
    """
    pairing = choice.pairing
    unseen, size_m = np.full(len(rows), np.nan), rows[["width_m", "height_m"]].max(axis=1).to_numpy()
    for scale in choice.sizes:
        is_due = (size_m >= scale.least_m) & (size_m <= scale.most_m) & (rows["scale_m"] != scale.scale_m).to_numpy()
        is_due &= ~rows["truncated"].to_numpy(bool) & np.isnan(unseen)
        index = np.flatnonzero(is_due)[scales.reach(rows[is_due], scale.scale_m)]
        is_seen = pairing.overlapping(rows.iloc[index], detections[detections["scale_m"] == scale.scale_m])
        unseen[index[~is_seen]] = scale.scale_m
    return unseen


def _seen_at_one_scale(
    rows: pd.DataFrame, tables: SheetTables, choice: SheetChoice, exclusions: Iterable[Mapping[str, str]]
) -> pd.DataFrame:
    table = read_arrow(tables.detections, list(DETECTED)).to_pandas()
    scales = SearchedScales.of(rasters_at_all_scales(read_rasters(tables.rasters), choice.enlarged), exclusions)
    unseen = unseen_scales(rows, table, choice, scales)
    return rows.assign(unseen_scale_m=unseen)[~np.isnan(unseen)]


def _groups(catalogue: Catalogue) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each group that has any, by its name."""
    for fragment in catalogue.dataset.get_fragments():
        table = fragment.to_table(schema=catalogue.dataset.schema, columns=list(SHEET_COLUMNS), use_threads=False)
        yield Path(fragment.path).stem, _frame(table)


def _frame(rows: pa.Table | pa.RecordBatch) -> pd.DataFrame:
    return rows.to_pandas().astype(dict(scene=str, probability=float))


def _bounds(raster: RasterRow) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a raster on its map."""
    x, y = raster.grid.to_map(np.array([0.0, raster.width]), np.array([0.0, raster.height]))
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
