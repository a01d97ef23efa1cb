"""Training and validation apart from each other: by squares of longitude and latitude."""

from functools import lru_cache
from typing import Protocol

import numpy as np

from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground

SPLITS = ("train", "val")


class Squares(Protocol):
    """Squares of `block_deg` degrees, of which a share, drawn with a seed, is kept for validation."""

    block_deg: float
    validation_share: float
    seed: int


def split_of(lon: np.ndarray, lat: np.ndarray, squares: Squares) -> str | None:
    """The split of a tile with these outline points (degrees); None if it straddles squares of both splits."""
    columns = max(1, round(360 / squares.block_deg))
    square = np.floor((lon + 180) / squares.block_deg).astype(int) % columns
    square = square + columns * np.floor((lat + 90) / squares.block_deg).astype(int)
    chosen = {_draw(squares.seed, number) < squares.validation_share for number in set(square.tolist())}
    return None if len(chosen) > 1 else SPLITS[int(chosen.pop())]


def outline(grid: Grid, ground: Ground, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres all over a window (a 5 x 5 lattice) as longitude and latitude."""
    col, row = np.meshgrid(np.linspace(0.5, window.width - 0.5, 5), np.linspace(0.5, window.height - 0.5, 5))
    return ground.lonlat(*grid.to_map(window.col + col.ravel(), window.row + row.ravel()))


@lru_cache(maxsize=2**16)
def _draw(seed: int, number: int) -> float:
    """Number `number` of the row of random numbers 0..1 that a seed begins, however many squares a body has."""
    return float(np.random.Generator(np.random.PCG64(seed).advance(number)).random())
