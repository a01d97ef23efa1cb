"""How many channels networks take, and whether a run's images have as many; read without torch."""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.weights_header import read_description

GREY, COLOURS = 1, 3
"""Numbers of channels. Networks for colour images take grey ones, too, if their weights state nothing else."""


class DescribedWeights(Protocol):
    """Weights and what the settings say of them; see orbitile.settings.ModelSettings, network.ModelChoice."""

    @property
    def weights(self) -> str | Path:
        """The file."""
        ...

    @property
    def network(self) -> str | None:
        """Name of the network of a state dict."""
        ...

    @property
    def mean(self) -> tuple[float, ...] | None:
        """Mean of each channel of a state dict's first layer."""
        ...


def network_channels(model: DescribedWeights) -> int:
    """How many channels the images for a network have where the settings name no bands: 1 where nothing is stated."""
    return stated_channels(model) or GREY


def stated_channels(model: DescribedWeights) -> int | None:
    """How many channels the images for a network must have; None where neither weights nor settings state it.

    .safetensors state it as `channels` in their description. Otherwise networks of segmentation-models-pytorch
    ("architecture:encoder") take as many as their mean has numbers, and detectors as many as their first layer, unless
    that is made for colour images: such detectors, and torchvision's networks, take 1 or 3.
    """
    description = read_description(model.weights) or dict(network=model.network, mean=model.mean)
    channels, network, mean = (description.get(name) for name in ("channels", "network", "mean"))
    if isinstance(network, dict) and channels is None and network.get("channels") != COLOURS:
        channels = network.get("channels")
    elif isinstance(network, str) and channels is None and ":" in network and isinstance(mean, list | tuple):
        channels = len(mean)
    return channels if isinstance(channels, int) else None


def accepted_channels(stated: int | None, first_layer: int) -> tuple[int, ...]:
    """The numbers of channels that images may have, from the number stated and that of the network's first layer.

    Empty where the two contradict each other.
    """
    possible = (GREY, COLOURS) if first_layer == COLOURS else (first_layer,)
    return tuple(channels for channels in possible if stated in (None, channels))


def check_bands(path: Path, bands: int, accepted: Collection[int]) -> None:
    """OrbitileError where images of so many bands are not what the network of these weights takes."""
    if bands not in accepted:
        channels = " or ".join(map(str, accepted))
        raise OrbitileError(
            f"{path}: the network takes images of {_count(channels, 'channel')}, but those of this run have "
            f"{_count(str(bands), 'band')}; name {_count(channels, 'band')} in the setting bands or in the scene "
            "table's column bands, or use other weights"
        )


def _count(number: str, noun: str) -> str:
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"
