"""Data files of the page: scripts that hand a value over, because a page that is opened from a disk may fetch nothing.

A script calls `received(name, value)`. The value is JSON in ASCII: as a file of its own it is never read as HTML, and
the page shows what it says as text alone.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_data_script(folder: Path, name: str, value: object) -> None:
    """Write the script `name`.js, which may lie in folders below, that hands a value for JSON to the page."""
    path = folder / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    path.write_text(f"received({json.dumps(name)},{text});\n", encoding="ascii")


def packed(arrays: Sequence[np.ndarray]) -> str:
    """Arrays one after another, in little-endian order, in base 64 (RFC 4648)."""
    return b64encode(b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)).decode()
