"""What weights say of themselves, read from the header of .safetensors without the libraries that load them."""

import json
import re
from collections.abc import Collection
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.detections.box_correction import BoxCorrection

HEADER_LIMIT = 10 * 2**20
"""Bytes of a header; a thousand tensors need 0.1 MB. A file that claims more is not read."""
MOST_CLASSES, MOST_CHANNELS = 10_000, 1000
LONGEST_NAME = 200
"""Characters of the name of a class or a network."""
BACKGROUND = "background"
"""Name of the class of all pixels that are in no other; it is not mapped."""
PURPOSE = ("body", "images", "gsd_range_m")
"""What weights may say of the images that they are for, by keys of the settings' section `model`: a body, the kind of
images, and the least and the largest metres per pixel."""
STRETCHES = ("stretch_values", "stretch_percentiles")
"""What weights may say of how pixels became grey values where they were trained, by keys of the settings."""
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def read_description(path: str | Path) -> dict[str, object]:
    """The description of a network in the header of .safetensors, empty for other files.

    The header is JSON after its length in 8 bytes (https://github.com/huggingface/safetensors#format). A damaged file
    describes nothing: the error that names it comes when it is loaded.
    """
    if Path(path).suffix != ".safetensors":
        return {}
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= HEADER_LIMIT else {}
        return {name: json.loads(text) for name, text in header.get("__metadata__", {}).items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}


def stated_threshold(path: Path) -> float | None:
    """The probability from which on a pixel counts as of a class, if the weights state one.

    OrbitileError for what is no probability above 0.
    """
    try:
        return checked_threshold(read_description(path).get("threshold"))
    except OrbitileError as error:
        raise OrbitileError(f"{path}: {error}") from error


def stated_correction(path: str | Path) -> BoxCorrection:
    """The correction of boxes that weights state (`size_correction`, `circles`); OrbitileError where it is none."""
    description = read_description(path)
    try:
        return BoxCorrection.of(description.get("size_correction"), description.get("circles"))
    except OrbitileError as error:
        raise OrbitileError(f"{path}: {error}") from error


def stated_purpose(path: str | Path) -> dict[str, object]:
    """What weights say of the images that they are for (PURPOSE), empty for files that are not there.

    OrbitileError where it is neither words nor a range of metres.
    """
    description = read_description(path) if Path(path).is_file() else {}
    purpose = {key: description[key] for key in PURPOSE if description.get(key) is not None}
    for key, value in purpose.items():
        if not (_is_range(value) if key == "gsd_range_m" else isinstance(value, str) and len(value) <= LONGEST_NAME):
            allowed = "[least, largest] metres per pixel, above 0" if key == "gsd_range_m" else "a short text"
            raise OrbitileError(f"{path}: its {key} is {shortened(repr(value))}; allowed is {allowed}; copy the file "
                                "again, or train it anew")  # fmt: skip
    return purpose


def stated_stretch(path: str | Path) -> dict[str, object]:
    """The stretch of the images that weights were trained on (STRETCHES); empty where they state none."""
    description = read_description(path) if Path(path).is_file() else {}
    return {key: description[key] for key in STRETCHES if description.get(key) is not None}


def stated_bands(path: str | Path, channels: int | None) -> tuple[str, ...] | None:
    """The names of the bands that weights were trained on, in order; None where they state none for their channels."""
    names = read_description(path).get("bands") if Path(path).is_file() else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != channels:
        return None
    return tuple(names) if len(set(map(str.casefold, names))) == len(names) else None


def _is_range(value: object) -> bool:
    try:
        least, largest = checked_numbers("range", value)
    except (TypeError, ValueError):
        return False
    return 0 < least <= largest < float("inf")


def checked_threshold(threshold: object) -> float | None:
    """A threshold as weights may state it: None, or above 0 and at most 1; OrbitileError for anything else."""
    if threshold is None:
        return None
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        raise OrbitileError(f"its threshold is {shortened(repr(threshold))}; allowed are probabilities above 0 up to 1")
    return float(threshold)


def has_background(names: Collection[str]) -> bool:
    """Whether pixels may be of none of a network's classes: `names` has the background, or is a single name."""
    return len(names) <= 1 or BACKGROUND in names


def check_names(names: Collection[str]) -> None:
    """OrbitileError for names of classes that are too many, too long, or hold characters that tables cannot."""
    if len(names) > MOST_CLASSES:
        raise OrbitileError(f"it has {len(names)} classes; allowed are at most {MOST_CLASSES}")
    for name in names:
        if len(name) > LONGEST_NAME or UNPRINTABLE.search(name):
            raise OrbitileError(f"a class is called {shortened(name)}; allowed are {LONGEST_NAME} printable characters")


def checked_numbers(name: str, values: object) -> tuple[float, ...]:
    """The numbers in a list; TypeError for anything else."""
    numbers = values if isinstance(values, list | tuple) else [None]
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        raise TypeError(f"{name} is {shortened(repr(values))}; allowed is a list of numbers")
    return tuple(map(float, numbers))
