"""How much pixels of each class weigh in the loss."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from orbitile.base.errors import OrbitileError

INVERSE_FREQUENCY = "inverse_frequency"
_KEY = "segmentation_training.class_weights"


def class_weights(
    choice: str | Mapping[str, float] | None, names: Sequence[str], count_pixels: Callable[[], np.ndarray]
) -> dict[str, float] | None:
    """The weight of each class by its name, in the order of `names`, background first; None where there is no choice.

    `inverse_frequency` is pixels / (classes x pixels of the class), of the numbers (classes) of training pixels that
    `count_pixels` returns, where they are needed.
    OrbitileError where names are missing or unknown, where no weight is above 0, and where a class to be counted has
    no pixel.
    """
    if choice is None:
        return None
    if isinstance(choice, Mapping):
        return _given_weights(choice, names)
    if choice != INVERSE_FREQUENCY:
        raise OrbitileError(f"{_KEY}: {choice}; allowed are {INVERSE_FREQUENCY}, or a weight for each class")
    counts = count_pixels()
    absent = [name for name, count in zip(names, counts, strict=True) if not count]
    if absent:
        raise OrbitileError(f"{_KEY}: no training pixel is {absent[0]}, so that its weight would be infinite; "
                            "give the weights by the names of the classes")  # fmt: skip
    weights = counts.sum() / (len(names) * counts)
    return {name: float(weight) for name, weight in zip(names, weights, strict=True)}


def _given_weights(choice: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    if set(choice) != set(names):
        raise OrbitileError(f"{_KEY}: weights of {', '.join(map(str, choice)) or 'no class'}; "
                            f"give those of {', '.join(names)}")  # fmt: skip
    if not any(weight > 0 for weight in choice.values()):
        raise OrbitileError(f"{_KEY}: all are 0; give at least one class a weight above 0")
    return {name: float(choice[name]) for name in names}
