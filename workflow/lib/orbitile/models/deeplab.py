"""Segmentation networks DeepLabV3 as torchvision has them."""

from pathlib import Path
from typing import Self

import torch
from torch.fx.experimental.optimization import fuse
from torchvision.models import segmentation

from orbitile.errors import OrbitileError, reason_of
from orbitile.models.adapter import Masks, ModelChoice
from orbitile.models.devices import device_of, dtype_of
from orbitile.models.weights import load_tensors

NETWORKS = ("deeplabv3_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large")
COLOURS = 3
AUXILIARY = "aux_classifier."
"""Of a second head, which only helps to train."""


class DeepLab:
    """A segmentation network on a device (see orbitile.models.adapter.Network).

    Grey images go into its three channels alike, after the scaling that the weights' description states: `mean` and
    `std` of each channel, of grey values 0..1. With one class it answers yes or no, with several one of them.
    """

    channels = 1
    reflects = True
    most = None

    def __init__(
        self, model: torch.nn.Module, names: tuple[str, ...], scaling: torch.Tensor, choice: ModelChoice
    ) -> None:
        self.device = device_of(choice.device)
        self.names = names
        self._dtype = dtype_of(choice.precision, self.device, torch.bfloat16)
        self._mean, self._std = scaling.to(self.device).view(2, 1, COLOURS, 1, 1)
        self._model = fuse(model.eval()).to(self._dtype).to(self.device, memory_format=torch.channels_last)
        if choice.compile:
            self._model = torch.compile(self._model, dynamic=False)

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """Load .safetensors whose description holds `network`, `names`, `mean` and `std`."""
        tensors, description = load_tensors(Path(choice.weights))
        try:
            names, scaling = _names(description["names"]), _scaling(description["mean"], description["std"])
            model = _built(description["network"], len(names))
            model.load_state_dict({name: tensor for name, tensor in tensors.items() if not name.startswith(AUXILIARY)})
        except Exception as error:
            raise OrbitileError(f"{choice.weights}: not weights of DeepLabV3 ({reason_of(error)})") from error
        return cls(model, names, scaling, choice)

    @torch.inference_mode()
    def predict_batch(self, images: torch.Tensor) -> Masks:
        """Probabilities of the classes in 8-bit images (n, 1, side, side)."""
        scaled = (images.float().div_(255) - self._mean) / self._std
        answers = self._model(scaled.to(self._dtype, memory_format=torch.channels_last))["out"].float()
        probability = answers.sigmoid() if len(self.names) == 1 else answers.softmax(dim=1)
        broken = ~torch.isfinite(answers).all(dim=3).all(dim=2).all(dim=1)
        return Masks(probability.mul_(255).round_().to(torch.uint8), broken)


def _names(given: dict[str, str]) -> tuple[str, ...]:
    """The names of classes in the order of their numbers, of which none may be missing."""
    numbered = {int(number): str(name) for number, name in given.items()}
    if not numbered or set(numbered) != set(range(len(numbered))):
        raise OrbitileError(f"the numbers of its classes are {sorted(numbered)}, not 0, 1, 2 ...")
    return tuple(numbered[number] for number in range(len(numbered)))


def _scaling(mean: list[float], std: list[float]) -> torch.Tensor:
    """Mean and standard deviation of each channel (2, channels)."""
    scaling = torch.tensor([mean, std], dtype=torch.float32)
    if scaling.shape != (2, COLOURS) or not scaling.isfinite().all() or not (scaling[1] > 0).all():
        raise OrbitileError(f"mean {mean} and std {std} are not {COLOURS} numbers each, those of std above 0")
    return scaling


def _built(network: str, classes: int) -> torch.nn.Module:
    if network not in NETWORKS:
        raise OrbitileError(f"its network is {network}; known are {', '.join(NETWORKS)}")
    return getattr(segmentation, network)(weights=None, weights_backbone=None, num_classes=classes)
