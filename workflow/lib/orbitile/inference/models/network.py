"""What every network looks like to the engine, and the choice of a network that a run makes."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import torch


class BoxOutput(NamedTuple):
    """Boxes that a network finds in a batch of tiles: tensors on the network's device.

    For n boxes: `tile` (n) is the index of the tile in the batch, `corners` (n, 4) are left, top, right and bottom in
    pixels of the tile, `score` (n) is 0..1, `label` (n) the number of the class. `non_finite` (tiles) tells for each
    tile of the batch whether the network's output holds numbers that are not finite.
    """

    tile: torch.Tensor
    corners: torch.Tensor
    score: torch.Tensor
    label: torch.Tensor
    non_finite: torch.Tensor


class MaskOutput(NamedTuple):
    """Probabilities of classes in a batch of tiles, on the network's device.

    `probability` (tiles, classes, side, side) is uint8, 0..255 for 0..1; `non_finite` (tiles) as in BoxOutput.
    """

    probability: torch.Tensor
    non_finite: torch.Tensor

    @classmethod
    def of(cls, probability: torch.Tensor, non_finite: torch.Tensor) -> Self:
        """That of probabilities 0..1 (tiles, classes, side, side; float32)."""
        with torch.inference_mode():
            return cls((probability * 255).round_().to(torch.uint8), non_finite)


class Network(Protocol):
    """A network on a device.

    `names` are its classes, by number. It takes images of `channels` channels. Where a scene is smaller than a tile,
    the rest of the tile is a reflection of the image if `reflect_padding`, else grey. `max_objects` is the number of
    objects that it can find in a tile, None for no limit.
    """

    device: torch.device
    names: tuple[str, ...]
    channels: int
    reflect_padding: bool
    max_objects: int | None

    @classmethod
    def load(cls, choice: "ModelChoice") -> Self:
        """Load the weights without running code in them; OrbitileError that names the file where that fails."""
        ...

    def predict_batch(self, images: torch.Tensor) -> BoxOutput | MaskOutput:
        """Output for images (tiles, channels, side, side), uint8, on the network's device."""
        ...


@dataclass(frozen=True)
class ModelChoice:
    """The network to load, its device and its settings; fields as in the settings' section `model`.

    `network`, `classes`, `mean` and `std` describe weights that do not describe themselves. `bands` is the number of
    bands of the run's rasters: the channels of the images that the network gets. `test_time` names the views of tiles
    besides themselves; None: no others. `foreground` names the weights, their sha256 and the share of a second network
    (see orbitile.inference.models.foreground); None: there is none.
    """

    weights: str
    sha256: str
    family: str
    device: str
    precision: str
    compile: bool
    batch: int | None
    score_threshold: float
    network: str | None = None
    classes: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    bands: int = 1
    test_time: dict[str, Any] | None = None
    foreground: dict[str, Any] | None = None

    @property
    def of_foreground(self) -> "tuple[ModelChoice, float]":
        """The second network's choice, which describes itself and runs as the first one does, and its share."""
        assert self.foreground is not None
        second = ModelChoice(
            self.foreground["weights"], self.foreground["sha256"], self.family, self.device, self.precision,
            self.compile, self.batch, self.score_threshold, bands=self.bands,
        )  # fmt: skip
        return second, self.foreground["share"]

    @property
    def cache_fields(self) -> dict[str, object]:
        """The fields that the output depends on: all but the path of the weights and the device.

        A single band, and test-time views and a second network where there are none, are left out: results keep the
        keys that they have.
        """
        without = {"weights", "device"} | ({"bands"} if self.bands == 1 else set())
        without |= {name for name in ("test_time", "foreground") if getattr(self, name) is None}
        fields = {name: value for name, value in vars(self).items() if name not in without}
        if self.foreground:
            fields["foreground"] = {name: value for name, value in self.foreground.items() if name != "weights"}
        return fields
