"""Segmentation networks: DeepLabV3 of torchvision, U-Net and others of segmentation-models-pytorch."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError
from torch.nn.functional import pad

from orbitile.errors import OrbitileError, reason_of
from orbitile.models.adapter import Masks, ModelChoice
from orbitile.models.architectures import build, inputs_of, logits_of, stride_of
from orbitile.models.checkpoints import fill_in, tensors_of_checkpoint
from orbitile.models.devices import device_of, dtype_of
from orbitile.models.weights import load_tensors

BACKGROUND = "background"
"""Name of the class of all pixels that are in no other; it is not mapped."""


@dataclass(frozen=True)
class Description:
    """What a segmentation network is: its name, its classes in the order of its answers, the images it takes.

    `mean` and `std` are those of each channel of its first layer, of grey values 0..1. From the probability
    `threshold` on, its maker counts a pixel to a class (None where nothing is known).
    """

    network: str
    names: tuple[str, ...]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    threshold: float | None = None
    mapped: tuple[int, ...] = field(init=False)
    """Numbers of the classes that are not background."""

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise OrbitileError(f"it takes images of {self.channels} channels; 1 is the least")
        _check_scaling(self.mean, self.std, inputs_of(self.network, self.channels))
        mapped = tuple(number for number, name in enumerate(self.names) if name != BACKGROUND)
        if not mapped:
            raise OrbitileError("it has no class but background, so there is nothing to map")
        object.__setattr__(self, "mapped", mapped)

    @classmethod
    def of(cls, described: dict) -> Self:
        """Take it from the description in a .safetensors file."""
        mean, std = (tuple(map(float, described[name])) for name in ("mean", "std"))
        network, threshold = str(described["network"]), described.get("threshold")
        threshold = None if threshold is None else float(threshold)
        channels = int(described.get("channels", len(mean) if ":" in network else 1))
        return cls(network, _names(described["names"]), channels, mean, std, threshold)

    @classmethod
    def stated(cls, choice: ModelChoice) -> Self:
        """Take it from the settings, for weights that do not describe themselves."""
        stated = {name: getattr(choice, name) for name in ("network", "classes", "mean", "std")}
        missing = [f"model.{name}" for name, value in stated.items() if not value]
        if missing:
            raise OrbitileError(f"they do not describe their network; state {', '.join(missing)}")
        channels = len(choice.mean) if ":" in choice.network else 1
        return cls(choice.network, tuple(choice.classes), channels, tuple(choice.mean), tuple(choice.std))

    @property
    def written(self) -> dict:
        """What a .safetensors file says of its network."""
        names = dict(enumerate(self.names))
        said = dict(family="segmentation", network=self.network, names=names, channels=self.channels,
                    mean=self.mean, std=self.std)  # fmt: skip
        return said if self.threshold is None else said | dict(threshold=self.threshold)

    def built(self) -> torch.nn.Module:
        """The network with random weights."""
        return build(self.network, self.channels, len(self.names))


class Segmenter:
    """A segmentation network on a device (see orbitile.models.adapter.Network).

    Its `names` are the classes it maps: all but the background. Grey images go into the three channels of
    torchvision's networks alike, after each channel's scaling. With one class it answers yes or no, with several,
    background included, one of them. `threshold` is the probability its weights name, None where they name none.
    """

    reflects = True
    most = None

    def __init__(self, model: torch.nn.Module, description: Description, choice: ModelChoice) -> None:
        self.device = device_of(choice.device)
        self.channels = description.channels
        self.names = tuple(description.names[number] for number in description.mapped)
        self.threshold = description.threshold
        self._mapped, self._is_binary = list(description.mapped), len(description.names) == 1
        self._stride = stride_of(description.network)
        self._dtype = dtype_of(choice.precision, self.device, torch.bfloat16)
        scaling = torch.tensor([description.mean, description.std], dtype=torch.float32)
        self._mean, self._std = scaling.to(self.device).view(2, 1, -1, 1, 1)
        self._model = _fused(model.eval()).to(self._dtype).to(self.device, memory_format=torch.channels_last)
        if choice.compile:
            self._model = torch.compile(self._model, dynamic=False)

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """Load .safetensors that describe themselves, or a state dict (.pt, .pth, .ckpt) that the settings describe.

        No code in them is run. OrbitileError for what is no such weights, or those of another network.
        """
        path = Path(choice.weights)
        try:
            model, description = _described(path) if path.suffix == ".safetensors" else _stated(path, choice)
        except Exception as error:
            raise OrbitileError(f"{path}: not weights of a segmentation network ({reason_of(error)})") from error
        return cls(model, description, choice)

    @torch.inference_mode()
    def predict_batch(self, images: torch.Tensor) -> Masks:
        """Probabilities of the mapped classes in 8-bit images (n, channels, side, side)."""
        scaled = (images.float().div_(255) - self._mean) / self._std
        answers = self._answers(scaled.to(self._dtype, memory_format=torch.channels_last)).float()
        probability = answers.sigmoid() if self._is_binary else answers.softmax(dim=1)[:, self._mapped]
        broken = ~torch.isfinite(answers).all(dim=3).all(dim=2).all(dim=1)
        return Masks(probability.mul_(255).round_().to(torch.uint8), broken)

    def _answers(self, images: torch.Tensor) -> torch.Tensor:
        """Logits; images whose sides do not suit the network are reflected beyond their right and lower edges."""
        height, width = images.shape[-2:]
        below, right = -height % self._stride, -width % self._stride
        if below or right:
            images = pad(images, (0, right, 0, below), "reflect" if below < height and right < width else "replicate")
        return logits_of(self._model(images))[..., :height, :width]


def describe(path: Path) -> Description:
    """What the network of .safetensors is; OrbitileError where they do not tell."""
    try:
        return Description.of(load_tensors(path)[1])
    except Exception as error:
        raise OrbitileError(f"{path}: not weights of a segmentation network ({reason_of(error)})") from error


def _described(path: Path) -> tuple[torch.nn.Module, Description]:
    tensors, described = load_tensors(path)
    description = Description.of(described)
    return fill_in(description.built(), tensors), description


def _stated(path: Path, choice: ModelChoice) -> tuple[torch.nn.Module, Description]:
    description = Description.stated(choice)
    return fill_in(description.built(), tensors_of_checkpoint(path)), description


def _fused(model: torch.nn.Module) -> torch.nn.Module:
    """Convolutions joined with the normalisations that follow them, where the network's code can be followed."""
    try:
        return fuse(model)
    except TraceError:
        return model


def _names(given: dict[str, str]) -> tuple[str, ...]:
    """The names of classes in the order of their numbers, of which none may be missing."""
    numbered = {int(number): str(name) for number, name in given.items()}
    if not numbered or set(numbered) != set(range(len(numbered))):
        raise OrbitileError(f"the numbers of its classes are {sorted(numbered)}, not 0, 1, 2 ...")
    return tuple(numbered[number] for number in range(len(numbered)))


def _check_scaling(mean: tuple[float, ...], std: tuple[float, ...], channels: int) -> None:
    counted = len(mean) == len(std) == channels
    if not counted or not all(map(math.isfinite, (*mean, *std))) or min(std) <= 0:
        raise OrbitileError(f"mean {list(mean)} and std {list(std)} are not {channels} numbers each, "
                            "those of std above 0")  # fmt: skip
