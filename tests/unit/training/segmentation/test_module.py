"""The validation loss: that of all validation pixels, whatever tiles are in a batch."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from orbitile.inference.models.segmentation import NetworkDescription
from orbitile.training.segmentation.dataset import Example
from orbitile.training.segmentation.losses import SegmentationLoss
from orbitile.training.segmentation.module import Learning, SegmentationModule
from orbitile.training.segmentation.optimiser import OptimiserPlan
from orbitile.training.segmentation.tiles import NOT_VALID

TILES, SIDE = 7, 4
BY_PIXEL = dict(cross_entropy={}, focal=dict(weight=0.5, alpha=0.3), one_against_all=dict(weight=2))
AREAS = ("dice", "tversky", "focal_tversky", "lovasz")


def made_up_tiles(outputs: int, seed: int = 0) -> Example:
    """Images whose channels are logits; the last tile is nearly all of the last class, others are not all valid."""
    rng, classes = np.random.default_rng(seed), max(outputs, 2)
    labels = rng.choice(classes, (TILES, SIDE, SIDE), p=[0.8, *[0.2 / (classes - 1)] * (classes - 1)])
    labels[-1] = classes - 1
    labels[rng.random(labels.shape) < rng.random((TILES, 1, 1))] = NOT_VALID
    points = np.where(rng.random(labels.shape) < 0.1, rng.integers(0, classes, labels.shape), NOT_VALID)
    images = rng.normal(0, 2, (TILES, outputs, SIDE, SIDE)).astype(np.float32)
    return Example(torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(points.astype(np.uint8)))


def validation_loss(
    tiles: Example, batch: int, loss: Mapping[str, Mapping[str, float]], class_weights: tuple[float, ...] | None = None,
    points_weight: float | None = None,
) -> float:  # fmt: skip
    """That of a network whose logits are its images, with so many tiles in a batch."""
    outputs = tiles.image.shape[1]
    names = ("fracture",) if outputs == 1 else ("background", "fracture", "ridge")
    description = NetworkDescription("unet:resnet18", names, outputs, (0.0,) * outputs, (1.0,) * outputs)
    learning = Learning(SegmentationLoss(loss, outputs, class_weights), OptimiserPlan(), points_weight)
    module = SegmentationModule(torch.nn.Identity(), description, learning)
    module.log = lambda *_, **__: None
    for start in range(0, len(tiles.image), batch):
        module.validation_step(Example(*(part[start : start + batch] for part in tiles)), 0)
    module.on_validation_epoch_end()
    return module.figures["validation_loss"]


@given(st.integers(0, 50), st.integers(1, TILES - 1), st.sampled_from([1, 3]), st.booleans(), st.booleans())
def test_losses_of_pixels_are_those_of_all_of_them_at_once(
    seed: int, batch: int, outputs: int, is_weighted: bool, has_points: bool
):
    """Weighted by class, with points and without."""
    tiles = made_up_tiles(outputs, seed)
    weights = (0.2, 3.0, 1.5)[: max(outputs, 2)] if is_weighted else None
    options = (BY_PIXEL, weights, 2.0 if has_points else None)
    assert validation_loss(tiles, batch, *options) == pytest.approx(validation_loss(tiles, TILES, *options), rel=1e-5)


@pytest.mark.parametrize("name", AREAS)
@pytest.mark.parametrize("outputs", [1, 3])
def test_losses_of_areas_count_as_many_pixels_as_their_batch_has(name: str, outputs: int):
    """By hand: two batches, the second of a single tile."""
    tiles, loss = made_up_tiles(outputs), SegmentationLoss({name: {}}, outputs)
    parts = [slice(0, TILES - 1), slice(TILES - 1, TILES)]
    losses = [float(loss(tiles.image[part], tiles.labels[part])) for part in parts]
    pixels = [int((tiles.labels[part] != NOT_VALID).sum()) for part in parts]
    expected = np.average(losses, weights=pixels)
    assert validation_loss(tiles, TILES - 1, {name: {}}) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["cross_entropy", *AREAS])
def test_tiles_without_a_valid_pixel_change_nothing(name: str):
    tiles = made_up_tiles(1)
    empty = tiles._replace(labels=torch.full_like(tiles.labels, NOT_VALID))
    both = Example(*(torch.cat(parts) for parts in zip(tiles, empty, strict=True)))
    assert validation_loss(both, TILES, {name: {}}) == pytest.approx(validation_loss(tiles, TILES, {name: {}}))
    assert validation_loss(empty, 2, {name: {}}) == 0


def test_points_count_where_no_label_does():
    """A tile that has nothing but points, beside tiles with labels."""
    tiles = made_up_tiles(1)
    tiles.labels[0], tiles.points[0, 0, 0] = NOT_VALID, 1
    options = (dict(cross_entropy={}), None, 1.0)
    assert validation_loss(tiles, 1, *options) == pytest.approx(validation_loss(tiles, TILES, *options), rel=1e-5)
