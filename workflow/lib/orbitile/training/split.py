"""What is for training and what for validation, kept apart by squares of longitude and latitude, or by scenes."""

import logging
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground

log = logging.getLogger(__name__)

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
    squares = squares_of(lon, lat, blocks.block_deg)
    is_validation = {_draw(blocks.seed, number) < blocks.validation_share for number in squares}
    return None if len(is_validation) > 1 else SPLITS[int(is_validation.pop())]


def squares_of(lon: np.ndarray, lat: np.ndarray, block_deg: float) -> list[int]:
    """The numbers of the squares of `block_deg` degrees in which points (n; degrees) lie, each once, ascending."""
    return np.unique(square_numbers(lon, lat, block_deg)).tolist()


def square_numbers(lon: np.ndarray, lat: np.ndarray, block_deg: float) -> np.ndarray:
    """The number of the square of `block_deg` degrees in which each point (n; degrees) lies."""
    columns = max(1, round(360 / block_deg))
    column = np.floor((lon + 180) / block_deg).astype(int) % columns
    return column + columns * np.floor((lat + 90) / block_deg).astype(int)


def choose_squares(squares: Sequence[int], share: float, seed: int) -> list[int]:
    """A share of squares, drawn with a seed: at least one, and never all."""
    drawn = sorted(squares, key=lambda number: (_draw(seed, number), number))
    return drawn[: min(max(1, round(share * len(drawn))), len(drawn) - 1)]


def split_by_name(names: Sequence[str], chosen: Collection[str], section: str) -> dict[str, str]:
    """The splits of scenes of which those chosen are for validation; OrbitileError names the settings' section."""
    if unknown := sorted(set(chosen) - set(names)):
        raise OrbitileError(f"{section}.validation_scenes: {shortened(unknown[0])} is no scene of this run, or "
                            f"failed; its scenes are {shortened(', '.join(names))}")  # fmt: skip
    if set(chosen) == set(names):
        raise OrbitileError(f"{section}.validation_scenes: names all scenes; leave at least one to learn from")
    return {name: SPLITS[int(name in chosen)] for name in names}


def split_by_draw(names: Sequence[str], share: float, seed: int, section: str, noun: str = "scene") -> dict[str, str]:
    """The splits of scenes, or what `noun` says, of which a share is drawn: at least one, and never all.

    OrbitileError names the settings' section.
    """
    if len(names) < 2:
        raise OrbitileError(f"{section}: the only {noun} cannot be kept for validation and be learnt from; add "
                            f"{noun}s, or cut it in two")  # fmt: skip
    order = np.random.default_rng(seed).permutation(len(names))
    count = min(max(1, round(share * len(names))), len(names) - 1)
    chosen = {names[index] for index in order[:count]}
    log.info("kept for validation: %s", shortened(", ".join(sorted(chosen)), 400))
    return {name: SPLITS[int(name in chosen)] for name in names}


def window_outline(grid: Grid, ground: Ground, window: Window, points: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes (points x points; degrees) of a lattice from the first pixel centre to the last."""
    col, row = np.meshgrid(np.linspace(0.5, window.width - 0.5, points), np.linspace(0.5, window.height - 0.5, points))
    return ground.lonlat(*grid.to_map(window.col + col.ravel(), window.row + row.ravel()))


@lru_cache(maxsize=2**16)
def _draw(seed: int, number: int) -> float:
    """The random number 0..1 at an index of a seed's sequence, without drawing those before it."""
    return float(np.random.Generator(np.random.PCG64(seed).advance(number)).random())
