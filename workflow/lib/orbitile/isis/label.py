"""What the way through ISIS must know of a raw image's PDS3 label."""

from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.raw.label import Label

SUMMING = ("SPATIAL_SUMMING", "SAMPLING_FACTOR")
"""Pixels summed on board, by its older and its newer keyword; ISIS's mroctx2isis asks for them in this order."""


def is_summed(instrument: str, path: str | Path) -> bool:
    """Tell whether pixels of a CTX image were summed on board; of others, nobody asks.

    OrbitileError where its label cannot be read or does not say.
    """
    if instrument != "CTX":
        return False
    label = Label.attached(path)
    if label is None:
        raise OrbitileError(f"{path}: does not begin with a PDS3 label; is it a raw image as archived?")
    found = [keyword for keyword in SUMMING if label.has(keyword)]
    if not found:
        raise OrbitileError(f"{path}: its label has neither {' nor '.join(SUMMING)}; is it a CTX image as archived?")
    return label.whole(found[0]) != 1
