"""Segmentation networks by name, with weights to be learnt or loaded: nothing is downloaded."""

import difflib
from collections.abc import Mapping

import torch
from torchvision.models import segmentation

from orbitile.errors import OrbitileError, first_line

TORCHVISION = ("deeplabv3_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large")
COLOURS = 3
"""Channels of torchvision's networks: grey images go into all of them alike."""
STRIDE = 32
"""Sides of images must be multiples of this in networks of segmentation-models-pytorch."""


def build(network: str, channels: int, classes: int) -> torch.nn.Module:
    """Build a network of random weights that answers `classes` numbers (logits) for each pixel.

    Names are those of torchvision (TORCHVISION), or "architecture:encoder" of segmentation-models-pytorch,
    such as unet:resnet18. `channels` counts those of the images. OrbitileError for names that are unknown.
    """
    if ":" in network:
        return _smp(network, channels, classes)
    if network not in TORCHVISION:
        raise OrbitileError(f"its network is {network}; known are {', '.join(TORCHVISION)} and architecture:encoder "
                            f"with one of {', '.join(_architectures())} and an encoder such as resnet18")  # fmt: skip
    if channels not in (1, COLOURS):
        raise OrbitileError(f"{network} takes images of 1 or {COLOURS} channels, not {channels}; use unet:resnet50")
    return getattr(segmentation, network)(weights=None, weights_backbone=None, num_classes=classes)


def inputs_of(network: str, channels: int) -> int:
    """How many channels a network's first layer takes for images of `channels`."""
    return channels if ":" in network else COLOURS


def stride_of(network: str) -> int:
    """What the sides of images must be multiples of, in pixels."""
    return STRIDE if ":" in network else 1


def logits_of(answer: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The logits (n, classes, rows, columns) in what a network gives back."""
    return answer["out"] if isinstance(answer, Mapping) else answer


def _architectures() -> list[str]:
    from segmentation_models_pytorch import MODEL_ARCHITECTURES_MAPPING

    return list(MODEL_ARCHITECTURES_MAPPING)


def _smp(network: str, channels: int, classes: int) -> torch.nn.Module:
    import segmentation_models_pytorch as smp  # takes seconds, and only some networks need it

    architecture, encoder = network.split(":", 1)
    if architecture not in _architectures():
        raise OrbitileError(f"its network is {network}; known architectures are {', '.join(_architectures())}")
    known = smp.encoders.get_encoder_names()
    if encoder not in known and not encoder.startswith("tu-"):
        near = ", ".join(difflib.get_close_matches(encoder, known, 5, 0) or known[:5])
        raise OrbitileError(f"its network is {network}; nearest of {len(known)} known encoders are {near}, "
                            "and tu- before the name of a network of timm is one, too")  # fmt: skip
    try:
        return smp.create_model(architecture, encoder, encoder_weights=None, in_channels=channels, classes=classes)
    except Exception as error:
        raise OrbitileError(f"its network {network} cannot be built ({first_line(error)})") from error
