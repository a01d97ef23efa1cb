"""Tiles that overlap, judged so that every pixel of a scene counts once."""

import numpy as np
import pandas as pd

from orbitile.training.segmentation.tiles import NOT_VALID

PLACE = ("col", "row", "width", "height")


class JudgedOnce:
    """In which tile of a table (tiles.SCHEMA) each pixel is judged: in that to whose middle it lies nearest.

    Of several as near it is the first. Without that, pixels count once for each tile that holds them: up to four times
    in the middle of images that are a little larger than a tile.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        places = table[list(PLACE)].to_numpy(np.int64)
        self._start, self._size = places[:, :2], places[:, 2:]
        self._tiles_of_scene = table.groupby(["scene", "scale_m"], sort=False).indices
        self._scene = [*zip(table["scene"], table["scale_m"], strict=True)]

    def labels(self, number: int, labels: np.ndarray) -> np.ndarray:
        """The labels (side, side; uint8) of a tile by its number, NOT_VALID where pixels are judged in another one."""
        counts = np.ones(labels.shape, bool)
        width, height = self._size[number]
        col, row = self._start[number][0] + np.arange(width), self._start[number][1] + np.arange(height)[:, None]
        distance = self._distance(number, col, row)
        for other in self._overlapping(number):
            is_nearer = np.less_equal if other < number else np.less
            left, top = self._start[other]
            right, bottom = self._start[other] + self._size[other]
            is_shared = (col >= left) & (col < right) & (row >= top) & (row < bottom)
            counts[:height, :width] &= ~(is_shared & is_nearer(self._distance(other, col, row), distance))
        return np.where(counts, labels, np.uint8(NOT_VALID))

    def _distance(self, number: int, col: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Four times the squared distance (rows, columns) of pixels to a tile's middle, a whole number."""
        across, down = (2 * place + 1 - 2 * start - size for place, start, size in
                        zip((col, row), self._start[number], self._size[number], strict=True))  # fmt: skip
        return across**2 + down**2

    def _overlapping(self, number: int) -> list[int]:
        """The numbers of the other tiles of the scene that share pixels with a tile."""
        members = self._tiles_of_scene[self._scene[number]]
        starts, ends = self._start[members], self._start[members] + self._size[members]
        first, last = self._start[number], self._start[number] + self._size[number]
        overlap = ((starts < last) & (ends > first)).all(axis=1) & (members != number)
        return members[overlap].tolist()
