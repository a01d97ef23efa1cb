"""Which tiles of a scene failed, in words that say where they lie, and what these words mean."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from orbitile.space.grids import Window

AREA = re.compile(r"(\S+) m/px, tile [-0-9, ]+ \((\d+) x (\d+) px from column (-?\d+), row (-?\d+)\)")


class TileArea(NamedTuple):
    """The pixels of some tiles of a scene at a scale in m/px."""

    scale_m: str
    window: Window


def tile_area_text(scale_m: float, numbers: Sequence[int], window: Window) -> str:
    """Tiles of a scale by their ascending numbers and the window around them."""
    extent = f"{window.width} x {window.height} px from column {window.col}, row {window.row}"
    return f"{scale_m:g} m/px, tile {_format_ranges(numbers)} ({extent})"


def parse_tile_area(text: str) -> TileArea | None:
    """The area that a text of tile_area_text names; None for any other text."""
    match = AREA.fullmatch(text)
    if match is None:
        return None
    width, height, col, row = map(int, match.groups()[1:])
    return TileArea(match[1], Window(col, row, width, height))


def _format_ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as 3, 7-9."""
    cuts = [index for index in range(1, len(numbers)) if numbers[index] != numbers[index - 1] + 1]
    ranges = [(numbers[begin], numbers[end - 1]) for begin, end in pairwise([0, *cuts, len(numbers)])]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
