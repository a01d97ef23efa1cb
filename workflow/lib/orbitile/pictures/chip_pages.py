"""Pages of chips: small pictures of single craters with their numbers, many to a page."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from orbitile.base.files import atomic

COLUMNS, ROWS = 8, 6
CHIP_INCHES, CAPTION_INCHES, GAP_INCHES = 1.5, 0.17, 0.08
DPI = 130
OUTLINE = "#ffd60a"
DASHES = (0, (5, 5))
"""The rim shows in the gaps of its outline."""


class Chip(NamedTuple):
    """A crater's number, diameter and surroundings.

    `image` holds 8-bit pixels (rows, columns) or (rows, columns, 3), `ring` (n, 2) the outline's places along columns
    and rows, 0..1 each; both None where there is no image.
    """

    number: int
    diameter_km: float
    image: np.ndarray | None = None
    ring: np.ndarray | None = None


def draw_chip_pages(chips: Sequence[Chip], folder: Path) -> list[Path]:
    """Draw chips, in their order, on pages chips-01.png, chips-02.png ... in a folder; returns their paths."""
    pages = list(_pages(chips))
    paths = [folder / f"chips-{page:0{max(2, len(str(len(pages))))}d}.png" for page in range(1, len(pages) + 1)]
    for path, members in zip(paths, pages, strict=True):
        _draw_page(members, path)
    return paths


def _pages(chips: Sequence[Chip]) -> Iterator[Sequence[Chip]]:
    for first in range(0, len(chips), COLUMNS * ROWS):
        yield chips[first : first + COLUMNS * ROWS]


def _draw_page(chips: Sequence[Chip], path: Path) -> None:
    rows = -(-len(chips) // COLUMNS)
    across, down = CHIP_INCHES + GAP_INCHES, CHIP_INCHES + CAPTION_INCHES + GAP_INCHES
    width, height = COLUMNS * across + GAP_INCHES, rows * down + GAP_INCHES
    figure = plt.figure(figsize=(width, height), dpi=DPI)
    for place, chip in enumerate(chips):
        row, column = divmod(place, COLUMNS)
        left, bottom = GAP_INCHES + column * across, height - (row + 1) * down
        axes = figure.add_axes((left / width, bottom / height, CHIP_INCHES / width, CHIP_INCHES / height))
        _draw_chip(axes, chip)
    with atomic(path) as temporary:
        figure.savefig(temporary)
    plt.close(figure)


def _draw_chip(axes: Axes, chip: Chip) -> None:
    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], facecolor="0.85")
    axes.text(0, 1.02, str(chip.number), transform=axes.transAxes, fontsize=9, weight="bold", va="bottom")
    axes.text(1, 1.02, f"{chip.diameter_km:.3g} km", transform=axes.transAxes, fontsize=7.5, color="0.35", ha="right",
              va="bottom")  # fmt: skip
    if chip.image is None or chip.ring is None:
        axes.text(0.5, 0.5, "no image", fontsize=8, color="0.4", ha="center", va="center")
        return
    axes.imshow(chip.image, cmap="gray", vmin=0, vmax=255, extent=(0, 1, 1, 0), aspect="auto", interpolation="bicubic")
    axes.plot(*chip.ring.T, color=OUTLINE, linewidth=0.8, linestyle=DASHES)
