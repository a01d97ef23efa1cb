"""The judged pixels of a run's rasters of probabilities, beside true lines and polygons."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from orbitile.calibration.judged_sample import BLOCKS_TO_CALIBRATE
from orbitile.calibration.pixel_sample import LEVELS, MOST_COUNTS, PixelSample
from orbitile.detections.blocks import ENOUGH_GROUNDS
from orbitile.features.labels.judged import judged_windows, square_spans
from orbitile.features.labels.read import VectorLabels
from orbitile.tables.rasters import RasterRow

SQUARE_PX, LEAST_SQUARE_PX = 512, 64
"""Side of squares of ground in pixels of the finest scale, and the least one, where there is little ground."""


class PixelBlocks(NamedTuple):
    """Scenes as blocks, or squares of ground, `side_px` pixels of the finest scale, `finest_m` m/px, long."""

    are_scenes: bool
    side_px: int
    finest_m: float
    are_apart: bool

    @classmethod
    def of(cls, rasters: Sequence[RasterRow], classes: int, unmapped_scenes: int = 0) -> "PixelBlocks":
        """Scenes in pixel coordinates, where there are enough of them; else squares of ground, or of scenes.

        Squares are of SQUARE_PX; on little ground they are smaller, so that there are about BLOCKS_TO_CALIBRATE of
        them; on much they are larger, so that a file has room for all.
        """
        finest_m = min((row.scale_m for row in rasters), default=1.0)
        area_px = sum(row.width * row.height * row.valid_share for row in rasters if row.scale_m == finest_m)
        side, most = SQUARE_PX, max(MOST_COUNTS // (2 * LEVELS * max(classes, 1)), BLOCKS_TO_CALIBRATE)
        while side > LEAST_SQUARE_PX and area_px / side**2 < BLOCKS_TO_CALIBRATE:
            side //= 2
        while area_px / side**2 > most:
            side *= 2
        return cls(unmapped_scenes >= ENOUGH_GROUNDS, side, finest_m, unmapped_scenes > 0)

    @property
    def unit(self) -> str:
        """What the blocks are."""
        if self.are_scenes:
            return "scenes"
        side_m = self.side_px * self.finest_m
        return f"squares of {side_m / 1000:.3g} km" if side_m >= 1000 else f"squares of {side_m:.3g} m"

    def spans(self, row: RasterRow) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The numbers of the columns and of the rows of squares in which a raster lies, and their pixels."""
        if self.are_scenes:
            return [(0, row.width)], square_spans(0, row.height, SQUARE_PX)
        side = self.side_px * self.finest_m / row.scale_m
        col, line = row.grid.index
        return square_spans(col, row.width, side), square_spans(line, row.height, side)

    def name(self, row: RasterRow, col: int, line: int) -> Hashable:
        """The same for all pixels of a block, in whichever raster."""
        if self.are_scenes:
            return row.scene
        return row.scene if self.are_apart else row.crs_wkt, col, line


def judge_pixels(
    rasters: Sequence[RasterRow], labels: VectorLabels, buffers_px: Mapping[str, float], unmapped_scenes: int = 0
) -> PixelSample:
    """Count the valid pixels of rasters of probabilities by what is true there.

    Of a map, a pixel that several scenes or scales show counts once for each, in the same block. Pixels that no block
    has room for are left out (see PixelSample.limited).
    """
    blocks = PixelBlocks.of(rasters, len(labels.classes), unmapped_scenes)
    shape = (len(labels.classes), 2, LEVELS)
    pixels: dict[Hashable, np.ndarray] = defaultdict(lambda: np.zeros(shape, np.int64))
    for row in rasters:
        cols, lines = blocks.spans(row)
        windows = judged_windows(row, labels, buffers_px, (height for _, height in lines))
        for (line, _), part in zip(lines, windows, strict=True):
            for (col, _), columns in zip(cols, _column_slices(cols), strict=True):
                valid = part.valid[:, columns]
                if valid.any():
                    counts = class_level_counts(part.probability[..., columns], part.true[:, columns], valid)
                    pixels[blocks.name(row, col, line)] += counts
    counted = np.array(list(pixels.values()), np.int64).reshape(-1, *shape)
    return PixelSample(counted, labels.classes, blocks.unit).limited()


def _column_slices(spans: Sequence[tuple[int, int]]) -> Iterator[slice]:
    first = 0
    for _, width in spans:
        yield slice(first, first + width)
        first += width


def class_level_counts(levels: np.ndarray, true: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Numbers of valid pixels (classes, 2, LEVELS) by level 0..255 (classes, rows, columns) and true class.

    `true` (rows, columns) is 1..K for a class; `valid` is bool of the same shape.
    """
    return np.stack([level_counts(part[valid], true[valid] == number) for number, part in enumerate(levels, 1)])


def level_counts(levels: np.ndarray, is_true: np.ndarray) -> np.ndarray:
    """Numbers (2, LEVELS) of pixels (n) by level 0..255: of those that are not of a class, and of those that are."""
    return np.bincount(levels.astype(np.int64) + LEVELS * is_true, minlength=2 * LEVELS).reshape(2, LEVELS)
