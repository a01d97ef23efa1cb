"""How good weights are on training tiles, with the network run as in inference."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from orbitile.base.cores import core_count
from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.features.confusion import ConfusionMatrix
from orbitile.features.metrics import class_mean, class_metrics
from orbitile.inference.class_decision import class_numbers
from orbitile.inference.models.network import ModelChoice
from orbitile.inference.models.segmentation import BACKGROUND, Segmenter
from orbitile.tables.parquet import read_table
from orbitile.training.segmentation.dataset import TileShape, TrainingTiles
from orbitile.training.segmentation.judged_once import JudgedOnce
from orbitile.training.segmentation.pixel_counts import (
    best_threshold,
    concat_counts,
    count_confusion,
    count_pixels,
    probability_histogram,
    tile_mean_class_metrics,
)
from orbitile.training.segmentation.tiles import tile_channels

HALF = 0.5
FULL = 255
"""Probabilities 0..1 are 0..255 in a network's masks."""


@dataclass(frozen=True)
class EvaluationRun:
    """Where and how precisely a network runs, and how many tiles at once; as in the settings' section `model`."""

    device: str = "auto"
    precision: str = "auto"
    batch: int = 8


class PredictedBatch(NamedTuple):
    """Probabilities (n, classes, side, side) of 0..255 of a batch of tiles, and their labels (n, side, side)."""

    probability: torch.Tensor
    labels: torch.Tensor


def evaluate_weights(weights: str, tiles: str, split: str | None = "val", run: EvaluationRun | None = None) -> dict:
    """Figures of weights (.safetensors) on the tiles of one split of a table (see tiles.SCHEMA), or of all splits.

    `tiles`, `tiles_with_features`; `best_threshold` on these tiles (None where the network chooses among several
    classes) and `threshold`, that stated by the weights or else the best one; `at_half` and `at_threshold` with the
    measures (see features.metrics) `pooled` over all pixels and `tile_averaged`, each the mean over the classes, and by
    `classes`, and with those `of_all_classes`, background included (see features.confusion). Classes of which no pixel
    is true have no measures (None), and count in no mean. Where tiles overlap, a pixel counts in a single one.
    OrbitileError where the split has no tile, or the tiles have other channels than the network takes.
    """
    table = read_table(tiles)
    table = table if split is None else table[table["split"] == split]
    if table.empty:
        raise OrbitileError(f"{tiles}: no tile of the split {split}; delete it to cut the scenes again")
    run = run or EvaluationRun()
    network = load_segmenter(weights, run, tile_channels(table))
    batches = list(_once_per_pixel(predicted_batches(network, table, run), table))
    best = _best(batches) if len(network.names) == 1 else None
    threshold = best if network.threshold is None else network.threshold
    return dict(
        tiles=len(table), tiles_with_features=int((table["positive_px"] > 0).sum()), best_threshold=best,
        threshold=threshold, at_half=_measures(batches, network.names, HALF),
        at_threshold=_measures(batches, network.names, HALF if threshold is None else threshold),
    )  # fmt: skip


def load_segmenter(weights: str, run: EvaluationRun, channels: int) -> Segmenter:
    """The network of weights, for images with a number of channels."""
    choice = ModelChoice(
        weights, sha256(weights), "segmentation", run.device, run.precision, compile=False, batch=run.batch,
        score_threshold=0.0, bands=channels,
    )  # fmt: skip
    network = Segmenter.load(choice)
    torch.set_num_threads(core_count())  # passes run one after the other here
    return network


def predicted_batches(network: Segmenter, table: pd.DataFrame, run: EvaluationRun) -> Iterator[PredictedBatch]:
    """The network's predictions of a table's tiles in their order, batch by batch."""
    shape = TileShape(int(table[["width", "height"]].to_numpy().max()), network.channels)
    tiles = TrainingTiles(table, shape)
    for start in range(0, len(tiles), run.batch):
        members = [tiles[number] for number in range(start, min(start + run.batch, len(tiles)))]
        images = torch.from_numpy(np.stack([tile.image for tile in members])).to(network.device)
        labels = torch.from_numpy(np.stack([tile.labels for tile in members]))
        yield PredictedBatch(network.predict_batch(images).probability.cpu(), labels)


def _once_per_pixel(batches: Iterable[PredictedBatch], table: pd.DataFrame) -> Iterator[PredictedBatch]:
    """Batches of a table's tiles in their order, of whose overlaps each pixel is labelled in a single tile."""
    once, first = JudgedOnce(table), 0
    for batch in batches:
        labels = [once.labels(number, plane) for number, plane in enumerate(batch.labels.numpy(), first)]
        yield batch._replace(labels=torch.from_numpy(np.stack(labels)))
        first += len(labels)


def _best(batches: list[PredictedBatch]) -> float:
    histograms = [probability_histogram(batch.probability[:, 0] / FULL, batch.labels) for batch in batches]
    return best_threshold(torch.stack(histograms).sum(dim=0))


def _measures(batches: list[PredictedBatch], names: tuple[str, ...], threshold: float) -> dict:
    predicted = [(_class_numbers(batch.probability, threshold), batch.labels.long()) for batch in batches]
    counts = concat_counts([count_pixels(*pair, len(names)) for pair in predicted])
    matrices = (count_confusion(*pair, len(names)) for pair in predicted)
    confusion = sum(matrices, ConfusionMatrix.empty(len(names) + 1))
    has_truth = counts.total().has_truth
    kinds = dict(pooled=class_metrics(counts), tile_averaged=tile_mean_class_metrics(counts))
    classes = {
        name: {kind: {measure: values[k] if has_truth[k] else None for measure, values in measures.items()}
               for kind, measures in kinds.items()}
        for k, name in enumerate(names)
    }  # fmt: skip
    means = {
        kind: class_mean(measures, has_truth) if has_truth.any() else dict.fromkeys(measures)
        for kind, measures in kinds.items()
    }
    return means | dict(classes=classes, of_all_classes=confusion.figures((BACKGROUND, *names), BACKGROUND))


def _class_numbers(probability: torch.Tensor, threshold: float) -> torch.Tensor:
    """The class (n, side, side) of each pixel, 0 for background: of one by the threshold, of several the likeliest."""
    if probability.shape[1] == 1:
        return (probability[:, 0] / FULL >= threshold).long()
    return torch.from_numpy(class_numbers(probability.numpy().swapaxes(0, 1))).long()
