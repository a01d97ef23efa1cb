"""What a forest of decision trees on local texture reaches on training tiles: the baseline for networks, in a minute.

    .venv/bin/python benchmarks/exactness/texture_forest.py results/RUN/training/segmentation/tiles.parquet

In the manner of TextureCam, which followed Shotton et al. (2008, doi 10.1109/CVPR.2008.4587503): extremely randomised
trees (Geurts et al. 2006) on grey values, edges and curvatures around each pixel at several scales. They learn from a
sample of the pixels of the split train, all classes equally, and are judged on all labelled pixels of the split val,
each in a single tile where tiles overlap.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import ExtraTreesClassifier

from orbitile.base.errors import OrbitileError
from orbitile.features.confusion import ConfusionMatrix
from orbitile.tables.parquet import read_table
from orbitile.training.segmentation.augmentation import LabelledPixels
from orbitile.training.segmentation.dataset import TileShape, TrainingTiles
from orbitile.training.segmentation.judged_once import JudgedOnce
from orbitile.training.segmentation.tiles import NOT_VALID, tile_channels

SCALES_PX = (0.7, 11.0)
"""Smallest and largest standard deviation of the smoothing; each is twice the one before."""


@dataclass(frozen=True)
class ForestRecipe:
    """How a forest is grown: its trees, the pixels it learns from, the fewest of them in a leaf, and the seed."""

    trees: int = 60
    sample_px: int = 60_000
    least_leaf_px: int = 5
    seed: int = 0
    threads: int = 1


def texture(image: np.ndarray) -> np.ndarray:
    """Features (rows, columns, k) of an image (channels, rows, columns; uint8): of each pixel's neighbourhood.

    Smoothed grey values, sizes of gradients and eigenvalues of the second derivatives, at each scale and channel.
    """
    least, largest = SCALES_PX
    return multiscale_basic_features(
        image.astype(np.float32) / 255, sigma_min=least, sigma_max=largest, workers=1, channel_axis=0
    ).astype(np.float32)


def grown(tiles: Sequence[LabelledPixels], recipe: ForestRecipe) -> ExtraTreesClassifier:
    """A forest that has learnt from as many pixels of each tile, drawn at random; each class weighs the same."""
    rng = np.random.default_rng(recipe.seed)
    share = max(1, recipe.sample_px // max(1, len(tiles)))
    samples = [_sample(tile, share, rng) for tile in tiles]
    forest = ExtraTreesClassifier(
        recipe.trees, min_samples_leaf=recipe.least_leaf_px, class_weight="balanced", random_state=recipe.seed,
        n_jobs=recipe.threads,
    )  # fmt: skip
    return forest.fit(*(np.concatenate(parts) for parts in zip(*samples, strict=True)))


def judged(forest: ExtraTreesClassifier, tiles: Iterator[LabelledPixels], classes: int) -> ConfusionMatrix:
    """How a forest confuses the classes of tiles, background included."""
    matrix = ConfusionMatrix.empty(classes)
    for tile in tiles:
        valid, predicted = tile.labels != NOT_VALID, np.zeros_like(tile.labels)
        if valid.any():
            predicted[valid] = forest.predict(texture(tile.image)[valid])
        matrix += ConfusionMatrix.of(tile.labels, predicted, valid, classes)
    return matrix


def compared(table: pd.DataFrame, recipe: ForestRecipe) -> ConfusionMatrix:
    """The confusion matrix on the split val of a table of tiles, of a forest that has learnt from its split train."""
    shape = TileShape(int(table[["width", "height"]].to_numpy().max()), tile_channels(table))
    train, val = (TrainingTiles(table[table["split"] == split], shape) for split in ("train", "val"))
    numbers = [_numbers(train), _numbers(val)]
    if not all(numbers):
        raise OrbitileError("the table has no labelled tiles in the splits train and val; delete it to cut them again")
    once = JudgedOnce(val.table)
    tiles = (tile._replace(labels=once.labels(number, tile.labels)) for number, tile in enumerate(val))
    return judged(grown(list(train), recipe), tiles, max(set.union(*numbers)) + 1)


def _numbers(tiles: TrainingTiles) -> set[int]:
    """The classes that tiles hold."""
    return {int(number) for tile in tiles for number in np.unique(tile.labels) if number != NOT_VALID}


def rows_of(matrix: ConfusionMatrix, names: Sequence[str]) -> list[str]:
    """The table of measures, in Markdown."""
    lines = ["| class | precision | recall | F1 | IoU | true px |", "|---|---|---|---|---|---|"]
    for number, name in enumerate(names):
        measures = (values[number] for values in (matrix.precision, matrix.recall, matrix.f1, matrix.iou))
        true = int(matrix.counts[number].sum())
        lines.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in measures)} | {true:,} |")
    return [*lines, "", f"mean IoU {matrix.mean_iou():.3f}, without background {matrix.mean_iou((0,)):.3f}, "
            f"balanced accuracy {matrix.balanced_accuracy:.3f}"]  # fmt: skip


def _sample(tile: LabelledPixels, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of pixels of a tile: as many of each class that it holds, as far as there are so many."""
    labels = tile.labels.ravel()
    numbers = np.setdiff1d(labels, [NOT_VALID])
    members = [np.flatnonzero(labels == number) for number in numbers]
    share = max(1, count // max(1, len(numbers)))
    drawn = [rng.choice(pixels, min(len(pixels), share), replace=False) for pixels in members]
    chosen = np.concatenate([np.zeros(0, np.int64), *drawn])
    features = texture(tile.image)
    return features.reshape(-1, features.shape[-1])[chosen], labels[chosen]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tiles", help="the table of tiles of a run")
    parser.add_argument("--classes", nargs="+", help="names of the classes, without background")
    parser.add_argument("--trees", type=int, default=ForestRecipe.trees)
    parser.add_argument("--sample-px", type=int, default=ForestRecipe.sample_px, help="pixels to learn from")
    parser.add_argument("--seed", type=int, default=ForestRecipe.seed)
    parser.add_argument("--threads", type=int, default=ForestRecipe.threads)
    options = parser.parse_args()
    recipe = ForestRecipe(options.trees, options.sample_px, seed=options.seed, threads=options.threads)
    try:
        matrix = compared(read_table(options.tiles), recipe)
        given = options.classes or [f"class {number}" for number in range(1, len(matrix.counts))]
        if len(given) < len(matrix.counts) - 1:
            raise OrbitileError(f"--classes: {len(given)} names, but the tiles have {len(matrix.counts) - 1} classes")
    except OrbitileError as error:
        raise SystemExit(str(error)) from error
    names = ["background", *given]
    missing = len(names) - len(matrix.counts)
    padded = ConfusionMatrix(np.pad(matrix.counts, ((0, missing), (0, missing))))
    print("\n".join(rows_of(padded, names)))


if __name__ == "__main__":
    main()
