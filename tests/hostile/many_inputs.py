"""Many inputs of a kind, one after another in this process."""

from collections.abc import Callable
from pathlib import Path
from random import Random


def endings_of(check: Callable[[Random, Path], str], folder: Path, name: str, count: int) -> list[str]:
    """How inputs of a kind end ("accepted" or "refused"), each in a folder of its own; seeds begin with the name."""
    endings = []
    for number in range(count):
        input_folder = folder / str(number)
        input_folder.mkdir()
        endings.append(check(Random(f"{name}{number}"), input_folder))
    return endings
