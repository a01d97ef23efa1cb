"""Segmentation networks: DeepLabV3 of torchvision, U-Net and others of segmentation-models-pytorch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError
from torch.nn.functional import pad

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.messages import shortened
from orbitile.inference.models.architectures import build_network, first_layer_channels, input_stride, logits_of
from orbitile.inference.models.checkpoints import load_into, read_checkpoint_tensors
from orbitile.inference.models.devices import select_device, select_dtype
from orbitile.inference.models.network import MaskOutput, ModelChoice
from orbitile.inference.models.network_channels import (
    COLOURS,
    GREY,
    accepted_channels,
    check_bands,
    stated_channels,
)
from orbitile.inference.models.weights import load_tensors, warn_of_non_finite
from orbitile.inference.models.weights_header import (
    BACKGROUND,
    MOST_CHANNELS,
    MOST_CLASSES,
    check_names,
    checked_numbers,
    checked_threshold,
    has_background,
)

REQUIRED = ("network", "names", "mean", "std")
"""What the description in a .safetensors file must state."""


@dataclass(frozen=True)
class NetworkDescription:
    """A segmentation network: its name, its classes in the order of its outputs, the images it takes.

    `channels` counts those of the images. `mean` and `std` are those of each channel of the first layer, of grey values
    0..1. `threshold` is the probability 0..1 from which on a pixel counts as of a class, None where it is not stated.
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
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise OrbitileError(f"channels is {self.channels}; allowed are 1 to {MOST_CHANNELS}")
        check_names([*self.names, self.network])
        _check_scaling(self.mean, self.std, first_layer_channels(self.network, self.channels))
        mapped = tuple(number for number, name in enumerate(self.names) if name != BACKGROUND)
        if not mapped:
            raise OrbitileError(f"its only class is {BACKGROUND}, so there is nothing to map")
        object.__setattr__(self, "mapped", mapped)

    @classmethod
    def from_metadata(cls, metadata: dict[str, Any], bands: int = 1) -> Self:
        """Take it from the description in a .safetensors file; OrbitileError where that is incomplete.

        `bands` is the number of bands of the images, which counts where the description states no channels.
        """
        missing = [name for name in REQUIRED if name not in metadata]
        if missing:
            raise OrbitileError(f"the description in the file lacks {', '.join(missing)}")
        mean, std = (checked_numbers(name, metadata[name]) for name in ("mean", "std"))
        network, threshold = str(metadata["network"]), checked_threshold(metadata.get("threshold"))
        channels = int(metadata.get("channels", _unstated_channels(network, mean, bands)))
        return cls(network, _ordered_names(metadata["names"]), channels, mean, std, threshold)

    @classmethod
    def from_settings(cls, choice: ModelChoice) -> Self:
        """Take it from the settings, for weights without a description; OrbitileError where one is missing."""
        network, classes, mean, std = choice.network, choice.classes, choice.mean, choice.std
        if not (network and classes and mean and std):
            settings = dict(network=network, classes=classes, mean=mean, std=std)
            missing = ", ".join(f"model.{name}" for name, value in settings.items() if not value)
            raise OrbitileError(f"the file does not describe its network; the settings must: {missing}")
        return cls(network, tuple(classes), _unstated_channels(network, mean, choice.bands), tuple(mean), tuple(std))

    @property
    def metadata(self) -> dict[str, Any]:
        """The description as it stands in a .safetensors file."""
        fields = dict(family="segmentation", network=self.network, names=dict(enumerate(self.names)),
                      channels=self.channels, mean=self.mean, std=self.std)  # fmt: skip
        return fields if self.threshold is None else fields | dict(threshold=self.threshold)

    def build(self) -> torch.nn.Module:
        """Build the network with random weights."""
        return build_network(self.network, self.channels, len(self.names))


class Segmenter:
    """A segmentation network on a device (see orbitile.inference.models.network.Network).

    Its `names` are the classes it maps: all but the background. Grey images are copied into the three channels of
    torchvision's networks, and each is scaled by its own mean and std. A single class has the probability that a
    logistic function gives; of several, background included, the probabilities sum up to 1. `threshold` is the
    probability that the weights state, None where they state none; `knows_background` says whether pixels may be of
    none of the classes.
    """

    reflect_padding = True
    max_objects: int | None = None

    def __init__(self, model: torch.nn.Module, description: NetworkDescription, choice: ModelChoice) -> None:
        self.device = select_device(choice.device)
        self.channels = description.channels
        self.names = tuple(description.names[number] for number in description.mapped)
        self.threshold = description.threshold
        self._mapped, self._is_binary = list(description.mapped), len(description.names) == 1
        self.knows_background = has_background(description.names)
        self._stride = input_stride(description.network)
        self._dtype = select_dtype(choice.precision, self.device, torch.bfloat16)
        scaling = torch.tensor([description.mean, description.std], dtype=torch.float32)
        self._mean, self._std = scaling.to(self.device).view(2, 1, -1, 1, 1)
        fused = _fuse(model.eval()).to(self._dtype).to(self.device).to(memory_format=torch.channels_last)
        self._model: Callable[[torch.Tensor], Any] = torch.compile(fused, dynamic=False) if choice.compile else fused

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """Load .safetensors that describe themselves, or a state dict (.pt, .pth, .ckpt) that the settings describe.

        No code in them is run. OrbitileError for what is no such weights, those of another network, or weights for
        another number of channels than the images have.
        """
        path = Path(choice.weights)
        try:
            model, description = _load(path, choice)
        except Exception as error:
            raise OrbitileError(
                f"{path}: not weights of a segmentation network ({shortened(reason_of(error), 400)})"
            ) from error
        inputs = first_layer_channels(description.network, description.channels)
        check_bands(path, choice.bands, accepted_channels(stated_channels(choice), inputs))
        warn_of_non_finite(path, model)
        return cls(model, description, choice)

    def predict_batch(self, images: torch.Tensor) -> MaskOutput:
        """Probabilities of the mapped classes in 8-bit images (n, channels, side, side)."""
        return MaskOutput.of(*self.probabilities(images))

    @torch.inference_mode()
    def probabilities(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Those (n, classes, side, side; float32, 0..1) of mapped classes in 8-bit images, and `non_finite` (n)."""
        scaled = (images.float().div_(255) - self._mean) / self._std
        logits = self._logits(scaled.to(self._dtype, memory_format=torch.channels_last)).float()
        probability = logits.sigmoid() if self._is_binary else logits.softmax(dim=1)[:, self._mapped]
        non_finite = ~torch.isfinite(logits).all(dim=3).all(dim=2).all(dim=1)
        return probability, non_finite

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        """Logits; images whose sides do not suit the network are reflected beyond their right and lower edges."""
        height, width = images.shape[-2:]
        below, right = -height % self._stride, -width % self._stride
        if below or right:
            images = pad(images, (0, right, 0, below), "reflect" if below < height and right < width else "replicate")
        return logits_of(self._model(images))[..., :height, :width]


def _load(path: Path, choice: ModelChoice) -> tuple[torch.nn.Module, NetworkDescription]:
    if path.suffix == ".safetensors":
        tensors, metadata = load_tensors(path)
        description = NetworkDescription.from_metadata(metadata, choice.bands)
    else:
        description = NetworkDescription.from_settings(choice)
        tensors = read_checkpoint_tensors(path)
    return load_into(description.build(), tensors), description


def _unstated_channels(network: str, mean: tuple[float, ...], bands: int) -> int:
    """Channels of the images where none are stated: torchvision's networks take images of 1 or 3 bands."""
    if ":" in network:
        return len(mean)
    return bands if bands == COLOURS else GREY


def _fuse(model: torch.nn.Module) -> torch.nn.Module:
    """Join convolutions with the normalisations that follow them, where the network's code can be followed."""
    try:
        return fuse(model)
    except TraceError:
        return model


def _ordered_names(names: dict[str, str]) -> tuple[str, ...]:
    """The names of classes in the order of their numbers, of which none may be missing."""
    numbered = {int(number): str(name) for number, name in names.items()}
    if len(numbered) > MOST_CLASSES:
        raise OrbitileError(f"it has {len(numbered)} classes; allowed are at most {MOST_CLASSES}")
    if not numbered or set(numbered) != set(range(len(numbered))):
        raise OrbitileError(f"the numbers of its classes are {shortened(str(sorted(numbered)))}, not 0, 1, 2 ...")
    return tuple(numbered[number] for number in range(len(numbered)))


def _check_scaling(mean: tuple[float, ...], std: tuple[float, ...], channels: int) -> None:
    is_complete = len(mean) == len(std) == channels
    if not is_complete or not all(map(math.isfinite, (*mean, *std))) or min(std) <= 0:
        means, deviations = shortened(str(list(mean))), shortened(str(list(std)))
        raise OrbitileError(f"mean is {means} and std is {deviations}; each must have {channels} numbers, "
                            "those of std above 0")  # fmt: skip
