"""What the probabilities of trained weights are worth, by the tiles that are kept for validation."""

import logging
from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from orbitile.calibration.map_sample import LEAST_SQUARE_PX, class_level_counts
from orbitile.calibration.pixel_calibration import LEAST_BLOCKS_OF_PIXELS, PixelCalibration
from orbitile.calibration.pixel_sample import LEVELS, PixelSample
from orbitile.tables.parquet import read_table
from orbitile.training.segmentation.evaluate import EvaluationRun, PredictedBatch, load_segmenter, predicted_batches
from orbitile.training.segmentation.tiles import NOT_VALID, tile_channels
from orbitile.training.split import SPLITS

log = logging.getLogger(__name__)


def calibrate_segmenter(weights: str, tiles: str, run: EvaluationRun) -> PixelCalibration | None:
    """Search the validation tiles with weights, and judge their pixels in squares; None where these are too few.

    Where tiles overlap, the mean of their probabilities counts, once.
    """
    table = read_table(tiles)
    table = table[table["split"] == SPLITS[1]].reset_index(drop=True)
    network = load_segmenter(weights, run, tile_channels(table))
    predictions = (tile for batch in predicted_batches(network, table, run) for tile in _tiles(batch))
    shape = (len(network.names), 2, LEVELS)
    blocks = [_judged(scene, shape) for scene in _scenes(table, predictions, len(network.names))]
    sample = PixelSample(
        np.concatenate([np.zeros((0, *shape), np.int64), *blocks]), network.names, f"squares of {LEAST_SQUARE_PX} px"
    ).limited()
    squares = {name: _squares_with_truth(sample, name) for name in sample.classes}
    if min(squares.values()) < LEAST_BLOCKS_OF_PIXELS:
        name = min(squares, key=lambda name: squares[name])
        log.warning(
            "too little is kept for validation to calibrate: %d squares of %d px with %s, of at least %d; the weights "
            "state no calibration", squares[name], LEAST_SQUARE_PX, name, LEAST_BLOCKS_OF_PIXELS,
        )  # fmt: skip
        return None
    true = sum(sample.of_class(name).truth for name in sample.classes)
    return PixelCalibration(sample, f"{true:,} labelled pixels kept for validation, by which the epoch was chosen")


class PredictedTile(NamedTuple):
    """Levels 0..255 (classes, side, side) and labels (side, side) of a tile."""

    levels: np.ndarray
    labels: np.ndarray


class PredictedScene(NamedTuple):
    """The sums of the levels of the tiles at each pixel (classes, rows, columns), their number, and the labels.

    Pixels that no tile holds are NOT_VALID.
    """

    sums: np.ndarray
    tiles: np.ndarray
    labels: np.ndarray

    @classmethod
    def empty(cls, classes: int, height: int, width: int) -> Self:
        """No tile yet."""
        tiles = np.zeros((height, width), np.uint16)
        return cls(np.zeros((classes, height, width), np.uint32), tiles, np.full((height, width), NOT_VALID, np.uint8))

    def add(self, tile: PredictedTile, row: int, col: int, height: int, width: int) -> None:
        """Take in a tile, of which what lies within its scene counts."""
        area, inside = np.s_[row : row + height, col : col + width], np.s_[:height, :width]
        self.sums[:, *area] += tile.levels[:, *inside]
        self.tiles[area] += 1
        self.labels[area] = tile.labels[inside]


def _tiles(batch: PredictedBatch) -> Iterator[PredictedTile]:
    for levels, labels in zip(batch.probability.numpy(), batch.labels.numpy(), strict=True):
        yield PredictedTile(levels, labels)


def _scenes(table: pd.DataFrame, predictions: Iterator[PredictedTile], classes: int) -> Iterator[PredictedScene]:
    """The tiles of each scene, which follow each other, on the smallest area that holds them."""
    for _, tiles in table.groupby(["scene", "scale_m"], sort=False):
        left, top = int(tiles["col"].min()), int(tiles["row"].min())
        width, height = (int((tiles[a] + tiles[b]).max()) for a, b in (("col", "width"), ("row", "height")))
        scene = PredictedScene.empty(classes, height - top, width - left)
        for place in tiles[["row", "col", "height", "width"]].to_numpy() - [top, left, 0, 0]:
            scene.add(next(predictions), *place.tolist())
        yield scene


def _judged(scene: PredictedScene, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of pixels (squares, *shape) of those squares that hold valid ones."""
    mean = (scene.sums + scene.tiles // 2) // np.maximum(scene.tiles, 1)
    squares = [
        np.s_[row : row + LEAST_SQUARE_PX, col : col + LEAST_SQUARE_PX]
        for row in range(0, scene.labels.shape[0], LEAST_SQUARE_PX)
        for col in range(0, scene.labels.shape[1], LEAST_SQUARE_PX)
    ]
    counts = [
        class_level_counts(mean[:, *area], scene.labels[area], scene.labels[area] != NOT_VALID) for area in squares
    ]
    return np.array([block for block in counts if block.any()], np.int64).reshape(-1, *shape)


def _squares_with_truth(sample: PixelSample, name: str) -> int:
    return int(np.count_nonzero(sample.of_class(name).counts(1.0).true))
