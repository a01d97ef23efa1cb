"""How the weights of a segmentation network are trained."""

from dataclasses import dataclass, field

from orbitile.inference.models.segmentation import BACKGROUND


@dataclass(frozen=True, kw_only=True)
class SegmenterRecipe:
    """How weights are trained; fields as in the settings' section `segmentation_training`.

    `network` as in inference.models.architectures.build_network; `classes` without background, which is added where
    there are several; training ends after `patience` epochs without a better one, or after `max_hours`, and exports
    the best epoch; `start_from` names .safetensors, whose tensors are used as far as they fit; `augmentation` holds
    fields of augmentation.TileAugmentation. The number of bands is that of the tiles.
    """

    network: str
    classes: tuple[str, ...]
    tile_px: int = 512
    epochs: int = 100
    batch: int = 16
    learning_rate: float = 1e-4
    patience: int = 20
    precision: str = "auto"
    device: str = "auto"
    seed: int = 0
    start_from: str | None = None
    max_hours: float | None = None
    augmentation: dict = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes of the network's outputs."""
        return tuple(self.classes) if len(self.classes) == 1 else (BACKGROUND, *self.classes)
