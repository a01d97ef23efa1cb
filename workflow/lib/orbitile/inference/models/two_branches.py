"""A U-Net of two branches: images through all of it, a second modality only into its last block.

After the RMI-LIBS U-Net of Lomashvili et al. (2026), whose second modality are images of the chemical composition.
"""

from collections.abc import Sequence

import torch
from segmentation_models_pytorch import Unet
from segmentation_models_pytorch.base.initialization import initialize_decoder
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock
from torch import nn

WIDTHS = (256, 128, 64, 32, 16)
"""Filters of the decoder's blocks, from the coarsest: those of segmentation-models-pytorch."""
BRANCH_WIDTH = 16


class TwoBranchUNet(nn.Module):
    """The first channels pass a U-Net with an encoder; the last `second` pass two convolutions at full resolution.

    Their features lie beside those that the decoder's last block takes in, before the head.
    """

    def __init__(self, encoder: str, channels: int, second: int, classes: int) -> None:
        super().__init__()
        unet = Unet(encoder, encoder_weights=None, in_channels=channels - second, classes=classes,
                    decoder_channels=WIDTHS)  # fmt: skip
        self.sizes = (channels - second, second)
        self.encoder = unet.encoder
        self.branch = nn.Sequential(
            nn.Conv2d(second, BRANCH_WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(BRANCH_WIDTH), nn.ReLU(),
            nn.Conv2d(BRANCH_WIDTH, BRANCH_WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(BRANCH_WIDTH), nn.ReLU(),
        )  # fmt: skip
        self.decoder = unet.decoder
        self.decoder.blocks[-1] = UnetDecoderBlock(WIDTHS[-2], BRANCH_WIDTH, WIDTHS[-1])
        initialize_decoder(self.decoder.blocks[-1])
        initialize_decoder(self.branch)
        self.segmentation_head = unet.segmentation_head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes, rows, columns) of images (n, channels, rows, columns)."""
        first, second = images.split(self.sizes, dim=1)
        features: Sequence[torch.Tensor] = self.encoder(first)
        # The decoder leaves out the features of full resolution that come first, and takes the next as the finest.
        return self.segmentation_head(self.decoder([features[0], self.branch(second), *features[1:]]))
