"""U-Nets by depth and width: the plain one of Ronneberger et al. (2015), and U-Net 3+ of Huang et al. (2020).

Their names state their size, as plain_unet:3x16 or unet3plus:5x64:residual, so that weights describe themselves.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import nn

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened

PLAIN, FULL_SCALE = "plain_unet", "unet3plus"
RESIDUAL, TRANSPOSED = "residual", "transposed"
OPTIONS: dict[str, tuple[str, ...]] = {PLAIN: (), FULL_SCALE: (RESIDUAL, TRANSPOSED)}
"""Architectures by name, and what each may have after its size."""
EXAMPLES = {PLAIN: "plain_unet:3x16", FULL_SCALE: "unet3plus:5x64 or unet3plus:5x64:residual:transposed"}
FEWEST_LEVELS = {PLAIN: 1, FULL_SCALE: 2}
MOST_LEVELS = 8
MOST_FILTERS = 2048
"""Of the coarsest level."""


@dataclass(frozen=True)
class UNetSize:
    """What a name such as unet3plus:5x64:residual states.

    `levels` counts the poolings of a plain U-Net, below which its bottom lies, and the scales of a U-Net 3+, the finest
    and the coarsest included, as their papers count them. `width` is the number of filters of the finest scale; each
    coarser one has twice as many.
    """

    architecture: str
    levels: int
    width: int
    options: tuple[str, ...] = ()

    @classmethod
    def parse(cls, network: str) -> Self:
        """Read a name; OrbitileError where it is none of these networks, or too large a one."""
        architecture, size, *options = network.split(":")
        match = re.fullmatch(r"([1-9][0-9]?)x([1-9][0-9]{0,3})", size)
        allowed = OPTIONS[architecture]
        if match is None or not set(options) <= set(allowed) or len(set(options)) < len(options):
            raise OrbitileError(f"{shortened(network)} is no size of {architecture}; write levels x filters of the "
                                f"first level, as {EXAMPLES[architecture]}")  # fmt: skip
        parsed = cls(architecture, int(match[1]), int(match[2]), tuple(name for name in allowed if name in options))
        fewest = FEWEST_LEVELS[architecture]
        if not fewest <= parsed.levels <= MOST_LEVELS or parsed.filters[-1] > MOST_FILTERS:
            raise OrbitileError(f"{network}: {parsed.levels} levels and {parsed.filters[-1]} filters in the last; "
                                f"allowed are {fewest} to {MOST_LEVELS} levels and {MOST_FILTERS} filters")  # fmt: skip
        return parsed

    @property
    def filters(self) -> tuple[int, ...]:
        """Numbers of filters, from the finest scale to the coarsest."""
        scales = self.levels + 1 if self.architecture == PLAIN else self.levels
        return tuple(self.width << scale for scale in range(scales))

    @property
    def stride(self) -> int:
        """Pixels of the image in a pixel of the coarsest scale."""
        return 1 << (len(self.filters) - 1)

    def build(self, channels: int, classes: int) -> nn.Module:
        """The network, with random weights of variance 2 / n for n inputs (He et al. 2015)."""
        if self.architecture == PLAIN:
            network: nn.Module = PlainUNet(channels, classes, self.filters)
        else:
            residual, transposed = (name in self.options for name in (RESIDUAL, TRANSPOSED))
            network = UNet3Plus(channels, classes, self.filters, residual, transposed)
        for part in network.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        return network


class PlainUNet(nn.Module):
    """U-Net (Ronneberger et al. 2015, arXiv 1505.04597) with batch normalisation and zeros beyond the images' edges.

    Two convolutions of 3 x 3 px at each scale, maximum pooling in between; upwards, transposed convolutions of 2 x 2 px
    that halve the filters, and the features of the same scale beside them. `filters` from the finest scale to the
    coarsest.
    """

    def __init__(self, channels: int, classes: int, filters: Sequence[int]) -> None:
        super().__init__()
        inputs = [channels, *filters[:-1]]
        upwards = list(itertools.pairwise(filters))[::-1]
        self.encoder = nn.ModuleList(_twice(*sizes) for sizes in zip(inputs, filters, strict=True))
        self.pool = nn.MaxPool2d(2)
        self.upsampling = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, 2) for fine, coarse in upwards)
        self.decoder = nn.ModuleList(_twice(2 * fine, fine) for fine, _ in upwards)
        self.head = nn.Conv2d(filters[0], classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, rows, columns) of images (n, channels, rows, columns)."""
        scales = _encoded(self.encoder, self.pool, images)
        features = scales.pop()
        for upsample, block in zip(self.upsampling, self.decoder, strict=True):
            features = block(torch.cat([scales.pop(), upsample(features)], dim=1))
        return self.head(features)


class UNet3Plus(nn.Module):
    """U-Net 3+ (Huang et al. 2020, arXiv 2004.08790) without deep supervision: each scale takes in all others.

    Of each scale, `filters[0]` features go into each node of the decoder: of finer ones pooled, of coarser ones
    upsampled bilinearly. `residual` adds the input of each pair of convolutions, and of each fusion, to its result (He
    et al. 2016). `transposed` upsamples by transposed convolutions, after the number of features has been reduced.
    """

    def __init__(
        self, channels: int, classes: int, filters: Sequence[int], residual: bool = False, transposed: bool = False
    ) -> None:
        super().__init__()
        block = ResidualPair if residual else _twice
        sizes = zip([channels, *filters[:-1]], filters, strict=True)
        self.encoder = nn.ModuleList(block(*size) for size in sizes)
        self.pool = nn.MaxPool2d(2)
        fused = filters[0] * len(filters)
        self.decoder = nn.ModuleList(
            FullScaleNode(scale, [*filters[: scale + 1], *[fused] * (len(filters) - scale - 2), filters[-1]],
                          filters[0], residual, transposed)
            for scale in reversed(range(len(filters) - 1))
        )  # fmt: skip
        self.head = nn.Conv2d(fused, classes, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, rows, columns) of images (n, channels, rows, columns)."""
        scales = _encoded(self.encoder, self.pool, images)
        for node, scale in zip(self.decoder, reversed(range(len(scales) - 1)), strict=True):
            scales[scale] = node(scales)
        return self.head(scales[0])


class FullScaleNode(nn.Module):
    """A node of U-Net 3+'s decoder: features of all scales, brought to its scale, beside each other and fused.

    `channels` are those of the features of each scale, from the finest to the coarsest.
    """

    def __init__(self, scale: int, channels: Sequence[int], width: int, residual: bool, transposed: bool) -> None:
        super().__init__()
        self.residual = residual
        self.paths = nn.ModuleList(
            _to_scale(size, width, source - scale, transposed) for source, size in enumerate(channels)
        )
        fused = width * len(channels)
        self.fusion = nn.Sequential(nn.Conv2d(fused, fused, 3, padding=1, bias=False), nn.BatchNorm2d(fused))

    def forward(self, scales: Sequence[torch.Tensor]) -> torch.Tensor:
        """The fused features of this scale, of those of all scales."""
        features = torch.cat([path(source) for path, source in zip(self.paths, scales, strict=True)], dim=1)
        fused = self.fusion(features)
        return torch.relu(fused + features if self.residual else fused)


class ResidualPair(nn.Module):
    """Two convolutions of 3 x 3 px, to whose result their input is added (He et al. 2016, arXiv 1512.03385)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *_convolution(inputs, outputs), nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (n, outputs, rows, columns) of features (n, inputs, rows, columns)."""
        return torch.relu(self.convolutions(features) + self.shortcut(features))


def _encoded(blocks: nn.ModuleList, pool: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """The features of each scale, from the finest to the coarsest."""
    scales = [blocks[0](images)]
    for block in list(blocks)[1:]:
        scales.append(block(pool(scales[-1])))
    return scales


def _to_scale(inputs: int, outputs: int, coarser_by: int, transposed: bool) -> nn.Sequential:
    """Features of a scale that is `coarser_by` factors of 2 coarser (finer where negative) to another scale."""
    factor, convolution = 1 << abs(coarser_by), _convolution(inputs, outputs)
    if coarser_by < 0:
        return nn.Sequential(nn.MaxPool2d(factor), *convolution)
    if coarser_by == 0:
        return nn.Sequential(*convolution)
    if transposed:
        return nn.Sequential(*convolution, nn.ConvTranspose2d(outputs, outputs, factor, factor))
    return nn.Sequential(nn.Upsample(scale_factor=factor, mode="bilinear"), *convolution)


def _twice(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*_convolution(inputs, outputs), *_convolution(outputs, outputs))


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    """A convolution of 3 x 3 px, its normalisation, which makes a bias superfluous, and what is above 0."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
