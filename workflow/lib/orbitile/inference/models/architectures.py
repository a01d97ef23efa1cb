"""Segmentation networks by name, with random weights: nothing is downloaded."""

import difflib
import re
from collections.abc import Mapping

import torch
from torchvision.models import segmentation

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.messages import shortened
from orbitile.inference.models.network_channels import COLOURS, GREY
from orbitile.inference.models.unets import EXAMPLES, UNetSize

TORCHVISION = ("deeplabv3_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large")
"""Networks of torchvision, whose first layer takes three channels; grey images are copied into all of them."""
TWO_BRANCHES = "two_branch_unet"
"""Architecture whose last channels, 1 or as many as stand after its encoder, take a branch of their own."""
STRIDE = 32
"""Sides of images must be multiples of this in networks of segmentation-models-pytorch."""
TRIAL_PX = 64
"""Least side of the image by which it is tried whether a decoder suits an encoder of timm."""


def build_network(network: str, channels: int, classes: int) -> torch.nn.Module:
    """Build a network of random weights that outputs `classes` logits for each pixel.

    Names are those of torchvision (TORCHVISION), "architecture:encoder" of segmentation-models-pytorch, such as
    unet:resnet18, the sizes of unets.UNetSize, or two_branch_unet:encoder. `channels` counts those of the images.
    OrbitileError for names that are unknown, and for decoders and encoders that do not suit each other.
    """
    architecture = network.split(":")[0]
    if ":" not in network:
        return _build_torchvision(network, channels, classes)
    if architecture in EXAMPLES:
        return UNetSize.parse(network).build(channels, classes)
    if architecture == TWO_BRANCHES:
        return _build_two_branches(network, channels, classes)
    return _build_smp(network, channels, classes)


def first_layer_channels(network: str, channels: int) -> int:
    """How many channels a network's first layer takes for images of `channels`."""
    return channels if ":" in network else COLOURS


def encoder_of(network: str) -> str | None:
    """The encoder of segmentation-models-pytorch in a network; None where it has none."""
    architecture, _, rest = network.partition(":")
    return rest.split(":")[0] if rest and architecture not in EXAMPLES else None


def second_channels(network: str) -> int:
    """How many of the images' last channels do not pass the encoder."""
    parts = network.split(":")
    if parts[0] != TWO_BRANCHES:
        return 0
    if len(parts) == 2:
        return 1
    if len(parts) != 3 or not re.fullmatch(r"[1-9][0-9]?", parts[2]):
        raise OrbitileError(f"{shortened(network)} is no {TWO_BRANCHES}; write {TWO_BRANCHES}:resnet34, or the number "
                            f"of bands of the second modality after it: {TWO_BRANCHES}:resnet34:2")  # fmt: skip
    return int(parts[2])


def input_stride(network: str) -> int:
    """The number of pixels that the sides of images must be multiples of."""
    if ":" not in network:
        return 1
    if network.split(":")[0] in EXAMPLES:
        return UNetSize.parse(network).stride
    patch = _patch_side(network)
    return STRIDE if patch is None or STRIDE % patch == 0 else 2 * patch  # the coarsest features are of pairs


def logits_of(output: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The logits (n, classes, rows, columns) in a network's output."""
    return output["out"] if isinstance(output, Mapping) else output


def _architectures() -> list[str]:
    from segmentation_models_pytorch import MODEL_ARCHITECTURES_MAPPING

    return [*MODEL_ARCHITECTURES_MAPPING, TWO_BRANCHES]


def _build_torchvision(network: str, channels: int, classes: int) -> torch.nn.Module:
    if network not in TORCHVISION:
        raise OrbitileError(f"unknown network {network}; allowed are {', '.join(TORCHVISION)}, "
                            f"{', '.join(EXAMPLES.values())}, and architecture:encoder with an encoder such as "
                            f"resnet18 and one of {', '.join(_architectures())}")  # fmt: skip
    if channels not in (GREY, COLOURS):
        raise OrbitileError(f"{network} takes images of 1 or {COLOURS} channels, not {channels}; use unet:resnet50")
    return getattr(segmentation, network)(weights=None, weights_backbone=None, num_classes=classes)


def _build_smp(network: str, channels: int, classes: int) -> torch.nn.Module:
    import segmentation_models_pytorch as smp  # takes seconds, and only some networks need it

    from orbitile.inference.models.vision_transformers import build_transformer, project_patches

    architecture, encoder = network.split(":", 1)
    if architecture not in _architectures():
        raise OrbitileError(f"unknown architecture in {network}; allowed are "
                            f"{', '.join([*_architectures(), *EXAMPLES])}")  # fmt: skip
    _check_encoder(network, encoder)
    patch, options = _patch_side(network), {"strict_img_size": False} if encoder.startswith("tu-swin") else {}
    try:
        built = (
            smp.create_model(architecture, encoder, encoder_weights=None, in_channels=channels, classes=classes,
                             **options)
            if patch is None else build_transformer(encoder, patch, channels, classes)
        )  # fmt: skip
        return _tried(project_patches(built), encoder, channels, input_stride(network))
    except Exception as error:
        raise OrbitileError(f"the network {network} cannot be built ({first_line(error)})") from error


def _tried(network: torch.nn.Module, encoder: str, channels: int, stride: int) -> torch.nn.Module:
    """The network, if it answers an image in its size: encoders of timm may take other sizes, or not suit a decoder."""
    if encoder.startswith("tu-"):
        side = -(-TRIAL_PX // stride) * stride
        was_training = network.training
        with torch.inference_mode():
            answer = network.eval()(torch.zeros(1, channels, side, side))
        network.train(was_training)
        if answer.shape[-2:] != (side, side):
            raise OrbitileError(f"it answers {side} px with {answer.shape[-1]}")
    return network


def _build_two_branches(network: str, channels: int, classes: int) -> torch.nn.Module:
    from orbitile.inference.models.two_branches import TwoBranchUNet

    second, encoder = second_channels(network), network.split(":")[1]
    if channels <= second:
        raise OrbitileError(f"{network} takes images of at least {second + 1} channels, the last of them of the second "
                            f"modality, not {channels}; use unet:{encoder}, or name more bands")  # fmt: skip
    _check_encoder(network, encoder)
    try:
        return _tried(TwoBranchUNet(encoder, channels, second, classes), encoder, channels, STRIDE)
    except Exception as error:
        raise OrbitileError(f"the network {network} cannot be built ({first_line(error)})") from error


def _check_encoder(network: str, encoder: str) -> None:
    """OrbitileError for names of encoders that segmentation-models-pytorch does not have."""
    from segmentation_models_pytorch.encoders import get_encoder_names

    if not re.fullmatch(r"[A-Za-z0-9_.-]+", encoder):
        raise OrbitileError(f"{shortened(network)} names no encoder; allowed are letters, digits, _, . and -")
    encoders = get_encoder_names()
    if encoder not in encoders and not encoder.startswith("tu-"):
        nearest = ", ".join(difflib.get_close_matches(encoder, encoders, 5, 0) or encoders[:5])
        raise OrbitileError(f"unknown encoder in {network}; the nearest of {len(encoders)} are {nearest}, "
                            "and networks of timm are encoders with tu- before their name")  # fmt: skip


def _patch_side(network: str) -> int | None:
    """Side (px) of the patches of a vision transformer, dpt:tu-vit_small_patch14_dinov2; None for other networks."""
    match = re.fullmatch(r"dpt:tu-(?!swin)[A-Za-z0-9_.-]*?_patch([1-9][0-9]?)(?:[_.-].*)?", network)
    return int(match[1]) if match else None
