"""Scenes to learn from: their pixels, the boxes of their craters, and what of them is kept for validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.rasters.read import opened_raster, read_window
from orbitile.rasters.stretch import FILL
from orbitile.space.grids import Window
from orbitile.space.ground import Ground
from orbitile.tables.craters import Craters
from orbitile.tables.rasters import RasterRow
from orbitile.tables.scenes import SceneOrigin
from orbitile.training.bands import band_channels
from orbitile.training.scene_deal import SceneDeal
from orbitile.training.split import (
    SPLITS,
    choose_squares,
    split_by_draw,
    square_numbers,
    squares_of,
    window_outline,
)

MEMORY_BYTES = 4 * 2**30
"""Memory for pixels: scenes that do not fit are read again, window by window."""
LATTICE_PX = 8
"""Distance of the points by which a window is looked up: the corner of a square pokes at most half of it between them,
as far as the margin around a tile's pixels."""
SCENE_POINTS = 65
"""Points along each axis by which the squares of a scene are looked up."""


class ScenePixels:
    """The grey values of a raster, stretched, in memory or read window by window."""

    def __init__(self, row: RasterRow, in_memory: bool) -> None:
        self._row = row
        self._whole = self._read(self._bounds) if in_memory else None

    def window(self, window: Window) -> np.ndarray:
        """Grey values (bands, rows, columns; uint8) of a window, which may reach beyond the scene; FILL there."""
        inside = window.intersection(self._bounds)
        pixels = np.full((self._row.bands, window.height, window.width), FILL, np.uint8)
        if inside is not None:
            part = self._read(inside) if self._whole is None else self._whole[:, *inside.slices_within(self._bounds)]
            pixels[:, *inside.slices_within(window)] = part
        return pixels

    @property
    def _bounds(self) -> Window:
        return Window(0, 0, self._row.width, self._row.height)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Grey values (bands, rows, columns; uint8) of a window of the scene, and which are valid (rows, columns)."""
        with opened_raster(self._row.path) as source:
            pixels, valid = read_window(source, window, band_channels(self._row.bands))
        return self._row.stretch.apply(pixels, valid).reshape(-1, *valid.shape), valid

    def _read(self, window: Window) -> np.ndarray:
        return self.read(window)[0]


@dataclass(frozen=True)
class SceneSplit:
    """Which windows of a scene are for training and which for validation.

    `whole` is the split of all of it; None where `validation_squares` of `block_deg` degrees decide.
    """

    whole: str | None
    validation_squares: frozenset[int] = frozenset()
    block_deg: float = 0

    def of_window(self, row: RasterRow, ground: Ground, window: Window) -> str | None:
        """The split of a window; None where it straddles squares of both."""
        if self.whole is not None:
            return self.whole
        lies_in = self._for_validation(*_lattice(row, ground, window))
        return None if lies_in.any() != lies_in.all() else SPLITS[int(lies_in[0])]

    def reaches_validation(self, row: RasterRow, ground: Ground, window: Window) -> bool:
        """Whether anything in a window is kept for validation."""
        if self.whole is not None:
            return self.whole == SPLITS[1]
        return bool(self._for_validation(*_lattice(row, ground, window)).any())

    def judges(self, row: RasterRow, ground: Ground, points: np.ndarray) -> np.ndarray:
        """Which points (n, 2; pixels of the scene) lie in what is kept for validation."""
        if self.whole is not None:
            return np.full(len(points), self.whole == SPLITS[1])
        return self._for_validation(*ground.lonlat(*row.grid.to_map(points[:, 0], points[:, 1])))

    def _for_validation(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return np.isin(square_numbers(lon, lat, self.block_deg), list(self.validation_squares))


@dataclass(frozen=True)
class LabelledScene:
    """A scene at a scale with its craters.

    `boxes` (n, 4) are left, top, right and bottom in its pixels, `agreement` (n; 0..1) is how sure it is that each is a
    crater, `smallest_px` the size from which all are labelled.
    """

    row: RasterRow
    ground: Ground
    boxes: np.ndarray
    agreement: np.ndarray
    smallest_px: float
    split: SceneSplit
    pixels: ScenePixels

    @property
    def bands(self) -> int:
        """How many bands its tiles have."""
        return self.row.bands

    @property
    def bounds(self) -> Window:
        """All of its pixels."""
        return Window(0, 0, self.row.width, self.row.height)

    @cached_property
    def weight(self) -> float:
        """How often it is drawn: less than by its area, more where it has many craters."""
        return (self.row.width * self.row.height) ** 0.7 * (1 + len(self.boxes)) ** 0.3

    def is_for_training(self, window: Window) -> bool:
        """Whether nothing in a window is kept for validation."""
        return self.split.of_window(self.row, self.ground, window) == SPLITS[0]

    def is_for_validation(self, window: Window) -> bool:
        """Whether anything in a window is kept for validation."""
        return self.split.reaches_validation(self.row, self.ground, window)

    def judges(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes (n, 4; pixels) have their centre in what is kept for validation."""
        return self.split.judges(self.row, self.ground, (boxes[:, :2] + boxes[:, 2:]) / 2)


@dataclass(frozen=True)
class SplitChoice:
    """How scenes are kept for validation (see recipe.DetectorRecipe); `origins` is what the scene table says."""

    validation_scenes: tuple[str, ...]
    block_deg: float
    validation_share: float
    seed: int
    origins: Mapping[str, SceneOrigin] = field(default_factory=dict)

    @classmethod
    def of(cls, recipe: Mapping, origins: Mapping[str, SceneOrigin]) -> Self:
        """By the fields of a recipe."""
        names = ("validation_scenes", "block_deg", "validation_share", "seed")
        return cls(**{name: recipe[name] for name in names}, origins=origins)

    def participants(self, rows: Sequence[RasterRow]) -> list[RasterRow]:
        """The rows of scenes that are not set aside for tests; OrbitileError where none is left."""
        names = self._deal.participants(self._origins(rows))
        return [row for row in rows if row.scene in names]

    @property
    def _deal(self) -> SceneDeal:
        return SceneDeal(validation_scenes=self.validation_scenes, validation_share=self.validation_share,
                         seed=self.seed, section="training")  # fmt: skip

    def _origins(self, rows: Sequence[RasterRow]) -> dict[str, SceneOrigin]:
        return {name: self.origins.get(name, SceneOrigin()) for name in sorted({row.scene for row in rows})}

    def splits(
        self, rows: Sequence[RasterRow], grounds: Mapping[str, Ground], is_mapped: bool
    ) -> dict[str, SceneSplit]:
        """The split of each scene. OrbitileError where nothing, or all, would be kept for validation."""
        names = sorted({row.scene for row in rows})
        splits = self._deal.split_by_scene(self._origins(rows), is_mapped)
        if splits is None and not is_mapped:
            splits = split_by_draw(names, self.validation_share, self.seed, "training")
        if splits is not None:
            return _whole(splits)
        finest = {row.scene: row for row in sorted(rows, key=lambda row: -row.scale_m)}
        squares = np.unique(np.concatenate([
            squares_of(*window_outline(row.grid, grounds[row.crs_wkt], Window(0, 0, row.width, row.height),
                                       SCENE_POINTS), self.block_deg) for row in finest.values()
        ])).tolist()  # fmt: skip
        if len(squares) < 2:
            raise OrbitileError("training.block_deg: all scenes lie in the same square; use a smaller block_deg, or "
                                "name training.validation_scenes")  # fmt: skip
        chosen = frozenset(choose_squares(squares, self.validation_share, self.seed))
        return dict.fromkeys(names, SceneSplit(None, chosen, self.block_deg))


def _whole(splits: Mapping[str, str]) -> dict[str, SceneSplit]:
    return {name: SceneSplit(split) for name, split in splits.items()}


def label_scenes(
    rows: Sequence[RasterRow], craters: Craters, choice: SplitChoice, radius_m: float, labelled_from_px: float
) -> list[LabelledScene]:
    """Scenes at all scales with the boxes of their craters, sorted by scale and name, without those for tests."""
    rows = sorted(choice.participants(rows), key=lambda row: (row.scale_m, row.scene))
    finest_m = rows[0].scale_m
    grounds = {row.crs_wkt: Ground(row.crs_wkt, radius_m) for row in rows}
    splits = choice.splits(rows, grounds, craters.scene is None)
    in_memory = sum(row.width * row.height * row.bands for row in rows) <= MEMORY_BYTES
    scenes = []
    for row in rows:
        ground, of_scene = grounds[row.crs_wkt], craters.of_scene(row.scene)
        boxes = row.grid.boxes_to_pixel(
            ground.circle_boxes(of_scene.lon, of_scene.lat, of_scene.diameter_m, *row.grid.middle)
        )
        reaches_in = (boxes[:, 2:] > 0).all(axis=1) & (boxes[:, :2] < [row.width, row.height]).all(axis=1)
        agreement = np.ones(len(boxes)) if of_scene.agreement is None else of_scene.agreement
        scenes.append(LabelledScene(
            row, ground, boxes[reaches_in], agreement[reaches_in], labelled_from_px * finest_m / row.scale_m,
            splits[row.scene], ScenePixels(row, in_memory),
        ))  # fmt: skip
    return scenes


def _lattice(row: RasterRow, ground: Ground, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (n each; degrees) of points all over a window."""
    return window_outline(row.grid, ground, window, 2 + max(window.width, window.height) // LATTICE_PX)
