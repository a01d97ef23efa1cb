"""How well pixels are classified: precision, recall, F1 and IoU, and the threshold that suits best."""

import torch
from torchmetrics.functional.classification import multiclass_stat_scores

from orbitile.training.segmentation.tiles import NOT_VALID

STEPS = 101
"""Thresholds that are tried: 0, 0.01 ... 1."""
MEASURES = ("precision", "recall", "f1", "iou")


def counts_of(found: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """True positive, false positive and false negative pixels (tiles, classes, 3) of the classes 1 to `classes`.

    `found` and `labels` (tiles, side, side) are numbers of classes, 0 for background; pixels labelled NOT_VALID
    do not count.
    """
    scores = multiclass_stat_scores(
        found, labels, classes + 1, average=None, multidim_average="samplewise", ignore_index=NOT_VALID,
        validate_args=False,
    )  # fmt: skip
    return scores[:, 1:, [0, 1, 3]].long()


def pooled(counts: torch.Tensor) -> dict[str, list[float]]:
    """Measures of each class over all pixels of all tiles, from counts (tiles, classes, 3).

    P = TP / (TP + FP), R = TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN), IoU = TP / (TP + FP + FN); 0 where
    nothing is to be divided by.
    """
    tp, fp, fn = counts.sum(dim=0).double().T
    shares = (tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn))
    return {name: share.nan_to_num(0).tolist() for name, share in zip(MEASURES, shares, strict=True)}


def averaged(counts: torch.Tensor) -> dict[str, list[float]]:
    """Measures of each class averaged over tiles, from counts (tiles, classes, 3).

    As the paper on IMFMapper (section 3.2) has it: precision over tiles where something was found, recall over
    tiles where there is something to find, F1 the harmonic mean of both. IoU is over tiles with either.
    """
    tp, fp, fn = counts.double().unbind(dim=2)
    precision, recall, iou = ((tp / whole).nanmean(dim=0).nan_to_num(0) for whole in (tp + fp, tp + fn, tp + fp + fn))
    f1 = (2 * precision * recall / (precision + recall)).nan_to_num(0)
    return {name: one.tolist() for name, one in zip(MEASURES, (precision, recall, f1, iou), strict=True)}


def macro(measures: dict[str, list[float]]) -> dict[str, float]:
    """The mean of each measure over the classes."""
    return {name: sum(values) / len(values) for name, values in measures.items()}


def histogram(probability: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """How many pixels of background and of the class (2, STEPS) reach which step of probability, but not the next.

    Pixels labelled NOT_VALID do not count.
    """
    known = labels != NOT_VALID
    step = (probability[known].float() * (STEPS - 1) + 1e-4).long().clamp_(0, STEPS - 1)
    return torch.bincount(step + STEPS * (labels[known] > 0).long(), minlength=2 * STEPS).view(2, STEPS).cpu()


def best_threshold(counts: torch.Tensor) -> float:
    """The probability from which on pixels count as found so that pooled F1 is highest, from a histogram (2, STEPS).

    Of several, the one nearest to 0.5.
    """
    fp, tp = counts.double().flip(1).cumsum(1).flip(1)
    f1 = (2 * tp / (tp + fp + counts[1].sum())).nan_to_num(0)
    best = torch.nonzero(f1 >= f1.max() * (1 - 1e-12))[:, 0]
    return int(best[(best - STEPS // 2).abs().argmin()]) / (STEPS - 1)
