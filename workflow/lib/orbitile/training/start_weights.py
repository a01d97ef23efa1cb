"""Tensors to start a training from, as far as they fit into the network to be trained."""

from collections.abc import Mapping

import torch

from orbitile.inference.models.weights import Tensors


def kernels_for_bands(kernels: torch.Tensor, bands: int) -> torch.Tensor:
    """Kernels (n, bands, rows, columns) of a first layer for another number of bands.

    All bands get the same, so that equal bands give what they gave before (as timm's adapt_input_conv has it).
    """
    if kernels.ndim != 4 or kernels.shape[1] == bands:
        return kernels
    return (kernels.float().sum(dim=1, keepdim=True) / bands).repeat(1, bands, 1, 1)


def fitting_tensors(state: Tensors, tensors: Tensors, first: str) -> Mapping[str, torch.Tensor]:
    """Those tensors whose name and shape a network's state has, as its types of numbers.

    Those of its first layer, by the name `first`, are fitted to its number of bands.
    """
    if first in tensors and first in state:
        tensors = dict(tensors) | {first: kernels_for_bands(tensors[first], state[first].shape[1])}
    return {
        name: tensor.to(state[name].dtype)
        for name, tensor in tensors.items()
        if name in state and state[name].shape == tensor.shape
    }
