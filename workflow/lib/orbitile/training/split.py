"""Tiles for training and for validation, kept apart by squares of longitude and latitude."""

from functools import lru_cache
from typing import Protocol

import numpy as np

from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground

SPLITS = ("train", "val")


class BlockSplit(Protocol):
    """Squares of `block_deg` degrees, of which a share, drawn with a seed, is kept for validation."""

    @property
    def block_deg(self) -> float:
        """Side of a square in degrees."""

    @property
    def validation_share(self) -> float:
        """Share of squares, 0..1, for validation."""

    @property
    def seed(self) -> int:
        """Of the random draw."""


def split_of(lon: np.ndarray, lat: np.ndarray, blocks: BlockSplit) -> str | None:
    """The split of a tile with outline points (n; degrees); None if it straddles squares of both splits."""
    columns = max(1, round(360 / blocks.block_deg))
    column = np.floor((lon + 180) / blocks.block_deg).astype(int) % columns
    square = column + columns * np.floor((lat + 90) / blocks.block_deg).astype(int)
    is_validation = {_draw(blocks.seed, number) < blocks.validation_share for number in set(square.tolist())}
    return None if len(is_validation) > 1 else SPLITS[int(is_validation.pop())]


def window_outline(grid: Grid, ground: Ground, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (25 each; degrees) of a 5 x 5 lattice from the first pixel centre to the last."""
    col, row = np.meshgrid(np.linspace(0.5, window.width - 0.5, 5), np.linspace(0.5, window.height - 0.5, 5))
    return ground.lonlat(*grid.to_map(window.col + col.ravel(), window.row + row.ravel()))


@lru_cache(maxsize=2**16)
def _draw(seed: int, number: int) -> float:
    """The random number 0..1 at an index of a seed's sequence, without drawing those before it."""
    return float(np.random.Generator(np.random.PCG64(seed).advance(number)).random())
