"""What weights say of themselves, read without the libraries that load them."""

import json
from pathlib import Path

LONGEST_HEADER = 100 * 2**20
"""As the format allows; whatever claims a longer one is no .safetensors."""


def stated_threshold(path: Path) -> float | None:
    """The probability from which on a pixel counts, as .safetensors state it in their header; None where none is.

    The header is JSON after its length in 8 bytes (https://github.com/huggingface/safetensors#format).
    """
    if path.suffix != ".safetensors":
        return None
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length)) if length <= LONGEST_HEADER else {}
    stated = json.loads(header.get("__metadata__", {}).get("threshold", "null"))
    return None if stated is None else float(stated)
