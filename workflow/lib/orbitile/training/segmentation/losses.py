"""The losses by which segmentation networks learn, by name, and their weighted sums.

A network of a single class outputs one logit for each pixel, of which the logistic function makes its probability;
networks of several classes output one for each, background included, of which softmax makes probabilities.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
from torch.nn.functional import cross_entropy as softmax_cross_entropy

from orbitile.base.errors import OrbitileError
from orbitile.training.segmentation.tiles import NOT_VALID

LEAST = 1e-7
"""Below this, differences from a perfect prediction have no slope: that of their roots would be infinite."""


class LabelledLogits(NamedTuple):
    """Logits (n, outputs, rows, columns; float) of tiles with labels (n, rows, columns), and weights (classes) if any.

    At least one label is not NOT_VALID. Weights are those of background and of each class, in the order of labels.
    """

    logits: torch.Tensor
    labels: torch.Tensor
    class_weights: torch.Tensor | None

    @property
    def is_binary(self) -> bool:
        """Whether there is a single class."""
        return self.logits.shape[1] == 1

    @property
    def truth(self) -> torch.Tensor:
        """The labels (pixels) of valid pixels; of a single class 0 or 1."""
        labels = self.labels[self.labels != NOT_VALID]
        return (labels > 0).long() if self.is_binary else labels

    @property
    def pixels(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (pixels, outputs) and labels (pixels) of valid pixels."""
        return self.logits.movedim(1, -1)[self.labels != NOT_VALID], self.truth

    @property
    def pixel_weights(self) -> torch.Tensor:
        """The weights (pixels) of valid pixels, those of the classes of their labels; 1 without any."""
        return torch.ones(len(self.truth)) if self.class_weights is None else self.class_weights[self.truth]

    def mean(self, losses: torch.Tensor) -> torch.Tensor:
        """The mean of the losses (pixels) of valid pixels, each weighted as the class of its label; 0 without any."""
        if self.class_weights is None:
            return losses.mean()
        weights = self.pixel_weights
        return (losses * weights).sum() / weights.sum().clamp_min(torch.finfo(losses.dtype).tiny)


def _log_losses(batch: LabelledLogits, reduction: str = "none") -> torch.Tensor:
    """The negative logarithm of the probability of the true class of each valid pixel (pixels), or their mean."""
    logits, labels = batch.pixels
    if batch.is_binary:
        return binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype), reduction=reduction)
    return softmax_cross_entropy(logits, labels, reduction=reduction)


def _cross_entropy(batch: LabelledLogits) -> torch.Tensor:
    """The mean of the negative logarithms of the probabilities of the true classes."""
    if batch.class_weights is not None:
        return batch.mean(_log_losses(batch))
    if batch.is_binary:
        return _log_losses(batch, "mean")
    return softmax_cross_entropy(batch.logits, batch.labels, ignore_index=NOT_VALID)


def _one_against_all(batch: LabelledLogits) -> torch.Tensor:
    """The binary cross-entropy of each output against all others, summed over the outputs."""
    logits, labels = batch.pixels
    truth = labels[:, None] if batch.is_binary else one_hot(labels, logits.shape[1])
    return batch.mean(binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), reduction="none").sum(dim=1))


def _focal(batch: LabelledLogits, *, gamma: float = 2.0, alpha: float | None = None) -> torch.Tensor:
    """Lin et al. 2017 (doi 10.1109/ICCV.2017.324): the mean of -a (1 - p)^gamma log p, p being that of the true class.

    a is `alpha` for pixels of a class, 1 - `alpha` for those of the background; 1 without `alpha`.
    """
    losses = _log_losses(batch)
    focal = (-torch.expm1(-losses)).clamp_min(LEAST) ** gamma * losses
    if alpha is not None:
        is_feature = (batch.truth > 0).to(losses.dtype)
        focal = (alpha * is_feature + (1 - alpha) * (1 - is_feature)) * focal
    return batch.mean(focal)


def _dice(batch: LabelledLogits) -> torch.Tensor:
    """1 - Dice coefficient of each class over the batch (Milletari et al. 2016, doi 10.1109/3DV.2016.79), their mean.

    Without squares, as segmentation-models-pytorch has it. As in all losses of areas, classes that are absent from the
    batch count as 0, and class weights are those of the mean.
    """
    from segmentation_models_pytorch.losses import DiceLoss  # takes seconds, and only these losses need it

    return DiceLoss(_mode(batch), class_weights=_area_weights(batch))(*_areas(batch))


def _tversky(batch: LabelledLogits, *, alpha: float = 0.3, beta: float = 0.7) -> torch.Tensor:
    """1 - Tversky index of each class, their mean, as Salehi et al. 2017 (doi 10.1007/978-3-319-67389-9_44) define it.

    The index is TP / (TP + `alpha` FP + `beta` FN).
    """
    from segmentation_models_pytorch.losses import TverskyLoss

    return TverskyLoss(_mode(batch), alpha=alpha, beta=beta, class_weights=_area_weights(batch))(*_areas(batch))


def _focal_tversky(
    batch: LabelledLogits, *, alpha: float = 0.7, beta: float = 0.3, gamma: float = 4 / 3
) -> torch.Tensor:
    """(1 - TI)^(1 / gamma) of each class, their mean; after Abraham and Khan 2019 (doi 10.1109/ISBI.2019.8759329).

    Their index TI is TP / (TP + `alpha` FN + `beta` FP): alpha and beta have changed places since Salehi et al. They
    sum over the classes, of which here the mean is taken.
    """
    logits, labels = batch.pixels
    probability = logits.sigmoid() if batch.is_binary else logits.softmax(dim=1)
    truth = (labels[:, None] if batch.is_binary else one_hot(labels, logits.shape[1])).to(logits.dtype)
    true_sum, hits = truth.sum(dim=0), (probability * truth).sum(dim=0)
    false_negatives, false_positives = true_sum - hits, probability.sum(dim=0) - hits
    index = hits / (hits + alpha * false_negatives + beta * false_positives).clamp_min(LEAST)
    losses = (1 - index).clamp_min(LEAST) ** (1 / gamma) * (true_sum > 0)
    weights = torch.ones_like(losses) if batch.is_binary or batch.class_weights is None else batch.class_weights
    return (losses * weights).sum() / weights.sum()


def _lovasz(batch: LabelledLogits) -> torch.Tensor:
    """The Lovasz extension of 1 - IoU over the batch (Berman et al. 2018, doi 10.1109/CVPR.2018.00464).

    The hinge for a single class; else on softmax, the mean of the classes that are present.
    """
    from segmentation_models_pytorch.losses import LovaszLoss

    return LovaszLoss(_mode(batch))(*_areas(batch))


def _mode(batch: LabelledLogits) -> str:
    return "binary" if batch.is_binary else "multiclass"


def _areas(batch: LabelledLogits) -> tuple[torch.Tensor, torch.Tensor]:
    """The valid pixels as an image (1, outputs, pixels, 1) with its labels (1, pixels, 1)."""
    logits, labels = batch.pixels
    return logits.T[None, ..., None], labels[None, :, None]


def _area_weights(batch: LabelledLogits) -> list[float] | None:
    """Weights of the mean over the classes; a single class needs none."""
    return None if batch.is_binary or batch.class_weights is None else batch.class_weights.tolist()


_TERMS: dict[str, Callable[..., torch.Tensor]] = dict(
    cross_entropy=_cross_entropy, one_against_all=_one_against_all, focal=_focal, dice=_dice, tversky=_tversky,
    focal_tversky=_focal_tversky, lovasz=_lovasz,
)  # fmt: skip
_PIXELWISE = ("cross_entropy", "one_against_all", "focal")
_WEIGHED = {
    ("tversky", "alpha"): " for false positives", ("tversky", "beta"): " for false negatives",
    ("focal_tversky", "alpha"): " for false negatives", ("focal_tversky", "beta"): " for false positives",
    ("focal", "alpha"): " for the classes",
}  # fmt: skip
_KEY = "segmentation_training.loss"


class SegmentationLoss:
    """A weighted sum of losses by name, each with parameters; class weights are those of background and of each class.

    `terms` hold a `weight` (1 by default) and parameters of each. OrbitileError where one is unknown, where all weights
    are 0, and where no loss uses class weights that are given.
    """

    def __init__(
        self, terms: Mapping[str, Mapping[str, float]], outputs: int, class_weights: Sequence[float] | None = None
    ) -> None:
        check_losses(terms)
        used = [name for name, term in terms.items() if term.get("weight", 1) > 0]
        weighted = _PIXELWISE if outputs == 1 else tuple(name for name in _TERMS if name != "lovasz")
        if class_weights is not None and not set(used) & set(weighted):
            raise OrbitileError(
                f"segmentation_training.class_weights: {' and '.join(used)} of {outputs} output"
                f"{'s' if outputs > 1 else ''} uses none; leave them out, or add {weighted[0]} to the loss"
            )
        self._terms = {name: (terms[name].get("weight", 1), _parameters(terms[name])) for name in used}
        self._class_weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of logits (n, outputs, rows, columns), beside labels (n, rows, columns) of the classes' numbers.

        Pixels labelled NOT_VALID do not count; without any other it is 0, with a gradient of 0.
        """
        if not (labels != NOT_VALID).any():
            return logits.sum() * 0
        return torch.stack(self._values(self._batch(logits, labels))).sum()

    def terms(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The terms of the sum, and what each counts in its mean over several batches (terms, 2; float64).

        They count the valid pixels of the batch, losses of pixels with the weights of their classes, so that their mean
        is that of all pixels at once.
        """
        if not (labels != NOT_VALID).any():
            return torch.zeros(len(self._terms), 2, dtype=torch.float64, device=logits.device)
        batch = self._batch(logits, labels)
        pixels, weighted = len(batch.truth), float(batch.pixel_weights.sum())
        counts = [weighted if name in _PIXELWISE else pixels for name in self._terms]
        values = torch.stack(self._values(batch)).double()
        return torch.stack([values, values.new_tensor(counts)], dim=1)

    def _batch(self, logits: torch.Tensor, labels: torch.Tensor) -> LabelledLogits:
        weights = None if self._class_weights is None else self._class_weights.to(logits.device)
        return LabelledLogits(logits.float(), labels, weights)

    def _values(self, batch: LabelledLogits) -> list[torch.Tensor]:
        return [weight * _TERMS[name](batch, **parameters) for name, (weight, parameters) in self._terms.items()]


def mean_loss(batches: Sequence[torch.Tensor]) -> float:
    """The sum of the terms (terms, 2) of several batches, each their mean by what they count; 0 where none counts."""
    values, counts = torch.stack(list(batches)).unbind(dim=2)
    means = (values * counts).sum(dim=0) / counts.sum(dim=0).clamp_min(torch.finfo(counts.dtype).tiny)
    return float(means.sum())


def check_losses(terms: Mapping[str, Mapping[str, float]]) -> None:
    """OrbitileError for unknown losses, for parameters that are not theirs, and where no weight is above 0."""
    for name, term in terms.items():
        if name not in _TERMS:
            raise OrbitileError(f"{_KEY}: unknown loss {name}; use one of {', '.join(_TERMS)}, or a sum of them")
        allowed = ["weight", *_defaults(name)]
        unknown = sorted(set(term) - set(allowed))
        if unknown:
            raise OrbitileError(f"{_KEY}.{name}: unknown key {unknown[0]}; allowed are {', '.join(allowed)}")
    if not any(term.get("weight", 1) > 0 for term in terms.values()):
        raise OrbitileError(f"{_KEY}: no loss has a weight above 0; name at least one, such as cross_entropy")


def loss_text(terms: Mapping[str, Mapping[str, float]], with_parameters: bool = True) -> str:
    """A sum of losses in words, such as "cross-entropy + 0.5 dice", with their parameters and what these weigh."""
    parts = []
    for name, term in terms.items():
        weight = term.get("weight", 1)
        values = {key: term.get(key, default) for key, default in _defaults(name).items()} if with_parameters else {}
        parameters = ", ".join(
            f"{key} {value:.3g}{_WEIGHED.get((name, key), '')}" for key, value in values.items() if value is not None
        )
        words = name.replace("_", "-") + (f" ({parameters})" if parameters else "")
        parts.append(words if weight == 1 else f"{weight:g} {words}")
    return " + ".join(parts)


def _parameters(term: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in term.items() if name != "weight"}


def _defaults(name: str) -> dict[str, float | None]:
    """The parameters of a loss with their defaults."""
    parameters = inspect.signature(_TERMS[name]).parameters.values()
    return {part.name: part.default for part in parameters if part.kind is inspect.Parameter.KEYWORD_ONLY}
