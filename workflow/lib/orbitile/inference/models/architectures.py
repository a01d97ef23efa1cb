"""Segmentation networks by name, with random weights: nothing is downloaded."""

import difflib
import re
from collections.abc import Mapping

import torch
from torchvision.models import segmentation

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.messages import shortened
from orbitile.inference.models.network_channels import COLOURS, GREY

TORCHVISION = ("deeplabv3_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large")
"""Networks of torchvision, whose first layer takes three channels; grey images are copied into all of them."""
STRIDE = 32
"""Sides of images must be multiples of this in networks of segmentation-models-pytorch."""


def build_network(network: str, channels: int, classes: int) -> torch.nn.Module:
    """Build a network of random weights that outputs `classes` logits for each pixel.

    Names are those of torchvision (TORCHVISION), or "architecture:encoder" of segmentation-models-pytorch, such as
    unet:resnet18. `channels` counts those of the images. OrbitileError for names that are unknown.
    """
    if ":" in network:
        return _build_smp(network, channels, classes)
    if network not in TORCHVISION:
        raise OrbitileError(f"unknown network {network}; allowed are {', '.join(TORCHVISION)}, and "
                            f"architecture:encoder with an encoder such as resnet18 and one of "
                            f"{', '.join(_architectures())}")  # fmt: skip
    if channels not in (GREY, COLOURS):
        raise OrbitileError(f"{network} takes images of 1 or {COLOURS} channels, not {channels}; use unet:resnet50")
    return getattr(segmentation, network)(weights=None, weights_backbone=None, num_classes=classes)


def first_layer_channels(network: str, channels: int) -> int:
    """How many channels a network's first layer takes for images of `channels`."""
    return channels if ":" in network else COLOURS


def input_stride(network: str) -> int:
    """The number of pixels that the sides of images must be multiples of."""
    return STRIDE if ":" in network else 1


def logits_of(output: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The logits (n, classes, rows, columns) in a network's output."""
    return output["out"] if isinstance(output, Mapping) else output


def _architectures() -> list[str]:
    from segmentation_models_pytorch import MODEL_ARCHITECTURES_MAPPING

    return list(MODEL_ARCHITECTURES_MAPPING)


def _build_smp(network: str, channels: int, classes: int) -> torch.nn.Module:
    import segmentation_models_pytorch as smp  # takes seconds, and only some networks need it

    architecture, encoder = network.split(":", 1)
    if architecture not in _architectures():
        raise OrbitileError(f"unknown architecture in {network}; allowed are {', '.join(_architectures())}")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", encoder):
        raise OrbitileError(f"{shortened(network)} names no encoder; allowed are letters, digits, _, . and -")
    encoders = smp.encoders.get_encoder_names()
    if encoder not in encoders and not encoder.startswith("tu-"):
        nearest = ", ".join(difflib.get_close_matches(encoder, encoders, 5, 0) or encoders[:5])
        raise OrbitileError(f"unknown encoder in {network}; the nearest of {len(encoders)} are {nearest}, "
                            "and networks of timm are encoders with tu- before their name")  # fmt: skip
    try:
        return smp.create_model(architecture, encoder, encoder_weights=None, in_channels=channels, classes=classes)
    except Exception as error:
        raise OrbitileError(f"the network {network} cannot be built ({first_line(error)})") from error
