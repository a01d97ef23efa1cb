"""Training tiles as a network takes them: read, filled up to full side, augmented, as tensors."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from orbitile.rasters.read import opened_raster, read_window
from orbitile.rasters.stretch import Stretch
from orbitile.space.grids import Window
from orbitile.training.bands import band_channels
from orbitile.training.segmentation.augmentation import LabelledPixels, TileAugmentation, rotated
from orbitile.training.segmentation.judged_once import JudgedOnce
from orbitile.training.segmentation.tiles import NOT_VALID, class_pixels, read_label_window, read_point_window

MEMORY_BYTES = 4 * 2**30
"""Memory for tiles: those that do not fit are read again each time."""
QUARTERS = 4


class Example(NamedTuple):
    """Input and labels of a tile: pixels 0..1 (channels, side, side), numbers of classes (side, side).

    `points` (side, side; uint8) are those known at single pixels, NOT_VALID elsewhere.
    """

    image: torch.Tensor
    labels: torch.Tensor
    points: torch.Tensor


@dataclass(frozen=True)
class TileShape:
    """The shape of all tiles: pixels of a side, channels, and whether labels known at single pixels are read."""

    tile_px: int
    channels: int
    with_points: bool = False


class TrainingTiles:
    """The pixels of a table's tiles, in memory as far as they fit; smaller ones are reflected beyond their edges."""

    def __init__(self, table: pd.DataFrame, shape: TileShape) -> None:
        self.table, self._shape = table.reset_index(drop=True), shape
        bytes_each = shape.tile_px**2 * (shape.channels + 2 + shape.with_points)
        in_memory = max(1, min(len(table), MEMORY_BYTES // bytes_each))
        self._read = lru_cache(maxsize=in_memory)(self._read_tile)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, number: int) -> LabelledPixels:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self._read(number)

    def __iter__(self) -> Iterator[LabelledPixels]:
        return map(self._read, range(len(self)))

    @cached_property
    def scaling(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel's pixels, as 0..1, where there is data."""
        count, total, squares = 0, np.zeros(self._shape.channels), np.zeros(self._shape.channels)
        for tile in self:
            values = tile.image[:, tile.valid].astype(np.float64) / 255
            count, total, squares = count + values.shape[1], total + values.sum(1), squares + (values**2).sum(1)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 1e-6))
        return tuple(mean.round(6).tolist()), tuple(std.round(6).tolist())

    def class_pixels(self) -> np.ndarray:
        """Numbers of labelled pixels (1 + classes; int64) of background and of each class, as the table has them."""
        labelled = (self.table["width"] * self.table["height"] * self.table["valid_share"]).round().sum()
        of_classes = class_pixels(self.table).sum(axis=0)
        return np.array([round(labelled) - of_classes.sum(), *of_classes], np.int64)

    def point_pixels(self) -> int:
        """Number of pixels of labels known at single pixels."""
        return sum(int(np.count_nonzero(tile.points != NOT_VALID)) for tile in self)

    def _read_tile(self, number: int) -> LabelledPixels:
        tile = self.table.iloc[number]
        window = Window(*(int(tile[name]) for name in ("col", "row", "width", "height")))
        with ExitStack() as files:
            scene, labelled = (files.enter_context(opened_raster(tile[name])) for name in ("path", "labels"))
            pixels, valid = read_window(scene, window, band_channels(self._shape.channels))
            labels = read_label_window(labelled, window)
            points = read_point_window(labelled, window) if self._shape.with_points else _no_points(labels.shape)
        image = Stretch(tuple(tile["low"]), tuple(tile["high"])).apply(pixels, valid).reshape(-1, *valid.shape)
        if self._shape.with_points:
            points = np.where(valid, points, np.uint8(NOT_VALID))
        return self._filled(LabelledPixels(image, np.where(valid, labels, np.uint8(NOT_VALID)), valid, points))

    def _filled(self, pixels: LabelledPixels) -> LabelledPixels:
        """A tile of full side: filled up with the reflected image, without labels."""
        height, width = pixels.labels.shape
        edges = (0, self._shape.tile_px - height), (0, self._shape.tile_px - width)
        if edges == ((0, 0), (0, 0)):
            return pixels
        image = np.pad(pixels.image, ((0, 0), *edges), "reflect" if min(height, width) > 1 else "edge")
        labels, points = (np.pad(plane, edges, constant_values=NOT_VALID) for plane in (pixels.labels, pixels.points))
        return LabelledPixels(image, labels, np.pad(pixels.valid, edges, constant_values=True), points)


class ValidationTiles(Dataset):
    """Tiles as they are, for validation; what several of them show is labelled in a single one."""

    def __init__(self, tiles: TrainingTiles) -> None:
        self._tiles, self._once = tiles, JudgedOnce(tiles.table)

    def __len__(self) -> int:
        return len(self._tiles)

    def __getitem__(self, number: int) -> Example:
        pixels = self._tiles[number]
        labels, points = (self._once.labels(number, plane) for plane in (pixels.labels, pixels.points))
        return _example(pixels._replace(labels=labels, points=points))


class AugmentedTiles(Dataset):
    """Training tiles of one epoch: those with features in all four orientations, all changed at random.

    `repeats` (n) says how often each tile is there. An item depends on seed, epoch and its number alone.
    """

    def __init__(
        self,
        tiles: TrainingTiles,
        augmentation: TileAugmentation,
        seed: int,
        epoch: int,
        repeats: np.ndarray | None = None,
    ) -> None:
        self._tiles, self._augmentation, self._seed = tiles, augmentation, (seed, epoch)
        is_turned = (tiles.table["positive_px"] > 0).to_numpy() & augmentation.quarter_turns
        self._items = [
            (number, quarter)
            for number, count in enumerate(np.ones(len(tiles), int) if repeats is None else repeats)
            for _ in range(count)
            for quarter in range(QUARTERS if is_turned[number] else 1)
        ]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, item: int) -> Example:
        return _example(self.pixels(item))

    def pixels(self, item: int) -> LabelledPixels:
        """The changed pixels and labels of an item."""
        number, quarters = self._items[item]
        rng = np.random.default_rng([*self._seed, item])
        return self._augmentation.apply(rotated(self._tiles[number], quarters), rng)

    def tile(self, item: int) -> int:
        """The number of the tile that an item is made of."""
        return self._items[item][0]

    def positive_px(self, item: int) -> int:
        """How many labelled pixels of any class the tile of an item has."""
        return int(self._tiles.table["positive_px"].iloc[self.tile(item)])


def repeats(table: pd.DataFrame, classes: Sequence[str], factors: Mapping[str, int]) -> np.ndarray:
    """How often each tile (n) is there in an epoch: the largest of the factors of the classes that it holds, or once.

    Factors go by the names of classes, which stand in the order of the table's column class_px.
    """
    factor = np.array([factors.get(name, 1) for name in classes])
    return np.where(class_pixels(table) > 0, factor, 1).max(axis=1)


def _example(pixels: LabelledPixels) -> Example:
    image = torch.from_numpy(np.ascontiguousarray(pixels.image)).float().div_(255)
    labels, points = (
        torch.from_numpy(np.where(pixels.valid, plane, np.uint8(NOT_VALID))) for plane in (pixels.labels, pixels.points)
    )
    return Example(image, labels.long(), points)


def _no_points(shape: tuple[int, ...]) -> np.ndarray:
    """NOT_VALID everywhere, without memory."""
    return np.broadcast_to(np.uint8(NOT_VALID), shape)
