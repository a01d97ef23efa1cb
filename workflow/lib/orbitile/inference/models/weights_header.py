"""What weights say of themselves, read from the header of .safetensors without the libraries that load them."""

import json
from pathlib import Path

HEADER_LIMIT = 100 * 2**20
"""Bytes that the format allows for a header; a file that claims a longer one is no .safetensors."""


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
    except (ValueError, AttributeError):
        return {}


def stated_threshold(path: Path) -> float | None:
    """The probability 0..1 from which on a pixel counts as of a class, if the weights state one."""
    threshold = read_description(path).get("threshold")
    return float(threshold) if isinstance(threshold, int | float) else None
