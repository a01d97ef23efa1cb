"""Areas on the ground of classes that exclude each other, pixel by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from orbitile.features.shapes.ground import Lattice
from orbitile.space.grids import Grid, Window
from orbitile.tables.class_rasters import ClassRaster

LONGEST_STEP_PX = 16
STEP_RAD = 0.005
"""Between points so far apart on a map, in radians of the body, areas of pixels are interpolated: within 1e-5."""


@dataclass(frozen=True)
class PixelAreas:
    """The areas of a scene's pixels on the sphere, whatever the map; the same in all scenes of a lattice."""

    grid: Grid
    radius_m: float

    def of_window(self, window: Window, valid: np.ndarray) -> np.ndarray:
        """Areas (rows, columns) in square metres of the valid pixels of a window of the grid; 0 off the body.

        Between points at whole multiples of a few pixels on the lattice, areas are interpolated.
        """
        lattice, (col, row), step = Lattice.of(self.grid, self.radius_m), self.grid.index, self._step_px
        rows, cols = row + window.row + np.arange(window.height), col + window.col + np.arange(window.width)
        nodes = _grid_areas(lattice, _multiples(rows, step), _multiples(cols, step))
        with np.errstate(invalid="ignore"):
            areas = _between(_between(nodes, rows, step).T, cols, step).T
        at_limb = np.nonzero(valid & ~np.isfinite(areas))  # where a point around lies off the map
        areas[at_limb] = _pixel_areas(lattice, rows[at_limb[0]], cols[at_limb[1]])
        return np.nan_to_num(areas, nan=0.0, posinf=0.0)

    @property
    def _step_px(self) -> int:
        return int(np.clip(STEP_RAD * self.radius_m / self.grid.gsd_m, 1, LONGEST_STEP_PX))


def _multiples(numbers: np.ndarray, step: int) -> np.ndarray:
    """The multiples of a step from the one at or before the first of ascending numbers to one beyond the last."""
    return np.arange(numbers[0] // step * step, numbers[-1] + step + 1, step)


def _between(nodes: np.ndarray, numbers: np.ndarray, step: int) -> np.ndarray:
    """Values (n, m) at numbers (n), linear between those (k, m) at the multiples of a step around them."""
    place, beyond = np.divmod(numbers - numbers[0] // step * step, step)
    share = (beyond / step)[:, None]
    return nodes[place] if step == 1 else nodes[place] * (1 - share) + nodes[place + 1] * share


def _grid_areas(lattice: Lattice, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Areas (rows, columns) of the pixels where some rows and columns of a lattice cross."""
    return _pixel_areas(lattice, *(numbers.ravel() for numbers in np.meshgrid(rows, cols, indexing="ij"))).reshape(
        len(rows), len(cols)
    )


def _pixel_areas(lattice: Lattice, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Areas (n) of pixels (n) of a lattice, as parallelograms around their middles."""
    with np.errstate(invalid="ignore"):
        across, down = lattice.steps(np.column_stack([cols, rows]) + 0.5)
        return np.linalg.norm(np.cross(across, down), axis=1)


@dataclass
class ClassTally:
    """Pixels and areas of classes 0..K, to which windows are added.

    `area_m2` is that of all valid pixels, `single_m2` only that of the pixels that no scene before this one has.
    """

    classes: int
    pixels: np.ndarray = field(init=False)
    area_m2: np.ndarray = field(init=False)
    single_m2: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = np.zeros(self.classes, np.int64)
        self.area_m2, self.single_m2 = np.zeros(self.classes), np.zeros(self.classes)

    def add(self, numbers: np.ndarray, areas: np.ndarray, valid: np.ndarray, single: np.ndarray) -> None:
        """Add pixels by their class (rows, columns; 0..K), their areas (m2), where they are valid, and where single."""
        self.pixels += np.bincount(numbers[valid], minlength=self.classes)
        self.area_m2 += np.bincount(numbers[valid], areas[valid], self.classes)
        self.single_m2 += np.bincount(numbers[single], areas[single], self.classes)


def scene_areas(rasters: Sequence[ClassRaster]) -> pd.DataFrame:
    """Pixels, area (m2) and share of each class in each scene and scale, background included, a row for each."""
    rows = [
        (row.scene, row.scale_m, number, name, row.pixels[number], row.area_m2[number])
        for row in sorted(rasters, key=lambda row: (row.scale_m, row.scene))
        for number, name in enumerate(row.classes)
    ]
    table = pd.DataFrame(rows, columns=["scene", "scale_m", "number", "class", "pixels", "area_m2"])
    return table.assign(share=_shares(table, "area_m2", ["scene", "scale_m"]))


def run_areas(rasters: Sequence[ClassRaster]) -> pd.DataFrame:
    """Area (m2) and share of each class at each scale, background included, by class and scale in m/px.

    Ground that several scenes of a mosaic have counts once.
    """
    rows = [
        (name, row.scale_m, row.single_m2[number])
        for row in sorted(rasters, key=lambda row: row.scene)
        for number, name in enumerate(row.classes)
    ]
    table = pd.DataFrame(rows, columns=["class", "scale_m", "class_area_m2"])
    areas = table.groupby(["class", "scale_m"])["class_area_m2"].sum().reset_index()
    return areas.assign(class_share=_shares(areas, "class_area_m2", ["scale_m"])).set_index(["class", "scale_m"])


def _shares(table: pd.DataFrame, column: str, keys: list[str]) -> pd.Series:
    """The share (n) of each row in the sum over its group; 0 where that is 0."""
    return (table[column] / table.groupby(keys)[column].transform("sum")).fillna(0.0)
