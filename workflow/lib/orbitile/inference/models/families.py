"""The families of networks: the one list of them. A new family is one module and one line in it.

Read where settings are parsed, too, and so without torch: orbitile.inference.models.load imports the adapters.
"""

from typing import NamedTuple

BOXES, MASKS = "boxes", "masks"
"""What networks output: boxes of objects, or probabilities of classes for every pixel."""


class NetworkFamily(NamedTuple):
    """A family: the class that loads its networks, as "module:Class" (see network.Network), and what they output."""

    adapter: str
    output: str


FAMILIES = {
    "yolo": NetworkFamily("orbitile.inference.models.yolo:Yolo", BOXES),
    "segmentation": NetworkFamily("orbitile.inference.models.segmentation:Segmenter", MASKS),
}
"""All families by their name in the setting model.family."""


def outputs_masks(family: str) -> bool:
    """Tell whether the networks of a family map pixels; otherwise they find objects."""
    return FAMILIES[family].output == MASKS
