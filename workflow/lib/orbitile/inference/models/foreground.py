"""Two networks in one: of several classes, and of what is background and what is not."""

from typing import Self, cast

import torch

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.load import load_network
from orbitile.inference.models.network import MaskOutput, ModelChoice
from orbitile.inference.models.segmentation import Segmenter


class ForegroundBlend:
    """A network of classes, in which a second one has a say of what is background (see network.Network).

    The foreground's probability, the sum f of the classes', becomes (1 - share) f + share q, where q is that of the
    second network's single class; the classes share it as they did before. After Negroni et al. 2024, Mars Surface
    Image Semantic Segmentation, section 4.6, who leave open how both are joined.
    """

    reflect_padding = True
    max_objects: int | None = None

    def __init__(self, classes: Segmenter, foreground: Segmenter, share: float) -> None:
        self.device, self.channels, self.names = classes.device, classes.channels, classes.names
        self._classes, self._foreground, self._share = classes, foreground, share

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """Load both networks (see Segmenter.load); OrbitileError where they do not go together."""
        second, share = choice.of_foreground
        classes, foreground = Segmenter.load(choice), cast(Segmenter, load_network(second, "mapping.foreground"))
        if not classes.knows_background:
            raise OrbitileError(
                "mapping.foreground: the network of model.weights has no background among its classes "
                f"({', '.join(classes.names)}), so there is nothing to decide; leave it out"
            )
        if len(foreground.names) != 1:
            raise OrbitileError(f"{second.weights}: maps {', '.join(foreground.names)}; mapping.foreground takes a "
                                "network of a single class")  # fmt: skip
        return cls(classes, foreground, share)

    def predict_batch(self, images: torch.Tensor) -> MaskOutput:
        """Probabilities of the classes in 8-bit images (n, channels, side, side)."""
        probability, non_finite = self._classes.probabilities(images)
        foreground, also_non_finite = self._foreground.probabilities(images)
        return MaskOutput.of(blended(probability, foreground, self._share), non_finite | also_non_finite)


def blended(probability: torch.Tensor, foreground: torch.Tensor, share: float) -> torch.Tensor:
    """Probabilities (n, K, rows, columns) of classes, where those of the foreground (n, 1, ...) count with a share.

    Where all classes have the probability 0, they keep it.
    """
    total = probability.sum(dim=1, keepdim=True)
    factor = torch.where(total > 0, 1 - share + share * foreground / total, 0)
    return probability * factor
