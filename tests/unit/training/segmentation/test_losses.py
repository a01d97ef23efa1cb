"""Losses against plain references in double precision, against other libraries, and what they have in common."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_models_pytorch.losses import DiceLoss, LovaszLoss, TverskyLoss
from segmentation_models_pytorch.losses._functional import softmax_focal_loss_with_logits
from torchvision.ops import sigmoid_focal_loss

from orbitile.base.errors import OrbitileError
from orbitile.training.segmentation import losses as module
from orbitile.training.segmentation.losses import LabelledLogits, SegmentationLoss, loss_text
from orbitile.training.segmentation.tiles import NOT_VALID

NAMES = ("cross_entropy", "one_against_all", "focal", "dice", "tversky", "focal_tversky", "lovasz")
PARAMETERS = {
    "focal": dict(gamma=1.5, alpha=0.3), "tversky": dict(alpha=0.2, beta=0.9),
    "focal_tversky": dict(alpha=0.2, beta=0.8, gamma=1.7),
}  # fmt: skip
WEIGHTS = (0.2, 1.0, 3.0)


def batch(outputs, seed=0, side=5, dtype=torch.float64):
    """Logits (2, outputs, side, side) and labels, of which some are not valid and no class is missing."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, 2, (2, outputs, side, side))).to(dtype)
    labels = rng.integers(0, max(outputs, 2), (2, side, side))
    labels[0, 0, : max(outputs, 2)] = range(max(outputs, 2))
    labels[1, 2:] = NOT_VALID
    return logits, torch.from_numpy(labels)


def value(name, logits, labels, weights=None, **parameters):
    """A loss in double precision."""
    weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    return module._TERMS[name](LabelledLogits(logits, labels, weights), **parameters)


def reference(name, logits, labels, weights=None, **parameters):
    """The same from the formulas, pixel by pixel, in numpy."""
    outputs = logits.shape[1]
    pixels = [
        (logits[n, :, row, col].numpy(), int(labels[n, row, col])) for n, row, col in np.ndindex(*labels.shape)
        if labels[n, row, col] != NOT_VALID
    ]  # fmt: skip
    if outputs == 1:
        probabilities = [np.array([1 - 1 / (1 + np.exp(-z[0])), 1 / (1 + np.exp(-z[0]))]) for z, _ in pixels]
    else:
        probabilities = [np.exp(z) / np.exp(z).sum() for z, _ in pixels]
    truth = [label for _, label in pixels]
    weight = [1.0 if weights is None else weights[label] for label in truth]
    true_p = [p[label] for p, label in zip(probabilities, truth, strict=True)]
    if name == "cross_entropy":
        return np.average([-np.log(p) for p in true_p], weights=weight)
    if name == "one_against_all":
        sigmoids = [1 / (1 + np.exp(-z)) for z, _ in pixels]
        hot = [[label] if outputs == 1 else [label == c for c in range(outputs)] for label in truth]
        sums = [
            -sum(np.log(p if is_true else 1 - p) for p, is_true in zip(row, flags, strict=True))
            for row, flags in zip(sigmoids, hot, strict=True)
        ]
        return np.average(sums, weights=weight)
    if name == "focal":
        gamma, alpha = parameters["gamma"], parameters["alpha"]
        parts = [
            -(alpha if label else 1 - alpha) * (1 - p) ** gamma * np.log(p)
            for p, label in zip(true_p, truth, strict=True)
        ]
        return np.average(parts, weights=weight)
    false_positive, false_negative, exponent = {
        "dice": (0.5, 0.5, 1), "tversky": (parameters.get("alpha"), parameters.get("beta"), 1),
        "focal_tversky": (parameters.get("beta"), parameters.get("alpha"), 1 / parameters.get("gamma", 1)),
    }[name]  # fmt: skip
    result = []
    classes = [1] if outputs == 1 else range(outputs)
    for c in classes:
        tp = sum(p[c] for p, label in zip(probabilities, truth, strict=True) if label == c)
        fp = sum(p[c] for p, label in zip(probabilities, truth, strict=True) if label != c)
        fn = sum(1 - p[c] for p, label in zip(probabilities, truth, strict=True) if label == c)
        result.append((1 - tp / (tp + false_positive * fp + false_negative * fn)) ** exponent)
    return np.average(result, weights=None if weights is None or outputs == 1 else weights)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "lovasz"])
def test_losses_follow_their_formulas(name, is_weighted, outputs):
    weights = WEIGHTS[: max(outputs, 2)] if is_weighted else None
    parameters = PARAMETERS.get(name, {})
    for seed in range(3):
        logits, labels = batch(outputs, seed)
        expected = reference(name, logits, labels, weights, **parameters)
        # smp keeps class weights in single precision
        assert float(value(name, logits, labels, weights, **parameters)) == pytest.approx(expected, rel=1e-7)


def test_the_lovasz_losses_are_those_of_sorted_errors():
    """Berman et al. 2018, algorithm 1: errors in falling order, times the steps of the Jaccard loss."""
    for outputs in (1, 3):
        logits, labels = batch(outputs)
        valid = (labels != NOT_VALID).numpy()
        truth, z = labels.numpy()[valid], logits.movedim(1, -1).numpy()[valid]
        if outputs == 1:
            errors = [(np.maximum(1 - z[:, 0] * (2 * truth - 1), 0), truth == 1)]
        else:
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            errors = [(np.abs((truth == c) - p[:, c]), truth == c) for c in range(outputs)]
        expected = []
        for error, is_true in errors:
            order = np.argsort(-error, kind="stable")
            hits, misses = np.cumsum(is_true[order]), np.cumsum(~is_true[order])
            jaccard = 1 - (is_true.sum() - hits) / (is_true.sum() + misses)
            expected.append((error[order] * np.diff(jaccard, prepend=0)).sum())
        found = SegmentationLoss(dict(lovasz={}), outputs)(logits, labels)
        assert float(found) == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_losses_are_those_of_other_libraries(outputs):
    logits, labels = batch(outputs)
    mode = "binary" if outputs == 1 else "multiclass"
    assert float(value("dice", logits, labels)) == pytest.approx(
        float(DiceLoss(mode, ignore_index=NOT_VALID)(logits, labels)), rel=1e-12
    )
    theirs = TverskyLoss(mode, ignore_index=NOT_VALID, alpha=0.8, beta=0.2)(logits, labels)
    assert float(value("focal_tversky", logits, labels, alpha=0.2, beta=0.8, gamma=1.0)) == pytest.approx(float(theirs))
    assert float(value("tversky", logits, labels, alpha=0.8, beta=0.2)) == pytest.approx(float(theirs))
    lovasz = LovaszLoss(mode, ignore_index=NOT_VALID)(logits.float(), labels)
    assert float(SegmentationLoss(dict(lovasz={}), outputs)(logits, labels)) == pytest.approx(float(lovasz))
    valid = labels != NOT_VALID
    flat, truth = logits.movedim(1, -1)[valid], labels[valid]
    if outputs == 1:
        theirs = sigmoid_focal_loss(flat[:, 0], truth.double(), alpha=0.3, gamma=1.5, reduction="mean")
        assert float(value("focal", logits, labels, alpha=0.3, gamma=1.5)) == pytest.approx(float(theirs))
    else:
        theirs = softmax_focal_loss_with_logits(flat, truth, gamma=1.5)
        assert float(value("focal", logits, labels, gamma=1.5)) == pytest.approx(float(theirs))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "lovasz"])
def test_gradients_are_those_of_differences(name, outputs):
    logits, labels = batch(outputs, side=3)
    weights = WEIGHTS[: max(outputs, 2)]
    assert torch.autograd.gradcheck(
        lambda z: value(name, z, labels, weights, **PARAMETERS.get(name, {})), logits.requires_grad_()
    )


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), change=st.floats(-50, 50))
def test_pixels_that_are_not_valid_do_not_count(name, outputs, seed, change):
    logits, labels = batch(outputs, seed, dtype=torch.float32)
    loss = SegmentationLoss({name: PARAMETERS.get(name, {})}, outputs)
    changed = torch.where((labels == NOT_VALID)[:, None], logits * 0 + change, logits).requires_grad_()
    result = loss(changed, labels)
    assert float(result.detach()) == float(loss(logits, labels))
    result.backward()
    assert changed.grad.isfinite().all()
    assert not changed.grad.movedim(1, -1)[labels == NOT_VALID].any()


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_without_valid_pixels_loss_and_gradient_are_zero(name, outputs):
    logits, labels = batch(outputs)
    logits.requires_grad_()
    loss = SegmentationLoss({name: {}}, outputs)(logits, torch.full_like(labels, NOT_VALID))
    loss.backward()
    assert float(loss.detach()) == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_perfect_and_hopeless_predictions_have_finite_gradients(name, outputs):
    labels = batch(outputs)[1]
    truth = torch.where(labels == NOT_VALID, 0, labels)
    signs = (2 * truth - 1)[:, None] if outputs == 1 else 2 * torch.nn.functional.one_hot(truth).movedim(-1, 1) - 1
    values = []
    for scale in (200.0, -200.0):
        logits = (signs * scale).float().requires_grad_()
        loss = SegmentationLoss({name: {}}, outputs)(logits, labels)
        loss.backward()
        assert logits.grad.isfinite().all()
        values.append(float(loss.detach()))
    assert values[0] == pytest.approx(0, abs=1e-4)
    assert values[1] > 0.4


@pytest.mark.parametrize("name", ["cross_entropy", "one_against_all", "focal"])
def test_without_a_pixel_that_weighs_anything_loss_and_gradient_are_zero(name):
    logits, labels = batch(3)
    logits.requires_grad_()
    loss = SegmentationLoss({name: {}}, 3, (0, 1, 1))(logits, torch.zeros_like(labels))
    loss.backward()
    assert float(loss.detach()) == 0
    assert not logits.grad.any()


def test_a_sum_of_losses_is_the_sum_of_its_terms():
    logits, labels = batch(3, dtype=torch.float32)
    terms = dict(cross_entropy=dict(weight=0.5), focal_tversky=dict(weight=2.0, alpha=0.2, beta=0.8, gamma=1.0))
    parts = [SegmentationLoss({name: term | dict(weight=1)}, 3)(logits, labels) for name, term in terms.items()]
    assert float(SegmentationLoss(terms, 3)(logits, labels)) == pytest.approx(float(0.5 * parts[0] + 2 * parts[1]))
    assert float(SegmentationLoss(terms | dict(dice=dict(weight=0)), 3)(logits, labels)) == pytest.approx(
        float(0.5 * parts[0] + 2 * parts[1])
    )


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_learning_by_a_loss_lowers_it(name, outputs):
    """A convolution learns which grey values are which class."""
    torch.manual_seed(0)
    labels = batch(outputs, side=8)[1]
    images = torch.where(labels == NOT_VALID, 0, labels)[:, None].float() + 0.1 * torch.randn(2, 1, 8, 8)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, outputs, 1))
    loss, optimizer = SegmentationLoss({name: {}}, outputs), torch.optim.Adam(network.parameters(), lr=0.05)
    course = []
    for _ in range(60):
        optimizer.zero_grad()
        step = loss(network(images), labels)
        step.backward()
        optimizer.step()
        course.append(float(step.detach()))
    assert course[-1] < 0.6 * course[0]


def test_a_focal_tversky_loss_of_the_published_emphasis_fears_false_negatives():
    """alpha of Abraham and Khan weighs false negatives, that of Salehi et al. false positives."""
    labels = torch.tensor([[[1, 1, 0, 0]]])
    missed, invented = (torch.tensor([[[row]]], dtype=torch.float32) * 20 for row in ([1, -1, -1, -1], [1, 1, 1, -1]))
    focal = SegmentationLoss(dict(focal_tversky=dict(alpha=0.7, beta=0.3)), 1)
    tversky = SegmentationLoss(dict(tversky=dict(alpha=0.7, beta=0.3)), 1)
    assert focal(missed, labels) > focal(invented, labels)
    assert tversky(missed, labels) < tversky(invented, labels)
    assert loss_text(dict(focal_tversky=dict(weight=0.5, alpha=0.2))) == (
        "0.5 focal-tversky (alpha 0.2 for false negatives, beta 0.3 for false positives, gamma 1.33)"
    )
    assert loss_text(dict(cross_entropy={}, tversky={}), with_parameters=False) == "cross-entropy + tversky"


@pytest.mark.parametrize(
    ("terms", "weights", "reason"),
    [
        (dict(crossentropy={}), None, r"segmentation_training\.loss: unknown loss crossentropy; use one of cross_"),
        (dict(dice=dict(gamma=2)), None, r"loss\.dice: unknown key gamma; allowed are weight$"),
        (dict(tversky=dict(gamma=2)), None, r"loss\.tversky: unknown key gamma; allowed are weight, alpha, beta"),
        (dict(dice=dict(weight=0)), None, "no loss has a weight above 0"),
        ({}, None, "no loss has a weight above 0"),
        (dict(dice={}), (1, 2), "class_weights: dice of 1 output uses none; leave them out, or add cross_entropy"),
    ],
)  # fmt: skip
def test_losses_that_cannot_be_are_refused(terms, weights, reason):
    with pytest.raises(OrbitileError, match=reason):
        SegmentationLoss(terms, 1, weights)
