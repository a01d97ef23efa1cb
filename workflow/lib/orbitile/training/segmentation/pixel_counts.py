"""Pixels counted on the device where a network trains, and the threshold of probability that suits best."""

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_stat_scores

from orbitile.features.confusion import ConfusionMatrix
from orbitile.features.metrics import PixelCounts
from orbitile.training.segmentation.tiles import NOT_VALID

STEPS = 101
"""Steps of probability: 0, 0.01 ... 1. All but 0 are tried as thresholds: probabilities of 0 are never positive."""


def count_pixels(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> PixelCounts:
    """Counts (tiles, classes) of the classes 1 to `classes`.

    `predicted` and `labels` (tiles, side, side) are numbers of classes, 0 for background; pixels labelled NOT_VALID
    do not count.
    """
    scores = multiclass_stat_scores(
        predicted, labels, classes + 1, average=None, multidim_average="samplewise", ignore_index=NOT_VALID,
        validate_args=False,
    )  # fmt: skip
    tp, fp, _, fn, _ = scores[:, 1:].long().cpu().numpy().transpose(2, 0, 1)
    return PixelCounts(tp, fp, fn)


def count_confusion(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> ConfusionMatrix:
    """How background and the classes 1 to `classes` are confused, by tensors as `count_pixels` takes them."""
    counts = multiclass_confusion_matrix(predicted, labels, classes + 1, ignore_index=NOT_VALID, validate_args=False)
    return ConfusionMatrix(counts.long().cpu().numpy())


def concat_counts(batches: list[PixelCounts]) -> PixelCounts:
    """The counts (tiles, classes) of several batches of tiles in one."""
    return PixelCounts(*(np.concatenate([getattr(part, name) for part in batches]) for name in ("tp", "fp", "fn")))


def tile_mean_class_metrics(tiles: PixelCounts) -> dict[str, list[float]]:
    """Measures of each class as means over tiles, from counts (tiles, classes); 0 where one is nowhere defined.

    As for maps (features.metrics.tile_mean_metrics): precision over tiles with predicted pixels, recall over tiles
    with true ones, F1 the harmonic mean of both. IoU is over tiles with either.
    """
    precision, recall, iou = (
        torch.from_numpy(share).nanmean(dim=0).nan_to_num(0) for share in (tiles.precision, tiles.recall, tiles.iou)
    )
    f1 = (2 * precision * recall / (precision + recall)).nan_to_num(0)
    return dict(precision=precision.tolist(), recall=recall.tolist(), f1=f1.tolist(), iou=iou.tolist())


def probability_histogram(probability: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Pixels of background and of the class (2, STEPS) by the last step of probability that they reach.

    `probability` is 0..1, of the shape of `labels`. Pixels labelled NOT_VALID do not count.
    """
    valid = labels != NOT_VALID
    step = (probability[valid].float() * (STEPS - 1) + 1e-4).long().clamp_(0, STEPS - 1)
    return torch.bincount(step + STEPS * (labels[valid] > 0).long(), minlength=2 * STEPS).view(2, STEPS).cpu()


def best_threshold(counts: torch.Tensor) -> float:
    """The least probability of positive pixels for which pooled F1 is highest, from a histogram (2, STEPS).

    It is above 0, as weights may state it; of several, the one nearest to 0.5.
    """
    fp, tp = counts.double().flip(1).cumsum(1).flip(1)[:, 1:]
    f1 = (2 * tp / (tp + fp + counts[1].sum())).nan_to_num(0)
    best = 1 + torch.nonzero(f1 >= f1.max() * (1 - 1e-12))[:, 0]
    return int(best[(best - STEPS // 2).abs().argmin()]) / (STEPS - 1)
