"""Training tiles as a network takes them."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from orbitile.rasters.read import Stretch, opened, read
from orbitile.space.grids import Window
from orbitile.training.segmentation.augmentation import Augmentation, Pixels, turned
from orbitile.training.segmentation.tiles import NOT_VALID, read_labels

MEMORY_BYTES = 4 * 2**30
"""Tiles that fit are kept in memory, others are read again each time."""
QUARTERS = 4


class Example(NamedTuple):
    """What a network sees and shall answer: grey values 0..1 (channels, side, side), labels (side, side)."""

    image: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class Side:
    """What all tiles have in common: pixels of a side, and channels."""

    tile_px: int
    channels: int


class Tiles(Sequence[Pixels]):
    """The pixels of a table's tiles, in memory as far as they fit; smaller ones are reflected beyond their edges."""

    def __init__(self, table: pd.DataFrame, side: Side) -> None:
        self.table, self._side = table.reset_index(drop=True), side
        bytes_each = side.tile_px**2 * (side.channels + 2)
        kept = max(1, min(len(table), MEMORY_BYTES // bytes_each))
        self._kept = lru_cache(maxsize=kept)(self._read)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, number: int) -> Pixels:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self._kept(number)

    @cached_property
    def scaling(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel's grey values, as 0..1, where there is data."""
        count, total, squares = 0, 0.0, 0.0
        for tile in self:
            values = tile.image[:, tile.valid].astype(np.float64) / 255
            count, total, squares = count + values.shape[1], total + values.sum(1), squares + (values**2).sum(1)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 1e-6))
        return tuple(mean.round(6).tolist()), tuple(std.round(6).tolist())

    def _read(self, number: int) -> Pixels:
        tile = self.table.iloc[number]
        window = Window(*(int(tile[name]) for name in ("col", "row", "width", "height")))
        channels = 1 if self._side.channels == 1 else range(1, self._side.channels + 1)
        with ExitStack() as files:
            scene, labelled = (files.enter_context(opened(tile[name])) for name in ("path", "labels"))
            pixels, valid = read(scene, window, channels)
            labels = read_labels(labelled, window)
        image = Stretch(tile["low"], tile["high"]).apply(pixels, valid).reshape(-1, *valid.shape)
        return self._filled(Pixels(image, np.where(valid, labels, np.uint8(NOT_VALID)), valid))

    def _filled(self, pixels: Pixels) -> Pixels:
        """A tile of full side: the image goes on reflected, without labels."""
        height, width = pixels.labels.shape
        edges = (0, self._side.tile_px - height), (0, self._side.tile_px - width)
        if edges == ((0, 0), (0, 0)):
            return pixels
        image = np.pad(pixels.image, ((0, 0), *edges), "reflect" if min(height, width) > 1 else "edge")
        labels = np.pad(pixels.labels, edges, constant_values=NOT_VALID)
        return Pixels(image, labels, np.pad(pixels.valid, edges, constant_values=True))


class Still(Dataset):
    """Tiles as they are, to be judged by."""

    def __init__(self, tiles: Tiles) -> None:
        self._tiles = tiles

    def __len__(self) -> int:
        return len(self._tiles)

    def __getitem__(self, number: int) -> Example:
        return _example(self._tiles[number])


class Changing(Dataset):
    """Tiles of one epoch to learn from: those with features in four directions, all changed by chance.

    What becomes of an item depends on seed, epoch and its number alone.
    """

    def __init__(self, tiles: Tiles, augmentation: Augmentation, seed: int, epoch: int) -> None:
        self._tiles, self._augmentation, self._seed = tiles, augmentation, (seed, epoch)
        copies = np.where(tiles.table["positive_px"] > 0, QUARTERS, 1)
        self._items = [(number, quarter) for number, count in enumerate(copies) for quarter in range(count)]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, item: int) -> Example:
        number, quarters = self._items[item]
        rng = np.random.default_rng([*self._seed, item])
        return _example(self._augmentation.apply(turned(self._tiles[number], quarters), rng))


def _example(pixels: Pixels) -> Example:
    image = torch.from_numpy(np.ascontiguousarray(pixels.image)).float().div_(255)
    return Example(image, torch.from_numpy(np.where(pixels.valid, pixels.labels, np.uint8(NOT_VALID))).long())
