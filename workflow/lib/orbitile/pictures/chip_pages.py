"""Pages of chips: small pictures of single craters with their numbers, many to a page."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from orbitile.pictures.map_frame import OUTLINE as CASING
from orbitile.pictures.map_frame import bar_length_m, length_text
from orbitile.pictures.save_figure import save_figure

COLUMNS, ROWS = 8, 6
PAGE_CHIPS = COLUMNS * ROWS
CHIP_INCHES, CAPTION_INCHES, GAP_INCHES, TITLE_INCHES = 1.5, 0.17, 0.08, 0.3
DPI = 130
OUTLINE = "#ffd60a"
DASHES = (0, (5, 5))
"""The rim shows in the gaps of its outline."""
BAR_SHARE = 0.3
"""Of a chip's side, at most, for its scale bar."""


class Chip(NamedTuple):
    """A crater's number, diameter and surroundings.

    `image` holds 8-bit pixels (rows, columns) or (rows, columns, 3), `ring` (n, 2) the outline's places along columns
    and rows, 0..1 each, `side_km` what the chip's width is on the ground; all None where there is no image.
    """

    number: int
    diameter_km: float
    image: np.ndarray | None = None
    ring: np.ndarray | None = None
    side_km: float | None = None


def draw_chip_pages(chips: Sequence[Chip], folder: Path) -> list[Path]:
    """Draw chips, in their order, on pages chips-01.png, chips-02.png ... in a folder; returns their paths."""
    pages = list(_pages(chips))
    paths = [folder / f"chips-{page:0{max(2, len(str(len(pages))))}d}.png" for page in range(1, len(pages) + 1)]
    for path, members in zip(paths, pages, strict=True):
        draw_chip_page(members, path)
    return paths


def draw_chip_page(chips: Sequence[Chip], path: Path, title: str = "") -> None:
    """Draw at least one chip on a page, under a title if there is any."""
    rows, across = -(-len(chips) // COLUMNS), CHIP_INCHES + GAP_INCHES
    down, head = CHIP_INCHES + CAPTION_INCHES + GAP_INCHES, TITLE_INCHES if title else 0.0
    width, height = COLUMNS * across + GAP_INCHES, rows * down + GAP_INCHES + head
    figure = plt.figure(figsize=(width, height), dpi=DPI)
    if title:
        figure.text(GAP_INCHES / width, 1 - 0.22 / height, title, fontsize=11, weight="bold")
    for place, chip in enumerate(chips):
        row, column = divmod(place, COLUMNS)
        left, bottom = GAP_INCHES + column * across, height - head - (row + 1) * down
        axes = figure.add_axes((left / width, bottom / height, CHIP_INCHES / width, CHIP_INCHES / height))
        _draw_chip(axes, chip)
    save_figure(figure, path, DPI)


def _pages(chips: Sequence[Chip]) -> Iterator[Sequence[Chip]]:
    for first in range(0, len(chips), PAGE_CHIPS):
        yield chips[first : first + PAGE_CHIPS]


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
    if chip.side_km:
        _draw_bar(axes, 1000 * chip.side_km)


def _draw_bar(axes: Axes, side_m: float) -> None:
    """A scale bar in the lower left corner of a chip."""
    length_m = bar_length_m(BAR_SHARE * side_m)
    axes.add_patch(Rectangle((0.05, 0.93), length_m / side_m, 0.025, facecolor="white", edgecolor="black",
                             linewidth=0.5, zorder=4))  # fmt: skip
    axes.text(0.05, 0.91, length_text(length_m), color="white", fontsize=6, va="bottom", path_effects=CASING, zorder=4)
