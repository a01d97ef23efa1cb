"""Vision transformers of timm under decoders of segmentation-models-pytorch.

DPT (Ranftl et al. 2021, arXiv 2103.13413) counts on patches whose side is a power of 2. Those of DINOv2 have 14 px: to
the decoder they are patches of 16 px, and its answer is resampled to the image's size, as Depth Anything does (Yang et
al. 2024, arXiv 2401.10891).
"""

import torch
from segmentation_models_pytorch import DPT
from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder
from torch.nn.functional import interpolate, linear

DECODED_PATCH = 16
COARSEST = 32
"""Pixels of the image in a pixel of DPT's coarsest features."""
SMALLEST_PATCH = 4


def build_transformer(encoder: str, patch: int, channels: int, classes: int) -> torch.nn.Module:
    """A DPT of random weights that takes images of any size, as far as its sides are multiples of the input stride.

    `patch` is the side (px) of the encoder's patches.
    """
    if COARSEST % patch == 0:
        return DPT(encoder, encoder_weights=None, in_channels=channels, classes=classes, dynamic_img_size=True)
    return ResampledDPT(encoder, channels, classes)


class ResampledDPT(DPT):
    """A DPT for patches whose side is no power of 2."""

    def __init__(self, encoder: str, channels: int, classes: int) -> None:
        super().__init__(encoder, encoder_weights=None, in_channels=channels, classes=classes, dynamic_img_size=True)
        sides = [DECODED_PATCH] * len(self.encoder.output_strides)
        self.decoder = DPTDecoder(self.encoder.out_channels, sides, self.encoder.has_prefix_tokens)
        self.initialize()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, rows, columns) of images (n, channels, rows, columns)."""
        return interpolate(super().forward(images), images.shape[-2:], mode="bilinear", align_corners=False)


class PatchProjection(torch.nn.Conv2d):
    """A convolution whose kernels lie side by side, computed as one product of matrices.

    In bfloat16 on CPUs with AMX, torch 2.15 computes such convolutions wrongly for some numbers of channels: patches of
    16 px of 4, 8 or 16 channels among them, with errors as large as the result.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Features (n, outputs, rows / side, columns / side) of images (n, channels, rows, columns)."""
        rows, columns = self.kernel_size
        patches = images.unfold(2, rows, rows).unfold(3, columns, columns).permute(0, 2, 3, 1, 4, 5).flatten(3)
        return linear(patches, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def project_patches(network: torch.nn.Module) -> torch.nn.Module:
    """Let a network compute convolutions of patches as PatchProjection; its weights and their names stay."""
    for part in network.modules():
        if type(part) is torch.nn.Conv2d and _lies_side_by_side(part):
            part.__class__ = PatchProjection
    return network


def _lies_side_by_side(part: torch.nn.Conv2d) -> bool:
    is_plain = part.padding == (0, 0) and part.dilation == (1, 1) and part.groups == 1
    return is_plain and part.kernel_size == part.stride and min(part.kernel_size) >= SMALLEST_PATCH
