"""How the weights of a segmentation network are trained."""

from dataclasses import dataclass, field

from orbitile.inference.models.segmentation import BACKGROUND


@dataclass(frozen=True, kw_only=True)
class SegmenterRecipe:
    """How weights are trained; fields as in the settings' section `segmentation_training`.

    `network` as in inference.models.architectures.build_network; `classes` without background, which is added where
    there are several; training ends after `patience` epochs without a better one, or after `max_hours`, and exports
    the best epoch; `start_from` names .safetensors, whose tensors are used as far as they fit, or is imagenet (see
    start.py); `augmentation` holds fields of augmentation.TileAugmentation; tiles with a class of `oversample` are
    there so many times in an epoch; `threads` are those of the CPU, None for all. The number of bands is that of the
    tiles.

    `loss` holds the weight and parameters of each loss by its name (losses.SegmentationLoss), `class_weights` is
    inverse_frequency or the weight of background and each class (class_weights.class_weights), `points_weight` that of
    the cross-entropy at single labelled pixels, None without any. Optimiser and learning rate are those of
    optimiser.OptimiserPlan; `best_by` names the figure (see module.FIGURES) that decides which epoch is best. `purpose`
    is what the weights state of the images that they are for (weights_header.PURPOSE).
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
    threads: int | None = None
    seed: int = 0
    start_from: str | None = None
    max_hours: float | None = None
    augmentation: dict = field(default_factory=dict)
    oversample: dict[str, int] = field(default_factory=dict)
    loss: dict = field(default_factory=lambda: dict(cross_entropy=dict(weight=1.0)))
    class_weights: str | dict | None = None
    points_weight: float | None = None
    optimizer: str = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: str = "constant"
    warmup_epochs: int = 0
    plateau_factor: float = 0.5
    plateau_patience: int = 5
    best_by: str = "f1"
    purpose: dict = field(default_factory=dict)

    @property
    def labelled_names(self) -> tuple[str, ...]:
        """The names of labels, in the order of their numbers."""
        return (BACKGROUND, *self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes of the network's outputs."""
        return tuple(self.classes) if len(self.classes) == 1 else (BACKGROUND, *self.classes)
