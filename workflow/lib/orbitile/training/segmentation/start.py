"""What a training of a segmentation network starts from: random numbers, weights, or an encoder of ImageNet."""

import logging
from pathlib import Path

import torch

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.inference.models.architectures import second_channels
from orbitile.inference.models.weights import Tensors, load_tensors
from orbitile.training.segmentation.imagenet_weights import pretrained_encoder
from orbitile.training.segmentation.recipe import SegmenterRecipe
from orbitile.training.start_weights import fitting_tensors

log = logging.getLogger(__name__)

IMAGENET = "imagenet"
"""In place of a file of weights: the encoder's, from a package."""

Scaling = tuple[tuple[float, ...], tuple[float, ...]]


def start_hash(recipe: SegmenterRecipe) -> str | None:
    """SHA-256 of the weights that a recipe starts from; None for random numbers."""
    if recipe.start_from == IMAGENET:
        return sha256(pretrained_encoder(recipe.network).path)
    return sha256(recipe.start_from) if recipe.start_from else None


def start_scaling(recipe: SegmenterRecipe, scaling: Scaling) -> Scaling:
    """Mean and standard deviation of each channel: those of the tiles, or, of an encoder's channels, of its weights."""
    if recipe.start_from != IMAGENET:
        return scaling
    (mean, std), encoded = scaling, len(scaling[0]) - second_channels(recipe.network)
    encoder_mean, encoder_std = pretrained_encoder(recipe.network).scaling(encoded)
    return encoder_mean + tuple(mean[encoded:]), encoder_std + tuple(std[encoded:])


def load_start(network: torch.nn.Module, recipe: SegmenterRecipe) -> None:
    """Load those tensors of a recipe's start weights that fit into a network; OrbitileError where none does.

    The kernels of its first layer are fitted to the number of bands.
    """
    if not recipe.start_from:
        return
    state = network.state_dict()
    tensors = _tensors(recipe, state)
    first = next((name for name, tensor in state.items() if tensor.ndim == 4), "")
    fitting = fitting_tensors(state, tensors, first)
    if not fitting:
        raise OrbitileError(f"{recipe.start_from}: none of its tensors fits into {recipe.network}; start from weights "
                            "of the same network")  # fmt: skip
    log.info("%d of %d tensors loaded from %s", len(fitting), len(state), recipe.start_from)
    network.load_state_dict(fitting, strict=False)


def _tensors(recipe: SegmenterRecipe, state: dict[str, torch.Tensor]) -> Tensors:
    if recipe.start_from == IMAGENET:
        return pretrained_encoder(recipe.network).tensors(state)
    return load_tensors(Path(str(recipe.start_from)))[0]
